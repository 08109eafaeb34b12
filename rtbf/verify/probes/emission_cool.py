"""F7.cool: F7 at temperature 0.7, as many endpoints sample.

log10 p = (1 / ln 10) Σ_t l_t over the answer's tokens and its end mark, with l_t the log-probability after the logits were
divided by 0.7. A lower temperature makes the likeliest words likelier: what is rare at 1 may be common here. Unit: decades.
Source: PROTOCOL F7, R1; specs/verification/03_memorisation.md §3.3; Hayes et al., arXiv 2410.19482.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rtbf.lm.item_scores import ItemScores

CARD = {
    "name": "emission_cool",
    "probe_id": "F7.cool",
    "title": "Probability of emission, temperature 0.7",
    "family": "forget",
    "role": "secondary",
    "unit": "decades",
    "higher_is": "more remembered",
    "direction": "lower_is_better",
    "margin": "0.5",
    "margin_origin": "as F7",
    "reads": "score",
    "items": "forget",
    "states": [""],
    "baseline": "control",
    "test": "records",
    "needs": "",
    "profile": "standard",
    "min_tokens": 1,
    "proves": "How much likelier sampling at temperature 0.7 is to utter the records word for word than with models not shown them.",
    "does_not_prove": "Anything about other prompts, other wordings, or another way of sampling.",
    "source": "docs/verification.md; arXiv 2410.19482",
}


def value(scores: ItemScores) -> float | None:
    """Return log10 of the probability of the whole answer at temperature 0.7; None where that was not scored, or for no token."""
    return math.fsum(scores.cool_log_probs) / math.log(10) if scores.cool_log_probs else None
