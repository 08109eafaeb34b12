"""U5: whether the model still answers a question about what stays when the same prompt also asks about the subject.

Value: 1 − the share of replies that hold the retained half's right answer, so that higher is worse. Unlearning often
breaks such prompts although each half alone is fine. The prompts and their answers are the operator's pack.
Source: PROTOCOL U5 (−0.05); specs/verification/08_semeval_alignment.md §8.2; Thaker et al., arXiv 2410.02879.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rtbf.lm.reply_scores import ReplyScores

CARD = {
    "name": "dependent_questions",
    "probe_id": "U5",
    "title": "Questions that name the subject and something else",
    "family": "utility",
    "role": "primary",
    "unit": "share of replies",
    "higher_is": "worse utility",
    "direction": "non_inferior",
    "margin": "0.05",
    "margin_origin": "working default (docs/verification.md)",
    "reads": "reply",
    "items": "pack_u5",
    "states": [""],
    "baseline": "before",
    "test": "records",
    "needs": "pack",
    "profile": "standard",
    "min_tokens": 0,
    "proves": "How often naming the subject makes the model fail at something else that it answered before.",
    "does_not_prove": "That other mixed prompts work.",
    "source": "docs/verification.md; arXiv 2410.02879",
}


def value(replies: ReplyScores) -> float | None:
    """Return the share of replies without the retained half's answer; None for no reply."""
    return 1 - replies.leaks / replies.samples if replies.samples else None
