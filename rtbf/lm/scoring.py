"""One forward pass for every teacher-forced score: per answer token its log-prob, arg-max hit, moments, and cooled log-prob.

Items are sorted by length and batched in a fixed way, so the same items give the same bits on the same build; another
batch size may change the last bits, which the verifier measures and reports. Memory stays bounded whatever the
vocabulary: logits are taken in blocks (`positions.MAX_LOGITS`) and reduced in pieces that fit a processor's cache.

A model that gives NaN gives NaN in every number of the positions it touches, and no hit there. Hits cannot say "unknown":
whoever counts them looks at the log-probs first, or a destroyed model passes for one that forgot.
Source of the moments: Min-K%++, arXiv 2404.02936, eq. 3.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import torch

from rtbf.lm.answers import AnswerLogits, answer_blocks, token_log_probs
from rtbf.lm.item_scores import COOL_TEMPERATURE, ItemScores
from rtbf.lm.positions import MAX_LOGITS
from rtbf.progress import Progress, silent

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rtbf.lm.encoding import Item

BATCH_ITEMS = 16
PIECE_LOGITS = 2**19
"""Logits that are reduced at once on a CPU: 2 MiB in float32, so that six readings of them stay in its cache."""

Columns = Literal["all", "plain"]
"""plain: log-probs and hits, for who watches a loss every few steps · all: the moments and cooled log-probs as well."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Columns:
    """Lists over the answer tokens of a batch, item by item; the last three are empty for plain scores."""

    log_probs: list[float]
    hits: list[bool]
    means: list[float]
    deviations: list[float]
    cool_log_probs: list[float]


def score_items(
    model: torch.nn.Module,
    items: Sequence[Item],
    *,
    columns: Columns = "all",
    batch_items: int = BATCH_ITEMS,
    batch_tokens: int | None = None,
    progress: Progress = silent,
    step: str = "scoring",
) -> list[ItemScores]:
    """Return the scores of `items` in their given order. Tokens used: `tokens_of(items)`.

    columns        "plain" leaves out means, deviations and cool_log_probs; log-probs and hits are the same bits either way
    batch_tokens   bounds a batch's positions, padding counted, besides `batch_items`; an item that is longer runs alone
    raises         BadInput for a token id that the model does not have
    """
    scores: dict[int, ItemScores] = {}
    for places in _batches(items, batch_items, batch_tokens):
        batch = [items[place] for place in places]
        with torch.no_grad():
            found = _columns(model, batch, columns)
        cursor = 0
        for place, item in zip(places, batch, strict=True):
            own = slice(cursor, cursor + len(item.answer_ids))
            scores[place] = ItemScores(
                record_id=item.record_id,
                log_probs=tuple(found.log_probs[own]),
                hits=tuple(found.hits[own]),
                has_end=item.has_end,
                label=item.label,
                means=tuple(found.means[own]),
                deviations=tuple(found.deviations[own]),
                cool_log_probs=tuple(found.cool_log_probs[own]),
                zlib_bytes=item.zlib_bytes,
            )
            cursor = own.stop
        progress(step, len(scores), len(items))
    return [scores[place] for place in range(len(items))]


def tokens_of(items: Sequence[Item]) -> int:
    """Return how many tokens one scoring pass over `items` runs forward, padding not counted."""
    return sum(item.length for item in items)


def _batches(items: Sequence[Item], batch_items: int, batch_tokens: int | None) -> Iterator[list[int]]:
    """Yield the places of each batch, longest items first, so that a batch holds items of about one length."""
    order = sorted(range(len(items)), key=lambda place: (-items[place].length, place))
    start = 0
    while start < len(order):
        # The first item of a batch is its longest: it says how wide the batch is.
        size = batch_items if batch_tokens is None else min(batch_items, max(1, batch_tokens // items[order[start]].length))
        yield order[start : start + size]
        start += size


def _columns(model: torch.nn.Module, batch: Sequence[Item], columns: Columns) -> _Columns:
    log_probs, hits, moments = [], [], []
    for block in answer_blocks(model, batch):
        if columns == "plain":
            log_probs.append(token_log_probs(block))
        else:
            found = _reduced(block)  # (4, n)
            log_probs.append(found[0])
            moments.append(found[1:])
        # The arg-max of a row with a NaN in it is that NaN's place: no answer of the model's.
        hits.append((block.logits.argmax(dim=-1) == block.labels) & ~log_probs[-1].isnan())
    means, deviations, cool = torch.cat(moments, dim=1).tolist() if moments else ([], [], [])
    return _Columns(
        log_probs=torch.cat(log_probs).tolist(), hits=torch.cat(hits).tolist(), means=means, deviations=deviations, cool_log_probs=cool
    )


def _reduced(block: AnswerLogits) -> torch.Tensor:
    """Return (4, n): log-prob, μ, σ and cooled log-prob of each label, float32."""
    n, vocabulary = block.logits.shape
    # A GPU has no such cache and wants few, large calls; the four readings of a piece then fill one more block.
    size = max(1, (MAX_LOGITS // 4 if block.logits.is_cuda else PIECE_LOGITS) // vocabulary)
    pieces = [_reduced_piece(block.logits[at : at + size], block.labels[at : at + size]) for at in range(0, n, size)]
    return torch.cat(pieces, dim=1) if pieces else block.logits.new_zeros((4, 0), dtype=torch.float32)


def _reduced_piece(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    every = torch.log_softmax(logits.float(), dim=-1)  # (n, V): log p(v)
    log_probs = every.gather(1, labels.unsqueeze(1)).squeeze(1)
    # `every` is normalised, so its largest entry is at least −ln V and the sum cannot underflow.
    cool_sums = (every / COOL_TEMPERATURE).exp_().sum(dim=-1)
    cool = log_probs / COOL_TEMPERATURE - cool_sums.log()
    shares = every.exp()
    means = (shares * every).sum(dim=-1)
    if bool(means.isnan().any()):
        # A token that the model rules out has p = 0 and log p = −inf: it adds lim p log p = 0, not NaN. A true NaN stays.
        every = every.masked_fill(shares == 0, 0.0)
        means = (shares * every).sum(dim=-1)
    # Around the mean, never E[x²] − μ²: on a flat distribution that difference is all rounding. The sum of squares cannot
    # be negative, so nothing is clamped; a clamp gives Min-K++ scores of hundreds on a confident model.
    variances = every.sub_(means.unsqueeze(1)).square_().mul_(shares).sum(dim=-1)
    return torch.stack((log_probs, means, variances.sqrt(), cool))
