"""What a probe is: a card and one number per item, computed from the shared scoring pass.

A probe file is found by its name, starts with a literal CARD, and defines

    value(scores: ItemScores) -> float | None      None: this item cannot carry the score (too short), counted as excluded
    is_witness(scores: ItemScores) -> bool         optional: the item was reproduced word for word

Everything else (arms, pairing, intervals, p-values, status) is the same for all probes and lives in `verify.measure`
and `verify.verdict`. A value says nothing by itself; only its difference from the never-shown control does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from rtbf.lm.scoring import ItemScores


class Probe(Protocol):
    """The module of one probe."""

    @staticmethod
    def value(scores: ItemScores) -> float | None:
        """Return the item's score, or None when it cannot carry one."""
