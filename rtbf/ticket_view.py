"""Where a ticket stands: its state and every record it has so far. Reads only; holds no personal data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from rtbf.errors import IllegalMove
from rtbf.footprint.record import Footprint
from rtbf.plan.decisions import Decisions
from rtbf.plan.record import Plan
from rtbf.report.record import Report
from rtbf.store.approvals import approvals_given
from rtbf.store.events import ticket_leaves
from rtbf.store.identifiers import linked_tickets
from rtbf.store.identity import PASSED, identity_checks
from rtbf.store.records import latest_record, newest_record
from rtbf.store.tickets import find_ticket
from rtbf.ticket.record import Ticket
from rtbf.unlearn.record import Unlearned
from rtbf.verify.record import Verification

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from sqlalchemy.orm import Session

    from rtbf.installation import Installation
    from rtbf.plan.approval import ApprovalGiven

T = TypeVar("T")


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


def view_ticket(installation: Installation, ticket_id: str) -> TicketView:
    """Return where a ticket stands; raises UnknownName with the nearest ids."""
    with installation.transaction() as session:
        return view_in(session, ticket_id)


def view_in(session: Session, ticket_id: str) -> TicketView:
    """Return the same within the caller's transaction, for whoever reads more beside it."""
    row = find_ticket(session, ticket_id)
    ticket, _ = required(latest_record(session, ticket_id, Ticket), "ticket", ticket_id)
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


def ticket_events(installation: Installation, ticket_id: str) -> tuple[bytes, ...]:
    """Return the ticket's ledger events as stored bytes, in order."""
    with installation.transaction() as session:
        find_ticket(session, ticket_id)
        return ticket_leaves(session, ticket_id)


def report_folder(installation: Installation, ticket_id: str) -> Path:
    """Return the folder of the ticket's newest issued report; raises IllegalMove when none was issued."""
    view = view_ticket(installation, ticket_id)
    if view.report is None:
        raise IllegalMove(
            found=f"no report for {ticket_id} yet (state '{view.state}')",
            expected="a ticket that has been verified",
            remedy=f"`rtbf run {ticket_id}` and see what it waits for",
        )
    return installation.home.report_of(ticket_id, view.report.attempt)


def required(found: tuple[T, str] | None, what: str, ticket_id: str) -> tuple[T, str]:
    """Return `found`; raises IllegalMove naming the record that the ticket does not have yet."""
    if found is None:
        raise IllegalMove(found=f"ticket {ticket_id} has no {what} yet", expected=f"a {what}", remedy=f"`rtbf run {ticket_id}`")
    return found
