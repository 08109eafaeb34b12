"""Approvals and rejections of plans, by the plan's digest. Append-only."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from rtbf.plan.approval import ApprovalGiven
from rtbf.store.tables import ApprovalRow

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.orm import Session


def add_approval(session: Session, approval: ApprovalRow) -> None:
    """Store one approval or rejection."""
    session.add(approval)
    session.flush()


def approvals_of(session: Session, ticket_id: str, plan_digest: str) -> Sequence[ApprovalRow]:
    """Return the approvals and rejections of one plan digest, oldest first."""
    return session.scalars(
        select(ApprovalRow)
        .where(ApprovalRow.ticket_id == ticket_id, ApprovalRow.plan_digest == plan_digest)
        .order_by(ApprovalRow.given_at, ApprovalRow.id)
    ).all()


def approvals_given(session: Session, ticket_id: str, plan_digest: str) -> tuple[ApprovalGiven, ...]:
    """Return the same as values. One that an earlier release stored without an end counts as over when it was given."""
    return tuple(
        ApprovalGiven(
            actor_id=row.actor_id,
            plan_digest=row.plan_digest,
            is_approval=row.is_approval,
            given_at=row.given_at,
            expires_at=row.expires_at or row.given_at,
            key_id=row.key_id,
        )
        for row in approvals_of(session, ticket_id, plan_digest)
    )
