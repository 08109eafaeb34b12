"""Per-item decisions: what each verdict needs, what a revision keeps, and that less is a subset while more never is."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from rtbf.errors import BadInput, PlanImpossible, StalePlan
from rtbf.evidence.canonical import canonical_bytes, digest_of
from rtbf.plan.decisions import (
    VERDICTS,
    DecisionCount,
    Decisions,
    ItemDecision,
    count_decisions,
    decide_items,
    erased_records,
    is_about_others,
    is_subset,
    items_to_erase,
    models_to_change,
    require_decided,
    undecided,
)
from tests import builders

FOOTPRINT = builders.footprint()
ON = digest_of(FOOTPRINT)
VERDICT_LISTS = st.lists(st.sampled_from(VERDICTS), min_size=21, max_size=21)


def _decide(changes: list[ItemDecision], previous: Decisions | None = None, **more: Any) -> Decisions:
    return decide_items(more.pop("footprint", FOOTPRINT), previous, changes, decided_on=more.pop("decided_on", ON))


def _all(verdicts: list[Any]) -> Decisions:
    items = [*(f"record:{n}" for n in range(1, 21)), "model:assistant"]
    return builders.decisions(FOOTPRINT, dict(zip(items, verdicts, strict=True)))


def test_the_first_decisions_are_revision_one_and_stand_in_the_footprints_order() -> None:
    made = _decide([builders.item_decision("model:assistant"), builders.item_decision("record:3"), builders.item_decision("record:1")])

    assert (made.revision, made.ticket_id, made.footprint_digest, made.schema) == (1, builders.TICKET_ID, ON, "rtbf.decisions/1")
    assert [decision.item for decision in made.items] == ["record:1", "record:3", "model:assistant"]


def test_changing_one_item_keeps_the_others_and_who_decided_them() -> None:
    first = builders.decisions(FOOTPRINT)
    change = builders.item_decision("record:7", "retain", decided_by="act_other", decided_at="2026-03-01T09:00:00.000Z")

    second = _decide([change], first)

    assert second.revision == 2
    assert second.items == (*first.items[:6], change, *first.items[7:])
    assert digest_of(second) != digest_of(first)


def test_a_new_footprint_carries_nothing_over_but_the_count_of_revisions() -> None:
    newer = replace(FOOTPRINT, revision=2)
    old = builders.decisions(FOOTPRINT, revision=4)

    made = _decide([builders.item_decision("record:1")], old, footprint=newer, decided_on=digest_of(newer))

    assert (made.revision, len(made.items), made.footprint_digest) == (5, 1, digest_of(newer))


def test_a_decision_on_an_older_footprints_items_is_refused() -> None:
    newer = replace(FOOTPRINT, revision=2)

    with pytest.raises(StalePlan, match="may mean other records"):
        _decide([builders.item_decision("record:1")], footprint=newer, decided_on=ON)


@pytest.mark.parametrize(
    ("verdict", "changes"),
    [
        ("erase", {"code": None}),
        ("retain", {"code": None}),
        ("retain", {"reasoning_commitment": None}),
        ("restrict", {"reasoning_commitment": None}),
        ("restrict", {"code": builders.EXEMPTION}),
        ("not_about_subject", {"code": builders.GROUND}),
    ],
)
def test_each_verdict_needs_its_code_and_reasoning_and_takes_no_other(verdict: str, changes: dict[str, Any]) -> None:
    lawful = builders.item_decision("record:1", verdict)

    assert _decide([lawful]).items == (lawful,)
    with pytest.raises(BadInput, match="record:1"):
        _decide([replace(lawful, **changes)])


def test_reasoning_is_welcome_with_every_verdict() -> None:
    for verdict in VERDICTS:
        reasoned = builders.item_decision("record:1", verdict, reasoning_commitment=builders.sha(3))

        assert _decide([reasoned]).items == (reasoned,)


@pytest.mark.parametrize("items", [[], ["record:1", "record:1"], ["record:21"], ["record:0"], ["model:other"], ["record:01"]])
def test_deciding_nothing_twice_or_something_unknown_is_refused(items: list[str]) -> None:
    with pytest.raises(BadInput):
        _decide([builders.item_decision(item) for item in items])


def test_what_is_open_is_everything_not_decided_on_this_very_footprint() -> None:
    some = _decide([builders.item_decision("record:2"), builders.item_decision("model:assistant")])

    assert len(undecided(FOOTPRINT, None)) == 21
    assert undecided(FOOTPRINT, some) == tuple(f"record:{n}" for n in (1, *range(3, 21)))
    assert undecided(FOOTPRINT, builders.decisions(FOOTPRINT)) == ()
    assert len(undecided(replace(FOOTPRINT, revision=2), builders.decisions(FOOTPRINT))) == 21


def test_requiring_every_decision_names_the_first_open_items_and_how_many_there_are() -> None:
    complete = builders.decisions(FOOTPRINT)

    assert require_decided(FOOTPRINT, complete) is complete
    with pytest.raises(PlanImpossible, match=r"20 of 21 items without a decision \(record:1, record:3, record:4, record:5, record:6, …\)"):
        require_decided(FOOTPRINT, _decide([builders.item_decision("record:2")]))


def test_a_ticket_without_items_still_needs_somebodys_decisions() -> None:
    empty = replace(FOOTPRINT, hits=(), models=())

    with pytest.raises(PlanImpossible, match="0 of 0"):
        require_decided(empty, None)


@given(VERDICT_LISTS)
def test_what_goes_is_exactly_what_is_decided_erase(verdicts: list[Any]) -> None:
    made = _all(verdicts)

    assert [hit.record_id for hit in erased_records(FOOTPRINT, made)] == [
        f"r{place:04}" for place, verdict in enumerate(verdicts[:20]) if verdict == "erase"
    ]
    assert models_to_change(FOOTPRINT, made) == (("assistant",) if verdicts[20] == "erase" else ())
    assert len(items_to_erase(FOOTPRINT, made)) == verdicts.count("erase")
    assert is_about_others(FOOTPRINT, made) == (set(verdicts[:20]) == {"not_about_subject"} and verdicts[20] != "erase")


@pytest.mark.parametrize("ask", [erased_records, models_to_change, items_to_erase])
def test_decisions_on_another_footprint_are_never_read_as_this_ones(ask: Any) -> None:
    with pytest.raises(StalePlan):
        ask(replace(FOOTPRINT, revision=2), builders.decisions(FOOTPRINT))


@given(VERDICT_LISTS, VERDICT_LISTS)
def test_less_than_approved_is_allowed_and_more_never_is(approved: list[Any], later: list[Any]) -> None:
    erased_more = any(new == "erase" and old != "erase" for old, new in zip(approved, later, strict=True))

    assert is_subset(_all(approved), _all(later)) == (not erased_more)


def test_decisions_on_another_footprint_or_ticket_are_no_subset() -> None:
    approved = builders.decisions(FOOTPRINT)

    assert is_subset(approved, replace(approved, revision=9))
    assert not is_subset(approved, replace(approved, footprint_digest=builders.sha(2), items=()))
    assert not is_subset(approved, replace(approved, ticket_id="tkt_other"))


def test_counts_tell_verdicts_and_codes_apart_and_records_from_models() -> None:
    kept = {"record:1": "retain", "record:2": "not_about_subject", "record:3": "restrict", "record:4": "retain"}

    counts = count_decisions(builders.decisions(FOOTPRINT, kept))

    assert [(count.kind, count.verdict, count.code, count.items) for count in counts] == [
        ("record", "erase", builders.GROUND, 16),
        ("record", "retain", builders.EXEMPTION, 2),
        ("record", "restrict", None, 1),
        ("record", "not_about_subject", None, 1),
        ("model", "erase", builders.GROUND, 1),
    ]
    assert counts[0] == DecisionCount(kind="record", verdict="erase", code=builders.GROUND, items=16)


def test_the_record_survives_its_bytes() -> None:
    made = builders.decisions(FOOTPRINT, {"record:1": "retain"})

    assert TypeAdapter(Decisions).validate_json(canonical_bytes(made)) == made
