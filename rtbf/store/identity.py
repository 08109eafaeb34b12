"""Identity checks of a ticket: asked, answered, failed. Never a document, and of a one-time code only its seal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from rtbf.store.tables import IdentityCheckRow

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.orm import Session

OPEN, PASSED, FAILED, EXPIRED = "open", "passed", "failed", "expired"


def identity_checks(session: Session, ticket_id: str) -> Sequence[IdentityCheckRow]:
    """Return the ticket's identity checks, oldest first."""
    return session.scalars(
        select(IdentityCheckRow).where(IdentityCheckRow.ticket_id == ticket_id).order_by(IdentityCheckRow.asked_at, IdentityCheckRow.id)
    ).all()


def add_identity_check(session: Session, check: IdentityCheckRow) -> None:
    """Store one check."""
    session.add(check)
    session.flush()
