"""The tree is RFC 9162's, its proofs hold, and no altered proof holds. The reference is the RFC's recursive definition."""

from __future__ import annotations

import hashlib
import time
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtbf.evidence.merkle import (
    EMPTY,
    EMPTY_ROOT,
    Frontier,
    Node,
    extend,
    frontier_nodes,
    hash_leaf,
    prove_consistency,
    prove_inclusion,
    root_of,
    verify_consistency,
    verify_inclusion,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

CT_LEAVES = [
    bytes.fromhex(text) for text in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")
]
CT_ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
"""Roots of the first 0 to 8 leaves of Certificate Transparency's reference tree (RFC 6962 implementations, Apache-2.0)."""
MOST = 70
LEAVES = [hash_leaf(b"leaf %d" % number) for number in range(MOST)]


def split(size: int) -> int:
    """RFC 9162 §2.1.1: the largest power of two smaller than `size`."""
    power = 1
    while power * 2 < size:
        power *= 2
    return power


def mth(hashes: Sequence[bytes]) -> bytes:
    """MTH of RFC 9162 §2.1.1, over leaf hashes."""
    if not hashes:
        return hashlib.sha256(b"").digest()
    if len(hashes) == 1:
        return hashes[0]
    k = split(len(hashes))
    return hashlib.sha256(b"\x01" + mth(hashes[:k]) + mth(hashes[k:])).digest()


def path(m: int, hashes: Sequence[bytes]) -> list[bytes]:
    """PATH of RFC 9162 §2.1.3.1."""
    if len(hashes) == 1:
        return []
    k = split(len(hashes))
    return [*path(m, hashes[:k]), mth(hashes[k:])] if m < k else [*path(m - k, hashes[k:]), mth(hashes[:k])]


def subproof(m: int, hashes: Sequence[bytes], *, known: bool) -> list[bytes]:
    """SUBPROOF of RFC 9162 §2.1.4.1; PROOF(m, D) is SUBPROOF(m, D, true)."""
    if m == len(hashes):
        return [] if known else [mth(hashes)]
    k = split(len(hashes))
    if m <= k:
        return [*subproof(m, hashes[:k], known=known), mth(hashes[k:])]
    return [*subproof(m - k, hashes[k:], known=False), mth(hashes[:k])]


class Nodes:
    """A node reader over stored nodes that counts its calls."""

    def __init__(self, leaves: Sequence[bytes]) -> None:
        self.calls = 0
        self._all: dict[Node, bytes] = {(0, at): leaf for at, leaf in enumerate(leaves)}
        self._all |= {(level, at): node for level, at, node in extend(EMPTY, leaves).nodes}

    def __call__(self, wanted: Sequence[Node]) -> Mapping[Node, bytes]:
        self.calls += 1
        return {node: self._all[node] for node in wanted}


STORED = Nodes(LEAVES)
ROOTS = [mth(LEAVES[:size]) for size in range(MOST + 1)]


@pytest.mark.parametrize("size", range(9))
def test_the_roots_are_those_of_certificate_transparency(size: int) -> None:
    grown = extend(EMPTY, [hash_leaf(leaf) for leaf in CT_LEAVES[:size]])

    assert root_of(grown.frontier).hex() == CT_ROOTS[size]


def test_the_proofs_of_the_reference_tree_are_the_published_ones() -> None:
    nodes = Nodes([hash_leaf(leaf) for leaf in CT_LEAVES])

    consistency = [step.hex() for step in prove_consistency(1, 8, nodes)]
    inclusion = [step.hex() for step in prove_inclusion(0, 8, nodes)]

    # Both consist of the same three nodes: (level 0, position 1), (1, 1) and (2, 1).
    published = [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ]
    assert consistency == published
    assert inclusion == published


def test_the_empty_tree_has_the_hash_of_nothing() -> None:
    assert root_of(EMPTY) == EMPTY_ROOT == hashlib.sha256().digest()


def test_a_tree_grown_in_any_steps_is_the_same_tree() -> None:
    for before in range(MOST + 1):
        whole = extend(EMPTY, LEAVES)
        start = extend(EMPTY, LEAVES[:before])

        rest = extend(start.frontier, LEAVES[before:])

        assert rest.frontier == whole.frontier
        assert sorted((*start.nodes, *rest.nodes)) == sorted(whole.nodes)
        assert root_of(start.frontier) == ROOTS[before]


def test_each_node_is_the_root_of_its_own_leaves() -> None:
    nodes = extend(EMPTY, LEAVES).nodes

    # 70 = 64 + 4 + 2 leaves: 63 + 3 + 1 inner nodes in complete subtrees.
    assert len(nodes) == 67
    for level, position, node in nodes:
        assert node == mth(LEAVES[position << level : (position + 1) << level])


def test_the_frontier_is_read_from_the_nodes_that_are_named_for_it() -> None:
    for size in range(MOST + 1):
        named = frontier_nodes(size)

        read = STORED(named)

        assert Frontier(size, tuple(read[node] for node in named)) == extend(EMPTY, LEAVES[:size]).frontier


def test_each_inclusion_proof_is_the_rfcs_and_holds() -> None:
    for size in range(1, MOST + 1):
        for index in range(size):
            proof = prove_inclusion(index, size, STORED)

            assert list(proof) == path(index, LEAVES[:size])
            verify_inclusion(leaf_hash=LEAVES[index], index=index, size=size, proof=proof, root=ROOTS[size])


def test_each_consistency_proof_is_the_rfcs_and_holds() -> None:
    for second in range(1, MOST + 1):
        for first in range(1, second + 1):
            proof = prove_consistency(first, second, STORED)

            assert list(proof) == subproof(first, LEAVES[:second], known=True)
            verify_consistency(first=first, second=second, first_root=ROOTS[first], second_root=ROOTS[second], proof=proof)


def test_a_proof_reads_the_nodes_once() -> None:
    nodes = Nodes(LEAVES)

    prove_inclusion(41, 70, nodes)
    prove_consistency(41, 70, nodes)
    prove_consistency(70, 70, nodes)

    assert nodes.calls == 3


def test_a_missing_node_is_named_by_count() -> None:
    with pytest.raises(ValueError, match="1 of the tree's nodes are not there"):
        prove_inclusion(0, 2, lambda _: {})


@pytest.mark.parametrize(("index", "size"), [(0, 0), (1, 1), (-1, 3), (3, 3)])
def test_no_proof_for_a_leaf_outside_the_tree(index: int, size: int) -> None:
    with pytest.raises(ValueError, match="not in a tree"):
        prove_inclusion(index, size, STORED)


@pytest.mark.parametrize(("first", "second"), [(0, 0), (0, 5), (5, 4), (-1, 4)])
def test_no_proof_from_an_empty_or_a_longer_tree(first: int, second: int) -> None:
    with pytest.raises(ValueError, match="1 <= older <= newer"):
        prove_consistency(first, second, STORED)


@pytest.mark.parametrize(("size", "hashes"), [(-1, ()), (0, (bytes(32),)), (3, (bytes(32),)), (1, (bytes(31),)), (1, (b"",))])
def test_a_frontier_that_does_not_fit_its_size_is_refused(size: int, hashes: tuple[bytes, ...]) -> None:
    with pytest.raises(ValueError, match="subtree root"):
        Frontier(size, hashes)


def test_a_leaf_that_is_no_hash_is_not_appended() -> None:
    with pytest.raises(ValueError, match="1 hashes that are not 32 bytes"):
        extend(EMPTY, [bytes(32), b"short"])


def test_a_hundred_thousand_leaves_take_no_second() -> None:
    leaves = [bytes(28) + number.to_bytes(4) for number in range(100_000)]
    before = time.process_time()

    grown = extend(EMPTY, leaves)

    assert grown.frontier.size == 100_000
    # About 0.15 s on one core of 2020; a quadratic way of growing would take minutes.
    assert time.process_time() - before < 2


def mutations(proof: Sequence[bytes], data: st.DataObject) -> list[bytes]:
    """Change, drop, double, swap or add one hash of the proof."""
    kinds = ["add"] + ["change", "drop", "double"] * bool(proof) + ["swap"] * (len(proof) > 1)
    kind = data.draw(st.sampled_from(kinds))
    steps, at = list(proof), data.draw(st.integers(0, max(len(proof) - 1, 0)))
    if kind == "change":
        bit = data.draw(st.integers(0, 255))
        steps[at] = (int.from_bytes(steps[at]) ^ 1 << bit).to_bytes(32)
    elif kind == "drop":
        del steps[at]
    elif kind == "double":
        steps.insert(at, steps[at])
    elif kind == "swap":
        other = data.draw(st.integers(0, len(steps) - 1).filter(lambda number: number != at))
        steps[at], steps[other] = steps[other], steps[at]
    else:
        steps.insert(data.draw(st.integers(0, len(steps))), data.draw(st.sampled_from([*LEAVES, *ROOTS, b"", bytes(31), bytes(33)])))
    return steps


@given(st.data())
def test_no_mutated_inclusion_proof_holds(data: st.DataObject) -> None:
    size = data.draw(st.integers(1, MOST))
    index = data.draw(st.integers(0, size - 1))
    proof = mutations(prove_inclusion(index, size, STORED), data)

    with pytest.raises(ValueError, match=r"proof|hashes"):
        verify_inclusion(leaf_hash=LEAVES[index], index=index, size=size, proof=proof, root=ROOTS[size])


@given(st.data())
def test_no_mutated_consistency_proof_holds(data: st.DataObject) -> None:
    second = data.draw(st.integers(1, MOST))
    first = data.draw(st.integers(1, second))
    proof = mutations(prove_consistency(first, second, STORED), data)

    with pytest.raises(ValueError, match=r"proof|hashes"):
        verify_consistency(first=first, second=second, first_root=ROOTS[first], second_root=ROOTS[second], proof=proof)


@given(st.data())
def test_an_inclusion_proof_holds_for_no_other_place_and_no_other_leaf(data: st.DataObject) -> None:
    size = data.draw(st.integers(1, MOST))
    index, other = data.draw(st.integers(0, size - 1)), data.draw(st.integers(-1, MOST + 2))
    leaf = data.draw(st.integers(0, MOST - 1))
    proof = prove_inclusion(index, size, STORED)

    for place, claimed in ((other, LEAVES[index]), (index, LEAVES[leaf])):
        if (place, claimed) != (index, LEAVES[index]):
            with pytest.raises(ValueError, match=r"proof|not in a tree"):
                verify_inclusion(leaf_hash=claimed, index=place, size=size, proof=proof, root=ROOTS[size])


@given(st.data())
def test_a_consistency_proof_holds_for_no_other_roots(data: st.DataObject) -> None:
    second = data.draw(st.integers(2, MOST))
    first = data.draw(st.integers(1, second - 1))
    roots = data.draw(st.tuples(st.sampled_from(ROOTS), st.sampled_from(ROOTS)).filter(lambda pair: pair != (ROOTS[first], ROOTS[second])))

    with pytest.raises(ValueError, match="root"):
        verify_consistency(
            first=first, second=second, first_root=roots[0], second_root=roots[1], proof=prove_consistency(first, second, STORED)
        )


def test_two_trees_of_one_size_are_one_tree_or_inconsistent() -> None:
    verify_consistency(first=5, second=5, first_root=ROOTS[5], second_root=ROOTS[5], proof=())

    with pytest.raises(ValueError, match="two trees of one size"):
        verify_consistency(first=5, second=5, first_root=ROOTS[5], second_root=ROOTS[6], proof=())
