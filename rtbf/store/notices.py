"""Notices as stored: kind, words' digest, channel, and how far each came. The letter itself is sealed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from rtbf.errors import UnknownName
from rtbf.store.law_tables import NoticeRow

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session

QUEUED, SENT, WRITTEN, FAILED, DROPPED = "queued", "sent", "written", "failed", "dropped"


def add_notice(session: Session, notice: NoticeRow) -> None:
    """Store one notice."""
    session.add(notice)
    session.flush()


def notices_of(session: Session, ticket_id: str) -> Sequence[NoticeRow]:
    """Return the ticket's notices, oldest first."""
    return session.scalars(select(NoticeRow).where(NoticeRow.ticket_id == ticket_id).order_by(NoticeRow.created_at, NoticeRow.id)).all()


def find_notice(session: Session, notice_id: str) -> NoticeRow:
    """Return one notice; raises UnknownName."""
    row = session.get(NoticeRow, notice_id)
    if row is None:
        raise UnknownName("notice", notice_id, (), "rtbf notice list TICKET")
    return row


def notices_about(session: Session, ticket_id: str, kind: str, to: str, since: datetime | None) -> tuple[NoticeRow, ...]:
    """Return the ticket's notices of one kind to one reader, oldest first; `since` leaves out those written before that moment."""
    return tuple(
        row for row in notices_of(session, ticket_id) if (row.kind, row.to) == (kind, to) and (since is None or row.created_at >= since)
    )


def queued_notices(session: Session, written_before: datetime) -> Sequence[tuple[str, str]]:
    """Return (ticket id, notice id) of every letter that has waited since before that moment, oldest first."""
    waiting = select(NoticeRow.ticket_id, NoticeRow.id).where(NoticeRow.state == QUEUED, NoticeRow.created_at <= written_before)
    return [(ticket_id, notice_id) for ticket_id, notice_id in session.execute(waiting.order_by(NoticeRow.created_at, NoticeRow.id))]


def is_delivered(notice: NoticeRow) -> bool:
    """Return whether the notice left us: handed to a mail server, or written for the post."""
    return notice.state in {SENT, WRITTEN}
