"""Holds: when they live, what they cover, and that they block a scope and not the person."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtbf.errors import BadInput, StalePlan
from rtbf.footprint.record import Hit, ModelReached
from rtbf.plan.holds import changeable_models, held_back, held_items, is_live, new_hold, record_scope
from rtbf.plan.record import HeldItem
from tests import builders

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
OTHER = Hit(corpus="letters", version=builders.sha(41), record_id="abababababab:1", matched=((1, "name", 1),))
FOOTPRINT = replace(
    builders.footprint(),
    hits=(*builders.footprint().hits[:3], OTHER),
    models=(
        *builders.footprint().models,
        ModelReached(model="helper", digest=builders.sha(6), corpus="letters", version=builders.sha(41), hits=1, via=()),
    ),
)
RECORDS = ("record:1", "record:2", "record:3")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, True),
        ({"since": NOW}, True),
        ({"since": NOW + timedelta(seconds=1)}, False),
        ({"until": NOW}, False),
        ({"until": NOW + timedelta(seconds=1)}, True),
        ({"released_at": NOW}, False),
        ({"released_at": NOW + timedelta(days=1)}, True),
        ({"until": NOW + timedelta(days=9), "released_at": NOW - timedelta(days=1)}, False),
    ],
)
def test_a_hold_lives_from_its_start_until_its_end_or_release(changes: dict[str, Any], expected: bool) -> None:  # noqa: FBT001 - a table
    assert is_live(builders.hold(**changes), NOW) == expected


@pytest.mark.parametrize(
    ("kind", "scope", "items"),
    [
        ("ticket", builders.TICKET_ID, (*RECORDS, "record:4", "model:assistant", "model:helper")),
        ("ticket", "tkt_02test", ()),
        ("corpus", "community", RECORDS),
        ("corpus", "letters", ("record:4",)),
        ("model", "assistant", ("model:assistant",)),
        ("model", "community", ()),
        ("record", record_scope(OTHER), ("record:4",)),
        ("record", f"letters@{builders.sha(4)}#abababababab:1", ()),
        ("record", f"community@{builders.sha(4)}#r0001", ("record:2",)),
    ],
)
def test_a_hold_covers_its_scope_and_nothing_else(kind: str, scope: str, items: tuple[str, ...]) -> None:
    assert tuple(held_items(FOOTPRINT, [builders.hold(kind, scope)], NOW)) == items


def test_a_hold_that_is_not_live_covers_nothing() -> None:
    assert held_items(FOOTPRINT, [builders.hold("corpus", "community", released_at=NOW)], NOW) == {}


def test_of_several_holds_an_item_is_named_with_the_one_that_lasts_longest() -> None:
    soon = builders.hold("corpus", "community", hold_id="hld_a", until=NOW + timedelta(days=1))
    later = builders.hold("record", f"community@{builders.sha(4)}#r0000", hold_id="hld_b", until=NOW + timedelta(days=9))
    open_end = builders.hold("record", f"community@{builders.sha(4)}#r0001", hold_id="hld_c")
    twice = replace(soon, hold_id="hld_d", until=NOW + timedelta(days=2))

    held = held_items(FOOTPRINT, [soon, later, open_end, twice], NOW)

    assert {item: hold.hold_id for item, hold in held.items()} == {"record:1": "hld_b", "record:2": "hld_c", "record:3": "hld_d"}


def test_a_plan_names_of_the_held_items_those_that_would_go() -> None:
    held = held_items(FOOTPRINT, [builders.hold("corpus", "community", until=NOW + timedelta(days=30))], NOW)

    assert held_back(held, {"record:2", "record:4", "model:assistant"}) == (
        HeldItem(item="record:2", hold_id="hld_01test", until="2026-04-01T12:00:00.000Z"),
    )
    assert held_back(held_items(FOOTPRINT, [builders.hold()], NOW), {"record:1"})[0].until is None


@pytest.mark.parametrize(
    ("kept", "scope", "expected"),
    [
        ({}, None, ("assistant", "helper")),
        ({"model:helper": "retain"}, None, ("assistant",)),
        ({"record:4": "not_about_subject"}, None, ("assistant",)),
        ({}, ("corpus", "letters"), ("assistant",)),
        ({}, ("model", "assistant"), ("helper",)),
        ({"record:2": "retain", "record:3": "retain"}, ("record", f"community@{builders.sha(4)}#r0000"), ("helper",)),
        ({}, ("ticket", builders.TICKET_ID), ()),
    ],
)
def test_a_model_can_be_changed_when_it_is_to_and_an_erased_record_it_learned_is_free(
    kept: dict[str, str], scope: tuple[str, str] | None, expected: tuple[str, ...]
) -> None:
    held = held_items(FOOTPRINT, [] if scope is None else [builders.hold(*scope)], NOW)

    assert changeable_models(FOOTPRINT, builders.decisions(FOOTPRINT, kept), held) == expected


def test_decisions_on_another_footprint_change_no_model() -> None:
    with pytest.raises(StalePlan):
        changeable_models(FOOTPRINT, builders.decisions(), {})


def _new(**changes: Any) -> Any:
    fields = {
        "hold_id": "hld_1", "scope_kind": "corpus", "scope": "community", "ground": builders.EXEMPTION,
        "authority_ref": "court/17-C-26", "since": NOW, "until": NOW + timedelta(days=1),
    }  # fmt: skip
    return new_hold(**{**fields, **changes})


@pytest.mark.parametrize(
    ("kind", "scope"),
    [
        ("ticket", "tkt_01ARZ3NDEKTSV4RRFFQ69G5FAV"),
        ("corpus", "community"),
        ("model", "assistant-v2.1"),
        ("record", record_scope(OTHER)),
    ],
)
def test_a_new_hold_is_live_at_once_and_not_released(kind: str, scope: str) -> None:
    made = _new(scope_kind=kind, scope=scope, until=None)

    assert (made.scope_kind, made.scope, made.released_at) == (kind, scope, None)
    assert is_live(made, NOW)


@pytest.mark.parametrize(
    "changes",
    [
        {"scope_kind": "person"},
        {"scope_kind": "ticket"},
        {"scope_kind": "record", "scope": "community"},
        {"scope_kind": "record", "scope": f"community@{builders.sha(4)}#Ada Example"},
        {"scope": "Ada Example"},
        {"scope": ""},
        {"authority_ref": ""},
        {"authority_ref": "letter of Ada Example"},
        {"authority_ref": "a" * 201},
        {"authority_ref": "file\n17"},
        {"until": NOW},
        {"until": NOW - timedelta(days=1)},
        {"since": datetime(2026, 3, 1)},  # noqa: DTZ001 - a time without zone is what must be refused
        {"until": datetime(2027, 3, 1)},  # noqa: DTZ001 - likewise
    ],
)
def test_a_hold_of_another_form_or_without_duration_is_refused_without_repeating_it(changes: dict[str, Any]) -> None:
    with pytest.raises(BadInput) as refused:
        _new(**changes)

    assert "Ada" not in str(refused.value)


@given(st.sets(st.integers(0, 3)), st.sets(st.integers(0, 3)))
def test_more_holds_never_free_an_item(few: set[int], more: set[int]) -> None:
    def placed(places: set[int]) -> set[str]:
        return set(held_items(FOOTPRINT, [builders.hold("record", record_scope(FOOTPRINT.hits[place])) for place in places], NOW))

    assert placed(few) <= placed(few | more)
