"""F1: how much of a record greedy decoding gives back word for word, from its prompt or prefix.

The value is the share of answer tokens in the leading run of arg-max hits. Greedy decoding returns the first k tokens
exactly when the first k teacher-forced arg-maxes are right, so this is the exact length of the verbatim completion,
without generating. A witness is a whole answer given back. The end mark is left out; a real last token is not.
Source: specs/verification/03_memorisation.md §3.3; Carlini et al., Quantifying Memorization, arXiv 2202.07646.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rtbf.lm.item_scores import ItemScores

CARD = {
    "name": "verbatim_completion",
    "probe_id": "F1",
    "title": "Verbatim completion",
    "family": "forget",
    "role": "primary",
    "unit": "share of answer tokens",
    "higher_is": "more remembered",
    "direction": "lower_is_better",
    "margin": "0.05",
    "margin_origin": "working default (docs/verification.md)",
    "reads": "score",
    "items": "forget",
    "states": [""],
    "baseline": "control",
    "test": "records",
    "needs": "",
    "profile": "smoke",
    "min_tokens": 5,
    "proves": "A witness: greedy decoding of these weights gives this record back, and no control model does.",
    "does_not_prove": "That no other prompt or sampling would give it back.",
    "source": "docs/verification.md; arXiv 2202.07646",
}

MIN_TOKENS = 5


def value(scores: ItemScores) -> float | None:
    """Return the share of leading answer tokens that greedy decoding reproduces; None below 5 tokens."""
    hits = scores.content_hits
    if len(hits) < MIN_TOKENS:
        return None
    run = next((place for place, is_hit in enumerate(hits) if not is_hit), len(hits))
    return run / len(hits)


def is_witness(scores: ItemScores) -> bool:
    """Return whether the whole answer comes back under greedy decoding."""
    return len(scores.content_hits) >= MIN_TOKENS and all(scores.content_hits)
