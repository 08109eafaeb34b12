"""Residuals as stored: what remains after a ticket, whose it is, and when it is due."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from rtbf.errors import UnknownName
from rtbf.store.law_tables import ResidualRow

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session


def add_residual(session: Session, residual: ResidualRow) -> None:
    """Store one residual; the same reason and name twice for a ticket, still open, is one."""
    twin = select(ResidualRow).where(
        ResidualRow.ticket_id == residual.ticket_id,
        ResidualRow.reason == residual.reason,
        ResidualRow.name == residual.name,
        ResidualRow.resolved_at.is_(None),
    )
    if session.scalar(twin) is None:
        session.add(residual)
        session.flush()


def residuals_of(session: Session, ticket_id: str) -> Sequence[ResidualRow]:
    """Return the ticket's residuals, resolved ones too, oldest first."""
    return session.scalars(
        select(ResidualRow).where(ResidualRow.ticket_id == ticket_id).order_by(ResidualRow.opened_at, ResidualRow.id)
    ).all()


def open_residuals(session: Session) -> Sequence[ResidualRow]:
    """Return every residual that is not resolved, by the date it is due; those without a date come first."""
    unresolved = session.scalars(select(ResidualRow).where(ResidualRow.resolved_at.is_(None)).order_by(ResidualRow.id))
    return sorted(unresolved, key=lambda row: (row.due_at is not None, row.due_at.timestamp() if row.due_at is not None else 0.0))


def all_residuals(session: Session) -> Sequence[ResidualRow]:
    """Return every residual of every ticket, resolved ones too, oldest first."""
    return session.scalars(select(ResidualRow).order_by(ResidualRow.opened_at, ResidualRow.id)).all()


def find_residual(session: Session, residual_id: str) -> ResidualRow:
    """Return one residual; raises UnknownName."""
    row = session.get(ResidualRow, residual_id)
    if row is None:
        raise UnknownName("residual", residual_id, session.scalars(select(ResidualRow.id)), "rtbf residual list")
    return row


def resolve_residual(session: Session, row: ResidualRow, actor_id: str, now: datetime) -> None:
    """Mark a residual as resolved; one that is stays as it is."""
    if row.resolved_at is None:
        row.resolved_at, row.resolved_by = now, actor_id
        session.flush()
