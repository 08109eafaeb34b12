"""Gather from the store what one report is made of; residuals that follow from the plan are opened on the way."""

from __future__ import annotations

import secrets
from importlib.metadata import version
from typing import TYPE_CHECKING, Literal

from rtbf.clock import rfc3339
from rtbf.errors import RecordBroken
from rtbf.evidence.strict_base64 import base64_text
from rtbf.footprint.record import Footprint
from rtbf.pipeline.clock import calendar_of, clock_of, events_of
from rtbf.pipeline.ledger import ledger_head
from rtbf.pipeline.reports import REPORT_ID_PREFIX
from rtbf.pipeline.residuals import open_residual
from rtbf.plan.decisions import Decisions, count_decisions
from rtbf.plan.holds import held_items
from rtbf.plan.record import Plan
from rtbf.report.lawful import (
    ApprovalPart,
    ClockEventPart,
    ClockPart,
    DecisionCount,
    DecisionsPart,
    HoldPart,
    IdentityPart,
    KeyPart,
    NoticePart,
    RecipientsPart,
    Residual,
    SignaturePart,
    not_recorded,
    standing_of,
)
from rtbf.report.predicate import SupersededPart, TrailPart
from rtbf.report.residuals import derived_residuals, residual
from rtbf.report.statement import Case
from rtbf.store.actors import actor_id_for, actor_keys
from rtbf.store.approvals import approvals_of
from rtbf.store.events import ticket_events_so_far, ticket_trail
from rtbf.store.holds import all_holds
from rtbf.store.identity import PASSED, identity_checks
from rtbf.store.notices import is_delivered, notices_of
from rtbf.store.recipients import duties_of
from rtbf.store.records import latest_record, record_with_digest
from rtbf.store.residuals import residuals_of
from rtbf.store.tickets import find_ticket
from rtbf.ticket.clock_round import FLAGS
from rtbf.ticket.record import Ticket
from rtbf.ticket_view import required
from rtbf.unlearn.record import Unlearned

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from rtbf.installation import Installation
    from rtbf.store.tables import ApprovalRow, TicketRow
    from rtbf.verify.record import Verification

_DAY_S = 86_400
_NO_LEVEL = "a code shows one mailbox, and the ticket names other identifiers"


def case_of(installation: Installation, verification: Verification, actor: str, *, supersedes: SupersededPart | None = None) -> Case:
    """Return everything the attempt's report is made from, as the ledger stands; its tree head is signed on the way where the log key is.

    The ticket's chain of events in that tree is checked (LedgerBroken); a signer that sees a fork refuses (LedgerForked).
    """
    now = installation.clock()
    ticket_id = verification.ticket_id
    with installation.transaction() as session:
        find_ticket(session, ticket_id)
        plan, _ = required(latest_record(session, ticket_id, Plan), "plan", ticket_id)
        footprint, _ = required(latest_record(session, ticket_id, Footprint), "footprint", ticket_id)
        owner_id = actor_id_for(session, actor, now)
        for kind, name in derived_residuals(plan, footprint):
            open_residual(session, installation, ticket_id, kind, name, owner_id, now)
    # What was opened is an event of the ticket, and the report's trail has to name it.
    head = ledger_head(installation)
    with installation.transaction() as session:
        row = find_ticket(session, ticket_id)
        ticket, _ = required(latest_record(session, ticket_id, Ticket), "ticket", ticket_id)
        footprint, _ = required(latest_record(session, ticket_id, Footprint), "footprint", ticket_id)
        plan, plan_digest = required(latest_record(session, ticket_id, Plan), "plan", ticket_id)
        unlearned, _ = required(latest_record(session, ticket_id, Unlearned), "unlearned model", ticket_id)
        trail_events, trail_last = ticket_trail(session, ticket_id, head.size)
        return Case(
            report_id=REPORT_ID_PREFIX + secrets.token_hex(8),
            issued_at=rfc3339(now),
            ticket=ticket,
            footprint=footprint,
            plan=plan,
            unlearned=unlearned,
            verification=verification,
            clock=_clock(session, ticket, now),
            identity=_identity(session, ticket_id),
            decisions=_decisions(session, plan),
            holds=_holds(session, footprint, now),
            approvals=_approvals(session, ticket_id, plan_digest),
            unlearning_started_at=_started_at(session, ticket_id),
            notices=_notices(session, ticket_id),
            recipients=_recipients(session, ticket_id),
            residuals=_residuals(session, ticket_id),
            key=_key(installation, row),
            trail=TrailPart(
                log=head.origin,
                tree_size=head.size,
                root=base64_text(head.root),
                events=trail_events,
                last_hash=trail_last,
                attestation="self-attested",
            ),
            supersedes=supersedes,
            time_stamp="none" if installation.tsa_url is None else "asked",
            software=(("rtbf", version("rtbf")),),
        )


