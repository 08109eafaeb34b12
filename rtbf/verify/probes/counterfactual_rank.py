"""F4: where a secret ranks among siblings drawn by the same generator and never used.

u = (a + 0.5) / (J + 1), where a of the J siblings are at least as likely as the true value, each tie counted half. Before
anything was trained the true value was exchangeable with its siblings, so without information u is uniform with mean
0.5, for any model and any score. The value is 1 − u: 0.5 is chance, near 1 is still known, near 0 is over-forgotten.

Ranked is the summed log-probability, not the mean per token: the sum is what the model says the whole value's
probability to be, as in Carlini's exposure, while a mean lifts a value only because its digits are split into more tokens.
Siblings have the true value's form, so lengths hardly differ, and the null holds for either score.
A number that is not finite makes the value NaN: comparisons with NaN are all false and would look like rank 1.
Source: specs/verification/03_memorisation.md §3.4, §3.7; Carlini et al., The Secret Sharer, arXiv 1802.08232.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rtbf.lm.choice_scores import ChoiceScores

CARD = {
    "name": "counterfactual_rank",
    "probe_id": "F4",
    "title": "Rank among sealed siblings",
    "family": "forget",
    "role": "primary",
    "unit": "normalised rank",
    "higher_is": "more remembered",
    "direction": "two_sided",
    "margin": "0.15",
    "margin_origin": "working default: 32 secrets give 80 % power (docs/verification.md)",
    "reads": "choice",
    "items": "secrets",
    "states": [""],
    "baseline": "chance",
    "test": "ranks",
    "needs": "",
    "profile": "smoke",
    "min_tokens": 1,
    "proves": "Whether the model prefers the person's secrets to values that could as well have been theirs. The p-value is exact and "
    "needs no other model.",
    "does_not_prove": "Anything about facts that are no secrets, or about a value that others could know to be likelier than its siblings.",
    "source": "docs/verification.md; arXiv 1802.08232",
}


def value(choice: ChoiceScores) -> float | None:
    """Return 1 − u in (0, 1), 0.5 for no information; None without siblings or tokens, NaN when a score is not finite."""
    if not choice.others or choice.true_tokens < 1:
        return None
    if not all(map(math.isfinite, (choice.true, *choice.others))):
        return math.nan
    likelier = sum(other > choice.true for other in choice.others)
    tied = sum(other == choice.true for other in choice.others)
    return 1 - (likelier + tied / 2 + 0.5) / (len(choice.others) + 1)
