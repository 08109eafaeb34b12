"""Four eyes on one digest: who may approve a plan, when enough have, and until when that holds. Pure rules.

Standard library and rtbf.errors only: the pipeline asks before it moves a ticket, and the offline checker asks again about
the approvals in a report. Does not prove who someone is; that is what an approver's own signature is for, and where there
is none the report says that the actor is self-declared.
Source: DESIGN §2 and §7; specs/domain.md §2, guards 9 and 10, invariant 4.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Protocol

from rtbf.errors import FourEyes, SignatureRefused, StalePlan

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import datetime


class Terms(Protocol):
    """What of a plan (or of its part in a report) the approvals are measured by."""

    @property
    def quorum(self) -> int:
        """How many different people must approve."""

    @property
    def grace_s(self) -> int:
        """Seconds from the approval that completes the quorum to the earliest start."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ApprovalGiven:
    """One yes or no to one plan digest. It counts from `given_at` until just before `expires_at`. `key_id` None: not signed."""

    actor_id: str
    plan_digest: str
    is_approval: bool
    given_at: datetime
    expires_at: datetime
    key_id: str | None


def require_live_plan(ticket_id: str, given_digest: str, live_digest: str) -> None:
    """Return when the digest that was read is the live plan's; raises StalePlan otherwise."""
    if given_digest != live_digest:
        raise StalePlan(
            found=f"a decision on {given_digest[:80]}",
            expected=f"the live plan {live_digest}",
            remedy=f"read `rtbf show {ticket_id}` and decide on the digest it prints",
        )


def require_approver(actor_id: str, *, submitted_by: str, planned_by: str, decided_by: frozenset[str]) -> None:
    """Return when the approver neither submitted the ticket, nor made the plan, nor decided any of its items.

    Raises FourEyes naming every one of these that the actor did. It guards approvals only: anyone may reject.
    """
    did = [
        deed
        for deed, actors in (
            ("submitted the ticket", {submitted_by}),
            ("made the plan", {planned_by}),
            ("decided what is erased", decided_by),
        )
        if actor_id in actors
    ]
    if did:
        raise FourEyes(
            found=f"an approval by the actor who {' and '.join(did)}",
            expected="somebody who did none of it",
            remedy="let a colleague approve with --as NAME",
        )


def require_own_signature(registered_keys: Collection[str], key_id: str | None) -> None:
    """Return when an approval is signed as it must be; raises SignatureRefused when a signature is missing.

    registered_keys   ids of every key ever registered for the actor, revoked ones too

    Once an actor has a key, only signed approvals count in that name: else naming the actor with --as would be a way
    around the key, and revoking the key would be another.
    """
    if registered_keys and key_id is None:
        raise SignatureRefused(
            found="an approval without a signature, by an actor who has registered a key",
            expected="the actor's own signature",
            remedy="approve again with the key file; if it is lost, revoke it and register another: `rtbf key actor NAME`",
        )


def require_registered_key(key_id: str | None, spki: bytes | None) -> bytes:
    """Return the registered public half of the key that signs; raises SignatureRefused when the actor has no such living key."""
    if spki is None:
        raise SignatureRefused(
            found=f"a signature by the key {str(key_id)[:80]}, which is not registered for this actor or was revoked",
            expected="the actor's own registered key",
            remedy="register it with `rtbf key actor NAME`, or sign with the one that is; see `rtbf key list`",
        )
    return spki


def is_rejected(approvals: Sequence[ApprovalGiven]) -> bool:
    """Return whether anybody said no. One no voids the plan, whoever said it and whoever says yes later."""
    return any(not given.is_approval for given in approvals)


def live_approvers(approvals: Sequence[ApprovalGiven], live_digest: str, now: datetime) -> frozenset[str]:
    """Return who has an approval of this very digest that counts at `now`. Each actor is one, however often they approved."""
    return frozenset(
        given.actor_id
        for given in approvals
        if given.is_approval and given.plan_digest == live_digest and given.given_at <= now < given.expires_at
    )


def quorum_met(plan: Terms, approvals: Sequence[ApprovalGiven], live_digest: str, now: datetime) -> bool:
    """Return whether enough different people approve of this digest at `now` and nobody has said no."""
    # A quorum below one would let a plan run that nobody approved.
    return not is_rejected(approvals) and len(live_approvers(approvals, live_digest, now)) >= max(1, plan.quorum)


def quorum_met_at(plan: Terms, approvals: Sequence[ApprovalGiven], live_digest: str) -> datetime | None:
    """Return the moment of the approval that completed the quorum; None when it never was complete.

    When it was complete, lapsed by expiry and was completed again, the last completion counts: the time to notice a
    mistake begins anew.
    """
    completed = None
    moments = sorted({given.given_at for given in approvals if given.is_approval and given.plan_digest == live_digest})
    for moment in moments:
        earlier = [given for given in approvals if given.given_at < moment]
        until_now = [given for given in approvals if given.given_at <= moment]
        if quorum_met(plan, until_now, live_digest, moment) and not quorum_met(plan, earlier, live_digest, moment):
            completed = moment
    return completed


def grace_ends_at(plan: Terms, approvals: Sequence[ApprovalGiven], live_digest: str) -> datetime | None:
    """Return from when the approved plan may be carried out; None when it never had its quorum."""
    completed = quorum_met_at(plan, approvals, live_digest)
    return None if completed is None else completed + timedelta(seconds=plan.grace_s)


def to_milliseconds(instant: datetime) -> datetime:
    """Return `instant` cut to milliseconds, as RFC 3339 text here has them: what is stored must be what was signed."""
    return instant.replace(microsecond=instant.microsecond // 1000 * 1000)
