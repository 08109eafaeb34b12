"""R2: whether the record comes back when the adapter is switched off, state A0 of the adapter battery.

An unmerged adapter over an unchanged base leaves everything in the base; one call undoes it. A merged artefact has no
adapter to switch off, so the probe is not applicable there, and the report says so.
Source: PROTOCOL R2 and its LoRA rule; specs/verification/06_recovery.md §6.3.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rtbf.lm.item_scores import ItemScores

CARD = {
    "name": "adapter_off",
    "probe_id": "R2",
    "title": "Adapter switched off",
    "family": "recovery",
    "role": "primary",
    "unit": "nats per token",
    "higher_is": "more remembered",
    "direction": "lower_is_better",
    "margin": "0.10",
    "margin_origin": "as F3",
    "reads": "score",
    "items": "forget",
    "states": ["adapter-off"],
    "baseline": "control",
    "test": "records",
    "needs": "adapter",
    "profile": "smoke",
    "min_tokens": 1,
    "proves": "Whether the records come back to whoever can switch the adapter off.",
    "does_not_prove": "Anything about other ways of recovering them.",
    "source": "docs/verification.md",
}


def value(scores: ItemScores) -> float | None:
    """Return the mean natural log-probability per answer token with the adapter off; None for no token."""
    return math.fsum(scores.log_probs) / len(scores.log_probs) if scores.log_probs else None
