"""Proof files are read strictly, written as C2SP writes them, and show a leaf under a signed head."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from rtbf.evidence.merkle import EMPTY, Node, extend, hash_leaf, prove_consistency, prove_inclusion, root_of, verify_consistency
from rtbf.evidence.signed_note import SIGNER_KIND, NoteKey
from rtbf.evidence.tlog_proof import (
    MAX_HASHES,
    MAX_PROOF_BYTES,
    ConsistencyProof,
    InclusionProof,
    check_inclusion,
    consistency_text,
    proof_text,
    read_consistency,
    read_proof,
)
from rtbf.evidence.tree_head import TreeHead, sign_head

LOG = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
KEY = NoteKey(name="log.example.org/a", kind=SIGNER_KIND, key=LOG.public_key())
LEAVES = [hash_leaf(b"leaf %d" % number) for number in range(11)]
TREE = extend(EMPTY, LEAVES)
NODES: dict[Node, bytes] = {(0, at): leaf for at, leaf in enumerate(LEAVES)} | {(level, at): node for level, at, node in TREE.nodes}
HEAD = TreeHead(origin=KEY.name, size=11, root=root_of(TREE.frontier))
NOTE = sign_head(HEAD, LOG)
PROOF = InclusionProof(index=6, hashes=prove_inclusion(6, 11, lambda _: NODES), head_note=NOTE)
TEXT = proof_text(PROOF)
SHORT = InclusionProof(index=0, hashes=(bytes(32), bytes([255] * 32)), head_note="any\n")


def test_a_proof_is_written_as_c2sp_writes_it() -> None:
    zeros = "A" * 43 + "="  # base64 of 32 zero bytes
    ones = "/" * 42 + "8="  # base64 of 32 bytes of ones

    assert proof_text(SHORT) == f"c2sp.org/tlog-proof@v1\nindex 0\n{zeros}\n{ones}\n\nany\n"


def test_a_proof_comes_back_as_it_was() -> None:
    assert read_proof(TEXT) == PROOF
    assert read_proof(proof_text(SHORT)) == SHORT


def test_the_only_leaf_of_a_tree_has_a_proof_without_hashes() -> None:
    head = TreeHead(origin=KEY.name, size=1, root=LEAVES[0])
    proof = read_proof(f"c2sp.org/tlog-proof@v1\nindex 0\n\n{sign_head(head, LOG)}")

    assert proof.hashes == ()
    assert check_inclusion(proof, LEAVES[0], [KEY])[0] == head


def test_a_leaf_is_shown_under_the_signed_head() -> None:
    head, opened = check_inclusion(read_proof(TEXT), LEAVES[6], [KEY])

    assert head == HEAD
    assert opened.by == (KEY,)


@pytest.mark.parametrize("leaf", [5, 7])
def test_another_leaf_is_not_shown(leaf: int) -> None:
    with pytest.raises(ValueError, match="another root"):
        check_inclusion(PROOF, LEAVES[leaf], [KEY])


def test_a_proof_under_a_head_that_nobody_known_signed_shows_nothing() -> None:
    forger = Ed25519PrivateKey.from_private_bytes(bytes(32))
    forged = InclusionProof(index=6, hashes=PROOF.hashes, head_note=sign_head(HEAD, forger))

    with pytest.raises(ValueError, match="none by a known key"):
        check_inclusion(forged, LEAVES[6], [KEY])


BAD_PROOFS = {
    "nothing": "",
    "another first line": TEXT.replace("@v1", "@v2", 1),
    "no first line": TEXT.split("\n", 1)[1],
    "extra bytes": TEXT.replace("index 6", "extra AAAA\nindex 6"),
    "no index": TEXT.replace("index 6\n", ""),
    "an index with leading zero": TEXT.replace("index 6", "index 06"),
    "an index with sign": TEXT.replace("index 6", "index -6"),
    "an index with two spaces": TEXT.replace("index 6", "index  6"),
    "an index in capitals": TEXT.replace("index 6", "Index 6"),
    "an index of 2^63": TEXT.replace("index 6", "index 9223372036854775808"),
    "carriage returns": TEXT.replace("\n", "\r\n"),
    "a short hash": TEXT.replace("index 6\n", "index 6\nAAAA\n"),
    "a hash with stray bits": TEXT.replace("index 6\n", f"index 6\n{'A' * 42}B=\n"),
    "a hash in hexadecimal": TEXT.replace("index 6\n", f"index 6\n{'00' * 32}\n"),
    "no empty line": TEXT.replace("\n\n", "\n"),
    "no head": TEXT.split("\n\n", 1)[0] + "\n\n",
    "too many hashes": proof_text(InclusionProof(index=0, hashes=(bytes(32),) * (MAX_HASHES + 1), head_note=NOTE)),
    "too long": TEXT + "a" * MAX_PROOF_BYTES,
}


@pytest.mark.parametrize("text", BAD_PROOFS.values(), ids=BAD_PROOFS.keys())
def test_what_is_no_inclusion_proof_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"line|index|number|base64|hash|proof"):
        read_proof(text)


@given(st.data())
def test_a_changed_character_in_a_proof_never_shows_the_leaf_elsewhere(data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(TEXT) - 1))
    put = data.draw(st.characters(codec="utf-8").filter(lambda each: each != TEXT[at]))

    # A log with one signature: not a character of its proof can change.
    with pytest.raises(ValueError, match=r"^[ -~]+$"):
        check_inclusion(read_proof(TEXT[:at] + put + TEXT[at + 1 :]), LEAVES[6], [KEY])


@pytest.mark.parametrize(("first", "second"), [(1, 11), (4, 11), (6, 11), (10, 11), (11, 11), (3, 7)])
def test_a_consistency_proof_comes_back_and_holds(first: int, second: int) -> None:
    proof = ConsistencyProof(first=first, second=second, hashes=prove_consistency(first, second, lambda _: NODES))

    read = read_consistency(consistency_text(proof))

    assert read == proof
    older, newer = (root_of(extend(EMPTY, LEAVES[:size]).frontier) for size in (first, second))
    verify_consistency(first=first, second=second, first_root=older, second_root=newer, proof=read.hashes)


def test_a_consistency_proof_is_plain_text() -> None:
    proof = ConsistencyProof(first=3, second=7, hashes=(bytes(32),))

    assert consistency_text(proof) == f"rtbf/consistency@v1\n3 7\n{'A' * 43}=\n"


CONSISTENCY = consistency_text(ConsistencyProof(first=3, second=7, hashes=(bytes(32), bytes(32))))
BAD_CONSISTENCIES = {
    "nothing": "",
    "one line": "rtbf/consistency@v1\n",
    "another first line": CONSISTENCY.replace("@v1", "@v2"),
    "one size": CONSISTENCY.replace("3 7", "3"),
    "three sizes": CONSISTENCY.replace("3 7", "3 7 9"),
    "two spaces": CONSISTENCY.replace("3 7", "3  7"),
    "leading zero": CONSISTENCY.replace("3 7", "03 7"),
    "a sign": CONSISTENCY.replace("3 7", "3 +7"),
    "no newline at the end": CONSISTENCY.removesuffix("\n"),
    "an empty line at the end": CONSISTENCY + "\n",
    "an empty line between": CONSISTENCY.replace("3 7\n", "3 7\n\n"),
    "carriage returns": CONSISTENCY.replace("\n", "\r\n"),
    "a short hash": CONSISTENCY + "AAAA\n",
    "too many hashes": consistency_text(ConsistencyProof(first=3, second=7, hashes=(bytes(32),) * (MAX_HASHES + 1))),
    "too long": CONSISTENCY + "A" * MAX_PROOF_BYTES + "\n",
}


@pytest.mark.parametrize("text", BAD_CONSISTENCIES.values(), ids=BAD_CONSISTENCIES.keys())
def test_what_is_no_consistency_proof_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"line|number|base64|hash|proof"):
        read_consistency(text)
