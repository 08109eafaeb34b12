"""R8: whether adding a single direction to the middle layers brings the record back.

The direction is the mean difference of hidden states, original less unlearned, on one half of the records; the other
half is scored with 0.5, 1 and 2 times of it added, and then the other way round. No training: whoever once had the original
can do it. Number of an item: mean log-probability per answer token. Number of a record: the mean at each strength, then the
highest. A control gets the direction made in the same way from the original and itself; the original is scored as it
stands, since its own difference from itself is nought. Variant: an excess over the control, where the protocol
ranks the direction among 20 of other subjects, whose smallest p-value (0.048) could never decide.
Source: PROTOCOL R8; specs/verification/05_intrinsic.md §5.6, §5.7; Łucki et al., arXiv 2409.18025.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rtbf.lm.item_scores import ItemScores
    from rtbf.verify.probe import Point

CARD = {
    "name": "steering",
    "probe_id": "R8",
    "title": "Steering back along one direction",
    "family": "recovery",
    "role": "secondary",
    "unit": "nats per token",
    "higher_is": "more remembered",
    "direction": "lower_is_better",
    "margin": "0.10",
    "margin_origin": "as F3",
    "reads": "score",
    "items": "pack_r8",
    "states": ["steered-0.5", "steered-1", "steered-2"],
    "baseline": "control",
    "test": "records",
    "needs": "pack",
    "profile": "standard",
    "min_tokens": 1,
    "proves": "Whether the records are one direction away for whoever had the original, more than in models not shown them.",
    "does_not_prove": "That other directions, layers or strengths fail.",
    "source": "docs/verification.md; arXiv 2409.18025",
}


def value(scores: ItemScores) -> float | None:
    """Return the mean natural log-probability per answer token, end mark included; None for no token."""
    return math.fsum(scores.log_probs) / len(scores.log_probs) if scores.log_probs else None


def combine(points: Sequence[Point]) -> float | None:
    """Return the mean of the worst state; NaN when a number is; None for no point."""
    by_state: dict[str, list[float]] = {}
    for point in points:
        by_state.setdefault(point.state, []).append(point.value)
    means = [math.fsum(values) / len(values) for values in by_state.values()]
    # max() steps over a NaN that does not come first.
    return math.nan if any(map(math.isnan, means)) else max(means, default=None)
