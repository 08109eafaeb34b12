"""Every world that a ticket can get into is walked, and the laws of its life hold in each: no stuck ticket, no open door.

The laws are said of the abstract world, in words of their own; they do not read the facts that the guards read.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pytest

from rtbf.ticket import lifecycle
from rtbf.ticket.lifecycle import MOVES, Move
from tests.exhaustive.abstract_ticket import (
    CHANGING,
    ERASING,
    LETTERS,
    OFFICER,
    PEOPLE,
    REQUESTER,
    SUBMITTER,
    TIME,
    WORKER,
    Graph,
    Step,
    World,
    can_close,
    explore,
    facts_of,
)

if TYPE_CHECKING:
    from rtbf.ticket.facts import Facts

LETTER_OF = {
    "fulfilled": ("fulfilment",),
    "partially_fulfilled": ("partial",),
    "no_data": ("no_data",),
    "refused": ("refusal", "refusal+code"),
    "unverified": ("unverified",),
    "withdrawn": ("withdrawal_confirmed",),
}

PROMISED: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "need_identity": (PEOPLE, ("ask", "record")),
    "need_decision": (PEOPLE, ("decide", "close", "send", "plan anew", "name the rest", "abandon")),
    "need_plan": (PEOPLE, ("plan",)),
    "need_approval": (PEOPLE, ("approve",)),
    "need_notice": (PEOPLE, ("send fulfilment",)),
    "hold": (PEOPLE, ("release hold",)),
    "grace_period": ((TIME,), ("grace ends",)),
    "awaiting_worker": ((WORKER,), ("locate", "plan", "start", "unlearn", "measure", "close")),
}
"""Reason → who is to act next, and what."""


def faults_of(world: World, steps: list[Step]) -> list[str]:
    """Return the laws that this world or a step from it breaks."""
    found = []
    if world.found and world.identity != "passed":
        found.append("searched for a person who was not identified")
    if world.state in {"awaiting_approval", "unlearning", "verifying"} and world.verdicts in {"", "part"}:
        found.append("a plan with something undecided")
    reason = lifecycle.reason_of(world.state, facts_of(world, OFFICER))
    if (reason is None) != (world.state == "closed"):
        found.append("a reason for a closed ticket, or none for an open one")
    elif reason is not None:
        who, what = PROMISED[reason]
        if not any(step.actor in who and step.act.startswith(what) for step in steps):
            found.append(f"'{reason}' in {world.state}, and nobody of {who} can do any of {what}")
    for step in steps:
        found += _faults_of_move(world, step)
    return found


def _faults_of_move(world: World, step: Step) -> list[str]:
    after, found = step.after, []
    attempt, is_held = after.attempt, bool(world.hold) and world.verdicts in ERASING
    if after.state not in {"received", "identifying", "closed"} and after.identity != "passed":
        found.append("went on without an identity")
    if after.state == "identifying" != world.state and after.identity != "open":
        found.append("waits for an answer to nothing")
    if after.state == "planning" != world.state and not after.found:
        found.append("decides without having searched")
    if after.state in {"awaiting_approval", "unlearning"} and after.state != world.state:
        if attempt is None or attempt.is_overtaken:
            found.append("a plan that is none, or was overtaken")
        if not _may_unlearn(world):
            found.append("a plan or a run with nothing free to unlearn")
    if after.state == "unlearning" != world.state and (attempt is None or attempt.stage != "over" or attempt.approvals < attempt.quorum):
        found.append("unlearning without its quorum, or before the end of its grace period")
    if after.state == "verifying" != world.state and not after.run:
        found.append("verifies what was not unlearned")
    if (world.state, after.state) == ("verifying", "planning") and not (world.measured or step.act == "measure FAIL"):
        found.append("gave up an attempt that was not measured")
    if after.state == "closed" != world.state:
        found += _faults_of_closing(world, step, is_held=is_held)
    return found + _faults_of_reopening(world, step)


def _faults_of_reopening(world: World, step: Step) -> list[str]:
    after, found = step.after, []
    if world.state == "closed" and after.state not in {"closed", "locating"}:
        found.append("reopened without searching anew")
    if world.state == "closed" and after.state != "closed" and (world.is_shredded or step.actor == SUBMITTER or world.identity != "passed"):
        found.append("reopened what was shredded, never identified, or by the submitter")
    return found


def _faults_of_closing(world: World, step: Step, *, is_held: bool) -> list[str]:
    outcome, is_known = step.after.outcome, world.identity == "passed"
    broken = {
        "closed without its letter": outcome != "duplicate" and world.letter not in LETTER_OF[outcome],
        "an unverified ticket closed otherwise": not is_known and outcome not in {"refused", "unverified", "withdrawn"},
        "settled by the submitter alone": step.actor == SUBMITTER and outcome not in {"fulfilled", "withdrawn"},
        "an unnamed residual": outcome in {"fulfilled", "partially_fulfilled"} and not world.is_rest_named,
    }
    match outcome:
        case "fulfilled":
            broken["a hold on something to be erased"] = is_held
            broken["a class that may not fulfil, or no PASS"] = world.measured != "PASS"
            broken["something decided 'erase' was left out"] = world.run != "whole" or world.attempt is None or world.attempt.is_overtaken
        case "partially_fulfilled" if world.state == "verifying":
            broken["partial on FAIL, or without a verdict"] = world.measured in {"", "FAIL"}
        case "partially_fulfilled":
            broken["partial with nothing to erase, or undecided"] = world.verdicts not in {"records", "some", "all"}
            broken["partial without unlearning what could be"] = _may_unlearn(world)
        case "no_data":
            broken["no data, said of a person who was found"] = world.found != "nothing" and world.verdicts != "others"
        case "refused":
            broken["refused without a reason"] = world.letter != "refusal+code" and world.verdicts != "keep"
        case "unverified":
            broken["unverified while the person could still answer, or had answered"] = world.identity != "over"
        case "withdrawn":
            broken["withdrawn after the weights were touched"] = world.state in {"unlearning", "verifying"}
        case "duplicate":
            broken["the duplicate of nobody known"] = not (world.is_linked and is_known)
    return [f"{outcome}: {law}" for law, is_broken in broken.items() if is_broken]


def _may_unlearn(world: World) -> bool:
    return world.found == "model" and world.verdicts in CHANGING and world.hold != "all"


def needs_nobodys_favour(step: Step) -> bool:
    """Return whether a step needs nobody's favour.

    Out are what the requester does, luck with a verdict or a hold, another search, keeping everything, refusing the request
    as a whole, and moves out of turn: a ticket must come to its end without any of these.
    """
    lucky = ("measure PASS", "measure INCONCLUSIVE", "release hold", "hold ends", "send withdrawal", "close withdrawn", "close duplicate")
    is_evasive = step.act in {"send refusal+code", "record", "search again"} or (
        step.act == "decide" and step.after.verdicts in {"keep", "others"}
    )
    return step.actor != REQUESTER and not step.act.startswith((*lucky, "try")) and not is_evasive


def stuck(graph: Graph) -> list[World]:
    """Return the open worlds from which no closed one is reached."""
    closing = can_close(graph, needs_nobodys_favour)
    return [world for world in graph.steps if world not in closing]


@pytest.fixture(scope="module")
def walked() -> tuple[Graph, list[str]]:
    faults: list[str] = []
    graph = explore(lambda world, steps: faults.extend(faults_of(world, steps)))
    return graph, faults


def test_every_reachable_world_keeps_every_law(walked: tuple[Graph, list[str]]) -> None:
    graph, faults = walked

    print(f"explored {len(graph.steps)} states and {graph.transitions} transitions")  # noqa: T201 - the number is to be seen with -s
    assert sorted(set(faults)) == []


def test_the_walk_is_not_vacuous(walked: tuple[Graph, list[str]]) -> None:
    graph, _ = walked
    moves = {(world.state, step.after.state, step.after.outcome or None) for world, steps in graph.steps.items() for step in steps}

    assert len(graph.steps) > 20_000
    assert graph.transitions > 250_000
    # Every lawful move is taken somewhere, and every reason is met.
    assert {(move.source, move.target, move.outcome) for move in MOVES} <= moves
    assert {lifecycle.reason_of(world.state, facts_of(world, OFFICER)) for world in graph.steps} == {*PROMISED, None}


def test_no_ticket_is_stuck_even_when_the_person_is_silent_no_attempt_passes_and_no_hold_ends(walked: tuple[Graph, list[str]]) -> None:
    graph, _ = walked

    assert stuck(graph) == []


def test_one_officer_besides_the_submitter_is_enough_where_one_approval_is() -> None:
    graph = explore(
        quorums=(1,), names_people=True, skip=frozenset({"ask twice", "record too low", "hold ends", "send refusal+code", "reopen"})
    )

    print(f"explored {len(graph.steps)} states and {graph.transitions} transitions with people told apart")  # noqa: T201 - see above
    assert len(graph.steps) > 5_000
    assert stuck(graph) == []
    assert any(world.state == "unlearning" for world in graph.steps)


def test_no_move_asks_for_two_letters_and_none_before_verifying_asks_for_a_verdict() -> None:
    """These two hold up what the abstract ticket leaves out."""
    letters = [[guard for guard in move.guards if guard.startswith("notice_")] for move in MOVES]
    measured = {"unlearned", "all_unlearned", "judged", "judged_not_failed", "passed", "nothing_unlearned"}

    assert max(len(asked) for asked in letters) == 1
    assert not any(measured & set(move.guards) for move in MOVES if move.source in {"planning", "locating", "closed"})


REDUNDANT = {
    ("awaiting_approval", "unlearning", None, "decided"): "a decision is changed, never withdrawn, so what was planned stays decided",
    ("unlearning", "planning", None, "nothing_unlearned"): "the run's record and its move are one transaction",
    ("received", "closed", "refused", "notice_refusal"): "the code is read from the very letter",
    ("identifying", "closed", "refused", "notice_refusal"): "the code is read from the very letter",
}
"""Guards that nothing reachable needs: a second lock on the same door."""

USES = [(move, guard) for move in MOVES for guard in move.guards if (move.source, move.target, move.outcome, guard) not in REDUNDANT]


class _CaughtError(Exception):
    pass


def walk_until_a_law_breaks(moves: tuple[Move, ...], monkeypatch: pytest.MonkeyPatch, skip: frozenset[str] = frozenset()) -> Graph | None:
    """Return None as soon as a lifecycle with these moves breaks a law, or the whole graph when it breaks none."""

    def look(world: World, steps: list[Step]) -> None:
        if faults_of(world, steps):
            raise _CaughtError

    monkeypatch.setattr(lifecycle, "MOVES", moves)
    try:
        return explore(look, quorums=(1,), skip=skip)
    except _CaughtError:
        return None


def is_caught(moves: tuple[Move, ...], monkeypatch: pytest.MonkeyPatch) -> bool:
    """Return whether a lifecycle with these moves breaks a law or leaves a ticket stuck."""
    graph = walk_until_a_law_breaks(moves, monkeypatch)
    return graph is None or bool(stuck(graph))


def _named(part: Move | str) -> str:
    return part if isinstance(part, str) else f"{part.source}-{part.outcome or part.target}"


@pytest.mark.parametrize(("move", "guard"), USES, ids=_named)
def test_a_lifecycle_that_forgot_a_guard_is_caught(move: Move, guard: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Checks the check. Letters that the weaker move does not ask for are left unsent, to be quick."""
    weaker = dataclasses.replace(move, guards=tuple(name for name in move.guards if name != guard))
    unsent = set(LETTERS) - {"withdrawal_confirmed", *LETTER_OF.get(move.outcome or "", ())}

    moves = tuple(weaker if each is move else each for each in MOVES)

    assert walk_until_a_law_breaks(moves, monkeypatch, frozenset(f"send {letter}" for letter in unsent)) is None


