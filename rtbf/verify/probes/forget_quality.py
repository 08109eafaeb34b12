"""TOFU.forget_quality: the figure that TOFU reports under this name, for comparison with papers. It decides nothing.

p-value of a two-sample Kolmogorov–Smirnov test between the truth ratios of the unlearned model and of a control, unpaired.
The ratio is F3.truth's: log R with a geometric mean over the wrong answers, as the published code has it, one number per
question; the test depends on their order alone, so logs change nothing. With several controls, the mean of their p-values.

A large p is no evidence of forgetting: with 20 questions the model that remembers everything got 0.175, and at 5 questions
half a standard deviation of remembering is missed 98 times in 100. One run at one seed, unpaired although the questions
are the same. Where artefact and control give the same number on every question, the same log was most likely read twice
(it happened: open-unlearning issue 19), and there is no figure.
Source: specs/verification/01_tofu.md §1.4; TOFU, arXiv 2401.06121, §2.2; specs/anchors/evaluators.md §5.7, §5.19.
"""

from __future__ import annotations

import math
from itertools import combinations
from typing import TYPE_CHECKING

from rtbf.lm.choice_scores import ChoiceScores
from rtbf.verify.probe import Summary

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rtbf.verify.observed import Observed

CARD = {
    "name": "forget_quality",
    "probe_id": "TOFU.forget_quality",
    "title": "Forget quality (TOFU)",
    "family": "forget",
    "role": "reported",
    "unit": "p-value",
    "higher_is": "less told apart from a control",
    "direction": "two_sided",
    "margin": "0",
    "margin_origin": "none: a p-value has no margin, and this one decides nothing",
    "reads": "choice",
    "items": "wrong_answers",
    "states": [""],
    "baseline": "control",
    "test": "none",
    "needs": "",
    "profile": "standard",
    "min_tokens": 1,
    "proves": "At a small value: that truth ratios differ from a control's.",
    "does_not_prove": "Anything at a large value: few questions, and it is large whatever the model remembers.",
    "source": "docs/verification.md; arXiv 2401.06121",
}

NOTE = "variant: geometric mean over wrong answers, unpaired, mean over controls; a large p-value is no evidence of forgetting"


def summary(observed: Observed) -> Summary | None:
    """Return KS p-values: original and unlearned against the controls, and controls among themselves. `estimate` is the unlearned's.

    None when wrong answers were not asked; no number without a control or a question, NaN when a score is not finite.
    """
    if CARD["items"] not in observed.sets:
        return None
    before, after = _ratios(observed, observed.original), _ratios(observed, observed.unlearned)
    controls = [_ratios(observed, name) for name in observed.controls]
    if not controls or not after:
        return Summary(before=None, after=None, control=None, estimate=None, note="not evaluable: no control, or no question")
    if after in controls:
        note = "not evaluable: the artefact and a control gave the same numbers; was one log read twice?"
        return Summary(before=None, after=None, control=None, estimate=None, note=note)
    told = _mean_p((after, control) for control in controls)
    return Summary(
        before=_mean_p((before, control) for control in controls),
        after=told,
        control=_mean_p(combinations(controls, 2)) if len(controls) > 1 else None,
        estimate=told,
        note=NOTE,
    )


def _ratios(observed: Observed, arm: str) -> list[float]:
    """Return log R of every question that has a wrong answer and tokens."""
    return [
        math.fsum(summed / tokens for summed, tokens in zip(choice.others, choice.others_tokens, strict=True)) / len(choice.others)
        - choice.true / choice.true_tokens
        for choice in observed.scores("wrong_answers", arm)
        if isinstance(choice, ChoiceScores) and choice.others and min(choice.true_tokens, *choice.others_tokens) > 0
    ]


def _mean_p(pairs: Iterable[tuple[Sequence[float], Sequence[float]]]) -> float:
    from rtbf.statistics.curves import ks_two_sample_p  # noqa: PLC0415 - numpy and scipy only where a p-value is asked for

    found = [ks_two_sample_p(first, second) for first, second in pairs]
    known = [p_value for p_value in found if p_value is not None]
    # A p-value is missing where a ratio is not finite: that must show, and not leave a mean of the others.
    return math.fsum(known) / len(known) if len(known) == len(found) else math.nan
