"""What a proof says of shards and of a bound, on the terminal: inside 80 columns, digests never broken."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from rtbf.cli.proof_part import proof_part
from tests import results

if TYPE_CHECKING:
    from rtbf.unlearn.record import TrainingProof


def drawn(proof: TrainingProof) -> str:
    written = io.StringIO()
    Console(file=written, width=80, color_system=None).print(proof_part(proof))
    return written.getvalue()


@pytest.mark.parametrize(
    ("proof", "words"),
    [
        (results.sharded_proof(), ("Shards", "Untouched shards 2, unchanged", "1 trained again 353535353535… 363636363636… 2 10")),
        (results.private_proof(), ("Bound on one person's influence", "ε 0.9987", "Counted again ε 0.9986")),
    ],
    ids=["shards", "bound"],
)
def test_what_became_of_shards_and_what_is_bounded_is_drawn(proof: TrainingProof, words: tuple[str, ...]) -> None:
    text = drawn(proof)

    assert max(map(len, text.splitlines())) <= 80
    assert all(word in " ".join(text.split()) for word in words), text


def test_where_no_shard_changed_there_is_no_table() -> None:
    first, _, last = results.shards_proof().changes

    assert "change" not in drawn(results.sharded_proof(shards=2, changes=(first, last))).replace("unchanged", "")


def test_a_proof_without_either_and_a_method_without_proof_have_no_part() -> None:
    assert proof_part(None) is None
    assert proof_part(results.training_proof()) is None
