"""What the report says of the ticket's lawful life: clock, identity, decisions, holds, approvals, notices, recipients, key.

Plain frozen parts that the pipeline fills from the store and the checker reads back. Codes, dates, counts, digests and
opaque actor ids only; no reasoning, no letter, no name of a recipient. Dates are civil dates ("2026-03-02") in the time
zone of the clock; times are RFC 3339 in UTC. A value that should exist and does not is the text `not_recorded(reason)`,
never a default. Source of the list: GDPR Art. 5 (2), 12 (3), 17, 19; specs/domain.md §3 and §7.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

NOT_RECORDED = "not recorded: "
NOT_ASSIGNED = "not assigned"
NO_DATE = "no date set"


def not_recorded(reason: str) -> str:
    """Return the text that stands where a value should be and was never written down, with the reason."""
    return NOT_RECORDED + reason


@dataclass(frozen=True, kw_only=True, slots=True)
class ClockEventPart:
    """One step of the legal clock. `code` is the lawful reason where the step needs one (an extension always does)."""

    on: str
    kind: Literal["start", "suspend", "resume", "extend", "stop", "reopen"]
    code: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class ClockPart:
    """The legal clock as it stood when the report was issued, with everything needed to work it out again.

    received_on         the day the request came in; the clock counts from here
    strict_deadline_on  the last day without any suspension or extension
    deadline_on         the last day with them
    steps               how each date came about, one sentence each
    flags               what an authority may not accept about the dates, one sentence each; empty when there is nothing
    answered_on         the day of the notice that stopped the clock; None while no such notice was sent
    as_of_on            the day of issue in `time_zone`
    standing            kept: answered by `deadline_on` · missed: answered later, or not yet and the day is over · running
    """

    regime: str
    regime_digest: str
    time_zone: str
    calendar: str
    calendar_digest: str
    received_on: str
    events: tuple[ClockEventPart, ...]
    strict_deadline_on: str
    deadline_on: str
    steps: tuple[str, ...]
    flags: tuple[str, ...]
    answered_on: str | None
    as_of_on: str
    standing: Literal["kept", "missed", "running"]


def standing_of(*, deadline_on: str, answered_on: str | None, as_of_on: str) -> Literal["kept", "missed", "running"]:
    """Return how the deadline stands; ISO dates order like their texts, and the deadline's own day still counts."""
    if answered_on is not None:
        return "kept" if answered_on <= deadline_on else "missed"
    return "running" if as_of_on <= deadline_on else "missed"


@dataclass(frozen=True, kw_only=True, slots=True)
class IdentityPart:
    """One check of who is asking: method, the level it reached, how it ended. Attempts and answers stay out."""

    method: str
    level: str
    """low, substantial, high; or `not_recorded(…)` when the check ended without one."""
    result: str


@dataclass(frozen=True, kw_only=True, slots=True)
class DecisionCount:
    """How many footprint items were decided in one way. `code`: the W3C DPV ground or exemption; None where none is needed."""

    kind: Literal["record", "model"]
    verdict: str
    code: str | None
    items: int


@dataclass(frozen=True, kw_only=True, slots=True)
class DecisionsPart:
    """What was decided per item, counted; by whom; and the digest of the whole list, which the plan names too."""

    counts: tuple[DecisionCount, ...]
    deciders: tuple[str, ...]
    digest: str


@dataclass(frozen=True, kw_only=True, slots=True)
class HoldPart:
    """A legal hold that kept something of this ticket from being erased. `until` is None when no end is set."""

    scope_kind: str
    ground: str
    until: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class SignaturePart:
    """An approver's own signature: key id, public key (base64 of its SubjectPublicKeyInfo), and the DSSE envelope as JSON text."""

    key_id: str
    spki: str
    envelope: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ApprovalPart:
    """One decision on this plan by an opaque actor id. Without a signature the actor is self-declared."""

    actor_id: str
    decision: Literal["approved", "rejected"]
    given_at: str
    expires_at: str
    signature: SignaturePart | None


@dataclass(frozen=True, kw_only=True, slots=True)
class QuorumPart:
    """How many people had to approve and why, when enough had, how long one waited, and when unlearning began."""

    needed: int
    reason: str
    met_at: str
    grace_ends_at: str
    unlearning_started_at: str


@dataclass(frozen=True, kw_only=True, slots=True)
class NoticePart:
    """One letter that went out: its kind, language and template (never its text). `sent_at` is the operator's word."""

    kind: str
    locale: str
    template_digest: str
    sent_at: str
    channel: str


@dataclass(frozen=True, kw_only=True, slots=True)
class RecipientsPart:
    """Recipients of the data or the models that GDPR Art. 19 is about: how many, and how far each got.

    Every recipient counts in exactly one of the four: still to be told, told without an answer, acknowledged, or not told
    because that is impossible or disproportionate, with a justification on file.
    """

    due: int
    notified: int
    acknowledged: int
    disproportionate: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Residual:
    """Something that this report does not settle. `owner` is an actor id or NOT_ASSIGNED, `due_on` a date or NO_DATE."""

    kind: str
    name: str
    detail: str
    owner: str
    due_on: str


@dataclass(frozen=True, kw_only=True, slots=True)
class KeyPart:
    """When the key of this ticket's sealed values is destroyed, and how long a backup could outlive that.

    destruction_on      the day it is due, or was done; None while the ticket is open: the appeal window starts at closing
    appeal_window_days  from closing to destruction
    backup_bound_days   from destruction until no backup of the key store can bring the key back
    """

    state: Literal["ticket open", "due", "destroyed"]
    destruction_on: str | None
    appeal_window_days: int
    backup_bound_days: int
