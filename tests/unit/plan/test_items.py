"""How items of a footprint are named and chosen, and that a refusal never repeats what was typed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtbf.errors import BadInput
from rtbf.footprint.record import ModelReached
from rtbf.plan.items import footprint_items, select_items
from tests import builders

if TYPE_CHECKING:
    from rtbf.footprint.record import Footprint

RECORDS = tuple(f"record:{number}" for number in range(1, 21))


def _footprint(*models: str) -> Footprint:
    reached = tuple(
        ModelReached(model=name, digest=builders.sha(5), corpus="community", version=builders.sha(4), hits=20, via=()) for name in models
    )
    return builders.footprint(models=reached)


def test_items_are_the_hits_by_number_and_then_each_model_once() -> None:
    assert footprint_items(_footprint("assistant", "helper", "assistant")) == (*RECORDS, "model:assistant", "model:helper")


@pytest.mark.parametrize(
    ("expressions", "expected"),
    [
        (["all"], (*RECORDS, "model:assistant", "model:helper")),
        (["records"], RECORDS),
        (["models"], ("model:assistant", "model:helper")),
        (["7"], ("record:7",)),
        (["record:7"], ("record:7",)),
        (["record:2-4"], ("record:2", "record:3", "record:4")),
        (["1-2,20, 5"], ("record:1", "record:2", "record:5", "record:20")),
        (["model:helper", "3", "3", "2-3"], ("record:2", "record:3", "model:helper")),
        (["20-20,model:assistant"], ("record:20", "model:assistant")),
    ],
)
def test_expressions_name_items_in_the_footprints_order_each_once(expressions: list[str], expected: tuple[str, ...]) -> None:
    assert select_items(_footprint("assistant", "helper"), expressions) == expected


@pytest.mark.parametrize(
    "text",
    ["", "0", "21", "1-21", "5-4", "-3", "3-", "+3", "1.5", "٣", "record:", "record:x", "model:", "model:other", "Ada Example", "9" * 40],
)
def test_what_names_no_item_is_refused_without_repeating_it(text: str) -> None:
    with pytest.raises(BadInput) as refused:
        select_items(_footprint("assistant"), ["1", text])

    assert "Ada" not in str(refused.value)
    assert "other" not in str(refused.value)
    assert "9" * 40 not in str(refused.value)


@pytest.mark.parametrize("expressions", [[], ["models"], ["model:assistant"]])
def test_naming_nothing_is_refused_rather_than_deciding_nothing(expressions: list[str]) -> None:
    with pytest.raises(BadInput):
        select_items(_footprint(), expressions)


def test_an_empty_footprint_has_no_item_to_name() -> None:
    empty = replace(_footprint(), hits=())

    for text in ("all", "records", "1"):
        with pytest.raises(BadInput):
            select_items(empty, [text])


@given(st.lists(st.tuples(st.integers(1, 20), st.integers(1, 20)), min_size=1, max_size=6))
def test_a_list_of_ranges_selects_their_union(pairs: list[tuple[int, int]]) -> None:
    ranges = [tuple(sorted(pair)) for pair in pairs]

    chosen = select_items(_footprint("assistant"), [",".join(f"{low}-{high}" for low, high in ranges)])

    wanted = {number for low, high in ranges for number in range(low, high + 1)}
    assert chosen == tuple(f"record:{number}" for number in sorted(wanted))
