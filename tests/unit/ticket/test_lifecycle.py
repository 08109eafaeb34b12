"""The moves, guards and reasons of a ticket, as tables: what is lawful, what refuses, and what a refusal says."""

from __future__ import annotations

import dataclasses
from itertools import product
from typing import Any

import pytest

from rtbf.errors import FourEyes, IllegalMove
from rtbf.ticket.facts import Facts
from rtbf.ticket.guards import GUARDS, SECOND_PERSON
from rtbf.ticket.lifecycle import CLOSED, MOVES, OUTCOMES, REASONS, RECEIVED, STATES, WAITS_FOR_A_PERSON, lawful_move, open_moves, reason_of

LAWFUL = {
    "received": ("identifying", "locating", "closed:refused", "closed:withdrawn"),
    "identifying": ("locating", "closed:refused", "closed:unverified", "closed:withdrawn"),
    "locating": ("planning", "closed:duplicate", "closed:withdrawn"),
    "planning": (
        "locating", "awaiting_approval", "closed:partially_fulfilled", "closed:no_data", "closed:refused", "closed:duplicate",
        "closed:withdrawn",
    ),
    "awaiting_approval": ("planning", "unlearning", "closed:withdrawn"),
    "unlearning": ("planning", "verifying"),
    "verifying": ("planning", "closed:fulfilled", "closed:partially_fulfilled"),
    "closed": ("locating",),
}  # fmt: skip

# Guard → facts under which it holds, and each single change of them under which it does not.
TABLE: dict[str, tuple[dict[str, Any], tuple[dict[str, Any], ...]]] = {
    "identity_asked": ({"is_identity_asked": True}, ({"is_identity_asked": False},)),
    "identified": ({"is_identified": True}, ({"is_identified": False},)),
    "identity_over": ({"is_identity_over": True}, ({"is_identity_over": False}, {"is_identified": True})),
    "same_as_identified": (
        {"is_identified": True, "is_same_as_identified": True},
        ({"is_identified": False}, {"is_same_as_identified": False}),
    ),
    "located": ({"has_footprint": True}, ({"has_footprint": False},)),
    "nothing_found": ({"has_footprint": True}, ({"has_footprint": False}, {"has_hits": True})),
    "decided": (
        {"has_footprint": True, "has_hits": True, "is_decided": True},
        ({"has_footprint": False}, {"has_hits": False}, {"is_decided": False}),
    ),
    "something_erased": ({"is_anything_erased": True}, ({"is_anything_erased": False},)),
    "model_to_change": ({"has_model_to_change": True}, ({"has_model_to_change": False},)),
    "no_model_to_change": ({}, ({"has_model_to_change": True},)),
    "refusable": (
        {"has_footprint": True, "has_hits": True, "is_decided": True},
        ({"is_decided": False}, {"has_hits": False}, {"is_anything_erased": True}),
    ),
    "refused_whole": ({"has_refusal_code": True}, ({"has_refusal_code": False},)),
    "plan_live": ({"is_plan_live": True}, ({"is_plan_live": False},)),
    "approved": ({"is_approved": True}, ({"is_approved": False}, {"is_rejected": True}, {"is_approval_expired": True})),
    "grace_over": ({"is_grace_over": True}, ({"is_grace_over": False},)),
    "nothing_unlearned": ({}, ({"is_unlearned": True},)),
    "unlearned": ({"is_unlearned": True}, ({"is_unlearned": False},)),
    "judged": ({"verdict": "FAIL"}, ({"verdict": None},)),
    "judged_not_failed": ({"verdict": "INCONCLUSIVE"}, ({"verdict": None}, {"verdict": "FAIL"})),
    "passed": (
        {"verdict": "PASS", "is_releasable": True},
        ({"verdict": None}, {"verdict": "FAIL"}, {"verdict": "INCONCLUSIVE"}, {"is_releasable": False}),
    ),
    "all_unlearned": ({"is_all_unlearned": True}, ({"is_all_unlearned": False},)),
    "nothing_held": ({}, ({"is_held": True},)),
    "rest_named": ({}, ({"is_rest_named": False},)),
    "key_alive": ({}, ({"is_key_destroyed": True},)),
    SECOND_PERSON: ({}, ({"is_submitter": True},)),
    **{
        f"notice_{kind}": ({"notices": frozenset({kind})}, ({"notices": frozenset()}, {"notices": frozenset({"acknowledgement"})}))
        for kind in ("fulfilment", "partial", "refusal", "no_data", "unverified", "withdrawal_confirmed")
    },
}


