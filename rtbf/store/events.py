"""Append events to ledger and outbox inside the caller's transaction: no move without its event, no event without its move.

One writer at a time: SQLite's BEGIN IMMEDIATE or a PostgreSQL advisory lock orders them, and the primary key turns a
fork into an error.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select, text

from rtbf.clock import rfc3339
from rtbf.evidence.canonical import canonical_bytes
from rtbf.evidence.ledger import event_leaf, leaf_hash, verify_chain
from rtbf.store.tables import EventRow, OutboxRow

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

_TOLD = ("from", "to", "outcome", "reason", "kind", "code")
"""What of an event's data leaves the house: phases and codes. Whoever is told fetches the rest with a token of its own."""
_LEDGER_LOCK = 0x72746266  # "rtbf" in ASCII: the advisory lock's number.


def append_event(
    session: Session, *, log: str, ticket_id: str | None, event_type: str, actor_id: str, data: dict[str, Any], now: datetime
) -> None:
    """Append one event and its outbox row; ids, counts, digests and codes only in `data`."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LEDGER_LOCK})
    last_idx = session.scalar(select(func.max(EventRow.idx)))
    idx = 0 if last_idx is None else last_idx + 1
    previous = None
    if ticket_id is not None:
        newest = select(EventRow.leaf).where(EventRow.ticket_id == ticket_id).order_by(EventRow.ticket_seq.desc()).limit(1)
        previous = session.scalar(newest)
    leaf = event_leaf(idx=idx, log=log, ticket=ticket_id, previous=previous, event_type=event_type, actor_id=actor_id, data=data, now=now)
    seq = None if ticket_id is None else 1 + (session.scalar(_last_seq(ticket_id)) or 0)
    session.add(EventRow(idx=idx, ticket_id=ticket_id, ticket_seq=seq, leaf=leaf, leaf_hash=leaf_hash(leaf)))
    thin = {"idx": idx, "ticket": ticket_id, "type": event_type, "time": rfc3339(now), "data": {k: data[k] for k in _TOLD if k in data}}
    session.add(OutboxRow(idx=idx, ticket_id=ticket_id, event_type=event_type, body=canonical_bytes(thin), created_at=now))
    session.flush()


def ticket_leaves(session: Session, ticket_id: str) -> tuple[bytes, ...]:
    """Return the ticket's leaves in order."""
    rows = select(EventRow.leaf).where(EventRow.ticket_id == ticket_id).order_by(EventRow.ticket_seq)
    return tuple(session.scalars(rows))


def ticket_trail(session: Session, ticket_id: str) -> tuple[int, str]:
    """Return (count, last hash) of the ticket's chain after checking every link; raises LedgerBroken."""
    return verify_chain(ticket_leaves(session, ticket_id))


def _last_seq(ticket_id: str) -> Any:  # noqa: ANN401 - SQLAlchemy's generic select type says less than its name
    return select(func.max(EventRow.ticket_seq)).where(EventRow.ticket_id == ticket_id)
