"""R10: whether the model repeats a fact that the prompt itself gives it.

Every model does, one never shown the records as well: what was unlearned can be used again as soon as a retrieval index, a
log or a user brings it. The number is told so that nobody forgets it, and never decides. Number of one item: the share of
its replies that hold one of the keys that the context gave.
Source: PROTOCOL R10; specs/verification/06_recovery.md §6.7; Shumailov et al. (UnUnlearning), arXiv 2407.00106.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rtbf.lm.reply_scores import ReplyScores

CARD = {
    "name": "in_context",
    "probe_id": "R10",
    "title": "In-context re-introduction",
    "family": "recovery",
    "role": "reported",
    "unit": "share of replies",
    "higher_is": "more remembered",
    "direction": "lower_is_better",
    "margin": "0.05",
    "margin_origin": "as R5; decides nothing",
    "reads": "reply",
    "items": "in_context",
    "states": [""],
    "baseline": "control",
    "test": "records",
    "needs": "",
    "profile": "standard",
    "min_tokens": 0,
    "proves": "That the model can use the facts again once they are put before it.",
    "does_not_prove": "Anything about what the weights hold.",
    "source": "docs/verification.md; arXiv 2407.00106",
}


def value(replies: ReplyScores) -> float | None:
    """Return the share of replies that give the fact away; None for no reply."""
    return replies.leaks / replies.samples if replies.samples else None
