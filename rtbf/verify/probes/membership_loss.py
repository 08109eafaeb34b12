"""F5.loss: F5 by the plainest score, the mean log-probability per token (the loss with its sign turned).

The end mark is left out, for every text has it. Number of a record: the share of its siblings that score below it, a tie
counted half: the AUC within the record; higher is more remembered. Told, not deciding: common text is likely under any model.
Source: specs/verification/04_mia.md §4.1; Yeom et al., arXiv 1709.01604.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rtbf.lm.item_scores import ItemScores
    from rtbf.verify.probe import Point

CARD = {
    "name": "membership_loss",
    "probe_id": "F5.loss",
    "title": "Membership, loss",
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
    "source": "docs/verification.md; arXiv 1709.01604",
}


def value(scores: ItemScores) -> float | None:
    """Return the mean natural log-probability per token without the end mark; None for no token."""
    log_probs = scores.content_log_probs
    return math.fsum(log_probs) / len(log_probs) if log_probs else None


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
