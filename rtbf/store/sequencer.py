"""Give pending events their places: index, chain, tree nodes and outbox rows, one transaction, one sequencer at a time.

1. Wait until no other sequencer works: the first statement, so that everything after it sees what that one committed.
2. Take all pending rows that are visible, in the order of their ids. Never "id above the last one": a lower id may be
   committed later, and would be lost.
3. Give gapless indices, link each ticket's chain, and build the leaves.
4. Write events, the tree's complete subtrees and outbox rows; the pending rows are deleted with them, or not at all.

A process that dies leaves everything as it was. Writers of events never wait for this.
Refuses to go on under a name that the ledger has left behind (`rtbf log restart`).
Source: evidence.md §2.3; RFC 9162 §2.1.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, func, insert, select, text

from rtbf.clock import rfc3339
from rtbf.errors import LedgerForked
from rtbf.evidence.ledger import Link, leaf_hash, log_of, splice_leaf, splice_told
from rtbf.evidence.log_name import is_later
from rtbf.evidence.merkle import extend
from rtbf.store.tables import EventRow, OutboxRow, PendingEventRow, TreeNodeRow
from rtbf.store.tree import tree_frontier, tree_size

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from contextlib import AbstractContextManager

    from sqlalchemy import Row
    from sqlalchemy.orm import Session

BATCH = 1000
"""Events of one transaction: some ten milliseconds."""
_TOLD = ("from", "to", "outcome", "reason", "kind", "code")
"""What of an event's data leaves the house: phases and codes. Whoever is told fetches the rest with a token of its own."""
_LEDGER_LOCK = 0x72746266  # "rtbf" in ASCII: the advisory lock's number.
_EVENT = ("idx", "ticket_id", "ticket_seq", "leaf", "leaf_hash")
_OUTBOX = ("idx", "ticket_id", "event_type", "body", "created_at")
_NODE = ("level", "pos", "hash")
_CHAIN_ENDS = text(
    "SELECT wanted.ticket_id, newest.ticket_seq, newest.leaf_hash FROM unnest(CAST(:tickets AS varchar[])) AS wanted(ticket_id) "
    "CROSS JOIN LATERAL (SELECT ticket_seq, leaf_hash FROM event WHERE event.ticket_id = wanted.ticket_id "
    "ORDER BY ticket_seq DESC LIMIT 1) AS newest"
)


def sequence_all(transaction: Callable[[], AbstractContextManager[Session]], log: str) -> int:
    """Sequence everything that was committed before this call, in batches of a transaction each; return how many events.

    Raises LedgerForked, LedgerBroken; batches before the failing one stay.
    """
    done = 0
    while True:
        with transaction() as session:
            # Looked at without the lock: what is not pending any more has its place already.
            if session.scalar(select(PendingEventRow.id).limit(1)) is None:
                return done
        with transaction() as session:
            taken = sequence(session, log, BATCH)
        done += taken
        if 0 < taken < BATCH:
            return done


def sequence(session: Session, log: str, limit: int | None = None) -> int:
    """Give up to `limit` pending events (None: all of them) their places in the ledger `log`; return how many there were.

    The caller's transaction should hold nothing yet: this may wait for another sequencer, and PostgreSQL has to be at READ
    COMMITTED, which is set here. Raises LedgerForked under an abandoned name, LedgerBroken when the tree lacks nodes.
    """
    _wait_for_others(session)
    pending = _take(session, limit)
    if not pending:
        return 0
    size = tree_size(session)
    _require_living_name(session, log, size)
    events, told = _placed(pending, log, size, _chain_ends(session, {row.ticket_id for row in pending} - {None}))
    grown = extend(tree_frontier(session, size), [bytes.fromhex(event[4]) for event in events])
    _write(session, EventRow.__table__, _EVENT, events)
    _write(session, TreeNodeRow.__table__, _NODE, grown.nodes)
    _write(session, OutboxRow.__table__, _OUTBOX, told)
    return len(events)


