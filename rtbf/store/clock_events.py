"""The steps of a ticket's legal clock, in order. Append-only; deadlines are folded from them, never stored."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import func, select

from rtbf.store.law_tables import ClockEventRow

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session


def add_clock_event(
    session: Session, ticket_id: str, kind: str, at: datetime, actor_id: str, *, code: str | None = None, notice_id: str | None = None
) -> None:
    """Append one step."""
    newest = session.scalar(select(func.max(ClockEventRow.number)).where(ClockEventRow.ticket_id == ticket_id)) or 0
    session.add(ClockEventRow(ticket_id=ticket_id, number=newest + 1, kind=kind, at=at, code=code, notice_id=notice_id, actor_id=actor_id))
    session.flush()


def clock_events(session: Session, ticket_id: str) -> Sequence[ClockEventRow]:
    """Return the ticket's steps in order."""
    return session.scalars(select(ClockEventRow).where(ClockEventRow.ticket_id == ticket_id).order_by(ClockEventRow.number)).all()
