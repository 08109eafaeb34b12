"""Sign the ledger's tree, and never two trees of which one does not begin with the other.

The signer believes its own state file, not the database. In order, under a lock on that file:

1. Read the state. None is right only for a log of which nobody has a head.
2. Compare with the database: it has at least as many events, the same root over those that were signed, no larger head.
3. Compare with the exported heads: none is larger than the last signed one.
4. Finish what a kill cut short: the last head is stored and exported.
5. Nothing new: return the last head; no second signature.
6. Read the leaves that are new, as raw bytes, and work out the root from the state's own subtrees; it is the database's.
7. Sign, and have the new state on the disk.
8. Only then hand the signature out: store it and export it.

A restored backup, a rewritten history or a state that was moved back ends in LedgerForked, and nothing is signed.
Proves that heads under one name are heads of one growing tree, as long as the state file is kept. Does not prove it to
anybody who does not trust this machine: for that somebody else must keep heads (exports, witnesses).
Source: evidence.md §2.3 step 3; RFC 9162 §2.1.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from rtbf.errors import LedgerForked, RecordBroken
from rtbf.evidence.head_exports import exported_sizes, has_exports
from rtbf.evidence.log_state import SignerState, read_state, write_state
from rtbf.evidence.merkle import EMPTY, Frontier, extend, hash_leaf
from rtbf.evidence.tree_head import TreeHead, sign_head
from rtbf.files import make_private_folder
from rtbf.vault.key_file import one_writer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

_READ_AT_ONCE = 1000
_REMEDY = (
    "run `rtbf log check`, and bring the newest copies of database and signer's state together again; "
    "when events are lost for good, `rtbf log restart` begins the ledger anew, for everyone to see"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class SignerPlaces:
    """Where the signer keeps its state, and the folder that heads are exported to."""

    state: Path
    exports: Path


@dataclass(frozen=True, kw_only=True, slots=True)
class SeenTree:
    """The tree as the database tells it.

    leaves        raw leaves from an index up to before another, in order
    root_at       the root over the first so many leaves, by the database's own nodes
    largest_head  the size of the largest stored head under the log's name; None without one
    has_heads     whether a head under any name is stored
    """

    size: int
    leaves: Callable[[int, int], Iterable[bytes]]
    root_at: Callable[[int], bytes]
    largest_head: int | None
    has_heads: bool


def sign_tree(
    places: SignerPlaces,
    *,
    origin: str,
    key: Callable[[], Ed25519PrivateKey],
    tree: Callable[[], SeenTree],
    publish: Callable[[str], str],
) -> str:
    """Return the note over the tree as it is, as `publish` gave it back: a new one, or the last one when nothing is new.

    `key` is asked for only when something is to be signed. `publish` stores and exports a note, and returns it with what
    witnesses added; it is called for the last note again, and must then change nothing.
    Raises LedgerForked as the module's head says, RecordBroken for a state that is damaged or another account's, and what
    `key` and `publish` raise.
    """
    with _one_signer(places):
        seen = tree()
        state = _state_to_go_on_from(places, origin, seen)
        if state.note is not None:
            last = publish(state.note)
            if seen.size == state.size:
                return last
        frontier = _grown(state.frontier, seen)
        grown = SignerState(origin=origin, frontier=frontier, note=None)
        note = sign_head(TreeHead(origin=origin, size=frontier.size, root=grown.root), key())
        write_state(places.state, SignerState(origin=origin, frontier=frontier, note=note))
        return publish(note)


def require_signable(places: SignerPlaces, *, origin: str, tree: Callable[[], SeenTree]) -> None:
    """Return when `sign_tree` would not refuse by what was signed before; raises LedgerForked or RecordBroken otherwise."""
    with _one_signer(places):
        _state_to_go_on_from(places, origin, tree())


def adopt_tree(places: SignerPlaces, *, origin: str, tree: Callable[[], SeenTree]) -> SignerState:
    """Begin under a new name with the tree as the database has it, whatever was signed before; return the state.

    Only for a restart after a real loss, which the ledger has named by then. Raises LedgerForked when the database's nodes
    are not those of its own leaves, or when a larger tree was exported under this very name.
    """
    with _one_signer(places):
        state = SignerState(origin=origin, frontier=_grown(EMPTY, tree()), note=None)
        _require_no_larger_export(places, state)
        write_state(places.state, state)
        return state


@contextlib.contextmanager
def _one_signer(places: SignerPlaces) -> Iterator[None]:
    """Hold the right to sign; a file that this account may not use ends in RecordBroken, whichever of the signer's it is."""
    try:
        make_private_folder(places.state.parent)
        with one_writer(places.state):
            yield
    except PermissionError as refused:
        raise RecordBroken(
            found=f"this account may not use {refused.filename}",
            expected="the log signer's account, which owns its state and may write to the export folder",
            remedy="sign as that account, or see to owner and mode; events keep their places meanwhile",
        ) from refused


