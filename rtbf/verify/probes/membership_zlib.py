"""F5.zlib: F5 by the loss set against how compressible the text is without any model.

Score: (mean log-probability per token) / (bytes of the text under zlib). Variant: the mean per token, not the sum, as in
open-unlearning and in Carlini's paper, whose perplexity is per token too; the unit is nats per token and byte. The end
mark is left out of the mean, for the compressed text has none. Number of a record: the share of its siblings that score
below it, a tie counted half: the AUC within the record; higher is more remembered.
Source: specs/verification/04_mia.md §4.1; Carlini et al., arXiv 2012.07805; specs/methods/membership-tests.md §1.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rtbf.lm.item_scores import ItemScores
    from rtbf.verify.probe import Point

CARD = {
    "name": "membership_zlib",
    "probe_id": "F5.zlib",
    "title": "Membership, zlib",
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
    "source": "docs/verification.md; arXiv 2012.07805",
}


def value(scores: ItemScores) -> float | None:
    """Return the mean log-probability per token and compressed byte; None for no token, or where no text was at hand."""
    log_probs = scores.content_log_probs
    if not log_probs or not scores.zlib_bytes:
        return None
    return math.fsum(log_probs) / len(log_probs) / scores.zlib_bytes


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
