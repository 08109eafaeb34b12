"""Certificate Transparency's published proofs hold, and each kind of wrong one that its library is tried with is refused.

Values: transparency-dev/merkle, testdata/inclusion/0 to 4 and testdata/consistency/0 to 4, each `happy-path` (Apache-2.0).
The wrong ones are made here from these, of the kinds that the folders beside them have, under the same names; so are the
degenerate ones of both `additional` folders.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pytest

from rtbf.evidence.merkle import EMPTY_ROOT, verify_consistency, verify_inclusion

if TYPE_CHECKING:
    from collections.abc import Iterator


def hashes(*texts: str) -> tuple[bytes, ...]:
    return tuple(base64.b64decode(text) for text in texts)


# The nodes of the reference tree that the proofs name, by level and position, and its roots by size.
N00, N01, N02, N04, N05, N06, N11, N12, N13, N20, N21 = hashes(
    "bjQLnP+zepicpUTmu3gKLHiQHT+zNzh2hRGjBhevoB0=",
    "lqKW0iTyhcZ77pPDD4owkVfw2qNdxbh+QQt4YwoJz8c=",
    "ApjRIpBtz8EIkstTpzmS/FufST6kybrbJ7eRtBJ6f+c=",
    "vBoGQ7EuTS18d5GPROD095qDi2z57FtcKD4fTYhZnms=",
    "QnGia+DYqE8L1UyMMC58s6O10fpngKQLzOKHNHfatlg=",
    "sIaT7C5yFZcTBkHoIR5+7cy0wmQTlj7ubB4u0W/7Gl8=",
    "Xwg/ChozygdqlSeYMlgNs+DvRYS9/x9UyKNg9Q3jAx4=",
    "DrxdNDf74tsVi58Sah0RjjCBgQMdCpSfje3t68VY72o=",
    "yoVOoSjtBQtBs1/8G4e46yveRh6eO1WW7Oa51ZdaCuA=",
    "037kGJdt2VdTwcc4Yrk5j6Kiz5tP8P3+izDNlSCWFLc=",
    "a0eq8p7jwq+a+Im8H7klTavTEXfxYjLdaqsDXKOb9uQ=",
)
R2, R3, R5, R6, R7, R8 = hashes(
    "+sVCA+fMaWzw38tCySodnbr3CtnmIfS9jZhmLwDjwSU=",
    "rra8/idLcKFPsGel5VeCZNsPqbUa9eC6FZFY8yngbnc=",
    "Tju7H3tHjc/nH7YxYxUZo7yhLJrvyhYSv85ME6hiZNQ=",
    "duZ9rbzfHhDht03cYIq9L5jfsW+851J3tSMqEn8gh+8=",
    "3bib5AOAnjJXUNPSY814kpwpQreUKjS3fhIslZSnTIw=",
    "XcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQyg=",
)
RANDOM = bytes.fromhex("abacaba000000000000000000000000000000000000000000060061e00123456")
"""The leaf hash that the vectors call random."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Inclusion:
    index: int
    size: int
    root: bytes
    leaf: bytes
    proof: tuple[bytes, ...]

    def check(self) -> None:
        verify_inclusion(leaf_hash=self.leaf, index=self.index, size=self.size, proof=self.proof, root=self.root)


@dataclass(frozen=True, kw_only=True, slots=True)
class Consistency:
    size1: int
    size2: int
    root1: bytes
    root2: bytes
    proof: tuple[bytes, ...]

    def check(self) -> None:
        verify_consistency(first=self.size1, second=self.size2, first_root=self.root1, second_root=self.root2, proof=self.proof)


INCLUSIONS = [
    Inclusion(index=0, size=1, root=N00, leaf=N00, proof=()),
    Inclusion(index=0, size=8, root=R8, leaf=N00, proof=(N01, N11, N21)),
    Inclusion(index=5, size=8, root=R8, leaf=N05, proof=(N04, N13, N20)),
    Inclusion(index=2, size=3, root=R3, leaf=N02, proof=(R2,)),
    Inclusion(index=1, size=5, root=R5, leaf=N01, proof=(N00, N11, N04)),
]
CONSISTENCIES = [
    Consistency(size1=1, size2=1, root1=N00, root2=N00, proof=()),
    Consistency(size1=1, size2=8, root1=N00, root2=R8, proof=(N01, N11, N21)),
    Consistency(size1=6, size2=8, root1=R6, root2=R8, proof=(N12, N13, N20)),
    Consistency(size1=2, size2=5, root1=R2, root2=R5, proof=(N11, N04)),
    Consistency(size1=6, size2=7, root1=R6, root2=R7, proof=(N12, N06, N20)),
]


def wrong_proofs(proof: tuple[bytes, ...], *roots: bytes) -> Iterator[tuple[str, tuple[bytes, ...]]]:
    """The proof with something put before, after or between, taken off, or one bit changed."""
    yield "trailing garbage", (*proof, b"")
    yield "preceding garbage", (b"", *proof)
    yield "trailing random", (*proof, RANDOM)
    yield "preceding random", (RANDOM, *proof)
    for number, root in enumerate(roots, start=1):
        yield f"trailing root{number}", (*proof, root)
        yield f"preceding root{number}", (root, *proof)
    if not proof:
        return
    yield "preceding proof[0]", (proof[0], *proof)
    yield "inserted component", (*proof[:1], b"", *proof[1:])
    yield "removed component", proof[:-1]
    yield "truncated component", (*proof[:-1], proof[-1][:-1])
    for at, step in enumerate(proof):
        yield f"modified proof[{at}] bit 3", (*proof[:at], bytes([step[0] ^ 8]) + step[1:], *proof[at + 1 :])


