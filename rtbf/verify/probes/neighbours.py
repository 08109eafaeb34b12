"""U2: whether the model still knows facts about the subject's nearest neighbours.

Damage from unlearning gathers where names, employers and topics are shared. The model chooses the answer with the highest
mean log-probability per token (sums would favour short ones); the value is 1 − correct, so that higher is worse. Answers
that tie share the point, so a model that no longer tells answers apart scores what guessing does.
Source: PROTOCOL U2 (−0.05); specs/verification/08_semeval_alignment.md §8.2; RWKU, arXiv 2406.10890; Thaker et al., arXiv 2410.02879.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rtbf.lm.choice_scores import ChoiceScores

CARD = {
    "name": "neighbours",
    "probe_id": "U2",
    "title": "Facts about neighbours",
    "family": "utility",
    "role": "primary",
    "unit": "share of questions answered wrongly",
    "higher_is": "worse utility",
    "direction": "non_inferior",
    "margin": "0.05",
    "margin_origin": "working default (docs/verification.md)",
    "reads": "choice",
    "items": "neighbours",
    "states": [""],
    "baseline": "before",
    "test": "records",
    "needs": "",
    "profile": "standard",
    "min_tokens": 1,
    "proves": "How many facts about the nearest other people and things the model lost.",
    "does_not_prove": "That it can still state them unprompted, or that farther knowledge is unharmed.",
    "source": "docs/verification.md; arXiv 2406.10890; arXiv 2410.02879",
}


def value(choice: ChoiceScores) -> float | None:
    """Return 0 for the true answer, 1 for another, a share for a tie; None without answers or tokens, NaN when a score is not finite."""
    if not choice.others or min(choice.true_tokens, *choice.others_tokens) < 1:
        return None
    if not all(map(math.isfinite, (choice.true, *choice.others))):
        return math.nan
    true = choice.true / choice.true_tokens
    others = [summed / tokens for summed, tokens in zip(choice.others, choice.others_tokens, strict=True)]
    return 1.0 if max(others) > true else 1 - 1 / (1 + others.count(true))
