"""F2: extraction strength, with the two defects of the common implementation mended.

ES = 1 − k*/n, where k* is the length of the shortest prefix after which every arg-max is right, n the answer's tokens.
When the last token is wrong no suffix is right and ES = 0 (the common code gives 1/n). Answers below 5 tokens are
excluded (there a one-token answer scores 1 whatever the model says).
Source: specs/verification/03_memorisation.md §3.2; Carlini et al., arXiv 2012.07805; open-unlearning issue 100.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rtbf.lm.item_scores import ItemScores

CARD = {
    "name": "extraction_strength",
    "probe_id": "F2",
    "title": "Extraction strength (fixed)",
    "family": "forget",
    "role": "primary",
    "unit": "share of answer tokens",
    "higher_is": "more remembered",
    "direction": "two_sided",
    "margin": "0.05",
    "margin_origin": "working default (gap between a full and a never-shown model on TOFU: 0.62)",
    "reads": "score",
    "items": "forget",
    "states": [""],
    "baseline": "control",
    "test": "records",
    "needs": "",
    "profile": "smoke",
    "min_tokens": 5,
    "proves": "How short a true beginning makes the rest come out, compared with models not shown the records.",
    "does_not_prove": "That paraphrases or other attacks fail; teacher forcing also over-credits predictable endings.",
    "source": "docs/verification.md; arXiv 2012.07805",
}

MIN_TOKENS = 5


def value(scores: ItemScores) -> float | None:
    """Return ES in [0, 1]; None below 5 tokens."""
    hits = scores.content_hits
    if len(hits) < MIN_TOKENS:
        return None
    last_miss = max((place for place, is_hit in enumerate(hits) if not is_hit), default=-1)
    return 1 - (last_miss + 1) / len(hits)
