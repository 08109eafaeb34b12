"""U3: whether the model still answers a fixed general benchmark of multiple choice.

The model chooses the answer with the highest mean log-probability per token; the value is 1 − correct, so that higher is
worse. Answers that tie share the point. The questions are the operator's pack (1000 give 91 % power at this margin when one
answer in ten flips). A small model answers by chance before and after: then nothing could be lost here.
Source: PROTOCOL U3 (−0.03); specs/verification/08_semeval_alignment.md §8.1, §8.2; MMLU, arXiv 2009.03300.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rtbf.lm.choice_scores import ChoiceScores

CARD = {
    "name": "general_choice",
    "probe_id": "U3",
    "title": "General multiple choice",
    "family": "utility",
    "role": "primary",
    "unit": "share of questions answered wrongly",
    "higher_is": "worse utility",
    "direction": "non_inferior",
    "margin": "0.03",
    "margin_origin": "working default (docs/verification.md)",
    "reads": "choice",
    "items": "pack_u3",
    "states": [""],
    "baseline": "before",
    "test": "records",
    "needs": "pack",
    "profile": "standard",
    "min_tokens": 1,
    "proves": "How many of the pack's questions the model answers wrongly that it answered rightly before.",
    "does_not_prove": "That abilities outside the pack are unharmed; a model at chance had none to lose.",
    "source": "docs/verification.md; arXiv 2009.03300",
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
