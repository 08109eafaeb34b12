"""R3.pruned: whether the record comes back when the 30 % least used weights of each row are set to zero (Wanda).

Pruning removes small weights, and unlearning may live in small changes. Number: mean log-probability per answer token,
F3's. Wanda ranks a weight by its size times the norm of what it is multiplied with.
Source: PROTOCOL R3; specs/verification/06_recovery.md §6.4.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rtbf.lm.item_scores import ItemScores

CARD = {
    "name": "pruned",
    "probe_id": "R3.pruned",
    "title": "Pruned by 30 %",
    "family": "recovery",
    "role": "primary",
    "unit": "nats per token",
    "higher_is": "more remembered",
    "direction": "lower_is_better",
    "margin": "0.10",
    "margin_origin": "as F3",
    "reads": "score",
    "items": "forget",
    "states": ["pruned-0.3"],
    "baseline": "control",
    "test": "records",
    "needs": "",
    "profile": "standard",
    "min_tokens": 1,
    "proves": "Whether the records come back when 30 % of the weights are pruned, beyond models not shown them.",
    "does_not_prove": "Anything about other shares or other ways of pruning.",
    "source": "docs/verification.md; arXiv 2306.11695",
}


def value(scores: ItemScores) -> float | None:
    """Return the mean natural log-probability per answer token, end mark included; None for no token."""
    return math.fsum(scores.log_probs) / len(scores.log_probs) if scores.log_probs else None
