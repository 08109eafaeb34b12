"""The ledger's tree as the database keeps it: leaf hashes beside the events, complete subtrees in `tree_node`.

Reads only. Says what the database says: whether that is what was signed is the signer's matter, and `rtbf log check`'s.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import func, or_, select

from rtbf.errors import LedgerBroken
from rtbf.evidence.merkle import HASH_BYTES, Frontier, frontier_nodes, root_of
from rtbf.store.tables import EventRow, PendingEventRow, TreeNodeRow

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from sqlalchemy.orm import Session

    from rtbf.evidence.merkle import Node, NodeReader

_READ_AT_ONCE = 1000


def tree_size(session: Session) -> int:
    """Return how many events have their place in the ledger."""
    newest = session.scalar(select(func.max(EventRow.idx)))
    return 0 if newest is None else newest + 1


def node_reader(session: Session) -> NodeReader:
    """Return a reader of the tree's nodes: two queries for any number of them. What is not there is left out."""

    def read(nodes: Sequence[Node]) -> Mapping[Node, bytes]:
        leaves = [pos for level, pos in nodes if level == 0]
        inner: dict[int, list[int]] = {}
        for level, pos in nodes:
            if level > 0:
                inner.setdefault(level, []).append(pos)
        found: dict[Node, bytes] = {}
        if leaves:
            rows = session.execute(select(EventRow.idx, EventRow.leaf_hash).where(EventRow.idx.in_(leaves)))
            found |= {(0, idx): bytes.fromhex(leaf_hash) for idx, leaf_hash in rows}
        if inner:
            # Level by level: SQLite reads the whole table for pairs that are in a list of pairs.
            wanted = or_(*((TreeNodeRow.level == level) & TreeNodeRow.pos.in_(places) for level, places in inner.items()))
            stored = session.execute(select(TreeNodeRow.level, TreeNodeRow.pos, TreeNodeRow.hash).where(wanted))
            found |= {(level, pos): hashed for level, pos, hashed in stored}
        return found

    return read


def tree_frontier(session: Session, size: int) -> Frontier:
    """Return the frontier of the tree of the first `size` leaves; raises LedgerBroken when the database lacks a node of it."""
    wanted = frontier_nodes(size)
    found = node_reader(session)(wanted)
    missing = [node for node in wanted if len(found.get(node, b"")) != HASH_BYTES]
    if missing:
        raise LedgerBroken(
            found=f"{len(missing)} of the {len(wanted)} nodes that a tree of {size} events is made of are not there, or no hashes",
            expected="every complete subtree, stored with its events",
            remedy="run `rtbf log check`, and restore the database from a backup",
        )
    return Frontier(size, tuple(found[node] for node in wanted))


def tree_root(session: Session, size: int) -> bytes:
    """Return the root over the first `size` leaves, by the stored nodes; raises LedgerBroken."""
    return root_of(tree_frontier(session, size))


def nodes_between(session: Session, level: int, first: int, last: int) -> dict[int, bytes]:
    """Return the stored nodes of a level (1 or higher) from one position to another, both included, by position."""
    here = (TreeNodeRow.level == level, TreeNodeRow.pos >= first, TreeNodeRow.pos <= last)
    rows = session.execute(select(TreeNodeRow.pos, TreeNodeRow.hash).where(*here))
    return {row.pos: row.hash for row in rows}


def count_nodes(session: Session) -> int:
    """Return how many nodes are stored."""
    return session.scalar(select(func.count()).select_from(TreeNodeRow)) or 0


def rows_between(session: Session, start: int, end: int) -> Sequence[EventRow]:
    """Return the events' rows with index from `start` up to before `end` in order, whether or not one is missing."""
    return session.scalars(select(EventRow).where(EventRow.idx >= start, EventRow.idx < end).order_by(EventRow.idx)).all()


def count_pending(session: Session) -> int:
    """Return how many events wait for their place."""
    return session.scalar(select(func.count()).select_from(PendingEventRow)) or 0


def leaves(session: Session, start: int, end: int) -> Iterator[bytes]:
    """Yield the leaves with index from `start` up to before `end` in order, read in pieces; raises LedgerBroken at a gap."""
    for first in range(start, end, _READ_AT_ONCE):
        last = min(first + _READ_AT_ONCE, end)
        rows: Any = session.execute(
            select(EventRow.idx, EventRow.leaf).where(EventRow.idx >= first, EventRow.idx < last).order_by(EventRow.idx)
        )
        expected = first
        for idx, leaf in rows:
            # SQLite keeps text where somebody wrote text, whatever the column says.
            if idx != expected or not isinstance(leaf, bytes):
                break
            yield leaf
            expected += 1
        if expected != last:
            raise LedgerBroken(
                found=f"no event {expected} in the ledger",
                expected=f"every event up to {end - 1}",
                remedy="stop using this database and restore it from a backup: events were lost",
            )
