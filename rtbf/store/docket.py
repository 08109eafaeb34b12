"""What a list of tickets is made of, in a handful of queries for all of them. The list must not read each footprint."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from rtbf.store.law_tables import ClockEventRow
from rtbf.store.records import STAGES, parse_record
from rtbf.store.tables import StageRecordRow, TicketRow
from rtbf.ticket.lifecycle import CLOSED
from rtbf.ticket.record import Ticket

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Select
    from sqlalchemy.orm import Session


def docket_rows(session: Session, *, with_closed: bool) -> Sequence[TicketRow]:
    """Return the tickets' rows, oldest first; closed ones only when asked for."""
    return session.scalars(_open_only(select(TicketRow), with_closed).order_by(TicketRow.created_at, TicketRow.id)).all()


def docket_records(session: Session, *, with_closed: bool) -> dict[str, Ticket]:
    """Return what was asked for in each of these tickets, by id; raises RecordBroken for one that was changed."""
    records = select(StageRecordRow).join(TicketRow, TicketRow.id == StageRecordRow.ticket_id).where(StageRecordRow.stage == STAGES[Ticket])
    rows = session.scalars(_open_only(records, with_closed).order_by(StageRecordRow.number))
    return {row.ticket_id: parse_record(Ticket, row.body, row.digest, f"ticket record of {row.ticket_id}") for row in rows}


def docket_clock_events(session: Session, *, with_closed: bool) -> dict[str, list[ClockEventRow]]:
    """Return the steps of each of these tickets' legal clocks, in order, by ticket id."""
    events = select(ClockEventRow).join(TicketRow, TicketRow.id == ClockEventRow.ticket_id)
    found: dict[str, list[ClockEventRow]] = {}
    for row in session.scalars(_open_only(events, with_closed).order_by(ClockEventRow.ticket_id, ClockEventRow.number)):
        found.setdefault(row.ticket_id, []).append(row)
    return found


def _open_only(query: Select[Any], with_closed: bool) -> Select[Any]:  # noqa: FBT001 - private, named at each call
    return query if with_closed else query.where(TicketRow.state != CLOSED)
