"""F3: answer probability, as mean log-probability per answer token (its exponential is TOFU's "probability").

Measured in nats, because on the probability scale an over-forgotten record (1e-9) and a never-shown one (1e-3) look
alike, and over-forgetting is a trace of the person. The mean runs over all answer tokens, the end mark included.
Source: PROTOCOL F3; TOFU, arXiv 2401.06121, §2.2.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rtbf.lm.item_scores import ItemScores

CARD = {
    "name": "answer_probability",
    "probe_id": "F3",
    "title": "Answer probability",
    "family": "forget",
    "role": "primary",
    "unit": "nats per token",
    "higher_is": "more remembered",
    "direction": "two_sided",
    "margin": "0.10",
    "margin_origin": "ours, not calibrated (docs/verification.md)",
    "reads": "score",
    "items": "forget",
    "states": [""],
    "baseline": "control",
    "test": "records",
    "needs": "",
    "profile": "smoke",
    "min_tokens": 1,
    "proves": "How much likelier or less likely the records' own words are than under models not shown them.",
    "does_not_prove": "Anything about other wordings of the same facts.",
    "source": "docs/verification.md; arXiv 2401.06121 section 2.2",
}


def value(scores: ItemScores) -> float | None:
    """Return the mean natural log-probability per answer token, end mark included; None for no token."""
    return math.fsum(scores.log_probs) / len(scores.log_probs) if scores.log_probs else None
