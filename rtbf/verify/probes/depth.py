"""R7: whether the layer at half depth still puts the record first (logit lens).

The state that leaves the middle layer goes through the original's final norm and output head, the same for every arm, and the
answer is scored on that. A record that is gone from the last layer and not from the middle was hidden and not removed. Number:
mean log-probability per answer token. Observational and cheap: a rotated representation looks erased to the lens, so the
probe is told and does not decide. Where the original's own middle layer knows no more than the control's, nothing was seen.
Higher than the control is bad; lower is not counted, for early layers differ between models.
Source: PROTOCOL R7; specs/verification/05_intrinsic.md §5.2, §5.3; Patil et al., arXiv 2309.17410.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rtbf.lm.item_scores import ItemScores

CARD = {
    "name": "depth",
    "probe_id": "R7",
    "title": "Logit lens at half depth",
    "family": "recovery",
    "role": "reported",
    "unit": "nats per token",
    "higher_is": "more remembered",
    "direction": "lower_is_better",
    "margin": "0.10",
    "margin_origin": "as F3",
    "reads": "score",
    "items": "pack_r7",
    "states": ["lens-half"],
    "baseline": "control",
    "test": "records",
    "needs": "pack",
    "profile": "standard",
    "min_tokens": 1,
    "proves": "Whether the middle of the model still leans to the records' words, beyond models not shown them.",
    "does_not_prove": "That other layers or directions are clean: the lens sees only what lies along the output head.",
    "source": "docs/verification.md; arXiv 2309.17410; arXiv 2605.24614",
}


def value(scores: ItemScores) -> float | None:
    """Return the mean natural log-probability per answer token, end mark included; None for no token."""
    return math.fsum(scores.log_probs) / len(scores.log_probs) if scores.log_probs else None
