"""What was answered under an idempotency key. Keys and bodies are kept as keyed hashes, and only for a while."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import delete, func, select
from sqlalchemy.exc import IntegrityError

from rtbf.errors import SubmissionRaced
from rtbf.store.law_tables import IdempotencyRow

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session


def answered_before(session: Session, actor_id: str, key_hash: str, now: datetime) -> IdempotencyRow | None:
    """Return what this actor was answered under the key, or None when it was never used or its time is over."""
    row = session.get(IdempotencyRow, (actor_id, key_hash))
    if row is not None and row.expires_at <= now:
        session.delete(row)
        session.flush()
        return None
    return row


def remember_answer(
    session: Session, actor_id: str, key_hash: str, request_digest: str, ticket_id: str, now: datetime, expires_at: datetime
) -> None:
    """Note the answer.

    Of two that race, the primary key lets one through; the other gets SubmissionRaced, whose transaction must not be
    kept: the ticket made in it is a second one. The winner is committed by then, so trying again finds its answer.
    """
    row = IdempotencyRow(
        actor_id=actor_id, key_hash=key_hash, request_digest=request_digest, ticket_id=ticket_id, created_at=now, expires_at=expires_at
    )
    try:
        with session.begin_nested():
            session.add(row)
    except IntegrityError as raced:
        raise SubmissionRaced(
            found="the same idempotency key in two submissions at once", expected="one after the other", remedy="send it again"
        ) from raced


def forget_answers(session: Session, now: datetime) -> int:
    """Delete the answers whose time is over; return how many there were."""
    over = IdempotencyRow.expires_at <= now
    count = session.scalar(select(func.count()).select_from(IdempotencyRow).where(over)) or 0
    session.execute(delete(IdempotencyRow).where(over))
    return count
