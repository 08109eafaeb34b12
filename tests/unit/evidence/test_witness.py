"""A witness never signs two trees that do not extend each other, whoever asks, in what order, and whenever it is killed."""

from __future__ import annotations

import itertools
import json
import os
import signal
import stat
import subprocess
import sys
import textwrap
import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rtbf.errors import BadInput, WitnessRefused
from rtbf.evidence.merkle import EMPTY, EMPTY_ROOT, Node, extend, hash_leaf, prove_consistency, root_of, verify_consistency
from rtbf.evidence.signed_note import SIGNER_KIND, NoteKey, with_signature
from rtbf.evidence.tree_head import TreeHead, open_head, sign_head
from rtbf.evidence.witness import LocalWitness, Witness, create_witness_state

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

LOG = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
WITNESS = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))
ORIGIN = "log.example.org/a"
LOG_KEY = NoteKey(name=ORIGIN, kind=SIGNER_KIND, key=LOG.public_key())
NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
TRUE = [hash_leaf(b"leaf %d" % number) for number in range(12)]
FORK = [*TRUE[:4], *(hash_leaf(b"other %d" % number) for number in range(4, 12))]
"""Two histories that agree on the first four leaves."""


@pytest.fixture
def state(tmp_path: Path) -> Path:
    create_witness_state(tmp_path / "witness.json")
    return tmp_path / "witness.json"


@pytest.fixture
def witness(state: Path) -> LocalWitness:
    return witness_of(state)


def witness_of(state: Path, key: Any = WITNESS) -> LocalWitness:
    return LocalWitness(name="witness.example.org/w", key=key, state=state, logs={ORIGIN: [LOG_KEY]}, clock=lambda: NOON)


def head(size: int, leaves: Sequence[bytes] = TRUE) -> TreeHead:
    return TreeHead(origin=ORIGIN, size=size, root=root_of(extend(EMPTY, leaves[:size]).frontier))


def note(size: int, leaves: Sequence[bytes] = TRUE) -> str:
    return sign_head(head(size, leaves), LOG)


def proof(first: int, second: int, leaves: Sequence[bytes] = TRUE) -> tuple[bytes, ...]:
    nodes: dict[Node, bytes] = {(0, at): leaf for at, leaf in enumerate(leaves)}
    nodes |= {(level, at): node for level, at, node in extend(EMPTY, leaves).nodes}
    return prove_consistency(first, second, lambda _: nodes) if first else ()


def test_a_head_that_extends_the_last_is_cosigned(witness: Witness) -> None:
    witness.cosign(note(3), 0, ())

    cosignature = witness.cosign(note(7), 3, proof(3, 7))

    cosigned, opened = open_head(with_signature(note(7), cosignature), [LOG_KEY, witness_key()])
    assert cosigned == head(7)
    assert opened.cosigned_at == (("witness.example.org/w", NOON),)


def witness_key() -> NoteKey:
    return NoteKey(name="witness.example.org/w", kind=0x04, key=WITNESS.public_key())


def test_its_own_key_is_the_one_others_verify_with(witness: LocalWitness) -> None:
    assert witness.note_key == witness_key()


def test_the_same_head_is_cosigned_again(witness: Witness) -> None:
    first = witness.cosign(note(3), 0, ())

    assert witness.cosign(note(3), 3, ()) == first


def test_an_empty_log_is_cosigned_and_may_grow(witness: Witness) -> None:
    assert head(0).root == EMPTY_ROOT
    witness.cosign(note(0), 0, ())
    witness.cosign(note(0), 0, ())

    assert witness.cosign(note(5), 0, ()).startswith("— witness.example.org/w ")


def test_what_was_seen_is_remembered_by_the_file_and_not_the_process(state: Path) -> None:
    witness_of(state).cosign(note(7), 0, ())

    with pytest.raises(WitnessRefused) as refused:
        witness_of(state).cosign(note(9, FORK), 0, ())

    assert refused.value.known_size == 7


