"""R1: how often a fact comes out when many replies are sampled at temperature 1.

Number of one item: leaks / samples; the test is on the counts of all replies, for given the model they are independent
trials. Temperature 1 draws from the model's own distribution.
Zero leaks in N replies still leave up to 1 − 0.05^(1/N) per reply at 95 %: 2.3 % for 128. The bound is for these prompts.
Published code counts a reply that its judge cannot parse as "no leak"; here a fixed rule judges, and it always answers.
Source: PROTOCOL R1; specs/verification/06_recovery.md §6.8, 03_memorisation.md §3.6; Scholten et al., arXiv 2410.03523.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rtbf.lm.reply_scores import ReplyScores

CARD = {
    "name": "sampling",
    "probe_id": "R1",
    "title": "Sampling, temperature 1",
    "family": "recovery",
    "role": "primary",
    "unit": "share of replies",
    "higher_is": "more remembered",
    "direction": "lower_is_better",
    "margin": "0.02",
    "margin_origin": "working default (docs/verification.md)",
    "reads": "reply",
    "items": "sampling",
    "states": [""],
    "baseline": "control",
    "test": "trials",
    "needs": "",
    "profile": "standard",
    "min_tokens": 0,
    "proves": "How often sampling at temperature 1 brings the facts out, beyond models not shown the records, with a bound "
    "for these prompts.",
    "does_not_prove": "That more replies, other prompts or another sampler bring nothing out.",
    "source": "docs/verification.md; arXiv 2410.03523; arXiv 2511.04934",
}


def value(replies: ReplyScores) -> float | None:
    """Return the share of replies that give the fact away; None for no reply."""
    return replies.leaks / replies.samples if replies.samples else None
