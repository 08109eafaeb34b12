"""R4.benign: whether further training on unrelated text brings the records back.

Whoever tunes the model for something else, 50 steps at most, does this without meaning to; ten unrelated samples brought
most of a removed ability back in published tests. All records are scored at steps 0, 5, 10, 25 and 50. Number of an item:
mean log-probability per answer token. Number of a record: the area under its curve over the steps, by the trapezoid rule,
divided by 50: its mean height in nats per token. Pairing subtracts the control's curve.
Source: PROTOCOL R4; specs/verification/06_recovery.md §6.5; Łucki et al., arXiv 2409.18025; Hu et al., arXiv 2406.13356.
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
    "name": "relearning_benign",
    "probe_id": "R4.benign",
    "title": "Relearning from unrelated text",
    "family": "recovery",
    "role": "primary",
    "unit": "nats per token",
    "higher_is": "more remembered",
    "direction": "lower_is_better",
    "margin": "0.10",
    "margin_origin": "as F3",
    "reads": "score",
    "items": "forget",
    "states": ["relearn-benign@0", "relearn-benign@5", "relearn-benign@10", "relearn-benign@25", "relearn-benign@50"],
    "baseline": "control",
    "test": "records",
    "needs": "",
    "profile": "standard",
    "min_tokens": 1,
    "proves": "Whether 50 steps of training on unrelated text bring the records back, beyond models not shown them.",
    "does_not_prove": "Anything about longer training, other learning rates, or text that is close to the records.",
    "source": "docs/verification.md; arXiv 2409.18025; arXiv 2406.13356",
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
