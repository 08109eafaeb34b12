"""S1: whether the model returned to what it knew before the records came (RESTOR), not only fell silent.

ρ = (acc_unlearned − acc_original) / (acc_clean − acc_original), acc the share of questions about neighbours whose true
answer has the highest mean log-probability per token, ties sharing the point. Clean are the controls, their mean. 1:
restored; 0: nothing came back; below 0: damaged further. Higher is better, unlike resurfacing, where nothing may return.
Variant: choice by log-probability only, on the neighbours' own facts; the paper also lets the model speak and a hosted
model judge. A ratio over a small difference is noise, so below 0.02 there is none: the records changed nothing there.
Source: PROTOCOL S1; specs/verification/06_recovery.md §6.1; Rezaei et al., arXiv 2411.00204.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from rtbf.lm.choice_scores import ChoiceScores
from rtbf.verify.probe import Summary

if TYPE_CHECKING:
    from rtbf.verify.observed import Observed

CARD = {
    "name": "restoration",
    "probe_id": "S1",
    "title": "Restoration ratio",
    "family": "restoration",
    "role": "reported",
    "unit": "share of questions; the estimate is a ratio",
    "higher_is": "nearer to the model without the records",
    "direction": "non_inferior",
    "margin": "0.20",
    "margin_origin": "at least 0.8 where a clean state exists; decides nothing (docs/verification.md)",
    "reads": "choice",
    "items": "neighbours",
    "states": [""],
    "baseline": "control",
    "test": "none",
    "needs": "",
    "profile": "standard",
    "min_tokens": 1,
    "proves": "How far answers about neighbours went back to those of models not shown the records.",
    "does_not_prove": "That the subject's own records are gone, or anything where the records had changed no answer.",
    "source": "docs/verification.md; arXiv 2411.00204",
}

SMALLEST_CHANGE = 0.02
"""Of the share of right answers. Ours: one answer in fifty; the paper's ratio has no floor."""


def summary(observed: Observed) -> Summary | None:
    """Return the shares of right answers and, as `estimate`, ρ; None when neighbours were not asked."""
    if CARD["items"] not in observed.sets:
        return None
    before, after = _accuracy(observed, observed.original), _accuracy(observed, observed.unlearned)
    clean = [_accuracy(observed, name) for name in observed.controls]
    answered = [share for share in clean if share is not None]
    if before is None or after is None or not answered or len(answered) != len(clean):
        return Summary(before=before, after=after, control=None, estimate=None, note="not evaluable: no control, or no question")
    control = math.fsum(answered) / len(answered)
    if abs(control - before) < SMALLEST_CHANGE:
        note = "not evaluable: the records changed nothing there"
        return Summary(before=before, after=after, control=control, estimate=None, note=note)
    ratio = (after - before) / (control - before)
    return Summary(before=before, after=after, control=control, estimate=ratio, note="1: restored; 0: nothing came back; below 0: damaged")


def _accuracy(observed: Observed, arm: str) -> float | None:
    """Return the share of right answers, NaN when a score is not finite; None when no question can be answered."""
    points = [
        _point(choice)
        for choice in observed.scores("neighbours", arm)
        if isinstance(choice, ChoiceScores) and choice.others and min(choice.true_tokens, *choice.others_tokens) > 0
    ]
    return math.fsum(points) / len(points) if points else None


def _point(choice: ChoiceScores) -> float:
    if not all(map(math.isfinite, (choice.true, *choice.others))):
        return math.nan
    true = choice.true / choice.true_tokens
    others = [summed / tokens for summed, tokens in zip(choice.others, choice.others_tokens, strict=True)]
    return 0.0 if max(others) > true else 1 / (1 + others.count(true))