REFUSALS: dict[str, tuple[str, int, tuple[bytes, ...]]] = {
    "a fork of the same size": (note(7, FORK), 7, ()),
    "a longer fork with its own proof": (note(9, FORK), 7, proof(7, 9, FORK)),
    "a longer fork with the true proof": (note(9, FORK), 7, proof(7, 9)),
    "a longer fork as if nothing had been seen": (note(9, FORK), 0, ()),
    "a longer fork from before it parted": (note(9, FORK), 4, proof(4, 9, FORK)),
    "a shorter tree": (note(5), 7, ()),
    "a shorter tree with the proof the other way": (note(5), 5, proof(5, 7)),
    "the empty tree": (note(0), 0, ()),
    "a true head without proof": (note(9), 7, ()),
    "a true head with half a proof": (note(9), 7, proof(7, 9)[:-1]),
    "a true head with a longer proof": (note(9), 7, (*proof(7, 9), bytes(32))),
    "the same head with a proof": (note(7), 7, (bytes(32),)),
    "a size below nothing": (note(9), -1, ()),
    "a head that nobody signed": (note(9).replace("\n9\n", "\n10\n"), 7, proof(7, 10)),
    "a head by another key": (sign_head(head(9), WITNESS), 7, proof(7, 9)),
    "another log's head": (sign_head(TreeHead(origin="log.example.org/b", size=1, root=TRUE[0]), LOG), 0, ()),
    "nothing": ("", 0, ()),
    "a note without end": (ORIGIN + "\n" + "a" * (1 << 19), 7, ()),
}


@pytest.mark.parametrize(("sent", "old_size", "hashes"), REFUSALS.values(), ids=REFUSALS.keys())
def test_what_is_no_extension_gets_no_signature(
    witness: LocalWitness, state: Path, sent: str, old_size: int, hashes: tuple[bytes, ...]
) -> None:
    witness.cosign(note(7), 0, ())
    before = state.read_bytes()

    with pytest.raises(WitnessRefused):
        witness.cosign(sent, old_size, hashes)

    assert state.read_bytes() == before


def test_a_first_head_needs_no_proof_and_takes_none(witness: Witness) -> None:
    with pytest.raises(WitnessRefused, match="1 hashes of a proof from nothing"):
        witness.cosign(note(7), 0, (bytes(32),))


BROKEN_STATES = {
    "empty": b"",
    "cut": b'{"schema": "rtbf.witness-state/1", "heads": {',
    "no object": b"[]",
    "no heads": b'{"schema": "rtbf.witness-state/1"}',
    "of another kind": b'{"schema": "rtbf.witness-state/2", "heads": {}}',
    "heads that are a list": b'{"schema": "rtbf.witness-state/1", "heads": []}',
    "a head that is a number": json.dumps({"schema": "rtbf.witness-state/1", "heads": {ORIGIN: 7}}).encode(),
    "a head that is none": json.dumps({"schema": "rtbf.witness-state/1", "heads": {ORIGIN: "7"}}).encode(),
    "another log's head": json.dumps({"schema": "rtbf.witness-state/1", "heads": {"b": f"{ORIGIN}\n1\n{'A' * 43}=\n"}}).encode(),
    "not text": b"\xff\xfe",
}


@pytest.mark.parametrize("content", BROKEN_STATES.values(), ids=BROKEN_STATES.keys())
def test_a_witness_that_cannot_read_what_it_saw_signs_nothing(witness: Witness, state: Path, content: bytes) -> None:
    state.write_bytes(content)

    with pytest.raises(WitnessRefused, match="no readable state"):
        witness.cosign(note(3), 0, ())

    assert state.read_bytes() == content


def test_a_witness_whose_state_was_deleted_does_not_begin_anew(witness: Witness, state: Path) -> None:
    witness.cosign(note(7), 0, ())
    state.unlink()

    with pytest.raises(WitnessRefused, match="no readable state"):
        witness.cosign(note(7, FORK), 0, ())


def test_a_state_is_private_and_made_once(state: Path) -> None:
    assert stat.S_IMODE(state.stat().st_mode) == 0o600

    with pytest.raises(BadInput):
        create_witness_state(state)


