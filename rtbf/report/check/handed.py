"""What a check is handed, what its steps find out, and how a step says no. Standard library only.

A step is a function of `Handed` and `Found`. It returns what it saw, or raises ValueError: `Misfit` when it can say what was
expected instead, `Undecided` when what is at hand lets nobody say good or bad. `run` makes the one named error of it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from pathlib import Path

    from rtbf.evidence.dsse import OpenedEnvelope
    from rtbf.report.predicate import StatementBody
    from rtbf.report.predicate_v1 import StatementBodyV1
    from rtbf.report.predicate_v2 import StatementBodyV2
    from rtbf.report.trust import Trust, TrustedKey

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


@dataclass(frozen=True, kw_only=True, slots=True)
class Handed:
    """Everything the auditor handed over. None: not handed over."""

    envelope: bytes
    trust: bytes
    artefact: Path | None = None
    pdf: bytes | None = None


@dataclass(kw_only=True, slots=True)
class Found:
    """What the steps before have established; each fills in what the next ones read."""

    opened_envelope: OpenedEnvelope | None = None
    read_trust_file: Trust | None = None
    signer: TrustedKey | None = None
    statement: dict[str, Any] = field(default_factory=dict)
    read_body: StatementBody | StatementBodyV1 | StatementBodyV2 | None = None
    is_verdict_shown: bool = False
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
    def body(self) -> StatementBody | StatementBodyV1 | StatementBodyV2:
        """Return the statement that step 5 found to agree with itself."""
        assert self.read_body is not None  # as `_there`, which would lose the union
        return self.read_body


def _there(value: T | None) -> T:
    assert value is not None  # the steps run in order, and none runs after one that did not hold
    return value
