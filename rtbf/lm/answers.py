"""Logits where answers are predicted, and nowhere else: the one place that does masked token arithmetic.

A batch is padded on the right and runs without an attention mask: in a causal model later positions cannot reach
earlier ones. The output layer is applied to answer positions only, which is most of the work for a small model.
"""

from __future__ import annotations

import weakref
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rtbf.lm.encoding import Item

_PAD_ID = 0
_SELF_TEST_IDS = (1, 2, 3, 4)
_BENDS_LOGITS = ("final_logit_softcapping", "logit_scale", "logits_scaling")
"""Settings by which an architecture changes its logits after the output layer. A cap is not seen on the small logits of
an untrained model, so these names are asked for besides trying it out."""
_has_plain_head: weakref.WeakKeyDictionary[torch.nn.Module, bool] = weakref.WeakKeyDictionary()


@dataclass(frozen=True, kw_only=True, slots=True)
class AnswerLogits:
    """logits (N, V) at the N answer positions of a batch, labels (N,), row (N,): which item each position belongs to."""

    logits: torch.Tensor
    labels: torch.Tensor
    row: torch.Tensor
    n_items: int


def answer_logits(model: torch.nn.Module, items: Sequence[Item]) -> AnswerLogits:
    """Return the logits that predict each answer token of each item, in item order."""
    device = next(model.parameters()).device
    width = max(item.length for item in items)
    input_ids = torch.full((len(items), width), _PAD_ID, dtype=torch.long)  # (B, T)
    rows: list[int] = []
    positions: list[int] = []
    labels: list[int] = []
    for place, item in enumerate(items):
        sequence = item.prompt_ids + item.answer_ids
        input_ids[place, : item.length] = torch.tensor(sequence)
        rows += [place] * len(item.answer_ids)
        # The token at position t is predicted by the hidden state at t − 1.
        positions += range(len(item.prompt_ids) - 1, item.length - 1)
        labels += item.answer_ids
    row = torch.tensor(rows, device=device)
    position = torch.tensor(positions, device=device)
    logits = _logits_at(model, input_ids.to(device), row, position)
    return AnswerLogits(logits=logits, labels=torch.tensor(labels, device=device), row=row, n_items=len(items))


def token_log_probs(answers: AnswerLogits) -> torch.Tensor:
    """Return log p of each answer token, (N,) in float32 whatever the logits' dtype; natural logarithm."""
    losses = torch.nn.functional.cross_entropy(answers.logits.float(), answers.labels, reduction="none")
    return -losses


def nll_sums(answers: AnswerLogits) -> tuple[torch.Tensor, torch.Tensor]:
    """Return (NLL_sum, token count) per item, both (B,) float32: NLL_sum = −Σ_t log p_t in nats (methods/00-COMMON.md)."""
    log_probs = token_log_probs(answers)
    zeros = torch.zeros(answers.n_items, device=log_probs.device)
    sums = zeros.index_add(0, answers.row, -log_probs)
    counts = zeros.index_add(0, answers.row, torch.ones_like(log_probs))
    return sums, counts


def _logits_at(model: torch.nn.Module, input_ids: torch.Tensor, row: torch.Tensor, position: torch.Tensor) -> torch.Tensor:
    """Return (N, V) logits at the given positions; by the output layer alone where the architecture allows it."""
    whole: Any = _transformer_of(model)
    if _head_is_plain(whole):
        hidden = whole.base_model(input_ids=input_ids, use_cache=False).last_hidden_state  # (B, T, D)
        return whole.get_output_embeddings()(hidden[row, position])  # type: ignore[no-any-return]
    return whole(input_ids=input_ids, use_cache=False).logits[row, position]  # type: ignore[no-any-return]


def _transformer_of(model: Any) -> Any:  # noqa: ANN401 - a PreTrainedModel, or peft's wrapper around one
    return model.get_base_model() if hasattr(model, "get_base_model") else model


def _head_is_plain(whole: Any) -> bool:  # noqa: ANN401 - a PreTrainedModel
    """Return whether output layer ∘ backbone is the whole model. Some scale or cap their logits (Gemma 2, Cohere): those are not."""
    if whole not in _has_plain_head:
        _has_plain_head[whole] = not any(getattr(whole.config, name, None) for name in _BENDS_LOGITS) and _agrees_on_a_sample(whole)
    return _has_plain_head[whole]


def _agrees_on_a_sample(whole: Any) -> bool:  # noqa: ANN401 - a PreTrainedModel
    # Dropout would make the two passes differ, and would use up random numbers of the step at which this happens to run:
    # a run that was killed and resumed asks at another step than one that was not.
    modes = [(module, module.training) for module in whole.modules()]
    whole.eval()
    try:
        ids = torch.tensor([_SELF_TEST_IDS], device=next(whole.parameters()).device)
        with torch.no_grad():
            expected = whole(input_ids=ids, use_cache=False).logits
            hidden = whole.base_model(input_ids=ids, use_cache=False).last_hidden_state
            found = whole.get_output_embeddings()(hidden)
    finally:
        for module, mode in modes:
            module.training = mode
    return bool(torch.allclose(expected, found, rtol=0, atol=1e-5))
