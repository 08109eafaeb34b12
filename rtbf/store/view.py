"""Where a ticket stands: its state and every record it has so far. Reads only; holds no personal data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rtbf.errors import RecordBroken
from rtbf.footprint.record import Footprint
from rtbf.plan.decisions import Decisions
from rtbf.plan.record import Plan
from rtbf.report.record import Report
from rtbf.store.approvals import approvals_given
from rtbf.store.identifiers import linked_tickets
from rtbf.store.identity import PASSED, identity_checks
from rtbf.store.records import latest_record, newest_record
from rtbf.store.tickets import find_ticket
from rtbf.ticket.record import Ticket
from rtbf.unlearn.record import Unlearned
from rtbf.verify.record import Verification

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from rtbf.plan.approval import ApprovalGiven


@dataclass(frozen=True, kw_only=True, slots=True)
class TicketView:
    """Where a ticket stands, with every record it has so far. Holds no personal data."""

    ticket: Ticket
    state: str
    reason: str | None
    outcome: str | None
    attempt: int
    version: int
    created_at: datetime
    closed_at: datetime | None
    shred_due_at: datetime | None
    shredded_at: datetime | None
    wake_at: datetime | None
    linked: tuple[str, ...]
    """Tickets that may be about the same person."""
    identity_methods: tuple[str, ...]
    """Methods of the checks that were passed."""
    footprint: Footprint | None
    decisions: Decisions | None
    plan: Plan | None
    plan_digest: str | None
    approvals: tuple[ApprovalGiven, ...]
    """For the live plan, oldest first."""
    unlearned: Unlearned | None
    verification: Verification | None
    report: Report | None


def view_in(session: Session, ticket_id: str) -> TicketView:
    """Return where a ticket stands, within the caller's transaction; raises UnknownName with the nearest ids."""
    row = find_ticket(session, ticket_id)
    ticket = newest_record(session, ticket_id, Ticket)
    if ticket is None:
        raise RecordBroken(
            found=f"ticket {ticket_id} without the record of what was asked", expected="one", remedy="restore the database from a backup"
        )
    plan = latest_record(session, ticket_id, Plan)
    return TicketView(
        ticket=ticket,
        state=row.state,
        reason=row.reason,
        outcome=row.outcome,
        attempt=row.attempt,
        version=row.version,
        created_at=row.created_at,
        closed_at=row.closed_at,
        shred_due_at=row.shred_due_at,
        shredded_at=row.shredded_at,
        wake_at=row.wake_at,
        linked=linked_tickets(session, ticket_id),
        identity_methods=tuple(check.method for check in identity_checks(session, ticket_id) if check.result == PASSED),
        footprint=newest_record(session, ticket_id, Footprint),
        decisions=newest_record(session, ticket_id, Decisions),
        plan=None if plan is None else plan[0],
        plan_digest=None if plan is None else plan[1],
        approvals=approvals_given(session, ticket_id, plan[1] if plan else ""),
        unlearned=newest_record(session, ticket_id, Unlearned),
        verification=newest_record(session, ticket_id, Verification),
        report=newest_record(session, ticket_id, Report),
    )
