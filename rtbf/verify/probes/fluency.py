"""U4: whether replies have begun to repeat themselves.

Value: the share of a reply's 4-grams that occurred earlier in it, mean over the replies; higher is worse. Unlearning that
pushes too far ends in loops, and a broken model passes every forget probe that is not two-sided.
A model that says nothing does not repeat itself; U4.entropy sees that one.
Source: PROTOCOL U4; specs/verification/01_tofu.md §1.6, 08_semeval_alignment.md §8.2; Welleck et al. (seq-rep-4), arXiv 1908.04319.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rtbf.lm.reply_scores import ReplyScores

CARD = {
    "name": "fluency",
    "probe_id": "U4",
    "title": "Repetition in replies",
    "family": "utility",
    "role": "primary",
    "unit": "share of 4-grams",
    "higher_is": "worse utility",
    "direction": "non_inferior",
    "margin": "0.05",
    "margin_origin": "ours, not calibrated (docs/verification.md)",
    "reads": "reply",
    "items": "fluency",
    "states": [""],
    "baseline": "before",
    "test": "records",
    "needs": "",
    "profile": "standard",
    "min_tokens": 0,
    "proves": "How much more the model repeats itself than before.",
    "does_not_prove": "That what it says is right.",
    "source": "docs/verification.md; arXiv 1908.04319",
}


def value(replies: ReplyScores) -> float | None:
    """Return the mean share of repeated 4-grams in [0, 1]; None for no reply."""
    return replies.repeats if replies.samples else None
