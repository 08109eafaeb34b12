"""Logits at chosen positions and nowhere else: the output layer is most of the work of a small model, and of the memory of any.

Nothing here knows what a prompt or an answer is. Where an architecture is more than backbone and output layer, it is run
whole, and callers keep its batches small (`positions_at_once`).
"""

from __future__ import annotations

import inspect
import weakref
from typing import TYPE_CHECKING, Any

import torch

from rtbf.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_LOGITS = 2**24
"""Logits of one block: 64 MiB in float32. Scoring holds four such blocks at most, whatever the vocabulary or the batch is."""
MAX_POSITIONS = 2**20
"""`positions_at_once` where the output layer bounds nothing: more positions than any batch has."""

_SELF_TEST_IDS = (1, 2, 3, 4)
_BENDS_LOGITS = ("final_logit_softcapping", "logit_scale", "logits_scaling")
"""Settings by which an architecture changes its logits after the output layer. A cap is not seen on the small logits of
an untrained model, so these names are asked for besides trying it out."""
_has_plain_head: weakref.WeakKeyDictionary[torch.nn.Module, bool] = weakref.WeakKeyDictionary()


def transformer_of(model: Any) -> Any:  # noqa: ANN401 - a PreTrainedModel, or peft's wrapper around one
    """Return the PreTrainedModel itself, adapters in place."""
    return model.get_base_model() if hasattr(model, "get_base_model") else model


def require_known_ids(model: torch.nn.Module, input_ids: torch.Tensor) -> None:
    """Raise BadInput when an id lies outside the model's vocabulary: the tokenizer is another model's."""
    size = vocabulary_of(model)
    if input_ids.numel() and (int(input_ids.min()) < 0 or int(input_ids.max()) >= size):
        raise BadInput(
            found=f"token ids from {int(input_ids.min())} to {int(input_ids.max())}",
            expected=f"ids below {size}, the size of the model's vocabulary",
            remedy="use the tokenizer that belongs to this model",
        )


def vocabulary_of(model: torch.nn.Module) -> int:
    """Return how many tokens the model knows: rows of its input embedding."""
    return int(transformer_of(model).get_input_embeddings().weight.shape[0])


def logits_at(model: torch.nn.Module, input_ids: torch.Tensor, row: torch.Tensor, position: torch.Tensor) -> torch.Tensor:
    """Return (N, V) logits at N places of `input_ids` (B, T), with their gradient; by the output layer alone where possible."""
    whole = transformer_of(model)
    if head_is_plain(whole):
        return whole.get_output_embeddings()(_hidden(whole, input_ids)[row, position])  # type: ignore[no-any-return]
    return whole(input_ids=input_ids, use_cache=False).logits[row, position]  # type: ignore[no-any-return]


def logit_blocks(
    model: torch.nn.Module,
    input_ids: torch.Tensor,
    row: torch.Tensor,
    position: torch.Tensor,
    cache: Any = None,  # noqa: ANN401 - a transformers Cache
) -> Iterator[torch.Tensor]:
    """Yield the logits of `logits_at` in order, as blocks (n, V) of at most MAX_LOGITS numbers.

    One block holds everything where it fits, and is then bit for bit what `logits_at` returns. `cache` holds what stands
    before `input_ids` and is extended. A model that is run whole gives one block: keep to `positions_at_once`.
    """
    whole = transformer_of(model)
    if not head_is_plain(whole):
        yield whole(input_ids=input_ids, **_cached(cache)).logits[row, position]
        return
    chosen = _hidden(whole, input_ids, cache)[row, position]  # (N, D)
    head = whole.get_output_embeddings()
    size = max(1, MAX_LOGITS // vocabulary_of(model))
    for start in range(0, chosen.shape[0], size):
        yield head(chosen[start : start + size])


def next_logits(
    model: torch.nn.Module,
    input_ids: torch.Tensor,
    cache: Any,  # noqa: ANN401 - a transformers Cache
    *,
    attention_mask: torch.Tensor | None = None,
    position_ids: torch.Tensor | None = None,
) -> torch.Tensor:
    """Return the logits (B, V) after the last token of each row of `input_ids` (B, T), and extend `cache` by these rows."""
    whole = transformer_of(model)
    given: dict[str, Any] = {"input_ids": input_ids, "past_key_values": cache, "use_cache": True, "attention_mask": attention_mask}
    if position_ids is not None:
        given["position_ids"] = position_ids
    if not head_is_plain(whole):
        # Of the prompts only the last position counts; logits at each of them may not fit where the vocabulary is large.
        if "logits_to_keep" in inspect.signature(whole.forward).parameters:
            given["logits_to_keep"] = 1
        return whole(**given).logits[:, -1]  # type: ignore[no-any-return]
    return whole.get_output_embeddings()(whole.base_model(**given).last_hidden_state[:, -1])  # type: ignore[no-any-return]


def positions_at_once(model: torch.nn.Module) -> int:
    """Return how many positions, padding counted, one forward may have so that MAX_LOGITS holds; at least 1."""
    if head_is_plain(transformer_of(model)):
        return MAX_POSITIONS
    return max(1, MAX_LOGITS // vocabulary_of(model))


def head_is_plain(whole: Any) -> bool:  # noqa: ANN401 - a PreTrainedModel
    """Return whether output layer ∘ backbone is the whole model. Some scale or cap their logits (Gemma 2, Cohere): those are not."""
    if whole not in _has_plain_head:
        _has_plain_head[whole] = not any(getattr(whole.config, name, None) for name in _BENDS_LOGITS) and _agrees_on_a_sample(whole)
    return _has_plain_head[whole]


def _hidden(whole: Any, input_ids: torch.Tensor, cache: Any = None) -> torch.Tensor:  # noqa: ANN401 - a PreTrainedModel and its cache
    return whole.base_model(input_ids=input_ids, **_cached(cache)).last_hidden_state  # type: ignore[no-any-return]  # (B, T, D)


def _cached(cache: Any) -> dict[str, Any]:  # noqa: ANN401 - a transformers Cache
    return {"use_cache": False} if cache is None else {"use_cache": True, "past_key_values": cache}


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
