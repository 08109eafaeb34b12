"""Legal holds as stored; what they block is decided in `rtbf.plan.holds`."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

from sqlalchemy import select

from rtbf.errors import UnknownName
from rtbf.plan.holds import Hold, ScopeKind
from rtbf.store.law_tables import HoldRow

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session


def add_hold(session: Session, hold: Hold, actor_id: str) -> None:
    """Store a hold that `actor_id` placed."""
    session.add(
        HoldRow(
            id=hold.hold_id, scope_kind=hold.scope_kind, scope=hold.scope, ground=hold.ground, authority_ref=hold.authority_ref,
            since=hold.since, until=hold.until, placed_by=actor_id,
        )
    )  # fmt: skip
    session.flush()


def all_holds(session: Session) -> tuple[Hold, ...]:
    """Return every hold, released and ended ones too, oldest first."""
    return tuple(_hold(row) for row in session.scalars(select(HoldRow).order_by(HoldRow.since, HoldRow.id)))


def release_hold(session: Session, hold_id: str, actor_id: str, now: datetime) -> Hold:
    """End a hold at `now` and return it; one that was released already stays as it is. Raises UnknownName."""
    row = session.get(HoldRow, hold_id)
    if row is None:
        raise UnknownName("hold", hold_id, session.scalars(select(HoldRow.id)), "rtbf hold list")
    if row.released_at is None:
        row.released_at, row.released_by = now, actor_id
        session.flush()
    return _hold(row)


def _hold(row: HoldRow) -> Hold:
    kind: ScopeKind = next(kind for kind in get_args(ScopeKind) if kind == row.scope_kind)
    return Hold(
        hold_id=row.id,
        scope_kind=kind,
        scope=row.scope,
        ground=row.ground,
        authority_ref=row.authority_ref,
        since=row.since,
        until=row.until,
        released_at=row.released_at,
    )
