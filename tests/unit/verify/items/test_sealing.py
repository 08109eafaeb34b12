"""Sealed sets are read back as they were written, and nothing else is read."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from rtbf.errors import RecordBroken
from rtbf.evidence.canonical import canonical_bytes
from rtbf.verify.item_set import ItemSet, SetItem
from rtbf.verify.items.run import MAKERS, make_sets
from rtbf.verify.items.sealing import read_sets, set_digest, write_sets
from tests.unit.verify.items.item_records import author

if TYPE_CHECKING:
    from collections.abc import Callable

ITEM = SetItem(record_id="f" * 12 + ":1", label="qa", prompt="Where?", answer="In Lisbon.", others=("In Rome.",), keys=("Lisbon",))
ONE = ItemSet(
    name="siblings", reads="score", about="subject", items=(ITEM,), blind_auc=("0.500", "0.400", "0.600"), left_out=(("no key", 3),)
)


def test_what_was_written_is_read_back() -> None:
    made = (*make_sets(author(), list(MAKERS)),)

    assert read_sets(write_sets(made)) == made
    assert read_sets(write_sets([ONE])) == (ONE,)
    assert read_sets(write_sets([])) == ()


@pytest.mark.parametrize(
    "changed",
    [
        replace(ONE, name="other"),
        replace(ONE, reads="reply"),
        replace(ONE, about="others"),
        replace(ONE, samples=2),
        replace(ONE, temperature="1.0"),
        replace(ONE, blind_auc=None),
        replace(ONE, left_out=()),
        replace(ONE, items=(ITEM, ITEM)),
        replace(ONE, items=(replace(ITEM, keys=("Lisbon", "Rome")),)),
        replace(ONE, items=(replace(ITEM, prompt="Where ?"),)),
    ],
)
def test_any_change_changes_the_digest(changed: ItemSet) -> None:
    assert set_digest(changed) != set_digest(ONE)


def test_an_equal_set_has_the_same_digest() -> None:
    assert set_digest(replace(ONE)) == set_digest(ONE)


def _edit(edit: Callable[[dict[str, Any]], Any]) -> bytes:
    found = json.loads(write_sets([ONE]))
    edit(found)
    return canonical_bytes(found)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"[]",
        b"{}",
        b"\xff",
        write_sets([ONE]) + b" ",
        json.dumps(json.loads(write_sets([ONE])), indent=1).encode(),
        _edit(lambda found: found.update(schema="rtbf.item-sets/2")),
        _edit(lambda found: found.update(more=1)),
        _edit(lambda found: found["sets"].append(found["sets"][0])),
        _edit(lambda found: found["sets"][0].update(reads="guess")),
        _edit(lambda found: found["sets"][0].update(samples=-1)),
        _edit(lambda found: found["sets"][0].update(samples=True)),
        _edit(lambda found: found["sets"][0].update(blind_auc=["0.5"])),
        _edit(lambda found: found["sets"][0].update(left_out=[["no key"]])),
        _edit(lambda found: found["sets"][0].pop("temperature")),
        _edit(lambda found: found["sets"][0]["items"][0].update(answer=None)),
        _edit(lambda found: found["sets"][0]["items"][0].update(keys="Lisbon")),
        _edit(lambda found: found["sets"][0]["items"].append("item")),
    ],
)
def test_anything_else_is_refused_without_repeating_it(raw: bytes) -> None:
    with pytest.raises(RecordBroken) as refused:
        read_sets(raw)

    assert "Lisbon" not in str(refused.value)


def test_two_sets_of_one_name_are_not_written() -> None:
    with pytest.raises(ValueError, match="one name"):
        write_sets([ONE, ONE])
