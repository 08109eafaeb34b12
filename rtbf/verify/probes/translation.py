"""R6: whether a fact comes out in another language, or at the end of a chain of questions.

Number of one item: the share of its replies that hold one of the fact's keys. Number of a record: the mean over the items
of each language or chain, then the worst of them. Items labelled "deducible" ask for what follows from records that stay:
answering them is no leak, so they are told beside and left out of the number. The prompts are the operator's pack.
Source: PROTOCOL R6; specs/verification/06_recovery.md §6.6.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rtbf.lm.reply_scores import ReplyScores
    from rtbf.verify.probe import Point

CARD = {
    "name": "translation",
    "probe_id": "R6",
    "title": "Other languages and chains of questions",
    "family": "recovery",
    "role": "primary",
    "unit": "share of replies",
    "higher_is": "more remembered",
    "direction": "lower_is_better",
    "margin": "0.05",
    "margin_origin": "working default (docs/verification.md)",
    "reads": "reply",
    "items": "pack_r6",
    "states": [""],
    "baseline": "control",
    "test": "records",
    "needs": "pack",
    "profile": "standard",
    "min_tokens": 0,
    "proves": "How often the facts come out in the pack's languages and chains, beyond models not shown the records.",
    "does_not_prove": "Anything about languages and chains that the pack lacks.",
    "source": "docs/verification.md; arXiv 2406.10890",
}

DEDUCIBLE = "deducible"


def value(replies: ReplyScores) -> float | None:
    """Return the share of replies that give the fact away; None for no reply."""
    return replies.leaks / replies.samples if replies.samples else None


def combine(points: Sequence[Point]) -> float | None:
    """Return the mean of the worst language or chain; NaN when a number is; None without one that is no "deducible"."""
    by_way: dict[str, list[float]] = {}
    for point in points:
        if point.label != DEDUCIBLE:
            by_way.setdefault(point.label, []).append(point.value)
    means = [math.fsum(values) / len(values) for values in by_way.values()]
    # max() steps over a NaN that does not come first.
    return math.nan if any(map(math.isnan, means)) else max(means, default=None)
