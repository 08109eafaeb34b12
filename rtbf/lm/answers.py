"""Logits where answers are predicted, and nowhere else: the one place that does masked token arithmetic.

A batch is padded on the right and runs without an attention mask: in a causal model later positions cannot reach
earlier ones. The output layer is applied to answer positions only, which is most of the work for a small model.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from rtbf.lm.positions import logit_blocks, logits_at, positions_at_once, require_known_ids

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rtbf.lm.encoding import Item

_PAD_ID = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class AnswerLogits:
    """logits (N, V) at the N answer positions of a batch, labels (N,), row (N,): which item each position belongs to."""

    logits: torch.Tensor
    labels: torch.Tensor
    row: torch.Tensor
    n_items: int


@dataclass(frozen=True, kw_only=True, slots=True)
class _Layout:
    """input_ids (B, T) padded on the right; row and position (N,) where each of the N labels is predicted. On the model's device."""

    input_ids: torch.Tensor
    row: torch.Tensor
    position: torch.Tensor
    labels: torch.Tensor


def answer_logits(model: torch.nn.Module, items: Sequence[Item]) -> AnswerLogits:
    """Return the logits that predict each answer token of each item, in item order; with their gradient.

    raises   BadInput for a token id that the model does not have: it stands for no embedding, or for another token's
    """
    laid = _lay_out(model, items)
    logits = logits_at(model, laid.input_ids, laid.row, laid.position)
    return AnswerLogits(logits=logits, labels=laid.labels, row=laid.row, n_items=len(items))


def answer_blocks(model: torch.nn.Module, items: Sequence[Item]) -> Iterator[AnswerLogits]:
    """Yield what `answer_logits` returns, in order and in blocks, so that no more than `positions.MAX_LOGITS` logits stand at once.

    A model whose output layer cannot be run apart gets fewer items a forward instead, and holds one item's logits at least.
    raises   as `answer_logits`
    """
    for start, part in _parts(model, items):
        laid = _lay_out(model, part)
        first = 0
        for logits in logit_blocks(model, laid.input_ids, laid.row, laid.position):
            end = first + logits.shape[0]
            yield AnswerLogits(logits=logits, labels=laid.labels[first:end], row=laid.row[first:end] + start, n_items=len(items))
            first = end


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


def _parts(model: torch.nn.Module, items: Sequence[Item]) -> Iterator[tuple[int, Sequence[Item]]]:
    """Yield (place of the first item, items) of each forward: all at once wherever that fits."""
    most = positions_at_once(model)
    start = 0
    while start < len(items):
        end, width = start + 1, items[start].length
        while end < len(items) and (end - start + 1) * max(width, items[end].length) <= most:
            width = max(width, items[end].length)
            end += 1
        yield start, items[start:end]
        start = end


def _lay_out(model: torch.nn.Module, items: Sequence[Item]) -> _Layout:
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
    require_known_ids(model, input_ids)
    return _Layout(
        input_ids=input_ids.to(device),
        row=torch.tensor(rows, device=device),
        position=torch.tensor(positions, device=device),
        labels=torch.tensor(labels, device=device),
    )