def wrong_inclusions() -> Iterator[tuple[str, Inclusion]]:
    for number, good in enumerate(INCLUSIONS):
        found = [(name, replace(good, proof=proof)) for name, proof in wrong_proofs(good.proof, good.root)]
        found += [
            ("leafIdx - 1", replace(good, index=good.index - 1)),
            ("leafIdx + 1", replace(good, index=good.index + 1)),
            ("leafIdx ^ 2", replace(good, index=good.index ^ 2)),
            ("treeSize * 2", replace(good, size=good.size * 2)),
            ("treeSize div 2", replace(good, size=good.size // 2)),
            ("wrong leaf", replace(good, leaf=RANDOM)),
            ("empty root", replace(good, root=EMPTY_ROOT)),
            ("random root", replace(good, root=RANDOM)),
        ]
        yield from ((f"{number}: {name}", wrong) for name, wrong in found)
    for index, size in ((0, 0), (0, 1), (1, 0), (2, 1)):
        nothing = Inclusion(index=index, size=size, root=EMPTY_ROOT, leaf=RANDOM, proof=())
        yield f"additional {index} of {size}: empty root and random leaf", nothing
        yield f"additional {index} of {size}: empty root", replace(nothing, leaf=b"")
        yield f"additional {index} of {size}: nothing for both", replace(nothing, leaf=b"", root=b"")
        yield f"additional {index} of {size}: random leaf", replace(nothing, root=b"")


def wrong_consistencies() -> Iterator[tuple[str, Consistency]]:
    for number, good in enumerate(CONSISTENCIES):
        found = [(name, replace(good, proof=proof)) for name, proof in wrong_proofs(good.proof, good.root1, good.root2)]
        found += [
            ("size1 - 1", replace(good, size1=good.size1 - 1)),
            ("size1 + 1", replace(good, size1=good.size1 + 1)),
            ("size1 ^ 2", replace(good, size1=good.size1 ^ 2)),
            ("size2 * 2", replace(good, size2=good.size2 * 2)),
            ("size2 div 2", replace(good, size2=good.size2 // 2)),
            ("wrong root1", replace(good, root1=RANDOM)),
            ("wrong root2", replace(good, root2=RANDOM)),
        ]
        if good.proof:
            found.append(("empty proof", replace(good, proof=())))
            found.append(("swapped roots", replace(good, root1=good.root2, root2=good.root1)))
        yield from ((f"{number}: {name}", wrong) for name, wrong in found)
    same = Consistency(size1=0, size2=0, root1=EMPTY_ROOT, root2=EMPTY_ROOT, proof=())
    yield "additional: sizes are equal (zero) and proof is empty", same
    yield "additional: sizes are equal (zero) but roots are not", replace(same, root2=RANDOM)
    yield "additional: sizes are equal (zero) and proof is not empty", replace(same, proof=(EMPTY_ROOT,))
    yield "additional: size1 is zero and does not equal size2", replace(same, size2=1, root2=RANDOM)
    yield "additional: consistency check on empty tree is useless", replace(same, size2=1, proof=(EMPTY_ROOT,))
    yield "additional: size1 is greater than size2", replace(same, size1=1)
    yield "additional: size1 is greater than size2 again", replace(same, size1=2, size2=1)
    yield "additional: sizes are equal (one) but roots are not", replace(same, size1=1, size2=1, root2=RANDOM)
    yield "additional: sizes are one and proof is not empty", replace(same, size1=1, size2=1, proof=(EMPTY_ROOT,))
    yield "additional: sizes do not match and proof is empty", replace(same, size1=1, size2=2)
    yield "additional: roots that are no hashes", replace(same, size1=1, size2=1, root1=b"don't care 1", root2=b"don't care 1")


WRONG_INCLUSIONS = dict(wrong_inclusions())
WRONG_CONSISTENCIES = dict(wrong_consistencies())


@pytest.mark.parametrize("vector", [*INCLUSIONS, *CONSISTENCIES])
def test_a_published_proof_holds(vector: Inclusion | Consistency) -> None:
    vector.check()


@pytest.mark.parametrize("vector", WRONG_INCLUSIONS.values(), ids=WRONG_INCLUSIONS.keys())
def test_a_wrong_inclusion_is_refused(vector: Inclusion) -> None:
    with pytest.raises(ValueError, match=r"leaf|hash|proof"):
        vector.check()


@pytest.mark.parametrize("vector", WRONG_CONSISTENCIES.values(), ids=WRONG_CONSISTENCIES.keys())
def test_a_wrong_consistency_is_refused(vector: Consistency) -> None:
    with pytest.raises(ValueError, match=r"sizes|hash|proof|one size"):
        vector.check()
