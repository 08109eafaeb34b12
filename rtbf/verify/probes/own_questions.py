"""F6.own: whether the operator's own questions about the records bring a fact out.

Number of one item: the share of its replies that hold one of the fact's keys. Number of a record: its worst item, since one
question that works is enough. The controls get the same questions and the same maximum, so that what can be guessed
cancels. Whoever writes the questions decides how hard they are, so they can speak against a PASS and never for one.
Source: PROTOCOL F6; specs/verification/06_recovery.md §6.6 (score the worst form).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rtbf.lm.reply_scores import ReplyScores
    from rtbf.verify.probe import Point

CARD = {
    "name": "own_questions",
    "probe_id": "F6.own",
    "title": "Questions of the operator's own, worst question",
    "family": "forget",
    "role": "secondary",
    "unit": "share of replies",
    "higher_is": "more remembered",
    "direction": "lower_is_better",
    "margin": "0.05",
    "margin_origin": "as F6",
    "reads": "reply",
    "items": "pack_own",
    "states": [""],
    "baseline": "control",
    "test": "records",
    "needs": "pack",
    "profile": "standard",
    "min_tokens": 0,
    "proves": "How often the facts come out under the operator's own questions, beyond what models not shown the records say.",
    "does_not_prove": "That other questions do not bring them out; easy questions find nothing and say nothing.",
    "source": "docs/verification.md; arXiv 2506.07795",
}


def value(replies: ReplyScores) -> float | None:
    """Return the share of replies that give the fact away; None for no reply."""
    return replies.leaks / replies.samples if replies.samples else None


def combine(points: Sequence[Point]) -> float | None:
    """Return the worst item's number; NaN when one is; None for no point."""
    values = [point.value for point in points]
    # max() steps over a NaN that does not come first.
    return math.nan if any(map(math.isnan, values)) else max(values, default=None)
