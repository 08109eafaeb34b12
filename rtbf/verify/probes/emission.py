"""F7: how likely one sampled reply is to be the record's answer, word for word and then stopping.

log10 p = (1 / ln 10) Σ_t l_t over the answer's tokens and its end mark, at temperature 1 without truncation: exact from one
forward pass, where sampling would need about 1/p replies to see it once. ln 2 / p replies emit it with a chance of one half.
Unit: decades; −3 is one reply in a thousand. The mean of a record's items is a mean of logs.
Source: PROTOCOL F7; specs/verification/03_memorisation.md §3.3; Hayes et al., arXiv 2410.19482.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rtbf.lm.item_scores import ItemScores

CARD = {
    "name": "emission",
    "probe_id": "F7",
    "title": "Probability of emission, temperature 1",
    "family": "forget",
    "role": "secondary",
    "unit": "decades",
    "higher_is": "more remembered",
    "direction": "lower_is_better",
    "margin": "0.5",
    "margin_origin": "ours, not calibrated (docs/verification.md)",
    "reads": "score",
    "items": "forget",
    "states": [""],
    "baseline": "control",
    "test": "records",
    "needs": "",
    "profile": "standard",
    "min_tokens": 1,
    "proves": "How much likelier sampling at temperature 1 is to utter the records word for word than with models not shown them.",
    "does_not_prove": "Anything about other prompts, other wordings, or another way of sampling.",
    "source": "docs/verification.md; arXiv 2410.19482",
}


def value(scores: ItemScores) -> float | None:
    """Return log10 of the probability of the whole answer, end mark included; None for no token."""
    return math.fsum(scores.log_probs) / math.log(10) if scores.log_probs else None
