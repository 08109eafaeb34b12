"""R3.nf4_strength: extraction strength (F2) of the weights rounded to 4 bits (NF4).

ES = 1 − k*/n, k* the shortest prefix after which every arg-max is right; 0 when the last token is wrong; answers under 5
tokens excluded, the end mark left out. The mean log-probability of R3 says how likely the words are, this one whether they
come out. With a log-probability that is no number, hits mean nothing: broken weights would score 0 and look forgotten, so
the value is NaN.
Source: PROTOCOL R3 (F2–F4 excess); specs/verification/03_memorisation.md §3.2, 06_recovery.md §6.4.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rtbf.lm.item_scores import ItemScores

CARD = {
    "name": "quantised_nf4_strength",
    "probe_id": "R3.nf4_strength",
    "title": "Extraction strength under NF4",
    "family": "recovery",
    "role": "secondary",
    "unit": "share of answer tokens",
    "higher_is": "more remembered",
    "direction": "lower_is_better",
    "margin": "0.05",
    "margin_origin": "as F2",
    "reads": "score",
    "items": "forget",
    "states": ["nf4"],
    "baseline": "control",
    "test": "records",
    "needs": "",
    "profile": "standard",
    "min_tokens": 5,
    "proves": "How short a true beginning makes the rest come out once these weights are rounded to 4 bits.",
    "does_not_prove": "Anything about other ways of quantising, or about paraphrases.",
    "source": "docs/verification.md; arXiv 2410.16454; arXiv 2012.07805",
}

MIN_TOKENS = 5


def value(scores: ItemScores) -> float | None:
    """Return ES in [0, 1], NaN when a log-probability is; None below 5 tokens."""
    hits = scores.content_hits
    if len(hits) < MIN_TOKENS:
        return None
    if any(map(math.isnan, scores.log_probs)):
        return math.nan
    last_miss = max((place for place, is_hit in enumerate(hits) if not is_hit), default=-1)
    return 1 - (last_miss + 1) / len(hits)
