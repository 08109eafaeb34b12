"""Proofs as text files: that a leaf is in a log, with the signed head it is proved against, and that one tree extends another.

The inclusion proof is C2SP's tlog-proof, first version, without its optional line of extra bytes, which nothing signs. The
consistency proof is a text of our own, because C2SP has none that stands alone.
Reading checks the form only. What is read is believed after `check_inclusion`, or after `merkle.verify_consistency`
between the roots of two opened heads.
Source: C2SP tlog-proof; RFC 9162 §2.1.3 and §2.1.4 for the hashes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rtbf.evidence.merkle import HASH_BYTES, verify_inclusion
from rtbf.evidence.strict_base64 import base64_text, read_base64
from rtbf.evidence.tree_head import MAX_NOTE_BYTES, open_head, read_number

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rtbf.evidence.signed_note import NoteKey, VerifiedNote
    from rtbf.evidence.tree_head import TreeHead

MAX_HASHES = 64
"""A tree of fewer than 2^63 leaves needs 63 hashes for an inclusion, and one more for a consistency."""
MAX_PROOF_BYTES = MAX_NOTE_BYTES + 4096
"""The most bytes of a proof that are read: the head, and 64 lines of 45 bytes under a first line."""
_INCLUSION_LINE = "c2sp.org/tlog-proof@v1"
_INDEX = "index "
_CONSISTENCY_LINE = "rtbf/consistency@v1"


@dataclass(frozen=True, kw_only=True, slots=True)
class InclusionProof:
    """Leaf number `index` (from 0), the hashes from its neighbour up to the root's child, and the head's note verbatim."""

    index: int
    hashes: tuple[bytes, ...]
    head_note: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ConsistencyProof:
    """The two sizes in leaves and the hashes that lead from the one root to the other."""

    first: int
    second: int
    hashes: tuple[bytes, ...]


def proof_text(proof: InclusionProof) -> str:
    """Return the text of a `.tlog-proof` file."""
    return f"{_INCLUSION_LINE}\n{_INDEX}{proof.index}\n{_hash_lines(proof.hashes)}\n{proof.head_note}"


def read_proof(text: str) -> InclusionProof:
    """Return the proof in the text of a `.tlog-proof` file, with nothing of it checked but its form; ValueError otherwise."""
    _require_length(text)
    top, parted, head_note = text.partition("\n\n")
    lines = top.split("\n")
    if not parted or not head_note or len(lines) < 2:  # noqa: PLR2004 - first line and index
        raise ValueError("not a first line, an index, hashes, an empty line and a head")
    if lines[0] != _INCLUSION_LINE:
        raise ValueError("another first line than an inclusion proof's")
    if not lines[1].startswith(_INDEX):
        raise ValueError("no index where an inclusion proof has it")
    return InclusionProof(index=read_number(lines[1].removeprefix(_INDEX)), hashes=_read_hashes(lines[2:]), head_note=head_note)


def check_inclusion(proof: InclusionProof, leaf_hash: bytes, keys: Sequence[NoteKey]) -> tuple[TreeHead, VerifiedNote]:
    """Return the head, and who signed it, of which the proof shows that the leaf is in its tree; ValueError otherwise."""
    head, opened = open_head(proof.head_note, keys)
    verify_inclusion(leaf_hash=leaf_hash, index=proof.index, size=head.size, proof=proof.hashes, root=head.root)
    return head, opened


def consistency_text(proof: ConsistencyProof) -> str:
    """Return the proof as text: a first line, the two sizes, and one base64 line for each hash."""
    return f"{_CONSISTENCY_LINE}\n{proof.first} {proof.second}\n{_hash_lines(proof.hashes)}"


def read_consistency(text: str) -> ConsistencyProof:
    """Return the proof in such a text, with nothing of it checked but its form; ValueError otherwise."""
    _require_length(text)
    lines = text.split("\n")
    if len(lines) < 3 or lines[-1] or lines[0] != _CONSISTENCY_LINE:  # noqa: PLR2004 - first line, sizes, the end
        raise ValueError("not a consistency proof's first line, sizes and hashes, each on a line of its own")
    first, _, second = lines[1].partition(" ")
    return ConsistencyProof(first=read_number(first), second=read_number(second), hashes=_read_hashes(lines[2:-1]))


def _hash_lines(hashes: Sequence[bytes]) -> str:
    return "".join(f"{base64_text(each)}\n" for each in hashes)


def _read_hashes(lines: Sequence[str]) -> tuple[bytes, ...]:
    if len(lines) > MAX_HASHES:
        raise ValueError(f"{len(lines)} hashes; {MAX_HASHES} at most")
    hashes = tuple(read_base64(line) for line in lines)
    if any(len(each) != HASH_BYTES for each in hashes):
        raise ValueError(f"a hash that is not {HASH_BYTES} bytes long")
    return hashes


def _require_length(text: str) -> None:
    if len(text) > MAX_PROOF_BYTES:
        raise ValueError(f"a proof of more than {MAX_PROOF_BYTES} characters")
