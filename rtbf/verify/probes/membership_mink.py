"""F5: membership inference within one record: does it look more trained than rewritten siblings of itself?

Score of one text: Min-K %, the mean of the lowest 20 % of its tokens' log-probabilities, floor(n/5) of them and at least
one; the end mark is left out, for every text has it. Higher is more trained. Number of a record: the share of its siblings
that score below it, a tie counted half, over all pairs of its texts and siblings: the AUC within the record (0.5: no
information). Two-sided: a text that looks less trained than unseen text shows that somebody had it scrubbed.

A text without tokens has no score; the published code gives it 0, the most member-like value there is.
The AUC is compared with the control's and never with 0.5, for siblings may differ from records in style.
Source: specs/verification/04_mia.md §4.1, §4.4 e, §4.7; Shi et al., arXiv 2310.16789; evaluators.md §3.6 and §5.13.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rtbf.lm.item_scores import ItemScores
    from rtbf.verify.probe import Point

CARD = {
    "name": "membership_mink",
    "probe_id": "F5",
    "title": "Membership, Min-K 20 %",
    "family": "forget",
    "role": "primary",
    "unit": "AUC",
    "higher_is": "more remembered",
    "direction": "two_sided",
    "margin": "0.10",
    "margin_origin": "fallback, not calibrated (docs/verification.md)",
    "reads": "score",
    "items": "forget+siblings",
    "states": [""],
    "baseline": "control",
    "test": "records",
    "needs": "",
    "profile": "standard",
    "min_tokens": 1,
    "proves": "Whether the records look more, or less, like training data than rewritten versions of them, beyond models not shown them.",
    "does_not_prove": "That the records were or were not used: no membership test on natural text can. Void where a classifier that "
    "sees no model tells records from siblings.",
    "source": "docs/verification.md; arXiv 2310.16789",
}

K_PERCENT = 20
"""Min-K's share of tokens. Fixed in advance: choosing K by the result would find something in noise."""


def value(scores: ItemScores) -> float | None:
    """Return Min-K 20 % in nats, NaN when a log-probability is; None for no token."""
    log_probs = scores.content_log_probs
    if not log_probs:
        return None
    if any(map(math.isnan, log_probs)):
        return math.nan
    lowest = sorted(log_probs)[: max(1, len(log_probs) * K_PERCENT // 100)]
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
