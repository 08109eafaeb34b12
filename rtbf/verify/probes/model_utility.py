"""TOFU.model_utility: the figure that TOFU reports under this name, for comparison with papers. It decides nothing.

Harmonic mean of three means over retained records that were held out of unlearning: probability exp(mean log-probability
per answer token), ROUGE-L recall of the greedy reply, and max(0, 1 − R), R the truth ratio with a geometric mean over the
wrong answers. Higher is better; 0 to 1.

Variant: the paper takes nine numbers, these three also on real authors and on world facts; those sets are not at hand, so
only the retained ones are used and the value is not comparable with published ones to the second digit. Everything up to R
stays in logs, so a destroyed model has R = 1 and scores 0, where an epsilon of 1e-10 gave it a perfect 1.
One part at 0 makes the whole 0: one flipped answer can do that, so the note says when it happened.
Source: specs/verification/01_tofu.md §1.5; TOFU, arXiv 2401.06121, §2.2; specs/anchors/evaluators.md §5.4, §5.17.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from rtbf.lm.choice_scores import ChoiceScores
from rtbf.lm.item_scores import ItemScores
from rtbf.lm.reply_scores import ReplyScores
from rtbf.verify.probe import Summary

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rtbf.verify.observed import Observed

CARD = {
    "name": "model_utility",
    "probe_id": "TOFU.model_utility",
    "title": "Model utility (TOFU, retained records only)",
    "family": "utility",
    "role": "reported",
    "unit": "harmonic mean of shares",
    "higher_is": "better utility",
    "direction": "non_inferior",
    "margin": "0",
    "margin_origin": "none: decides nothing",
    "reads": "score",
    "items": "holdout+retain_answers+retain_choices",
    "states": [""],
    "baseline": "before",
    "test": "none",
    "needs": "",
    "profile": "standard",
    "min_tokens": 1,
    "proves": "How well the model still answers about retained records, in one number as papers print it.",
    "does_not_prove": "That neighbours, safety or fluency are unharmed; a good part can hide a bad one until that is 0.",
    "source": "docs/verification.md; arXiv 2401.06121",
}

NOTE = "variant: retained records only, without real authors and world facts; the estimate is after − before"
NOUGHT = "; one part of the unlearned artefact is 0, and that makes the whole 0"


def summary(observed: Observed) -> Summary | None:
    """Return the harmonic mean of each arm (controls: their mean) and as `estimate` after − before; None when a set was not asked.

    No number where a part has no item; NaN when a score is not finite.
    """
    if not set(str(CARD["items"]).split("+")) <= observed.sets:
        return None
    before, after = _parts(observed, observed.original), _parts(observed, observed.unlearned)
    utility_before, utility_after = _harmonic(before), _harmonic(after)
    controls = [_harmonic(_parts(observed, name)) for name in observed.controls]
    known = [utility for utility in controls if utility is not None]
    return Summary(
        before=utility_before,
        after=utility_after,
        control=math.fsum(known) / len(known) if known and len(known) == len(controls) else None,
        estimate=None if utility_before is None or utility_after is None else utility_after - utility_before,
        note=NOTE + (NOUGHT if 0 in after else ""),
    )


def _parts(observed: Observed, arm: str) -> tuple[float | None, float | None, float | None]:
    """Return the means of probability, ROUGE-L recall and max(0, 1 − R); a reply that has no gold answer has no recall and no part."""
    scores = [scores.log_probs for scores in observed.scores("holdout", arm) if isinstance(scores, ItemScores) and scores.log_probs]
    replies = [
        reply.rouge_recall
        for reply in observed.scores("retain_answers", arm)
        if isinstance(reply, ReplyScores) and reply.samples and not math.isnan(reply.rouge_recall)
    ]
    choices = [
        choice
        for choice in observed.scores("retain_choices", arm)
        if isinstance(choice, ChoiceScores) and choice.others and min(choice.true_tokens, *choice.others_tokens) > 0
    ]
    return (
        _mean([math.exp(math.fsum(log_probs) / len(log_probs)) for log_probs in scores]),
        _mean(replies),
        _mean([_preference(choice) for choice in choices]),
    )


def _preference(choice: ChoiceScores) -> float:
    """Return max(0, 1 − R); R is not computed where it is above 1, for it may be too large for a float."""
    if not all(map(math.isfinite, (choice.true, *choice.others))):
        return math.nan
    wrong = [summed / tokens for summed, tokens in zip(choice.others, choice.others_tokens, strict=True)]
    log_ratio = math.fsum(wrong) / len(wrong) - choice.true / choice.true_tokens
    return -math.expm1(log_ratio) if log_ratio < 0 else 0.0


def _mean(values: Sequence[float]) -> float | None:
    return math.fsum(values) / len(values) if values else None


def _harmonic(parts: Sequence[float | None]) -> float | None:
    """Return the harmonic mean, 0 when a part is 0; None when a part is missing, NaN when one is."""
    known = [part for part in parts if part is not None]
    if len(known) != len(parts):
        return None
    if any(map(math.isnan, known)):
        return math.nan
    return len(known) / math.fsum(1 / part for part in known) if all(known) else 0.0
