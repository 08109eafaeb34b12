"""F4.population: where a fact ranks among the values that other people have, compared with models not shown the records.

The number is F4's: u = (a + 0.5) / (J + 1), a of the J other values at least as likely, ties half; the value is 1 − u. But
a town or a surname is not exchangeable with the others: common ones are likelier under any model. So 0.5 means nothing
here, there is no exact test, and only the difference from the control counts.
Ranked is the summed log-probability, as in F4. Values differ in length, and the sum puts long ones last under every
model alike; the difference from the control is free of that.
Source: specs/verification/03_memorisation.md §3.4 (fields that are not exchangeable).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rtbf.lm.choice_scores import ChoiceScores

CARD = {
    "name": "population_rank",
    "probe_id": "F4.population",
    "title": "Rank among values of the population",
    "family": "forget",
    "role": "primary",
    "unit": "normalised rank",
    "higher_is": "more remembered",
    "direction": "two_sided",
    "margin": "0.15",
    "margin_origin": "as F4",
    "reads": "choice",
    "items": "population",
    "states": [""],
    "baseline": "control",
    "test": "records",
    "needs": "",
    "profile": "standard",
    "min_tokens": 1,
    "proves": "Whether the model prefers the person's own facts to other people's more than models not shown the records do.",
    "does_not_prove": "Anything without control models: a frequent value ranks high in any model.",
    "source": "docs/verification.md; arXiv 1802.08232",
}


def value(choice: ChoiceScores) -> float | None:
    """Return 1 − u in (0, 1); None without other values or tokens, NaN when a score is not finite."""
    if not choice.others or choice.true_tokens < 1:
        return None
    if not all(map(math.isfinite, (choice.true, *choice.others))):
        return math.nan
    likelier = sum(other > choice.true for other in choice.others)
    tied = sum(other == choice.true for other in choice.others)
    return 1 - (likelier + tied / 2 + 0.5) / (len(choice.others) + 1)