class ScriptedKey:
    """A private key that tells when it signs, and then does what the test says."""

    def __init__(self, log: list[str]) -> None:
        self.log = log

    def public_key(self) -> Ed25519PublicKey:
        return WITNESS.public_key()

    def sign(self, message: bytes) -> bytes:
        self.log.append("sign")
        return WITNESS.sign(message)


def test_the_state_and_its_folder_are_on_the_disk_before_the_signature_is_made(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log: list[str] = []
    real_sync = os.fsync

    def sync(descriptor: int) -> None:
        log.append("folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file")
        real_sync(descriptor)

    monkeypatch.setattr("os.fsync", sync)

    witness_of(state, ScriptedKey(log)).cosign(note(3), 0, ())

    assert log == ["file", "folder", "sign"]


KILLED = textwrap.dedent("""
    import os, signal, sys
    from pathlib import Path
    sys.path.insert(0, sys.argv[2])
    import test_witness as t

    class Deadly(t.ScriptedKey):
        def sign(self, message):
            os.kill(os.getpid(), signal.SIGKILL)

    t.witness_of(Path(sys.argv[1]), Deadly([])).cosign(t.note(9, t.FORK), 0, ())
""")


def test_a_witness_killed_between_keeping_and_signing_has_bound_itself(state: Path) -> None:
    """It kept the fork's head and never signed it: from then on it signs that history or none."""
    killed = subprocess.run([sys.executable, "-c", KILLED, str(state), os.path.dirname(__file__)], check=False)  # noqa: PTH120 - one path
    assert killed.returncode == -signal.SIGKILL
    witness = witness_of(state)

    with pytest.raises(WitnessRefused) as refused:
        witness.cosign(note(9), 0, ())

    assert refused.value.known_size == 9
    with pytest.raises(WitnessRefused):
        witness.cosign(note(9), 9, ())
    assert witness.cosign(note(9, FORK), 9, ()).startswith("— ")


def test_a_witness_that_cannot_keep_the_head_signs_nothing(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log: list[str] = []
    witness = witness_of(state, ScriptedKey(log))
    before = state.read_bytes()

    monkeypatch.setattr("pathlib.Path.replace", lambda *_: (_ for _ in ()).throw(OSError("disk")))
    with pytest.raises(OSError, match="disk"):
        witness.cosign(note(3), 0, ())

    assert log == []
    assert state.read_bytes() == before


def test_of_two_forks_at_the_same_moment_one_is_signed(state: Path) -> None:
    signed: list[str] = []
    refused: list[int | None] = []
    gate = threading.Barrier(8)

    def ask(leaves: Sequence[bytes]) -> None:
        gate.wait()
        try:
            signed.append(witness_of(state).cosign(note(8, leaves), 0, ()))
        except WitnessRefused as refusal:
            refused.append(refusal.known_size)

    threads = [threading.Thread(target=ask, args=(leaves,)) for leaves in (TRUE, FORK) * 4]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert (len(signed), refused) == (1, [8] * 7)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(asked=st.lists(st.tuples(st.booleans(), st.integers(0, 12), st.integers(0, 12), st.booleans()), max_size=12))
def test_whatever_is_asked_the_signed_heads_are_one_history(tmp_path: Path, asked: list[tuple[bool, int, int, bool]]) -> None:
    state = tmp_path / "witness.json"
    state.unlink(missing_ok=True)
    create_witness_state(state)
    witness, signed = witness_of(state), [(0, TRUE)]

    for is_true, old_size, size, proves_other in asked:
        leaves, other = (TRUE, FORK) if is_true else (FORK, TRUE)
        hashes = proof(old_size, size, other if proves_other else leaves) if 1 <= old_size <= size else ()
        try:
            witness.cosign(note(size, leaves), old_size, hashes)
        except WitnessRefused:
            continue
        signed.append((size, leaves))

    for (first, older), (second, newer) in itertools.pairwise(signed):
        assert first <= second
        assert older[:first] == newer[:first]


def test_the_proofs_of_these_tests_are_good() -> None:
    verify_consistency(first=7, second=9, first_root=head(7, FORK).root, second_root=head(9, FORK).root, proof=proof(7, 9, FORK))
