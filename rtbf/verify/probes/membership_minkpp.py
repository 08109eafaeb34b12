"""F5.minkpp: F5 by Min-K %++, which asks how likely a token is among all tokens the model thought of.

z_t = (l_t − μ_t) / σ_t, with μ_t and σ_t the mean and standard deviation of log p_t(v) over v ~ p_t. Score: the mean of
the lowest 20 % of z_t, floor(n/5) of them and at least one, the end mark left out. Number of a record: the share of its
siblings that score below it, a tie counted half: the AUC within the record; higher is more remembered.

σ_t = 0 means that the model leaves no choice: one token has all the probability, or all have the same. The published code
clamps the variance at 1e-6, which gives scores of 350 on a confident model. Here z_t takes its limit instead: 0 for a
token as likely as the average draw (for two outcomes of 1 − ε and ε, z of the first is about √ε), −∞ for one below it (z
of the second is about −1/√ε). The AUC needs only the order, so −∞ is as good as any number.
Source: specs/verification/04_mia.md §4.1; Zhang et al., arXiv 2404.02936; specs/anchors/evaluators.md §5.16.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rtbf.lm.item_scores import ItemScores
    from rtbf.verify.probe import Point

CARD = {
    "name": "membership_minkpp",
    "probe_id": "F5.minkpp",
    "title": "Membership, Min-K 20 %++",
    "family": "forget",
    "role": "reported",
    "unit": "AUC",
    "higher_is": "more remembered",
    "direction": "two_sided",
    "margin": "0.10",
    "margin_origin": "as F5",
    "reads": "score",
    "items": "forget+siblings",
    "states": [""],
    "baseline": "control",
    "test": "records",
    "needs": "",
    "profile": "standard",
    "min_tokens": 1,
    "proves": "Whether the records look more, or less, like training data by this score than rewritten versions of them do.",
    "does_not_prove": "Anything by itself: it is told beside F5, which was chosen in advance, so that nobody picks the score that suits.",
    "source": "docs/verification.md; arXiv 2404.02936",
}

K_PERCENT = 20

ROUNDING_NATS = 1e-6
"""μ_t is a sum over the vocabulary in float32: at σ_t = 0, differences up to this are rounding."""


def value(scores: ItemScores) -> float | None:
    """Return Min-K 20 %++, −∞ when ruled-out tokens are among the lowest, NaN when a part is; None for no token or no μ, σ."""
    places = range(len(scores.content_log_probs))
    if not places or not scores.means:
        return None
    zs = [_z(scores.log_probs[place], scores.means[place], scores.deviations[place]) for place in places]
    if any(map(math.isnan, zs)):
        return math.nan
    lowest = sorted(zs)[: max(1, len(zs) * K_PERCENT // 100)]
    return math.fsum(lowest) / len(lowest)


def combine(points: Sequence[Point]) -> float | None:
    """Return the AUC in [0, 1] of a record's texts (label "member") against its siblings ("sibling"); None without either."""
    members = [point.value for point in points if point.label == "member"]
    siblings = [point.value for point in points if point.label == "sibling"]
    if not members or not siblings:
        return None
    if any(map(math.isnan, (*members, *siblings))):
        return math.nan
    wins = sum((member > sibling) + (member == sibling) / 2 for member in members for sibling in siblings)
    return wins / (len(members) * len(siblings))


def _z(log_prob: float, mean: float, deviation: float) -> float:
    if any(map(math.isnan, (log_prob, mean, deviation))):
        return math.nan
    if deviation > 0:
        return (log_prob - mean) / deviation
    return 0.0 if log_prob - mean >= -ROUNDING_NATS else -math.inf
