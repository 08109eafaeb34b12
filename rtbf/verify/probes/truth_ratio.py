"""F3.truth: the log of TOFU's truth ratio, with its sign turned: how far a paraphrase is preferred to wrong answers.

log R = (1/m) Σ_i l_i/n_i − l_p/n_p, where l_i are the summed log-probabilities of m wrong answers, n_i their tokens, and
p is the paraphrase of the right one. The value is −log R in nats per token: higher is more remembered.

Variant: geometric mean over the wrong answers, as TOFU's and open-unlearning's code has it; the paper's text has an
arithmetic mean, about 1.36 times larger at a spread of 1 nat. Everything stays in logs: the published code adds 1e-10
to a probability, so that its ratio collapses above about 20 nats and a destroyed model looks forgotten.
Source: specs/verification/01_tofu.md §1.3; TOFU, arXiv 2401.06121, §2.2; specs/anchors/evaluators.md §5.4.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rtbf.lm.choice_scores import ChoiceScores

CARD = {
    "name": "truth_ratio",
    "probe_id": "F3.truth",
    "title": "Truth ratio (log, geometric)",
    "family": "forget",
    "role": "secondary",
    "unit": "nats per token",
    "higher_is": "more remembered",
    "direction": "two_sided",
    "margin": "0.10",
    "margin_origin": "as F3",
    "reads": "choice",
    "items": "wrong_answers",
    "states": [""],
    "baseline": "control",
    "test": "records",
    "needs": "",
    "profile": "standard",
    "min_tokens": 1,
    "proves": "How much more the model prefers the right fact, in other words, to wrong ones than models not shown the records do.",
    "does_not_prove": "That the fact is gone: one round of further training brought this figure back in published tests. It depends on "
    "who wrote the wrong answers.",
    "source": "docs/verification.md; arXiv 2401.06121 section 2.2",
}


def value(choice: ChoiceScores) -> float | None:
    """Return −log R in nats per token; None without a wrong answer, or where one of the answers has no token."""
    if not choice.others or min(choice.true_tokens, *choice.others_tokens) < 1:
        return None
    wrong = [summed / tokens for summed, tokens in zip(choice.others, choice.others_tokens, strict=True)]
    return choice.true / choice.true_tokens - math.fsum(wrong) / len(wrong)