@pytest.mark.parametrize(
    ("source", "target", "outcome", "elsewhere"),
    [
        ("locating", "planning", None, "awaiting_approval"),
        ("planning", "awaiting_approval", None, "unlearning"),
        ("awaiting_approval", "unlearning", None, "verifying"),
        ("unlearning", "verifying", None, "planning"),
        ("closed", "locating", None, "planning"),
        ("awaiting_approval", "planning", None, None),
        ("unlearning", "planning", None, None),
        ("identifying", "closed", "unverified", None),
        ("planning", "closed", "no_data", None),
        ("planning", "closed", "partially_fulfilled", None),
    ],
)
def test_a_lifecycle_whose_move_leads_elsewhere_or_is_missing_is_caught(
    source: str, target: str, outcome: str | None, elsewhere: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Checks the check."""
    (move,) = [move for move in MOVES if (move.source, move.target, move.outcome) == (source, target, outcome)]
    changed = () if elsewhere is None else (dataclasses.replace(move, target=elsewhere),)

    assert is_caught((*(each for each in MOVES if each is not move), *changed), monkeypatch)


@pytest.mark.parametrize(
    ("said", "wrong"),
    [("need_plan", "need_approval"), ("grace_period", "need_approval"), ("hold", "need_plan"), ("awaiting_worker", "need_plan")],
)
def test_a_wrong_word_for_what_a_ticket_waits_for_is_caught(said: str, wrong: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Checks the check: somebody would wait for nothing, or a worker would never be called."""
    right = lifecycle.reason_of

    def wrongly(state: str, facts: Facts) -> str | None:
        reason = right(state, facts)
        return wrong if reason == said else reason

    monkeypatch.setattr(lifecycle, "reason_of", wrongly)

    assert is_caught(MOVES, monkeypatch)
