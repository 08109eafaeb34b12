"""The tickets' wrapped data keys, in a schema of their own. Destroying one makes everything sealed under it unreadable."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from sqlalchemy import select

from rtbf.errors import TicketShredded
from rtbf.store.vault_tables import TicketKeyRow
from rtbf.vault.kek import WrappedKey

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session

    from rtbf.vault.kek import KeyWrapper

KEY_BYTES = 32


def make_ticket_key(session: Session, kek: KeyWrapper, ticket_id: str, now: datetime) -> bytes:
    """Make the ticket's random 256-bit key, store it wrapped, and return it."""
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


def all_ticket_keys(session: Session) -> Sequence[TicketKeyRow]:
    """Return every wrapped key, for wrapping anew under another epoch."""
    return session.scalars(select(TicketKeyRow).order_by(TicketKeyRow.ticket_id)).all()
