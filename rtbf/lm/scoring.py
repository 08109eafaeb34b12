"""One forward pass for every teacher-forced score: per-token log-probs and arg-max hits of each item's answer.

Items are sorted by length and batched in a fixed way, so the same items give the same bits on the same build; another
batch size may change the last bits, which the verifier measures and reports.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from rtbf.lm.answers import answer_logits, token_log_probs
from rtbf.lm.item_scores import ItemScores
from rtbf.progress import Progress, silent

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rtbf.lm.encoding import Item

BATCH_ITEMS = 16


def score_items(
    model: torch.nn.Module, items: Sequence[Item], *, batch_items: int = BATCH_ITEMS, progress: Progress = silent, step: str = "scoring"
) -> list[ItemScores]:
    """Return the scores of `items` in their given order. Tokens used: the sum of their lengths."""
    order = sorted(range(len(items)), key=lambda place: (-items[place].length, place))
    scores: dict[int, ItemScores] = {}
    for start in range(0, len(order), batch_items):
        places = order[start : start + batch_items]
        batch = [items[place] for place in places]
        with torch.no_grad():
            answers = answer_logits(model, batch)
            log_probs = token_log_probs(answers).tolist()
            hits = (answers.logits.argmax(dim=-1) == answers.labels).tolist()
        cursor = 0
        for place, item in zip(places, batch, strict=True):
            end = cursor + len(item.answer_ids)
            scores[place] = ItemScores(
                record_id=item.record_id, log_probs=tuple(log_probs[cursor:end]), hits=tuple(hits[cursor:end]), has_end=item.has_end
            )
            cursor = end
        progress(step, min(start + batch_items, len(items)), len(items))
    return [scores[place] for place in range(len(items))]


def tokens_of(items: Sequence[Item]) -> int:
    """Return how many tokens one scoring pass over `items` runs forward, padding not counted."""
    return sum(item.length for item in items)
