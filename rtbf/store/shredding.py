"""Take the sealed columns of a ticket away: identifiers, texts, letters, codes. Its records, events and dates stay.

Without its key the ciphertext tells nothing but its length; it goes all the same, so that a key which a backup brings back
finds nothing in this database to open.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import delete, or_, select, update

from rtbf.store.identity import EXPIRED, OPEN
from rtbf.store.law_tables import IdempotencyRow, NoticeRow, RecipientDutyRow, ResidualRow, SealedTextRow
from rtbf.store.tables import IdentifierRow, IdentityCheckRow, TicketRow
from rtbf.ticket.lifecycle import CLOSED

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session


def drop_sealed(session: Session, ticket_id: str) -> None:
    """Delete every ciphertext of the ticket, and what the submission was answered under its idempotency key."""
    session.execute(delete(SealedTextRow).where(SealedTextRow.ticket_id == ticket_id))
    session.execute(delete(IdempotencyRow).where(IdempotencyRow.ticket_id == ticket_id))
    session.execute(update(IdentifierRow).where(IdentifierRow.ticket_id == ticket_id).values(value=b"", nonce=b""))
    session.execute(update(NoticeRow).where(NoticeRow.ticket_id == ticket_id).values(body=None))
    session.execute(update(RecipientDutyRow).where(RecipientDutyRow.ticket_id == ticket_id).values(justification=None))
    session.execute(update(IdentityCheckRow).where(IdentityCheckRow.ticket_id == ticket_id).values(code_seal=None))


def due_for_shredding(session: Session, now: datetime) -> Sequence[str]:
    """Return the closed tickets whose key is due and that no open residual needs, longest due first."""
    needed = select(ResidualRow.ticket_id).where(ResidualRow.needs_identifiers, ResidualRow.resolved_at.is_(None))
    return session.scalars(
        select(TicketRow.id)
        .where(TicketRow.state == CLOSED, TicketRow.shredded_at.is_(None))
        .where(TicketRow.shred_due_at <= now, TicketRow.id.not_in(needed))
        .order_by(TicketRow.shred_due_at, TicketRow.id)
    ).all()


def forget_codes(session: Session, now: datetime) -> Sequence[str]:
    """Drop the seals of one-time codes that nobody can answer any more; return the ids of their tickets.

    A check whose time is over is marked as expired. The codes of closed tickets go too.
    """
    checks = session.scalars(
        select(IdentityCheckRow)
        .join(TicketRow, TicketRow.id == IdentityCheckRow.ticket_id)
        .where(
            IdentityCheckRow.code_seal.is_not(None),
            or_(IdentityCheckRow.result != OPEN, IdentityCheckRow.expires_at <= now, TicketRow.state == CLOSED),
        )
    ).all()
    for check in checks:
        check.code_seal = None
        if check.result == OPEN:
            check.result, check.answered_at = EXPIRED, now
    session.flush()
    return [check.ticket_id for check in checks]
