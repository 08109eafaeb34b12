"""What a check is handed, what its steps find out, and how a step says no. Standard library only.

A step is a function of `Handed` and `Found`. It returns what it saw, or raises ValueError: `Misfit` when it can say what was
expected instead, `Undecided` when what is at hand lets nobody say good or bad. `run` makes the one named error of it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypedDict, TypeVar

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from pathlib import Path

    from rtbf.evidence.dsse import OpenedEnvelope
    from rtbf.evidence.tree_head import TreeHead
    from rtbf.evidence.trust_file import Trust, TrustedKey
    from rtbf.report.check.event_lines import Event
    from rtbf.report.check.versions import Body

T = TypeVar("T")


class Misfit(ValueError):
    """Something at hand is not as it must be."""

    def __init__(self, found: str, expected: str) -> None:
        self.found = found
        self.expected = expected
        super().__init__(f"{found}; expected {expected}")


class Undecided(Misfit):
    """What is at hand does not let the checker say good or bad."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Seen:
    """What a step saw. Not `is_decided`: nothing speaks against it, and nothing was shown; `detail` then says what is missing."""

    is_decided: bool
    detail: str


class BesideReceipt(TypedDict, total=False):
    """What may be handed over beside a receipt: fields of `Handed`, by their names."""

    root: str | None
    min_trust_version: int | None
    head: bytes | None
    consistency: bytes | None
    now: datetime | None


class Beside(BesideReceipt, total=False):
    """What may be handed over beside an envelope or a bundle."""

    artefact: Path | None
    pdf: bytes | None
    items: bytes | None
    receipt: bytes | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Handed:
    """Everything the auditor handed over. None: not handed over.

    envelope       report.dsse.json; empty when only a receipt is checked
    trust          the trust file, got by another path
    bundle         name → content of a whole bundle; None for an envelope or a receipt alone
    root           the key id that the trust file's root must have
    min_trust_version  the highest version of the trust file that the auditor has seen
    token          report.dsse.json.tsr, when it did not come in a bundle
    pdf            report.pdf, when it did not come in a bundle, or a second copy of it
    head           a tree head of the auditor's own; `consistency`: the proof between it and the bundle's
    receipt        what the requester got at intake
    items          the disclosed per-item log
    now            today, to say that a trust file has expired; None: not looked at
    """

    envelope: bytes
    trust: bytes
    bundle: Mapping[str, bytes] | None = None
    root: str | None = None
    min_trust_version: int | None = None
    artefact: Path | None = None
    token: bytes | None = None
    pdf: bytes | None = None
    head: bytes | None = None
    consistency: bytes | None = None
    receipt: bytes | None = None
    items: bytes | None = None
    now: datetime | None = None


@dataclass(kw_only=True, slots=True)
class Found:
    """What the steps before have established; each fills in what the next ones read.

    proven_at      when an outside authority saw the envelope; None without a token that holds
    is_story_shown the statement's ids and times may be repeated: it agrees with itself, and its approvals hold
    remarks        what the auditor should know and what is no fault
    superseded_by  the report that the bundle's ledger names in this one's place
    """

    opened_envelope: OpenedEnvelope | None = None
    read_trust_file: Trust | None = None
    signer: TrustedKey | None = None
    statement: dict[str, Any] = field(default_factory=dict)
    proven_at: datetime | None = None
    read_body: Body | None = None
    is_story_shown: bool = False
    head: TreeHead | None = None
    events: tuple[Event, ...] = ()
    superseded_by: str | None = None
    remarks: list[str] = field(default_factory=list)

    @property
    def opened(self) -> OpenedEnvelope:
        """Return the envelope that step 1 opened."""
        return _there(self.opened_envelope)

    @property
    def trust(self) -> Trust:
        """Return the trust file that step 2 read."""
        return _there(self.read_trust_file)

    @property
    def key(self) -> TrustedKey:
        """Return the key whose signature step 3 found to fit."""
        return _there(self.signer)

    @property
    def body(self) -> Body:
        """Return the statement that step 5 found to agree with itself."""
        assert self.read_body is not None  # as `_there`, which would lose the union
        return self.read_body


def _there(value: T | None) -> T:
    assert value is not None  # the steps run in order, and none runs after one that did not hold
    return value
