"""Somebody else who keeps the log's newest head, and signs a newer one only when it extends that.

`LocalWitness` is a whole witness inside one process, with a state file of its own: one head for each log. Checking against
the head that it keeps and keeping the new one are one step under a lock, and the new one is on the disk before a signature
exists; so whoever kills it at any moment never has two signatures on two trees that do not extend each other.
A state file that is missing or cannot be read is a refusal, not an empty state: a witness that forgot would sign a fork.
Proves that this witness saw no fork of the log's heads. Does not prove that the log's entries are true. A witness under the
log's own administration proves nothing against that administration.
Source: C2SP tlog-witness (the order of checks of add-checkpoint), C2SP tlog-cosignature.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from rtbf.errors import BadInput, WitnessRefused
from rtbf.evidence.merkle import verify_consistency
from rtbf.evidence.signed_note import COSIGNER_KIND, NoteKey, cosign_line
from rtbf.evidence.strict_json import read_strict_json
from rtbf.evidence.tree_head import MAX_NOTE_BYTES, head_text, open_head, read_head_text
from rtbf.files import create_secret_file, replace_file
from rtbf.vault.key_file import one_writer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from rtbf.clock import Clock
    from rtbf.evidence.tree_head import TreeHead

STATE_SCHEMA = "rtbf.witness-state/1"
_MAX_STATE_BYTES = 1 << 20


class Witness(Protocol):
    """Whoever cosigns tree heads, in this process or elsewhere."""

    @property
    def name(self) -> str:
        """Return the name of its key in a note."""
        ...

    def cosign(self, note: str, old_size: int, proof: Sequence[bytes]) -> str:
        """Return one signature line, newline included, for the head in `note`.

        `old_size` is the size of the head that the witness keeps (0 for none) and `proof` the consistency proof from there,
        empty when it keeps none or the same size. Raises WitnessRefused; its `known_size` tells which size is kept.
        """
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class LocalWitness:
    """A witness with a key, a state file that `create_witness_state` made, and the keys of each log that it watches."""

    name: str
    key: Ed25519PrivateKey
    state: Path
    logs: Mapping[str, Sequence[NoteKey]]
    clock: Clock

    @property
    def note_key(self) -> NoteKey:
        """Return the public key under which others verify this witness's lines."""
        return NoteKey(name=self.name, kind=COSIGNER_KIND, key=self.key.public_key())

    def cosign(self, note: str, old_size: int, proof: Sequence[bytes]) -> str:
        """Return one cosignature line for the head in `note`, after it was kept.

        Raises WitnessRefused for a log it does not watch, a head that its log did not sign, another `old_size` than the
        size it keeps, a shorter tree, a fork, or a state file that it cannot read.
        """
        head = self._open(note)
        with one_writer(self.state):
            heads = _read_state(self.state)
            known = heads.get(head.origin)
            _require_extension(known, head, old_size, proof)
            if head != known:
                replace_file(self.state, _state_bytes({**heads, head.origin: head}))
            # Under the lock, so that no older head gets a later time than a newer one.
            return cosign_line(head_text(head), self.name, self.key, self.clock())

    def _open(self, note: str) -> TreeHead:
        keys = self.logs.get(note[:MAX_NOTE_BYTES].split("\n", 1)[0])
        if keys is None:
            raise WitnessRefused(
                found="a head of a log that this witness does not watch",
                expected=f"one of the {len(self.logs)} logs that it was set up for",
                remedy="give the witness the log's name and public key first",
            )
        try:
            head, _ = open_head(note, keys)
        except ValueError as refused:
            raise WitnessRefused(
                found=f"no signed head ({refused})", expected="a head signed by its log", remedy="send the note that the log's signer wrote"
            ) from refused
        return head


def create_witness_state(path: Path) -> None:
    """Write the state of a witness that has seen nothing yet; raises BadInput when something is there already.

    Done once, by a person: a witness that makes its own empty state would forget on the day somebody deletes the file.
    """
    try:
        create_secret_file(path, _state_bytes({}))
    except FileExistsError:
        raise BadInput(
            found=f"a file that is already at {path.name}", expected="a path where nothing is", remedy="keep that file: it is what was seen"
        ) from None


def _require_extension(known: TreeHead | None, head: TreeHead, old_size: int, proof: Sequence[bytes]) -> None:
    kept = 0 if known is None else known.size
    if old_size != kept:
        raise _refused(f"a proof from a tree of {old_size} leaves", f"one from the tree of {kept} leaves that this witness keeps", kept)
    if head.size < kept:
        raise _refused(f"a tree of {head.size} leaves", f"at least the {kept} that this witness has seen", kept)
    if known is None or kept == 0:
        if proof:
            raise _refused(f"{len(proof)} hashes of a proof from nothing", "none, because everything extends the empty tree", kept)
        return
    try:
        verify_consistency(first=kept, second=head.size, first_root=known.root, second_root=head.root, proof=proof)
    except ValueError as refused:
        raise _refused(f"a tree that is not shown to extend the one seen ({refused})", "one history of the log", kept) from refused


def _read_state(path: Path) -> dict[str, TreeHead]:
    try:
        with path.open("rb") as file:
            content = read_strict_json(file.read(_MAX_STATE_BYTES + 1), _MAX_STATE_BYTES)
        if not isinstance(content, dict) or set(content) != {"schema", "heads"} or content["schema"] != STATE_SCHEMA:
            raise ValueError("not a witness's state")
        heads = {origin: read_head_text(text) for origin, text in content["heads"].items()}
        if any(head.origin != origin for origin, head in heads.items()):
            raise ValueError("a head under another log's name")
    except (OSError, ValueError, AttributeError, TypeError) as failed:
        raise WitnessRefused(
            found=f"no readable state in {path.name} ({type(failed).__name__})",
            expected="the heads that this witness has seen",
            remedy="bring the file back from where it was last whole; with an empty one a fork would be signed",
        ) from failed
    return heads


def _state_bytes(heads: Mapping[str, TreeHead]) -> bytes:
    texts = {origin: head_text(head) for origin, head in sorted(heads.items())}
    return json.dumps({"schema": STATE_SCHEMA, "heads": texts}, indent=2).encode() + b"\n"


def _refused(found: str, expected: str, kept: int) -> WitnessRefused:
    return WitnessRefused(
        found=found,
        expected=expected,
        remedy=f"send the head with the proof from {kept}; if the log has none, it lost or rewrote its history",
        known_size=kept,
    )
