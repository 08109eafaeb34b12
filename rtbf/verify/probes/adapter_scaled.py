"""R2.scaled: whether the record comes back when the adapter is scaled down to 3/4, 1/2 or 1/4, state A1 of the battery.

Number of an item: mean log-probability per answer token, F3's. Number of a record: the mean in each state, then the
highest of the three: whoever can scale the adapter chooses how far. The controls get the same maximum.
Source: PROTOCOL R2; specs/verification/06_recovery.md §6.3.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rtbf.lm.item_scores import ItemScores
    from rtbf.verify.probe import Point

CARD = {
    "name": "adapter_scaled",
    "probe_id": "R2.scaled",
    "title": "Adapter scaled down",
    "family": "recovery",
    "role": "primary",
    "unit": "nats per token",
    "higher_is": "more remembered",
    "direction": "lower_is_better",
    "margin": "0.10",
    "margin_origin": "as F3",
    "reads": "score",
    "items": "forget",
    "states": ["scale-0.25", "scale-0.5", "scale-0.75"],
    "baseline": "control",
    "test": "records",
    "needs": "adapter",
    "profile": "standard",
    "min_tokens": 1,
    "proves": "Whether the records come back to whoever can weaken the adapter.",
    "does_not_prove": "Anything about other ways of recovering them.",
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
