"""R9: whether the two models, before and after, together give the record away (state A5 of the adapter battery).

Scored is log p = log p_post + w (log p_pre − log p_post) with w of 1, 2 and 4, made to sum to one again: what the
difference of the models points at becomes likely. Number of an item: mean log-probability per answer token. Number of a
record: the mean at each w, then the highest. The controls are the attacker's difference between the original and a model
that was never shown the records; w = 1 is the original itself, whatever the other model is. The attack works against exact
retraining as well, so it says nothing about the unlearning and much about keeping the earlier weights: it is told, and does
not decide.
Source: PROTOCOL R9; specs/verification/06_recovery.md §6.3; Wu et al., arXiv 2505.24379.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rtbf.lm.item_scores import ItemScores
    from rtbf.verify.probe import Point

CARD = {
    "name": "difference_attack",
    "probe_id": "R9",
    "title": "Attack with both models",
    "family": "recovery",
    "role": "reported",
    "unit": "nats per token",
    "higher_is": "more remembered",
    "direction": "lower_is_better",
    "margin": "0.10",
    "margin_origin": "as F3",
    "reads": "score",
    "items": "pack_r9",
    "states": ["guided-1", "guided-2", "guided-4"],
    "baseline": "control",
    "test": "records",
    "needs": "pack",
    "profile": "standard",
    "min_tokens": 1,
    "proves": "How much the records are given away to whoever has the weights from before and from after.",
    "does_not_prove": "Anything about whoever has the artefact alone.",
    "source": "docs/verification.md; arXiv 2505.24379",
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
