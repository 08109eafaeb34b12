"""Being written in parallel; see the next commit."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from rtbf.installation import Installation


def restrict(session: Session, installation: Installation, ticket_id: str, actor_id: str, now: datetime) -> None:
    """Place the person's temporary tokens."""


def keep_suppressed(session: Session, installation: Installation, ticket_id: str, actor_id: str, now: datetime) -> None:
    """Make the person's tokens permanent."""


def lift_restriction(session: Session, installation: Installation, ticket_id: str, actor_id: str, now: datetime) -> None:
    """Lift the person's temporary tokens."""
