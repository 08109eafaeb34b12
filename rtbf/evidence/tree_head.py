"""What the log signs: its name, how many leaves its tree has, and the tree's root.

The text has exactly three lines. C2SP allows lines after them; nobody audits such lines, so none are written or read here.
Proves, once opened with the log's key, that the log stood by this root at this size. Does not prove that it showed the
same root to others: that takes witnesses, or two readers who compare.
Source: C2SP tlog-checkpoint; RFC 9162 §2.1.1 for the root.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rtbf.evidence.merkle import EMPTY_ROOT, HASH_BYTES
from rtbf.evidence.signed_note import (
    MAX_SIGNED_NOTE_BYTES,
    SIGNER_KIND,
    open_note,
    require_key_name,
    sign_note,
)
from rtbf.evidence.strict_base64 import base64_text, read_base64

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from rtbf.evidence.signed_note import NoteKey, VerifiedNote

MAX_NOTE_BYTES = MAX_SIGNED_NOTE_BYTES
"""The most bytes of a signed head that are read; ask a file's length before reading it."""
MAX_TREE_SIZE = (1 << 63) - 1
_NUMBER = re.compile(r"0|[1-9][0-9]{0,18}")
_LINES = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class TreeHead:
    """A log's `origin`, its tree's `size` in leaves, and the 32-byte root; ValueError when they cannot be a head's."""

    origin: str
    size: int
    root: bytes

    def __post_init__(self) -> None:
        # The origin is the log's key name too, so it keeps to what a key name may be.
        require_key_name(self.origin)
        if not 0 <= self.size <= MAX_TREE_SIZE:
            raise ValueError("a tree size that is no count of leaves")
        if len(self.root) != HASH_BYTES:
            raise ValueError(f"a root of {len(self.root)} bytes where {HASH_BYTES} were expected")
        if (self.size == 0) != (self.root == EMPTY_ROOT):
            raise ValueError("an empty tree with a root of leaves, or leaves under the empty tree's root")


def head_text(head: TreeHead) -> str:
    """Return the three lines that are signed."""
    return f"{head.origin}\n{head.size}\n{base64_text(head.root)}\n"


def read_head_text(text: str) -> TreeHead:
    """Return the head in the three lines; ValueError for any other text, more lines included."""
    lines = text.split("\n")
    if len(lines) != _LINES + 1 or lines[-1]:
        raise ValueError("a head that is not exactly three lines")
    return TreeHead(origin=lines[0], size=read_number(lines[1]), root=read_base64(lines[2]))


def head_in(note: str) -> TreeHead:
    """Return the head that a note is about, whoever signed it, if anybody did; ValueError when it is about none."""
    return read_head_text(note.partition("\n\n")[0] + "\n")


def sign_head(head: TreeHead, key: Ed25519PrivateKey) -> str:
    """Return the head as a note signed by the log's key; the key's name is the origin."""
    return sign_note(head_text(head), head.origin, key)


def open_head(note: str, keys: Sequence[NoteKey]) -> tuple[TreeHead, VerifiedNote]:
    """Return the head and who signed it; the log itself must be among them, under its origin's name.

    ValueError for everything else: a witness's cosignature alone makes no head.
    """
    opened = open_note(note, keys)
    head = read_head_text(opened.text)
    if not any(key.kind == SIGNER_KIND and key.name == head.origin for key in opened.by):
        raise ValueError("a head that its own log did not sign")
    return head, opened


def read_number(text: str) -> int:
    """Return the decimal number from 0 to 2^63 - 1; ValueError for signs, spaces, leading zeros and other digits."""
    if not _NUMBER.fullmatch(text) or int(text) > MAX_TREE_SIZE:
        raise ValueError("a number that is not plain decimal, or is too large")
    return int(text)
