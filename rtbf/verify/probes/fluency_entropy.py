"""U4.entropy: whether replies have grown poorer in words.

Value: minus the entropy in bits of the reply's bigrams, mean over the replies; after − before is the drop, so that higher
is worse. Sees what U4 cannot: short, empty and one-word replies, whose entropy is 0 though nothing repeats.
Source: PROTOCOL U4; specs/verification/01_tofu.md §1.6; RWKU, arXiv 2406.10890 (there n-gram entropy is multiplied by 100).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rtbf.lm.reply_scores import ReplyScores

CARD = {
    "name": "fluency_entropy",
    "probe_id": "U4.entropy",
    "title": "Entropy of replies",
    "family": "utility",
    "role": "secondary",
    "unit": "bits",
    "higher_is": "worse utility",
    "direction": "non_inferior",
    "margin": "0.5",
    "margin_origin": "ours, not calibrated (docs/verification.md)",
    "reads": "reply",
    "items": "fluency",
    "states": [""],
    "baseline": "before",
    "test": "records",
    "needs": "",
    "profile": "standard",
    "min_tokens": 0,
    "proves": "How much poorer in words the model's replies became.",
    "does_not_prove": "That what it says is right; a model that rambles scores well.",
    "source": "docs/verification.md; arXiv 2406.10890",
}


def value(replies: ReplyScores) -> float | None:
    """Return minus the mean bigram entropy in bits; None for no reply."""
    return -replies.entropy if replies.samples else None
