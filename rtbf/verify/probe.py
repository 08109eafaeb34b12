"""What a probe is: a card and one number per item, computed from the shared scoring pass.

A probe file is found by its name, starts with a literal CARD, and defines

    value(scores: ItemScores) -> float | None      None: this item cannot carry the score (too short), counted as excluded
    is_witness(scores: ItemScores) -> bool         optional: the item was reproduced word for word

Everything else (arms, pairing, intervals, p-values, status) is the same for all probes and lives in `verify.measure`
and `verify.verdict`. A value says nothing by itself; only its difference from the never-shown control does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from rtbf.lm.item_scores import ItemScores


@dataclass(frozen=True, kw_only=True, slots=True)
class Point:
    """The number of one item in one state, before a record's numbers are united."""

    label: str
    state: str
    value: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Summary:
    """A figure over whole sets: of the original, the unlearned artefact and the controls' mean; `estimate` as the note says."""

    before: float | None
    after: float | None
    control: float | None
    estimate: float | None
    note: str


class Probe(Protocol):
    """The module of one probe."""

    @staticmethod
    def value(scores: ItemScores) -> float | None:
        """Return the item's score, or None when it cannot carry one."""


class ProbeFacts(Protocol):
    """What measuring needs of a probe's card (`plan.card.ProbeCard` has it, and so has the checker's reading of `CARD`)."""

    @property
    def name(self) -> str:
        """Return the file's name."""

    @property
    def probe_id(self) -> str:
        """Return the protocol's id, as "F3"."""

    @property
    def family(self) -> Literal["forget", "utility", "recovery"]:
        """Return what kind of question it asks."""

    @property
    def unit(self) -> str:
        """Return what its numbers are in."""

    @property
    def higher_is(self) -> str:
        """Return the direction of its score."""

    @property
    def needs(self) -> str:
        """Return what it is computed from; "adapter_state" looks at the artefact with its adapter off."""

    @property
    def items(self) -> str:
        """Return whose items it scores: "forget" or "utility_holdout"."""
