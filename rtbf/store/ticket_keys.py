"""The tickets' wrapped data keys, in a schema of their own. Destroying one makes everything sealed under it unreadable."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from sqlalchemy import func, select, text

from rtbf.errors import KeyDestroyed, TicketShredded
from rtbf.store.vault_tables import KEY_SCHEMA, TicketKeyRow
from rtbf.vault.kek import WrappedKey

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from rtbf.vault.kek import KeyWrapper

KEY_BYTES = 32


def make_ticket_key(session: Session, kek: KeyWrapper, ticket_id: str, now: datetime) -> bytes:
    """Make the ticket's random 256-bit key, store it wrapped, and return it."""
    _lock(session, "ROW EXCLUSIVE")
    key = os.urandom(KEY_BYTES)
    wrapped = kek.wrap(key)
    session.add(TicketKeyRow(ticket_id=ticket_id, epoch=wrapped.epoch, wrapped=wrapped.blob, created_at=now))
    session.flush()
    return key


def ticket_key(session: Session, kek: KeyWrapper, ticket_id: str) -> bytes:
    """Return the ticket's data key; raises TicketShredded when it was destroyed, or is missing from a restored backup."""
    row = session.get(TicketKeyRow, ticket_id)
    if row is None:
        raise TicketShredded(
            found=f"no key for {ticket_id}",
            expected="a ticket whose key was not destroyed",
            remedy="what was sealed under it cannot be read again by anyone; its record and reports remain",
        )
    return kek.unwrap(WrappedKey(epoch=row.epoch, blob=row.wrapped))


def has_ticket_key(session: Session, ticket_id: str) -> bool:
    """Return whether the ticket's key is still there."""
    return session.get(TicketKeyRow, ticket_id) is not None


def destroy_ticket_key(session: Session, ticket_id: str) -> bool:
    """Delete the ticket's wrapped key; return False when it was gone already."""
    row = session.get(TicketKeyRow, ticket_id)
    if row is None:
        return False
    session.delete(row)
    session.flush()
    return True


def rewrap_keys(session: Session, kek: KeyWrapper, after: str, limit: int) -> tuple[int, str | None]:
    """Wrap the next `limit` keys of earlier epochs anew, by ticket id above `after`; return (how many, the last id or None).

    Keys under an epoch that is destroyed already stay as they are: nobody can open them, and no epoch keeps them alive.
    """
    current = kek.current_epoch()
    rows = session.scalars(
        select(TicketKeyRow)
        .where(TicketKeyRow.epoch != current, TicketKeyRow.ticket_id > after)
        .order_by(TicketKeyRow.ticket_id)
        .limit(limit)
        .with_for_update()
    ).all()
    count = 0
    for row in rows:
        try:
            key = kek.unwrap(WrappedKey(epoch=row.epoch, blob=row.wrapped))
        except KeyDestroyed:
            continue
        wrapped = kek.wrap(key)
        row.epoch, row.wrapped = wrapped.epoch, wrapped.blob
        count += 1
    session.flush()
    return count, rows[-1].ticket_id if rows else None


def keys_under(session: Session, epoch: int) -> int:
    """Return how many keys are wrapped under the epoch, waiting for every transaction that is storing one.

    Whoever stores a key afterwards wraps it under an epoch that is current then.
    """
    _lock(session, "SHARE ROW EXCLUSIVE")
    return session.scalar(select(func.count()).select_from(TicketKeyRow).where(TicketKeyRow.epoch == epoch)) or 0


def key_counts(session: Session) -> dict[int, int]:
    """Return how many keys are wrapped under each epoch."""
    counted = session.execute(select(TicketKeyRow.epoch, func.count()).group_by(TicketKeyRow.epoch).order_by(TicketKeyRow.epoch))
    return {epoch: count for epoch, count in counted}  # noqa: C416 - rows are no pairs to the type checker


def _lock(session: Session, mode: str) -> None:
    """Take PostgreSQL's lock on the key table until the transaction ends; SQLite's transactions exclude each other anyway.

    Storing a key takes the lock before it wraps, so that an epoch is never destroyed between wrapping and storing.
    """
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text(f"LOCK TABLE {KEY_SCHEMA}.{TicketKeyRow.__tablename__} IN {mode} MODE"))
