"""Move a ticket, and say what it waits for afterwards. Every other file of this folder moves tickets through here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rtbf.pipeline.facts import facts_of, next_change_at
from rtbf.store.events import append_event
from rtbf.store.tickets import find_ticket, move_ticket, tickets_to_wake
from rtbf.ticket.lifecycle import AWAITING_APPROVAL, AWAITING_WORKER, CLOSED, ERROR, LOCATING, PLANNING, UNLEARNING, VERIFYING, reason_of

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from rtbf.installation import Installation
    from rtbf.store.tables import TicketRow


def move(
    session: Session,
    row: TicketRow,
    target: str,
    actor_id: str,
    now: datetime,
    *,
    data: dict[str, Any] | None = None,
    outcome: str | None = None,
) -> None:
    """Move `row` if its guards hold, with event and outbox row; raises IllegalMove or FourEyes and changes nothing.

    A ticket that had stopped with an error has gone on by this, so it waits for what its new state waits for.
    """
    facts = facts_of(session, row, actor_id, now)
    move_ticket(session, row, target=target, facts=facts, outcome=outcome, actor_id=actor_id, data=data or {}, now=now)
    if row.reason == ERROR:
        row.reason = None
    settle(session, row, now)


def settle(session: Session, row: TicketRow, now: datetime) -> None:
    """Write what the ticket waits for, and when to look again. To be called after anything that may change its facts.

    A ticket that stopped with an error goes on waiting for a person, whatever happened around it.
    """
    if row.reason == ERROR and row.state != CLOSED:
        return
    reason = reason_of(row.state, facts_of(session, row, None, now))
    wake_at = None if row.state == CLOSED else next_change_at(session, row, now)
    if (row.reason, row.wake_at) != (reason, wake_at):
        row.reason, row.wake_at = reason, wake_at
        session.flush()


def wake_tickets(installation: Installation) -> int:
    """Look again at every ticket for which a period has ended; return how many there were."""
    now = installation.clock()
    with installation.transaction() as session:
        due = tickets_to_wake(session, now)
    for ticket_id in due:
        with installation.transaction() as session:
            settle(session, find_ticket(session, ticket_id), installation.clock())
    return len(due)


def next_stage(row: TicketRow) -> str | None:
    """Return what to enter now: footprint, plan, start, unlearn, verify or close; None when a person or time must act."""
    if row.state == CLOSED or row.reason != AWAITING_WORKER:
        return None
    stages = {LOCATING: "footprint", PLANNING: "plan", AWAITING_APPROVAL: "start", UNLEARNING: "unlearn"}
    return "settle" if row.state == VERIFYING else stages.get(row.state)


def note(
    session: Session,
    ticket_id: str,
    event_type: str,
    actor_id: str,
    now: datetime,
    data: dict[str, Any] | None = None,
) -> None:
    """Append an event that is no move: ids, counts, digests and codes only."""
    append_event(session, ticket_id=ticket_id, event_type=event_type, actor_id=actor_id, data=data or {}, now=now)
