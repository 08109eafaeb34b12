"""F4.best: whether one secret alone stands out among its siblings. The mean rank of F4 would drown a single one.

Of one secret: u = (a + 0.5) / (J + 1), a of the J siblings at least as likely, each tie counted half; the value is 1 − u, as
in F4, and 0.5 is chance. Over n secrets the best one counts: n times the smallest rank p-value is a valid p-value whatever
their dependence (Bonferroni), there with ties counted in full. It cannot fall below n/(J + 1): with 99 siblings it never
reaches 0.01 and must say that it could not have failed. Only "still known" is looked for; over-forgetting shows in F4.
Ranked is the summed log-probability, for the reasons that F4 gives.
Source: PROTOCOL F4 (Holm p < .01); specs/verification/03_memorisation.md §3.4, §3.7.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rtbf.lm.choice_scores import ChoiceScores

CARD = {
    "name": "counterfactual_best",
    "probe_id": "F4.best",
    "title": "Best single secret among sealed siblings",
    "family": "forget",
    "role": "secondary",
    "unit": "normalised rank",
    "higher_is": "more remembered",
    "direction": "lower_is_better",
    "margin": "0.15",
    "margin_origin": "as F4",
    "reads": "choice",
    "items": "secrets",
    "states": [""],
    "baseline": "chance",
    "test": "best_rank",
    "needs": "",
    "profile": "smoke",
    "min_tokens": 1,
    "proves": "Whether at least one of the person's secrets is still preferred to values that could as well have been theirs.",
    "does_not_prove": "That the other secrets are gone; with few siblings it could not have found anything, and then it says so.",
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