def _clock(session: Session, ticket: Ticket, now: datetime) -> ClockPart:
    calendar = calendar_of(ticket)
    clock = clock_of(session, ticket.ticket_id, now)
    deadline_on = clock.deadline.isoformat()
    answered_on = None if clock.stopped_at is None else calendar.civil_date(clock.stopped_at).isoformat()
    as_of_on = calendar.civil_date(now).isoformat()
    return ClockPart(
        regime=ticket.regime,
        regime_digest=ticket.regime_digest,
        time_zone=ticket.time_zone,
        calendar=ticket.holidays or "weekends only",
        calendar_digest=calendar.digest(clock.received_on.year, clock.deadline.year),
        received_on=clock.received_on.isoformat(),
        events=tuple(
            ClockEventPart(on=calendar.civil_date(event.at).isoformat(), kind=event.kind, code=event.code)
            for event in events_of(session, ticket.ticket_id)
        ),
        strict_deadline_on=clock.strict_deadline.isoformat(),
        deadline_on=deadline_on,
        answered_on=answered_on,
        as_of_on=as_of_on,
        standing=standing_of(deadline_on=deadline_on, answered_on=answered_on, as_of_on=as_of_on),
        steps=clock.steps,
        flags=tuple(FLAGS[flag] for flag in clock.flags),
    )


def _identity(session: Session, ticket_id: str) -> tuple[IdentityPart, ...]:
    parts = []
    for check in identity_checks(session, ticket_id):
        missing = _NO_LEVEL if check.result == PASSED else f"the check is {check.result}"
        parts.append(IdentityPart(method=check.method, level=check.level or not_recorded(missing), result=check.result))
    return tuple(parts)


def _decisions(session: Session, plan: Plan) -> DecisionsPart:
    decisions = record_with_digest(session, plan.ticket_id, Decisions, plan.decisions_digest)
    if decisions is None:
        raise RecordBroken(
            found="a plan whose decisions are not stored", expected=plan.decisions_digest, remedy="restore the database from a backup"
        )
    return DecisionsPart(
        counts=tuple(
            DecisionCount(kind=count.kind, verdict=count.verdict, code=count.code, items=count.items)
            for count in count_decisions(decisions)
        ),
        deciders=tuple(sorted({decision.decided_by for decision in decisions.items})),
        digest=plan.decisions_digest,
    )


def _holds(session: Session, footprint: Footprint, now: datetime) -> tuple[HoldPart, ...]:
    touching = {hold.hold_id: hold for hold in held_items(footprint, all_holds(session), now).values()}
    return tuple(
        HoldPart(scope_kind=hold.scope_kind, ground=hold.ground, until=None if hold.until is None else rfc3339(hold.until))
        for _, hold in sorted(touching.items())
    )


def _approvals(session: Session, ticket_id: str, plan_digest: str) -> tuple[ApprovalPart, ...]:
    return tuple(
        ApprovalPart(
            actor_id=row.actor_id,
            decision="approved" if row.is_approval else "rejected",
            given_at=rfc3339(row.given_at),
            expires_at=rfc3339(row.expires_at or row.given_at),
            signature=_signature(session, row),
        )
        for row in approvals_of(session, ticket_id, plan_digest)
    )


def _signature(session: Session, row: ApprovalRow) -> SignaturePart | None:
    """Return the approval's signature; a signed one whose key is missing is a fault, never a self-declared one."""
    if row.key_id is None or row.envelope is None:
        return None
    spki = next((key.spki for key in actor_keys(session, row.actor_id) if key.key_id == row.key_id), None)
    if spki is None:
        raise RecordBroken(
            found="a signed approval whose key is not registered", expected=row.key_id, remedy="restore the database from a backup"
        )
    return SignaturePart(key_id=row.key_id, spki=base64_text(spki), envelope=row.envelope.decode())


def _started_at(session: Session, ticket_id: str) -> str:
    """Return when this attempt's unlearning was started, by the ledger."""
    started = [event for event in ticket_events_so_far(session, ticket_id) if event.type == "unlearning.started"]
    if not started:
        raise RecordBroken(
            found="no event of the start of unlearning", expected="one for each attempt", remedy="see `rtbf log show TICKET`"
        )
    return rfc3339(started[-1].at)


def _notices(session: Session, ticket_id: str) -> tuple[NoticePart, ...]:
    return tuple(
        NoticePart(kind=row.kind, locale=row.locale, template_digest=row.template_digest, sent_at=rfc3339(row.sent_at), channel=row.channel)
        for row in notices_of(session, ticket_id)
        if is_delivered(row) and row.sent_at is not None
    )


def _recipients(session: Session, ticket_id: str) -> RecipientsPart:
    states = [duty.state for duty in duties_of(session, ticket_id)]
    return RecipientsPart(
        due=states.count("due"),
        notified=states.count("told"),
        acknowledged=states.count("acknowledged"),
        disproportionate=states.count("waived"),
    )


def _residuals(session: Session, ticket_id: str) -> tuple[Residual, ...]:
    return tuple(
        residual(row.reason, row.name, row.owner_id, None if row.due_at is None else row.due_at.date())
        for row in residuals_of(session, ticket_id)
        if row.resolved_at is None
    )


def _key(installation: Installation, row: TicketRow) -> KeyPart:
    policy = installation.policy
    state: Literal["ticket open", "due", "destroyed"] = "ticket open"
    on = None
    if row.shredded_at is not None:
        state, on = "destroyed", row.shredded_at
    elif row.shred_due_at is not None:
        state, on = "due", row.shred_due_at
    return KeyPart(
        state=state,
        destruction_on=None if on is None else on.date().isoformat(),
        appeal_window_days=policy.appeal_s // _DAY_S,
        backup_bound_days=policy.key_epoch_days + policy.key_backup_days + installation.kek.destruction_waits_days,
    )