def _wait_for_others(session: Session) -> None:
    # SQLite's every transaction begins with BEGIN IMMEDIATE (store.engine), which is the same wait.
    if session.get_bind().dialect.name == "postgresql":
        # At REPEATABLE READ the statements after the wait would see the ledger as it was before it.
        session.execute(text("SET TRANSACTION ISOLATION LEVEL READ COMMITTED"))
        session.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LEDGER_LOCK})


def _take(session: Session, limit: int | None) -> list[Row[Any]]:
    """Delete pending rows and return them by id; one statement, so that what is deleted is what is returned."""
    table: Any = PendingEventRow.__table__
    first = select(table.c.id).order_by(table.c.id).limit(limit)
    rows = session.execute(delete(table).where(table.c.id.in_(first)).returning(*table.c)).all()
    return sorted(rows, key=lambda row: int(row.id))


def _require_living_name(session: Session, log: str, size: int) -> None:
    last = session.scalar(select(EventRow.leaf).where(EventRow.idx == size - 1))
    if last is not None and is_later(told := log_of(last), log):
        raise LedgerForked(
            found=f"a ledger that goes on as '{told}', while this process still writes '{log}'",
            expected="the name that the trust file gives last",
            remedy="start this process anew, so that it reads the trust file; the events wait",
        )


def _chain_ends(session: Session, ticket_ids: Iterable[str]) -> dict[str, Link]:
    """Return where each ticket's chain ends; a ticket without an event is not in it."""
    wanted = sorted(ticket_ids)
    if session.get_bind().dialect.name == "postgresql":
        # One look into the index for each ticket, whatever the planner believes about how many events a ticket has.
        rows: Any = session.execute(_CHAIN_ENDS, {"tickets": wanted})
    else:
        newest = (
            select(EventRow.ticket_id, func.max(EventRow.ticket_seq).label("seq"))
            .where(EventRow.ticket_id.in_(wanted))
            .group_by(EventRow.ticket_id)
            .subquery()
        )
        ends = select(EventRow.ticket_id, EventRow.ticket_seq, EventRow.leaf_hash).join(
            newest, (EventRow.ticket_id == newest.c.ticket_id) & (EventRow.ticket_seq == newest.c.seq)
        )
        rows = session.execute(ends)
    # The stored hash, not one of the leaf as it is: who changed the leaf gets no chain that goes on from the change.
    return {ticket_id: Link(seq=seq, hash=last) for ticket_id, seq, last in rows}


def _placed(pending: Sequence[Row[Any]], log: str, size: int, ends: dict[str, Link]) -> tuple[list[tuple[Any, ...]], list[tuple[Any, ...]]]:
    """Return the rows of events and of the outbox, in the order of _EVENT and _OUTBOX; `ends` goes on as it is used."""
    events: list[tuple[Any, ...]] = []
    told: list[tuple[Any, ...]] = []
    for idx, row in enumerate(pending, start=size):
        ticket, time = row.ticket_id, rfc3339(row.at)
        link = ends.get(ticket)
        leaf = splice_leaf(
            idx=idx, log=log, ticket=ticket, link=link, event_type=row.event_type, actor_id=row.actor_id, data=row.data, nonce=row.nonce,
            time=time,
        )  # fmt: skip
        hashed = leaf_hash(leaf)
        seq = None
        if ticket is not None:
            seq = 1 if link is None else link.seq + 1
            ends[ticket] = Link(seq=seq, hash=hashed)
        events.append((idx, ticket, seq, leaf, hashed))
        facts = json.loads(row.data)
        body = splice_told(
            idx=idx, ticket=ticket, event_type=row.event_type, time=time, told={key: facts[key] for key in _TOLD if key in facts}
        )
        told.append((idx, ticket, row.event_type, body, row.at))
    return events, told


def _write(session: Session, table: Any, columns: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> None:  # noqa: ANN401 - SQLAlchemy types a mapped table as any selectable
    """Insert rows: by COPY on PostgreSQL, which takes a tenth of the time of as many INSERTs."""
    if not rows:
        return
    if session.get_bind().dialect.name == "postgresql":
        driver: Any = session.connection().connection.driver_connection
        with driver.cursor() as cursor, cursor.copy(f"COPY {table.name} ({', '.join(columns)}) FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)
        return
    session.execute(insert(table), [dict(zip(columns, row, strict=True)) for row in rows])
