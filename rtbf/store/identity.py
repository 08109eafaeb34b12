"""Identity checks of a ticket: asked, answered, failed. Never a document, and of a one-time code only its seal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select
from sqlalchemy.orm.attributes import flag_modified

from rtbf.store.tables import IdentityCheckRow

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session

    from rtbf.store.tables import TicketRow

OPEN, PASSED, FAILED, EXPIRED = "open", "passed", "failed", "expired"
"""`expired`: its time was over, or another check took its place."""


def identity_checks(session: Session, ticket_id: str) -> Sequence[IdentityCheckRow]:
    """Return the ticket's identity checks, oldest first."""
    return session.scalars(
        select(IdentityCheckRow).where(IdentityCheckRow.ticket_id == ticket_id).order_by(IdentityCheckRow.asked_at, IdentityCheckRow.id)
    ).all()


def add_identity_check(session: Session, check: IdentityCheckRow) -> None:
    """Store one check."""
    session.add(check)
    session.flush()


def is_open_check(session: Session, ticket_id: str, check_id: str | None) -> bool:
    """Return whether this check of the ticket still waits for its answer."""
    return any(check.id == check_id and check.result == OPEN for check in identity_checks(session, ticket_id))


def end_open_checks(session: Session, ticket_id: str, now: datetime, *, only: str | None = None) -> None:
    """End the ticket's open checks (or `only` one), as of now: no code of theirs passes any more, and the seals are forgotten."""
    for check in identity_checks(session, ticket_id):
        if check.result == OPEN and only in {None, check.id}:
            check.result, check.code_seal = EXPIRED, None
            check.expires_at = now if check.expires_at is None else min(check.expires_at, now)
    session.flush()


def count_change(session: Session, row: TicketRow) -> None:
    """Give the ticket its next version for a change that stands beside its row, so that whoever read it before is told."""
    flag_modified(row, "state")
    session.flush()
