"""Being written in parallel; see the next commit."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from rtbf.installation import Installation
    from rtbf.store.tables import TicketRow


def plan_purge(session: Session, installation: Installation, row: TicketRow, actor_id: str, now: datetime) -> None:
    """Say which of our own copies go with the closing, and when the rest does."""
