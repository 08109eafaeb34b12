"""Item scores out of what was read off a batch token by token: for states whose logits are not the model's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rtbf.lm.item_scores import ItemScores

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    import torch

    from rtbf.lm.encoding import Item


def read_labels(log_probs: torch.Tensor, labels: torch.Tensor) -> tuple[list[float], list[bool]]:
    """Return of each position its label's log-probability and whether the label is the likeliest token; log_probs (N, V), labels (N,)."""
    of_labels = log_probs.gather(1, labels[:, None])[:, 0]
    # The arg-max of a row with a NaN in it is that NaN's place: no answer of the model's.
    hits = (log_probs.argmax(dim=-1) == labels) & ~of_labels.isnan()
    return of_labels.tolist(), hits.tolist()


def answer_scores(items: Sequence[Item], read: Iterable[tuple[list[float], list[bool]]]) -> Iterator[ItemScores]:
    """Yield one score an item, in order, from the positions of all of them in pieces (`read_labels`).

    Log-probs and hits only. Record, label and sizes are those of the plain scores of the same items.
    """
    log_probs: list[float] = []
    hits: list[bool] = []
    for numbers, are_first in read:
        log_probs += numbers
        hits += are_first
    cursor = 0
    for item in items:
        own = slice(cursor, cursor + len(item.answer_ids))
        yield ItemScores(
            record_id=item.record_id,
            log_probs=tuple(log_probs[own]),
            hits=tuple(hits[own]),
            has_end=item.has_end,
            label=item.label,
            zlib_bytes=item.zlib_bytes,
        )
        cursor = own.stop
