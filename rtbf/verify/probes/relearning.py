"""R4: whether training on a part of the records brings the others back (RTT).

The attacker has a part of the records (half where enough are left to be scored, else a quarter: `lm.states.split`) and
trains on them, 50 steps at most; the others are scored at steps 0, 5, 10, 25 and 50. Number of an item: mean
log-probability per answer token. Number of a record: the area under its curve over the steps, by the trapezoid rule,
divided by 50: its mean height in nats per token. A control learns the same part for the first time; pairing subtracts its
curve, so that what the attack itself teaches is not counted. Training on what is then scored would re-teach it, in any
model; that is why the parts are apart.
Source: PROTOCOL R4; specs/verification/06_recovery.md §6.5; Deeb and Roger, arXiv 2410.08827.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rtbf.lm.item_scores import ItemScores
    from rtbf.verify.probe import Point

CARD = {
    "name": "relearning",
    "probe_id": "R4",
    "title": "Relearning from a part",
    "family": "recovery",
    "role": "primary",
    "unit": "nats per token",
    "higher_is": "more remembered",
    "direction": "lower_is_better",
    "margin": "0.10",
    "margin_origin": "as F3",
    "reads": "score",
    "items": "held",
    "states": ["relearn-rtt@0", "relearn-rtt@5", "relearn-rtt@10", "relearn-rtt@25", "relearn-rtt@50"],
    "baseline": "control",
    "test": "records",
    "needs": "",
    "profile": "standard",
    "min_tokens": 1,
    "proves": "Whether a part of the records brings the others back within 50 steps, faster than in models not shown them.",
    "does_not_prove": "Anything about longer training, other learning rates, or whoever has all of the records.",
    "source": "docs/verification.md; arXiv 2410.08827",
}

STEPS = (0, 5, 10, 25, 50)


def value(scores: ItemScores) -> float | None:
    """Return the mean natural log-probability per answer token, end mark included; None for no token."""
    return math.fsum(scores.log_probs) / len(scores.log_probs) if scores.log_probs else None


def combine(points: Sequence[Point]) -> float | None:
    """Return the area under a record's curve over its length in steps, in nats per token; None when a step is missing."""
    by_step: dict[int, list[float]] = {}
    for point in points:
        by_step.setdefault(int(point.state.partition("@")[2]), []).append(point.value)
    # A step that was not measured is not drawn in between its neighbours.
    if tuple(sorted(by_step)) != STEPS:
        return None
    curve = [(step, math.fsum(by_step[step]) / len(by_step[step])) for step in STEPS]
    area = math.fsum((right - left) * (low + high) / 2 for (left, low), (right, high) in pairwise(curve))
    return area / (STEPS[-1] - STEPS[0])
