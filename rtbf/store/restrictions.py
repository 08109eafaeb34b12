"""Whose records no new training may use: the persons of open, identified tickets (GDPR Art. 18(1))."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from rtbf.footprint.record import Footprint
from rtbf.store.records import newest_record
from rtbf.store.tables import TicketRow
from rtbf.ticket.lifecycle import CLOSED, IDENTIFYING, RECEIVED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.orm import Session


def restricted_records(session: Session, *, but: str | None = None) -> dict[str, frozenset[str]]:
    """Return, by corpus version, the records that open tickets were found in; the ticket `but` is left out."""
    found: dict[str, set[str]] = {}
    for ticket_id in _open_tickets(session):
        newest = newest_record(session, ticket_id, Footprint)
        if newest is not None and ticket_id != but:
            for hit in newest.hits:
                found.setdefault(hit.version, set()).add(hit.record_id)
    return {version: frozenset(records) for version, records in found.items()}


def unsearched_tickets(session: Session, version: str) -> tuple[str, ...]:
    """Return the open, identified tickets whose newest footprint did not search this corpus version."""
    return tuple(ticket_id for ticket_id in _open_tickets(session) if not _was_searched(session, ticket_id, version))


def _open_tickets(session: Session) -> Sequence[str]:
    open_states = TicketRow.state.not_in((RECEIVED, IDENTIFYING, CLOSED))
    return session.scalars(select(TicketRow.id).where(open_states).order_by(TicketRow.created_at, TicketRow.id)).all()


def _was_searched(session: Session, ticket_id: str, version: str) -> bool:
    newest = newest_record(session, ticket_id, Footprint)
    return newest is not None and any(searched.version == version for searched in newest.searched)
