"""Notices as stored: kind, words' digest, channel, and how far each came. The letter itself is sealed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from rtbf.store.law_tables import NoticeRow

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.orm import Session

QUEUED, SENT, WRITTEN = "queued", "sent", "written"
REQUESTER = "requester"


def add_notice(session: Session, notice: NoticeRow) -> None:
    """Store one notice."""
    session.add(notice)
    session.flush()


def notices_of(session: Session, ticket_id: str) -> Sequence[NoticeRow]:
    """Return the ticket's notices, oldest first."""
    return session.scalars(select(NoticeRow).where(NoticeRow.ticket_id == ticket_id).order_by(NoticeRow.created_at, NoticeRow.id)).all()


def is_delivered(notice: NoticeRow) -> bool:
    """Return whether the notice left us: handed to a mail server, or written for the post."""
    return notice.state in {SENT, WRITTEN}