def _state_to_go_on_from(places: SignerPlaces, origin: str, seen: SeenTree) -> SignerState:
    """Steps 1 to 3."""
    state = read_state(places.state)
    if state is None:
        _require_nothing_signed(places, seen)
        state = SignerState(origin=origin, frontier=EMPTY, note=None)
    _require_continuation(state, origin, seen)
    _require_no_larger_export(places, state)
    return state


def _require_nothing_signed(places: SignerPlaces, seen: SeenTree) -> None:
    if seen.has_heads or has_exports(places.exports):
        raise LedgerForked(
            found=f"no state of the log signer at {places.state}, though heads of this ledger exist",
            expected="the file that says what was signed last",
            remedy="restore the file, or name it in RTBF_LOG_STATE_FILE; " + _REMEDY,
        )


def _require_continuation(state: SignerState, origin: str, seen: SeenTree) -> None:
    if state.origin != origin:
        raise LedgerForked(
            found=f"the signer's state of the log '{state.origin}'",
            expected=f"that of '{origin}', which the trust file names last",
            remedy="end the restart that was begun, with `rtbf log restart`, or restore the state that belongs to this home",
        )
    if seen.size < state.size:
        raise LedgerForked(
            found=f"a database of {seen.size} events", expected=f"at least the {state.size} that were signed", remedy=_REMEDY
        )
    if seen.root_at(state.size) != state.root:
        raise LedgerForked(
            found=f"a database with other events among its first {state.size}",
            expected=f"the {state.size} events that were signed",
            remedy=_REMEDY,
        )
    if seen.largest_head is not None and seen.largest_head > state.size:
        raise LedgerForked(
            found=f"a signer's state of {state.size} events, and a stored head of {seen.largest_head}",
            expected="the newest state",
            remedy=_REMEDY,
        )


def _require_no_larger_export(places: SignerPlaces, state: SignerState) -> None:
    sizes = exported_sizes(places.exports, state.origin)
    if sizes and sizes[-1] > state.size:
        raise LedgerForked(
            found=f"an exported head of {sizes[-1]} events, and a signer's state of {state.size}",
            expected="no head that this signer does not remember",
            remedy=_REMEDY,
        )


def _grown(frontier: Frontier, seen: SeenTree) -> Frontier:
    """Return the tree with the leaves that are new, worked out from their bytes; it has to be the database's."""
    fresh = iter(seen.leaves(frontier.size, seen.size))
    while hashes := [hash_leaf(leaf) for leaf in islice(fresh, _READ_AT_ONCE)]:
        frontier = extend(frontier, hashes).frontier
    root = SignerState(origin="", frontier=frontier, note=None).root
    if frontier.size != seen.size or root != seen.root_at(seen.size):
        raise LedgerForked(
            found=f"{frontier.size} events whose root is not the one that the database keeps for {seen.size}",
            expected="one tree over one row of events",
            remedy=_REMEDY,
        )
    return frontier
