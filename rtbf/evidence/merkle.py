"""The tree over the ledger's leaves: grow it, take its root, and prove or check that a leaf or an older tree is in it.

A tree of n leaves is kept as its frontier: the roots of the complete subtrees that n's binary digits name, largest first.
Every inner node of a complete subtree is made once and never changes, so proofs are read from stored nodes.
The checks refuse what an easy reading of the RFC lets through: an empty older tree, hashes that are not 32 bytes, an index
outside the tree, a proof that is longer or shorter than the sizes demand. Each is a ValueError without any content.
Proves that a root commits to a leaf at one place, or that one root's tree begins with the other's. Does not prove that a
root is the one that others saw: that needs a signed head, and somebody else who keeps it.
Source: RFC 9162 §2.1 (definitions §2.1.1, inclusion §2.1.3, consistency §2.1.4), SHA-256.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

HASH_BYTES = 32
EMPTY_ROOT = hashlib.sha256(b"").digest()
_LEAF_PREFIX = b"\x00"  # RFC 9162 §2.1.1: leaves and inner nodes never hash alike.
_NODE_PREFIX = b"\x01"

Node = tuple[int, int]
"""(level, position): the root of the complete subtree over leaves [position << level, (position + 1) << level)."""
NodeReader = Callable[[Sequence[Node]], Mapping[Node, bytes]]
"""One batched read of nodes; level 0 is the leaf hashes."""


@dataclass(frozen=True, slots=True)
class Frontier:
    """A tree of `size` leaves as the roots of its complete subtrees, largest first; ValueError when they do not fit."""

    size: int
    hashes: tuple[bytes, ...]

    def __post_init__(self) -> None:
        if self.size < 0 or len(self.hashes) != self.size.bit_count():
            raise ValueError(f"{len(self.hashes)} subtree roots for a tree of {self.size} leaves")
        if any(len(each) != HASH_BYTES for each in self.hashes):
            raise ValueError(f"a subtree root that is not {HASH_BYTES} bytes long")


EMPTY = Frontier(0, ())


@dataclass(frozen=True, slots=True)
class Grown:
    """A longer tree, and the (level, position, hash) of each node of level 1 or higher that became complete by it."""

    frontier: Frontier
    nodes: tuple[tuple[int, int, bytes], ...]


def hash_leaf(leaf: bytes) -> bytes:
    """Return SHA-256(0x00 ‖ leaf), 32 bytes (RFC 9162 §2.1.1)."""
    return hashlib.sha256(_LEAF_PREFIX + leaf).digest()


def hash_children(left: bytes, right: bytes) -> bytes:
    """Return SHA-256(0x01 ‖ left ‖ right), 32 bytes (RFC 9162 §2.1.1)."""
    return hashlib.sha256(_NODE_PREFIX + left + right).digest()


def extend(frontier: Frontier, leaf_hashes: Sequence[bytes]) -> Grown:
    """Return the tree with the leaves appended in order; nodes are listed by level, then by position.

    Time is linear in the number of new leaves (two hashes for each at most). ValueError for a hash that is not 32 bytes.
    """
    _require_hashes(leaf_hashes)
    size = frontier.size + len(leaf_hashes)
    waiting = dict(zip((level for level, _ in frontier_nodes(frontier.size)), frontier.hashes, strict=True))
    nodes: list[tuple[int, int, bytes]] = []
    left_over: list[bytes] = []
    row, level = list(leaf_hashes), 0
    # Level by level: what waited on this level comes first, pairs move up, an odd one at the end waits.
    while row or waiting:
        first = (frontier.size >> level) - (level in waiting)
        if level in waiting:
            row.insert(0, waiting.pop(level))
        parents = [hash_children(row[at], row[at + 1]) for at in range(0, len(row) - 1, 2)]
        nodes.extend((level + 1, position, parent) for position, parent in enumerate(parents, first >> 1))
        if len(row) % 2:
            left_over.append(row[-1])
        row, level = parents, level + 1
    return Grown(Frontier(size, tuple(reversed(left_over))), tuple(nodes))


def root_of(frontier: Frontier) -> bytes:
    """Return the tree's root; that of the empty tree is SHA-256 of nothing (RFC 9162 §2.1.1)."""
    return _fold(frontier.hashes) if frontier.hashes else EMPTY_ROOT


def frontier_nodes(size: int) -> tuple[Node, ...]:
    """Return which nodes make the frontier of a tree of `size` leaves, largest first; none for an empty tree."""
    return _range_nodes(0, size)


def prove_inclusion(index: int, size: int, read: NodeReader) -> tuple[bytes, ...]:
    """Return the proof that leaf `index` is in the tree of the first `size` leaves, the leaf's neighbour first (§2.1.3.1).

    Calls `read` once. ValueError when the index is not in the tree, or the reader lacks a node.
    """
    _require_index(index, size)
    start, end = 0, size
    others: list[tuple[int, int]] = []
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            others.append((middle, end))
            end = middle
        else:
            others.append((start, middle))
            start = middle
    return _read_roots(others[::-1], read)