def named(move: Any) -> str:
    return f"{move.target}:{move.outcome}" if move.outcome else str(move.target)


def allowing(guards: tuple[str, ...]) -> Facts:
    """Return facts under which all these guards hold."""
    return Facts(**{name: value for guard in guards for name, value in TABLE[guard][0].items()})


REFUSALS = [
    pytest.param(move, guard, change, id=f"{move.source}-{named(move)}-{guard}-{number}")
    for move in MOVES
    for guard in move.guards
    for number, change in enumerate(TABLE[guard][1])
]


def test_the_tables_are_whole() -> None:
    assert set(TABLE) == set(GUARDS)
    assert {guard for move in MOVES for guard in move.guards} == set(GUARDS)
    assert {source: tuple(named(move) for move in MOVES if move.source == source) for source in STATES} == LAWFUL
    assert {move.outcome for move in MOVES if move.target == CLOSED} == set(OUTCOMES)


@pytest.mark.parametrize("move", MOVES, ids=lambda move: f"{move.source}-{named(move)}")
def test_a_move_is_lawful_when_its_guards_hold_and_then_it_is_open(move: Any) -> None:
    facts = allowing(move.guards)

    found = lawful_move(move.source, move.target, facts, move.outcome)

    assert found is move
    assert move in open_moves(move.source, facts)


@pytest.mark.parametrize(("move", "guard", "change"), REFUSALS)
def test_each_guard_of_each_move_refuses_with_its_own_words(move: Any, guard: str, change: dict[str, Any]) -> None:
    facts = dataclasses.replace(allowing(move.guards), **change)

    with pytest.raises(FourEyes if guard == SECOND_PERSON else IllegalMove) as refused:
        lawful_move(move.source, move.target, facts, move.outcome)

    assert GUARDS[guard].found in refused.value.found
    assert GUARDS[guard].expected in refused.value.expected
    assert f"a move to '{named(move)}'" in refused.value.found
    assert move not in open_moves(move.source, facts)


@pytest.mark.parametrize("name", GUARDS)
def test_what_is_not_known_opens_no_door_but_those_that_lead_back(name: str) -> None:
    """An empty Facts is a ticket of which nothing is known: nothing is identified, found, decided, approved or told."""
    holds_of_nothing = {"no_model_to_change", "nothing_unlearned", "nothing_held", "rest_named", "key_alive", SECOND_PERSON}

    assert GUARDS[name].holds(Facts()) == (name in holds_of_nothing)


def test_of_an_unknown_ticket_only_the_moves_back_are_open() -> None:
    found = {(state, named(move)) for state in STATES for move in open_moves(state, Facts())}

    assert found == {("planning", "locating"), ("awaiting_approval", "planning"), ("unlearning", "planning")}


def test_four_eyes_is_said_only_when_nothing_but_the_second_person_is_missing() -> None:
    told = Facts(has_footprint=True, notices=frozenset({"no_data"}), is_submitter=True)

    with pytest.raises(FourEyes, match="let a colleague act"):
        lawful_move("planning", CLOSED, told, "no_data")
    with pytest.raises(IllegalMove) as refused:
        lawful_move("planning", CLOSED, dataclasses.replace(told, notices=frozenset()), "no_data")

    assert "no no_data notice sent" in refused.value.found
    assert "the actor who submitted the ticket" in refused.value.found
    assert refused.value.remedy == "`rtbf notice send TICKET no_data`"


@pytest.mark.parametrize(("source", "target"), list(product(STATES, STATES)))
def test_an_illegal_move_names_the_lawful_ones(source: str, target: str) -> None:
    everything = Facts(is_identified=True, is_identity_asked=True, has_footprint=True)
    outcomes: list[str | None] = [None, *OUTCOMES]

    for outcome in outcomes:
        wanted = f"{target}:{outcome}" if outcome else target
        if wanted in LAWFUL[source]:
            continue
        with pytest.raises(IllegalMove) as refused:
            lawful_move(source, target, everything, outcome)
        assert refused.value.found == f"a move from '{source}' to '{wanted}'"
        assert refused.value.expected == "one of " + ", ".join(LAWFUL[source])


