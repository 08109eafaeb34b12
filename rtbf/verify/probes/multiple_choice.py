"""F6.choice: whether the model picks the true fact from among wrong ones.

Chosen is the option with the highest mean log-probability per token: options differ in length, and sums would favour
short ones. The value is 1 when that is the true option, and 0 when it is not. Options that tie share the point: half
for two. Four options make 0.25 by guessing, so only the difference from the control counts.
Source: PROTOCOL F6; specs/verification/06_recovery.md §6.6; Ye et al. (ORT), arXiv 2506.07795.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rtbf.lm.choice_scores import ChoiceScores

CARD = {
    "name": "multiple_choice",
    "probe_id": "F6.choice",
    "title": "Multiple choice",
    "family": "forget",
    "role": "secondary",
    "unit": "share of questions",
    "higher_is": "more remembered",
    "direction": "lower_is_better",
    "margin": "0.05",
    "margin_origin": "as F6",
    "reads": "choice",
    "items": "multiple_choice",
    "states": [""],
    "baseline": "control",
    "test": "records",
    "needs": "",
    "profile": "standard",
    "min_tokens": 1,
    "proves": "How often the model recognises the facts when they are shown among wrong ones, beyond models not shown the records.",
    "does_not_prove": "That it cannot state them unprompted, nor that other wrong options would be as tempting.",
    "source": "docs/verification.md; arXiv 2506.07795",
}


def value(choice: ChoiceScores) -> float | None:
    """Return 1 for the true option, 0 for another, a share for a tie; None without options or tokens, NaN when a score is not finite."""
    if not choice.others or min(choice.true_tokens, *choice.others_tokens) < 1:
        return None
    if not all(map(math.isfinite, (choice.true, *choice.others))):
        return math.nan
    true = choice.true / choice.true_tokens
    others = [summed / tokens for summed, tokens in zip(choice.others, choice.others_tokens, strict=True)]
    return 0.0 if max(others) > true else 1 / (1 + others.count(true))
