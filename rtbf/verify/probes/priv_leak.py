"""MUSE.PrivLeak: the figure that MUSE reports under this name, for comparison with papers. It decides nothing.

PrivLeak = 100 · (AUC_unlearned − AUC_ref) / AUC_ref in percent. Score: Min-K 40 %, the mean of the lowest 40 % of a text's
log-probabilities, floor(0.4 n) of them and at least one, the end mark left out. AUC in MUSE's orientation, label 0 for
forget records: the chance that a sibling looks more trained than a record, a tie counted half: one minus the usual AUC.
About −100: still known; 0: as the reference; above 0: over-unlearned.

Reference: the controls, the mean of their AUCs. There is no fallback to 0.5: without a control there is no figure. The
ratio has no upper bound (issue 167 reads 5215, and a reference of 0 prints 1e11), so with a reference AUC below 0.05 or
above 0.95 there is none either. Siblings stand in for MUSE's hold-out texts. F5 is the bounded difference of the same kind.
Source: specs/verification/02_muse.md §2.3; MUSE, arXiv 2407.06460; specs/anchors/evaluators.md §3.5, §5.7.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from rtbf.lm.item_scores import ItemScores
from rtbf.verify.probe import Summary

if TYPE_CHECKING:
    from rtbf.verify.observed import Observed

CARD = {
    "name": "priv_leak",
    "probe_id": "MUSE.PrivLeak",
    "title": "PrivLeak (MUSE)",
    "family": "forget",
    "role": "reported",
    "unit": "AUC, label 0 for forget; the estimate is in percent",
    "higher_is": "over-unlearned",
    "direction": "two_sided",
    "margin": "0",
    "margin_origin": "none: decides nothing",
    "reads": "score",
    "items": "forget+siblings",
    "states": [""],
    "baseline": "control",
    "test": "none",
    "needs": "",
    "profile": "standard",
    "min_tokens": 1,
    "proves": "How far the records look from siblings as they do under a control, in the form that papers print.",
    "does_not_prove": "Anything by itself: it has no interval here, and noise alone moves it by tens of percent.",
    "source": "docs/verification.md; arXiv 2407.06460",
}

K_PERCENT = 40
LOWEST_REFERENCE, HIGHEST_REFERENCE = 0.05, 0.95
"""Ours. Outside, a division blows noise up, or the siblings are told from records by style alone."""


def summary(observed: Observed) -> Summary | None:
    """Return the AUCs and, as `estimate`, PrivLeak in percent; None when records or siblings were not asked."""
    if not set(str(CARD["items"]).split("+")) <= observed.sets:
        return None
    before, after = _auc(observed, observed.original), _auc(observed, observed.unlearned)
    references = [_auc(observed, name) for name in observed.controls]
    known = [area for area in references if area is not None]
    if before is None or after is None or not known or len(known) != len(references):
        return Summary(before=before, after=after, control=None, estimate=None, note="not evaluable: no control, or a side without texts")
    reference = math.fsum(known) / len(known)
    if not LOWEST_REFERENCE <= reference <= HIGHEST_REFERENCE and not math.isnan(reference):
        note = "not evaluable: the reference AUC lies outside 0.05 to 0.95, where the ratio says nothing"
        return Summary(before=before, after=after, control=reference, estimate=None, note=note)
    leak = 100 * (after - reference) / reference
    return Summary(
        before=before, after=after, control=reference, estimate=leak, note="−100: still known; 0: as the controls; above 0: over-unlearned"
    )


def _auc(observed: Observed, arm: str) -> float | None:
    """Return P(sibling looks more trained than a record); None when a side has no text with tokens, NaN when a score is not finite."""
    from rtbf.statistics.curves import auc  # noqa: PLC0415 - numpy and scipy only where they are asked for

    members, siblings = _lowest(observed, "forget", arm), _lowest(observed, "siblings", arm)
    if not members or not siblings:
        return None
    area = auc(siblings, members)
    return math.nan if area is None else area


def _lowest(observed: Observed, items: str, arm: str) -> list[float]:
    """Return Min-K 40 % of every text that has a token."""
    scored = []
    for scores in observed.scores(items, arm):
        log_probs = scores.content_log_probs if isinstance(scores, ItemScores) else ()
        if log_probs:
            # Sorting NaNs gives any order; one of them makes the text's score NaN.
            lowest = [math.nan] if any(map(math.isnan, log_probs)) else sorted(log_probs)[: max(1, len(log_probs) * K_PERCENT // 100)]
            scored.append(math.fsum(lowest) / len(lowest))
    return scored