def test_every_state_leads_to_closed_and_is_reached_from_received() -> None:
    def reach(start: str) -> set[str]:
        seen, front = {start}, {start}
        while front:
            front = {move.target for move in MOVES if move.source in front} - seen
            seen |= front
        return seen

    assert all(CLOSED in reach(state) for state in STATES)
    assert reach(RECEIVED) == set(STATES)


FOUND = {"is_identified": True, "has_footprint": True, "has_hits": True}
DECIDED = {**FOUND, "is_decided": True, "is_anything_erased": True, "has_model_to_change": True}
PLANNED = {**DECIDED, "was_planned": True, "is_plan_live": True}
APPROVED = {**PLANNED, "is_approved": True}
PASSED = {**APPROVED, "is_unlearned": True, "is_all_unlearned": True, "verdict": "PASS", "is_releasable": True}


@pytest.mark.parametrize(
    ("state", "facts", "reason"),
    [
        ("received", {}, "need_identity"),
        ("received", {"is_identified": True}, "awaiting_worker"),
        ("identifying", {"is_identity_asked": True}, "need_identity"),
        ("identifying", {"is_identity_over": True}, "need_identity"),
        ("locating", {"is_identified": True}, "awaiting_worker"),
        ("planning", {**FOUND}, "need_decision"),
        ("planning", {"is_identified": True, "has_footprint": True}, "need_decision"),
        ("planning", {**FOUND, "is_decided": True}, "need_decision"),
        ("planning", DECIDED, "awaiting_worker"),
        ("planning", {**DECIDED, "was_planned": True}, "need_plan"),
        ("planning", {**DECIDED, "has_model_to_change": False}, "need_decision"),
        ("planning", {**DECIDED, "has_model_to_change": False, "is_held": True}, "hold"),
        ("planning", {**DECIDED, "is_held": True}, "awaiting_worker"),
        ("awaiting_approval", PLANNED, "need_approval"),
        ("awaiting_approval", APPROVED, "grace_period"),
        ("awaiting_approval", {**APPROVED, "is_grace_over": True}, "awaiting_worker"),
        ("awaiting_approval", {**APPROVED, "has_model_to_change": False, "is_held": True}, "hold"),
        ("awaiting_approval", {**APPROVED, "has_model_to_change": False}, "awaiting_worker"),
        ("awaiting_approval", {**APPROVED, "is_plan_live": False}, "awaiting_worker"),
        ("awaiting_approval", {**PLANNED, "is_rejected": True}, "awaiting_worker"),
        ("awaiting_approval", {**PLANNED, "is_approval_expired": True}, "awaiting_worker"),
        ("unlearning", APPROVED, "awaiting_worker"),
        ("unlearning", {**APPROVED, "is_plan_live": False}, "need_decision"),
        ("unlearning", {**APPROVED, "has_model_to_change": False}, "need_decision"),
        ("unlearning", {**APPROVED, "has_model_to_change": False, "is_held": True}, "hold"),
        ("verifying", {**PASSED, "verdict": None}, "awaiting_worker"),
        ("verifying", {**PASSED, "verdict": "FAIL"}, "awaiting_worker"),
        ("verifying", PASSED, "need_notice"),
        ("verifying", {**PASSED, "notices": frozenset({"fulfilment"})}, "awaiting_worker"),
        ("verifying", {**PASSED, "is_held": True}, "need_decision"),
        ("verifying", {**PASSED, "is_all_unlearned": False}, "need_decision"),
        ("verifying", {**PASSED, "is_rest_named": False}, "need_decision"),
        ("verifying", {**PASSED, "is_releasable": False}, "need_decision"),
        ("verifying", {**PASSED, "verdict": "INCONCLUSIVE"}, "need_decision"),
        ("closed", PASSED, None),
    ],
)
def test_a_ticket_says_what_it_waits_for(state: str, facts: dict[str, Any], reason: str | None) -> None:
    assert reason_of(state, Facts(**facts)) == reason


def test_what_waits_for_a_person_waits_for_neither_worker_nor_time() -> None:
    assert set(REASONS) - WAITS_FOR_A_PERSON == {"awaiting_worker", "grace_period"}
