"""F2.em: exact memorisation, the share of answer tokens that are the arg-max under teacher forcing.

EM = (1/n) Σ_t 1[argmax p(·|x_<t) = x_t], the end mark left out. Its floor is high (a 1 B model never shown the data
scored 0.59), so it is never read against zero, only against the control.
Source: specs/verification/03_memorisation.md §3.1; Tirumala et al., arXiv 2205.10770.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rtbf.lm.item_scores import ItemScores

CARD = {
    "name": "exact_memorisation",
    "probe_id": "F2.em",
    "title": "Exact memorisation",
    "family": "forget",
    "role": "secondary",
    "unit": "share of answer tokens",
    "higher_is": "more remembered",
    "direction": "two_sided",
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
    "proves": "How many of a record's tokens the model puts first, compared with models not shown the records.",
    "does_not_prove": "That the record can be produced without being shown its true beginning.",
    "source": "docs/verification.md; arXiv 2205.10770",
}

MIN_TOKENS = 5


def value(scores: ItemScores) -> float | None:
    """Return EM in [0, 1]; None below 5 tokens."""
    hits = scores.content_hits
    return sum(hits) / len(hits) if len(hits) >= MIN_TOKENS else None
