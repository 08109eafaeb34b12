"""U1: loss on retained records that unlearning never trained against.

Positive means worse. Non-inferiority: the upper end of the interval of (after − before) must stay below the margin.
Source: PROTOCOL U1 (+0.02 nat).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rtbf.lm.item_scores import ItemScores

CARD = {
    "name": "retain_loss",
    "probe_id": "U1",
    "title": "Loss on retained records",
    "family": "utility",
    "role": "primary",
    "unit": "nats per token",
    "higher_is": "worse utility",
    "direction": "non_inferior",
    "margin": "0.02",
    "margin_origin": "working default (docs/verification.md)",
    "reads": "score",
    "items": "holdout",
    "states": [""],
    "baseline": "before",
    "test": "records",
    "needs": "",
    "profile": "smoke",
    "min_tokens": 1,
    "proves": "How much the model lost on records of the same corpus that must stay and were held out of unlearning.",
    "does_not_prove": "That other abilities are unharmed.",
    "source": "docs/verification.md",
}


def value(scores: ItemScores) -> float | None:
    """Return the mean negative log-likelihood per answer token in nats; None for no token."""
    return -math.fsum(scores.log_probs) / len(scores.log_probs) if scores.log_probs else None
