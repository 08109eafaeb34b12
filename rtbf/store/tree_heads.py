"""Signed tree heads as they are stored: append-only, one for each name and size."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError

from rtbf.errors import LedgerForked
from rtbf.store.tables import TreeHeadRow

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session


def add_head(session: Session, origin: str, size: int, note: str, now: datetime) -> None:
    """Store a head; raises LedgerForked when one of that size is there already, by another signer."""
    session.add(TreeHeadRow(origin=origin, size=size, note=note, created_at=now))
    try:
        session.flush()
    except IntegrityError as taken:
        raise LedgerForked(
            found=f"a head of {size} events that somebody else stored in the same moment",
            expected="one signer with one state file",
            remedy="let one process sign; `rtbf log check` tells whether both signed the same tree",
        ) from taken


def head_note(session: Session, origin: str, size: int) -> str | None:
    """Return the stored note over the tree of that size, or None."""
    return session.scalar(select(TreeHeadRow.note).where(TreeHeadRow.origin == origin, TreeHeadRow.size == size))


def newest_head(session: Session, *, above: int = 0) -> TreeHeadRow | None:
    """Return the head of the largest tree under any name, if that has more than `above` events.

    The name makes no difference: after a restart the same tree goes on, and a lost larger one may be stored no more.
    """
    return session.scalar(
        select(TreeHeadRow).where(TreeHeadRow.size > above).order_by(TreeHeadRow.size.desc(), TreeHeadRow.created_at.desc()).limit(1)
    )


def sizes_of_heads(session: Session, origin: str) -> tuple[int | None, int]:
    """Return the size of the largest head under that name, None without one; and how many heads under any name there are."""
    largest = session.scalar(select(func.max(TreeHeadRow.size)).where(TreeHeadRow.origin == origin))
    return largest, session.scalar(select(func.count()).select_from(TreeHeadRow)) or 0


def size_before(session: Session, origin: str, size: int) -> int:
    """Return the size of the head before the one of that size under the same name, 0 without one."""
    return session.scalar(select(func.max(TreeHeadRow.size)).where(TreeHeadRow.origin == origin, TreeHeadRow.size < size)) or 0


def all_heads(session: Session) -> Sequence[TreeHeadRow]:
    """Return every stored head by size."""
    return session.scalars(select(TreeHeadRow).order_by(TreeHeadRow.size, TreeHeadRow.created_at, TreeHeadRow.origin)).all()
