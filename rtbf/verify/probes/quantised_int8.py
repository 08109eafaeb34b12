"""R3.int8: whether the record comes back when the weights are rounded to 8 bits.

The mildest of the usual roundings, and the commonest in serving. Number: mean log-probability per answer token, F3's.
Rounding is emulated (blockwise absmax, to and back); embeddings and output head stay as they are.
Source: PROTOCOL R3; specs/verification/06_recovery.md §6.4.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rtbf.lm.item_scores import ItemScores

CARD = {
    "name": "quantised_int8",
    "probe_id": "R3.int8",
    "title": "Quantised to int8",
    "family": "recovery",
    "role": "primary",
    "unit": "nats per token",
    "higher_is": "more remembered",
    "direction": "lower_is_better",
    "margin": "0.10",
    "margin_origin": "as F3",
    "reads": "score",
    "items": "forget",
    "states": ["int8"],
    "baseline": "control",
    "test": "records",
    "needs": "",
    "profile": "standard",
    "min_tokens": 1,
    "proves": "Whether the records come back when these weights are rounded to 8 bits, beyond models not shown them.",
    "does_not_prove": "Anything about other ways of quantising, or an engine's own kernels.",
    "source": "docs/verification.md; arXiv 2410.16454",
}


def value(scores: ItemScores) -> float | None:
    """Return the mean natural log-probability per answer token, end mark included; None for no token."""
    return math.fsum(scores.log_probs) / len(scores.log_probs) if scores.log_probs else None