def prove_consistency(first: int, second: int, read: NodeReader) -> tuple[bytes, ...]:
    """Return the proof that the tree of the first `second` leaves begins with that of the first `first` (§2.1.4.1).

    Calls `read` once; two equal sizes have an empty proof. ValueError unless 1 <= first <= second, or when the reader lacks
    a node.
    """
    _require_order(first, second)
    start, end = 0, second
    others: list[tuple[int, int]] = []
    while end != first:
        middle = start + _split(end - start)
        if first <= middle:
            others.append((middle, end))
            end = middle
        else:
            others.append((start, middle))
            start = middle
    if start:
        # The checker cannot take this subtree from the older root, as it can when that root is the subtree itself.
        others.append((start, end))
    return _read_roots(others[::-1], read)


def verify_inclusion(*, leaf_hash: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> None:
    """Return when the proof shows that the leaf is number `index` (from 0) of the `size` leaves under `root` (§2.1.3.2).

    ValueError for everything else.
    """
    _require_index(index, size)
    _require_hashes((leaf_hash, root, *proof))
    place, last, reached = index, size - 1, leaf_hash
    for step in proof:
        if last == 0:
            raise ValueError("the proof is longer than the tree is high")
        if place % 2 or place == last:
            reached = hash_children(step, reached)
            place, last = _climb_lonely(place, last)
        else:
            reached = hash_children(reached, step)
        place, last = place >> 1, last >> 1
    if last:
        raise ValueError("the proof is shorter than the tree is high")
    if reached != root:
        raise ValueError("the proof leads to another root")


def verify_consistency(*, first: int, second: int, first_root: bytes, second_root: bytes, proof: Sequence[bytes]) -> None:
    """Return when the proof shows that the tree of `second` leaves begins with the tree of `first` leaves (§2.1.4.2).

    ValueError for everything else, and unless 1 <= first <= second: that something extends an empty tree says nothing.
    """
    _require_order(first, second)
    _require_hashes((first_root, second_root, *proof))
    if first == second:
        if proof or first_root != second_root:
            raise ValueError("two trees of one size with another root, or with a proof that none needs")
        return
    # An older tree that is one complete subtree is the proof's own beginning, and its root is not sent again.
    path = [first_root, *proof] if first.bit_count() == 1 else list(proof)
    if not path:
        raise ValueError("the proof is empty")
    place, last = first - 1, second - 1
    while place % 2:
        place, last = place >> 1, last >> 1
    older = newer = path[0]
    for step in path[1:]:
        if last == 0:
            raise ValueError("the proof is longer than the trees demand")
        if place % 2 or place == last:
            older, newer = hash_children(step, older), hash_children(step, newer)
            place, last = _climb_lonely(place, last)
        else:
            newer = hash_children(newer, step)
        place, last = place >> 1, last >> 1
    if last:
        raise ValueError("the proof is shorter than the trees demand")
    if older != first_root or newer != second_root:
        raise ValueError("the proof leads to another root")


def _climb_lonely(place: int, last: int) -> tuple[int, int]:
    """Skip the levels on which the last node has no neighbour (§2.1.3.2 step 4b(ii), §2.1.4.2 step 6b(iii))."""
    while place and not place % 2:
        place, last = place >> 1, last >> 1
    return place, last


def _split(size: int) -> int:
    """Return k of RFC 9162 §2.1.1: the largest power of two below `size`."""
    return 1 << ((size - 1).bit_length() - 1)


def _range_nodes(start: int, end: int) -> tuple[Node, ...]:
    """Return the complete subtrees, largest first, of the leaves [start, end); `start` is a multiple of the largest."""
    nodes: list[Node] = []
    while start < end:
        level = (end - start).bit_length() - 1
        nodes.append((level, start >> level))
        start += 1 << level
    return tuple(nodes)


def _read_roots(ranges: Sequence[tuple[int, int]], read: NodeReader) -> tuple[bytes, ...]:
    """Return the root of each range of leaves, from one read of all their nodes."""
    wanted = [_range_nodes(start, end) for start, end in ranges]
    found = read([node for nodes in wanted for node in nodes])
    missing = sum(node not in found for nodes in wanted for node in nodes)
    if missing:
        raise ValueError(f"{missing} of the tree's nodes are not there")
    return tuple(_fold([found[node] for node in nodes]) for nodes in wanted)


def _fold(hashes: Sequence[bytes]) -> bytes:
    """Return the root over complete subtrees, largest first: the small ones on the right are joined first."""
    reached = hashes[-1]
    for left in reversed(hashes[:-1]):
        reached = hash_children(left, reached)
    return reached


def _require_index(index: int, size: int) -> None:
    if not 0 <= index < size:
        raise ValueError(f"leaf {index} is not in a tree of {size} leaves")


def _require_order(first: int, second: int) -> None:
    if not 1 <= first <= second:
        raise ValueError(f"sizes {first} and {second} are not 1 <= older <= newer")


def _require_hashes(hashes: Sequence[bytes]) -> None:
    wrong = sum(len(each) != HASH_BYTES for each in hashes)
    if wrong:
        raise ValueError(f"{wrong} hashes that are not {HASH_BYTES} bytes long")
