"""Events for the outside, once they were delivered: kept for a while, so that a receiver can ask again, then deleted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import delete, func, select

from rtbf.store.tables import OutboxRow

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session


def forget_delivered(session: Session, before: datetime) -> int:
    """Delete what was delivered before that instant; return how many there were. What was not delivered stays."""
    over = OutboxRow.delivered_at < before
    count = session.scalar(select(func.count()).select_from(OutboxRow).where(over)) or 0
    session.execute(delete(OutboxRow).where(over))
    return count
