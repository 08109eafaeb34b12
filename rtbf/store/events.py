"""Events inside the caller's transaction: no move without its event, no event without its move.

An event is written down as pending, without a lock and without a look at any other row; `rtbf.store.sequencer` gives it its
place in the ledger afterwards. Who needs the ledger's order sequences first; who needs a ticket's events in the middle of a
transaction reads `ticket_events_so_far`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import insert, literal, null, select, type_coerce, union_all

from rtbf.clock import parse_rfc3339, rfc3339
from rtbf.evidence.canonical import canonical_bytes
from rtbf.evidence.ledger import new_nonce, verify_chain
from rtbf.store.tables import EventRow, PendingEventRow, UTCDateTime

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session


@dataclass(frozen=True, kw_only=True, slots=True)
class LedgerEvent:
    """One event of a ticket. `at` in milliseconds, as the ledger tells it; `is_sequenced`: it has its place in the ledger."""

    type: str
    at: datetime
    actor_id: str
    data: dict[str, Any]
    is_sequenced: bool


def append_event(session: Session, *, ticket_id: str | None, event_type: str, actor_id: str, data: dict[str, Any], now: datetime) -> None:
    """Write one event down; ids, counts, digests and codes only in `data`. Waits for nobody.

    ValueError for a float, or anything else that has no canonical form: here, and not when the event is sequenced.
    """
    values = {
        "ticket_id": ticket_id, "event_type": event_type, "actor_id": actor_id, "data": canonical_bytes(data), "at": now,
        "nonce": new_nonce(),
    }  # fmt: skip
    session.flush()
    # Inline: a role that may only insert has no right to be told the new row's id.
    session.execute(insert(PendingEventRow.__table__).values(values).inline())  # type: ignore[arg-type]  # SQLAlchemy types it as any selectable


def ticket_leaves(session: Session, ticket_id: str, size: int | None = None) -> tuple[bytes, ...]:
    """Return the ticket's leaves in order: those that have their place in the ledger, or in its first `size` places."""
    rows = select(EventRow.leaf).where(EventRow.ticket_id == ticket_id).order_by(EventRow.ticket_seq)
    if size is not None:
        rows = rows.where(EventRow.idx < size)
    return tuple(session.scalars(rows))


def first_leaf(session: Session, ticket_id: str) -> tuple[int, bytes] | None:
    """Return index and bytes of the ticket's first event, None while it has no place in the ledger."""
    row = session.execute(select(EventRow.idx, EventRow.leaf).where(EventRow.ticket_id == ticket_id, EventRow.ticket_seq == 1)).first()
    return None if row is None else (row.idx, row.leaf)


def ticket_trail(session: Session, ticket_id: str, size: int | None = None) -> tuple[int, str]:
    """Return (count, last hash) of the ticket's sequenced chain, as `ticket_leaves`, after checking every link; raises LedgerBroken."""
    return verify_chain(ticket_leaves(session, ticket_id, size))


def ticket_events_so_far(session: Session, ticket_id: str) -> tuple[LedgerEvent, ...]:
    """Return the ticket's events, sequenced and then pending, this transaction's own among them.

    One statement reads both: between two, a sequencer could move an event from one table to the other, unseen.
    """
    leaf, pending = EventRow, PendingEventRow
    sequenced = select(
        literal(0).label("part"), leaf.ticket_seq.label("place"), leaf.leaf.label("body"), null().label("type"),
        null().label("actor_id"), type_coerce(null(), UTCDateTime()).label("at"),
    ).where(leaf.ticket_id == ticket_id)  # fmt: skip
    waiting = select(literal(1), pending.id, pending.data, pending.event_type, pending.actor_id, pending.at).where(
        pending.ticket_id == ticket_id
    )
    rows: Any = session.execute(union_all(sequenced, waiting).order_by("part", "place"))
    return tuple(_event_of(row.body, row.type, row.actor_id, row.at) for row in rows)


def _event_of(body: bytes, event_type: str | None, actor_id: str, at: datetime) -> LedgerEvent:
    told = json.loads(body)
    if event_type is None:
        return LedgerEvent(
            type=told["type"], at=parse_rfc3339(told["time"]), actor_id=told["actor"]["id"], data=told["data"], is_sequenced=True
        )
    return LedgerEvent(type=event_type, at=parse_rfc3339(rfc3339(at)), actor_id=actor_id, data=told, is_sequenced=False)
