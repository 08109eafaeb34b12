"""G1: whether this unlearning brought back what an earlier ticket removed.

Value: mean log-probability per answer token on the earlier tickets' records that may still be kept for this, end mark
included; after − before, so that positive is a return. A witness is a whole answer of at least 5 tokens that comes back word
for word under greedy decoding; only one that did not come back before counts against this ticket.
Source: PROTOCOL G1; specs/verification/02_muse.md §2.5, §2.7; MUSE, arXiv 2407.06460.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rtbf.lm.item_scores import ItemScores

CARD = {
    "name": "earlier_tickets",
    "probe_id": "G1",
    "title": "Records of earlier tickets",
    "family": "regression",
    "role": "primary",
    "unit": "nats per token",
    "higher_is": "more remembered",
    "direction": "lower_is_better",
    "margin": "0.10",
    "margin_origin": "as F3",
    "reads": "score",
    "items": "earlier",
    "states": [""],
    "baseline": "before",
    "test": "records",
    "needs": "",
    "profile": "smoke",
    "min_tokens": 1,
    "proves": "Whether records that earlier tickets removed became likelier through this one.",
    "does_not_prove": "Anything about earlier tickets whose records may no longer be kept.",
    "source": "docs/verification.md; arXiv 2407.06460",
}

MIN_TOKENS = 5


def value(scores: ItemScores) -> float | None:
    """Return the mean natural log-probability per answer token, end mark included; None for no token."""
    return math.fsum(scores.log_probs) / len(scores.log_probs) if scores.log_probs else None


def is_witness(scores: ItemScores) -> bool:
    """Return whether the whole answer comes back under greedy decoding."""
    return len(scores.content_hits) >= MIN_TOKENS and all(scores.content_hits)
