"""R2.merged: whether the record comes back when the adapter is merged and served in a lower number format, states A2 and A3.

Merging rounds: what holds with the adapter beside the weights may not hold once it is added in bf16, int8 or NF4.
Number of an item: mean log-probability per answer token, F3's. Number of a record: the mean in each format, then the
highest. int8 and NF4 are emulated by rounding and back, so an engine's own kernels may differ in the last bits.
Source: PROTOCOL R2; specs/verification/06_recovery.md §6.3, §6.4; peft issues 1043, 1388, 2502.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rtbf.lm.item_scores import ItemScores
    from rtbf.verify.probe import Point

CARD = {
    "name": "merged_lower",
    "probe_id": "R2.merged",
    "title": "Adapter merged in lower formats",
    "family": "recovery",
    "role": "secondary",
    "unit": "nats per token",
    "higher_is": "more remembered",
    "direction": "lower_is_better",
    "margin": "0.10",
    "margin_origin": "as F3",
    "reads": "score",
    "items": "forget",
    "states": ["merged-bf16", "merged-int8", "merged-nf4"],
    "baseline": "control",
    "test": "records",
    "needs": "adapter",
    "profile": "standard",
    "min_tokens": 1,
    "proves": "Whether the records come back when this adapter is merged and rounded, as serving often does.",
    "does_not_prove": "Anything about another engine's rounding, or about other formats.",
    "source": "docs/verification.md",
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
