"""What a probe is: a literal card and a few pure functions on what was observed. Standard library only.

A probe file is found by its name. It defines either

    value(observation) -> float | None             the number of one item; None: the item cannot carry it, counted as excluded
    combine(points) -> float | None                 optional: how the numbers of one record become one; the mean without it
    is_witness(observation) -> bool                 optional: the item came back word for word

or, for a figure over whole sets that is reported and decides nothing,

    summary(observed) -> Summary | None

Everything else (arms, pairing, intervals, p-values, status) is the same for all probes and lives in `verify.measure`
and `verify.verdict`. A number says nothing by itself; only its difference from what it is compared with does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

if TYPE_CHECKING:
    from rtbf.verify.item_set import Reads

Family: TypeAlias = Literal["gate", "forget", "recovery", "restoration", "utility", "regression"]
Role: TypeAlias = Literal["primary", "secondary", "reported"]
Baseline: TypeAlias = Literal["control", "chance", "before"]
Test: TypeAlias = Literal["records", "ranks", "best_rank", "trials", "none"]
"""How p-values are made; "ranks" and "best_rank" are exact and take the item for their unit, the others the record."""


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


class ProbeFacts(Protocol):
    """What measuring needs of a probe's card (`plan.card.ProbeCard` has it, and so has the checker's reading of `CARD`)."""

    @property
    def name(self) -> str:
        """Return the file's name."""

    @property
    def probe_id(self) -> str:
        """Return the protocol's id, as "F3", or "F3.x" for a further score of it."""

    @property
    def family(self) -> Family:
        """Return what kind of question it asks."""

    @property
    def role(self) -> Role:
        """Return whether it decides (primary), can only speak against (secondary), or is told and decides nothing (reported)."""

    @property
    def unit(self) -> str:
        """Return what its numbers are in."""

    @property
    def higher_is(self) -> str:
        """Return the direction of its score."""

    @property
    def reads(self) -> Reads:
        """Return the kind of observation it reads."""

    @property
    def items(self) -> str:
        """Return the set whose items it reads."""

    @property
    def states(self) -> tuple[str, ...]:
        """Return the states in which it looks at the artefact and the controls."""

    @property
    def baseline(self) -> Baseline:
        """Return what the artefact is compared with."""

    @property
    def test(self) -> Test:
        """Return which test gives its p-values."""

    @property
    def needs(self) -> Literal["", "adapter", "pack"]:
        """Return what it cannot do without."""
