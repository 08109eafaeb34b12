"""Tickets: where each stands, and its moves. A move and its event are one transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from rtbf.errors import TicketChanged, UnknownName
from rtbf.store.events import append_event
from rtbf.store.tables import TicketRow
from rtbf.ticket.lifecycle import CLOSED, RECEIVED, lawful_move

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session

    from rtbf.ticket.facts import Facts


def insert_ticket(session: Session, ticket_id: str, reason: str, now: datetime) -> TicketRow:
    """Add a ticket in state `received`."""
    row = TicketRow(id=ticket_id, state=RECEIVED, reason=reason, attempt=0, created_at=now)
    session.add(row)
    session.flush()
    return row


def find_ticket(session: Session, ticket_id: str, *, version: int | None = None) -> TicketRow:
    """Return the ticket's row, locked until the transaction ends.

    Raises UnknownName with the nearest ids, and TicketChanged when `version` is given and is not the row's.
    """
    row = session.get(TicketRow, ticket_id, with_for_update=True)
    if row is None:
        raise UnknownName("ticket", ticket_id, session.scalars(select(TicketRow.id)), "rtbf list")
    if version is not None and row.version != version:
        raise TicketChanged(
            found=f"version {version} of {ticket_id}",
            expected=f"its newest version {row.version}",
            remedy="read the ticket again and decide on what it says now",
        )
    return row


def list_tickets(session: Session) -> Sequence[TicketRow]:
    """Return all tickets, newest first."""
    return session.scalars(select(TicketRow).order_by(TicketRow.created_at.desc(), TicketRow.id)).all()


def lock_open_tickets(session: Session) -> Sequence[TicketRow]:
    """Return every open ticket, locked in the order of their ids until the transaction ends.

    Whoever changes many tickets locks them before the ledger, as everybody who changes one does: else two wait for each other.
    """
    return session.scalars(select(TicketRow).where(TicketRow.state != CLOSED).order_by(TicketRow.id).with_for_update()).all()


def tickets_to_wake(session: Session, now: datetime) -> Sequence[str]:
    """Return the ids of open tickets for which time alone may have changed what they wait for."""
    return session.scalars(
        select(TicketRow.id).where(TicketRow.wake_at <= now, TicketRow.state != CLOSED).order_by(TicketRow.wake_at)
    ).all()


def move_ticket(
    session: Session,
    row: TicketRow,
    *,
    target: str,
    facts: Facts,
    outcome: str | None = None,
    actor_id: str,
    data: dict[str, Any],
    now: datetime,
) -> None:
    """Move a ticket, with its event, in the caller's transaction; raises what `lawful_move` raises."""
    move = lawful_move(row.state, target, facts, outcome)
    source = row.state
    row.state, row.outcome = target, outcome
    row.closed_at = now if target == CLOSED else None
    session.flush()
    event_data = {"from": source, "to": target, **({"outcome": outcome} if outcome else {}), **data}
    append_event(session, ticket_id=row.id, event_type=move.event, actor_id=actor_id, data=event_data, now=now)
