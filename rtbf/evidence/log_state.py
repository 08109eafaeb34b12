"""What the log signer remembers: the tree that it signed last, in a file of its own outside the database.

The database may be restored from a backup, and then tells an older history; this file is what notices. So it is on the disk
before a signature leaves, and a file that is damaged is an error, never an empty state.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rtbf.errors import RecordBroken
from rtbf.evidence.merkle import Frontier, root_of
from rtbf.evidence.shape import read_shape
from rtbf.evidence.strict_base64 import base64_text, read_base64
from rtbf.evidence.strict_json import read_strict_json
from rtbf.evidence.tree_head import TreeHead, head_in
from rtbf.files import make_private_folder, replace_file

if TYPE_CHECKING:
    from pathlib import Path

STATE_SCHEMA = "rtbf.log-state/1"
_MAX_BYTES = 1 << 16


@dataclass(frozen=True, kw_only=True, slots=True)
class SignerState:
    """The log's name, the tree that was signed last, and the note over it; None before the first head under this name."""

    origin: str
    frontier: Frontier
    note: str | None

    @property
    def size(self) -> int:
        """Return how many events the tree has."""
        return self.frontier.size

    @property
    def root(self) -> bytes:
        """Return the tree's root."""
        return root_of(self.frontier)


@dataclass(frozen=True, slots=True)
class _StateFile:
    schema: str
    origin: str
    size: int
    root: str
    frontier: tuple[str, ...]
    note: str | None


def read_state(path: Path) -> SignerState | None:
    """Return what was signed last, None when there is no such file; raises RecordBroken for one that cannot be used."""
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        return None
    try:
        return _parsed(read_strict_json(raw, _MAX_BYTES))
    except ValueError as refused:
        raise RecordBroken(
            found=f"the log signer's state {path.name} cannot be used ({refused})",
            expected="the file as it was written",
            remedy="restore the newest copy of it; without one, `rtbf log restart` begins the ledger anew, visibly",
        ) from None


def write_state(path: Path, state: SignerState) -> None:
    """Write the state in one piece, and return when file and name are on the disk."""
    make_private_folder(path.parent)
    body = {
        "schema": STATE_SCHEMA,
        "origin": state.origin,
        "size": state.size,
        "root": base64_text(state.root),
        "frontier": [base64_text(each) for each in state.frontier.hashes],
        "note": state.note,
    }
    replace_file(path, json.dumps(body, indent=2).encode() + b"\n")


def _parsed(body: Any) -> SignerState:  # noqa: ANN401 - JSON from the disk
    found = read_shape(_StateFile, body)
    if found.schema != STATE_SCHEMA:
        raise ValueError("another schema than this release's")
    frontier = Frontier(found.size, tuple(read_base64(each) for each in found.frontier))
    if root_of(frontier) != read_base64(found.root):
        raise ValueError("a root that is not the one of its subtrees")
    if found.note is not None and head_in(found.note) != TreeHead(origin=found.origin, size=found.size, root=root_of(frontier)):
        raise ValueError("a note over another tree")
    return SignerState(origin=found.origin, frontier=frontier, note=found.note)
