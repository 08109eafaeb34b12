"""The table of moves: complete, without dead ends, and telling what is lawful when it refuses."""

from __future__ import annotations

import contextlib
from itertools import product

import pytest

from rtbf.errors import IllegalMove
from rtbf.ticket.lifecycle import CLOSED, MOVES, OUTCOMES, REASONS, RECEIVED, STATES, WAITS_FOR_A_PERSON, lawful_move

LAWFUL = {
    ("received", "identifying"), ("received", "locating"), ("received", "closed"),
    ("identifying", "locating"), ("identifying", "closed"),
    ("locating", "planning"), ("locating", "closed"),
    ("planning", "locating"), ("planning", "awaiting_approval"), ("planning", "closed"),
    ("awaiting_approval", "planning"), ("awaiting_approval", "unlearning"), ("awaiting_approval", "closed"),
    ("unlearning", "verifying"),
    ("verifying", "planning"), ("verifying", "closed"),
}  # fmt: skip


@pytest.mark.parametrize(("source", "target"), list(product(STATES, STATES)))
def test_exactly_the_listed_moves_are_lawful(source: str, target: str) -> None:
    outcomes: list[str | None] = [None, *OUTCOMES]

    allowed = []
    for outcome in outcomes:
        with contextlib.suppress(IllegalMove):
            allowed.append(lawful_move(source, target, outcome))

    assert bool(allowed) == ((source, target) in LAWFUL)


def test_every_state_leads_to_closed_and_is_reached_from_received() -> None:
    def reach(start: str) -> set[str]:
        seen, front = {start}, {start}
        while front:
            front = {move.target for move in MOVES if move.source in front} - seen
            seen |= front
        return seen

    assert all(CLOSED in reach(state) for state in STATES)
    assert reach(RECEIVED) == set(STATES)
    assert reach(CLOSED) == {CLOSED}


@pytest.mark.parametrize(
    ("source", "outcomes"),
    [
        ("received", {"withdrawn", "duplicate"}),
        ("identifying", {"unverified", "withdrawn", "duplicate"}),
        ("locating", {"withdrawn"}),
        ("planning", {"no_data", "refused", "withdrawn"}),
        ("awaiting_approval", {"withdrawn"}),
        ("unlearning", set()),
        ("verifying", {"fulfilled", "partially_fulfilled"}),
    ],
)
def test_a_ticket_closes_only_with_an_outcome_its_state_can_have(source: str, outcomes: set[str]) -> None:
    for outcome in OUTCOMES:
        if outcome in outcomes:
            assert lawful_move(source, CLOSED, outcome).event == "ticket.closed"
        else:
            with pytest.raises(IllegalMove):
                lawful_move(source, CLOSED, outcome)


def test_closing_needs_an_outcome_and_other_moves_take_none() -> None:
    with pytest.raises(IllegalMove):
        lawful_move("verifying", CLOSED)
    with pytest.raises(IllegalMove):
        lawful_move("received", "locating", "withdrawn")


def test_a_refusal_names_the_lawful_moves() -> None:
    with pytest.raises(IllegalMove) as refused:
        lawful_move("received", "unlearning")
    with pytest.raises(IllegalMove) as ended:
        lawful_move(CLOSED, "planning")

    assert refused.value.expected == "one of identifying, locating, closed:withdrawn, closed:duplicate"
    assert ended.value.expected == "no move: 'closed' is the end"


def test_nobody_skips_approval() -> None:
    sources = {move.source for move in MOVES if move.target == "unlearning"}

    assert sources == {"awaiting_approval"}
    assert set(REASONS) > WAITS_FOR_A_PERSON
