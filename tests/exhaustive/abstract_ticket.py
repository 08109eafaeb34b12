"""An abstract ticket: what a person, a worker or time may do next, as acts on a small world, and every world they reach.

The world is written plainly here and shares nothing with the pipeline; only the moves themselves are asked of the real
`lawful_move`. Each act of the pipeline is one transaction, so here too an act and its move are one step.

What is left out, and why that hides nothing: only the newest letter is remembered, because no move asks for two (the
tests hold that), so a ticket with more letters in hand has the moves of each; a plan that was taken back is history, and
so is what was measured of it, because no move of planning, locating or closed asks for that (the tests hold this too).
Beside the acts, anybody tries every move out of turn: that is what the guards are for.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from typing import NamedTuple

from rtbf.errors import FourEyes, IllegalMove
from rtbf.ticket import lifecycle
from rtbf.ticket.facts import Facts

SUBMITTER, OFFICER, WORKER, REQUESTER, TIME = "submitter", "officer", "worker", "requester", "time"
PEOPLE = (SUBMITTER, OFFICER)
ERASING = {"part", "some", "all", "records"}
CHANGING = {"part", "some", "all"}
"""Verdicts under which the model is to be changed too."""
BEFORE_UNLEARNING = {"received", "identifying", "locating", "planning", "awaiting_approval"}


class Attempt(NamedTuple):
    """One frozen plan: for all or some of the items, made under a hold or not, and how far its approval came."""

    scope: str
    is_held_back: bool
    quorum: int
    planner: str
    approvals: int = 0
    stage: str = "open"
    """open, grace, over, expired or rejected."""
    is_overtaken: bool = False
    deciders: frozenset[str] = frozenset()


class World(NamedTuple):
    """Everything the facts are made of."""

    state: str = "received"
    outcome: str = ""
    identity: str = "none"
    """none, open, low (passed, but too low), over or passed."""
    is_linked: bool = False
    found: str = ""
    """"" before the search, then nothing, records, or model (records that a model learned)."""
    verdicts: str = ""
    """"" , part (model and records erased, some items open), keep, others (all about somebody else), records (these erased, the
    model kept), some or all."""
    deciders: frozenset[str] = frozenset()
    hold: str = ""
    """"", some or all of what was found."""
    attempt: Attempt | None = None
    was_planned: bool = False
    run: str = ""
    """"", whole, or left_out."""
    measured: str = ""
    """"", PASS, PASS of a class that may not fulfil, FAIL, INCONCLUSIVE."""
    letter: str = ""
    is_rest_named: bool = True
    is_shredded: bool = False


class Step(NamedTuple):
    """One act of somebody, and where it led."""

    actor: str
    act: str
    after: World


def facts_of(world: World, actor: str) -> Facts:
    """Return the facts of this world as `actor` meets them."""
    attempt = world.attempt
    is_held = bool(world.hold) and world.verdicts in ERASING
    stage = "" if attempt is None else attempt.stage
    return Facts(
        is_identified=world.identity == "passed",
        is_identity_asked=world.identity == "open",
        is_identity_over=world.identity == "over",
        is_same_as_identified=world.identity == "passed" and world.is_linked,
        has_footprint=world.found != "",
        has_hits=world.found in {"records", "model"},
        is_decided=world.verdicts not in {"", "part"},
        is_about_others=world.verdicts == "others",
        is_anything_erased=world.verdicts in ERASING,
        has_model_to_change=world.found == "model" and world.verdicts in CHANGING and world.hold != "all",
        is_held=is_held,
        was_planned=world.was_planned,
        is_plan_live=attempt is not None and not attempt.is_overtaken,
        is_rejected=stage == "rejected",
        is_approval_expired=stage == "expired",
        is_approved=stage in {"grace", "over"},
        # Time passes whether or not the approvals still count.
        is_grace_over=stage in {"over", "expired", "rejected"},
        is_unlearned=world.run != "",
        is_all_unlearned=world.run == "whole" and attempt is not None and not attempt.is_overtaken,
        verdict=world.measured.split()[0] if world.measured else None,
        is_releasable=world.measured in {"PASS", "INCONCLUSIVE"},
        notices=frozenset({world.letter.split("+")[0]} if world.letter else ()),
        has_refusal_code=world.letter == "refusal+code",
        is_rest_named=world.is_rest_named,
        is_submitter=actor == SUBMITTER,
        is_key_destroyed=world.is_shredded,
    )


def moved(world: World, actor: str, target: str, outcome: str | None = None) -> World | None:
    """Return the world after a move that the real lifecycle allows, or None."""
    try:
        move = lifecycle.lawful_move(world.state, target, facts_of(world, actor), outcome)
    except (IllegalMove, FourEyes):
        return None
    after = world._replace(state=move.target, outcome=move.outcome or "")
    if target in {"planning", "closed"}:
        after = after._replace(attempt=None, run="", measured="")
    if world.state == "closed":
        after = after._replace(letter="")
    return after


def acts(
    world: World, *, quorums: tuple[int, ...] = (1, 2), names_people: bool = False, skip: frozenset[str] = frozenset()
) -> Iterator[Step]:
    """Yield every step that somebody may take, less the acts to skip.

    A worker does nothing unless the ticket says that it waits for one. `names_people`: who decided, planned and approved
    is told apart.
    """
    is_workers_turn = lifecycle.reason_of(world.state, facts_of(world, WORKER)) == lifecycle.AWAITING_WORKER
    found: Iterator[tuple[str, str, World | None]] = (
        step
        for group in (
            _identity(world),
            _search(world, names_people=names_people),
            _plans(world, quorums, names_people=names_people),
            _work(world),
            _endings(world),
            _out_of_turn(world),
        )
        for step in group
    )
    for actor, act, after in found:
        if after is not None and after != world and act not in skip and (actor != WORKER or is_workers_turn):
            yield Step(actor, act, after)


Found = Iterator[tuple[str, str, World | None]]


def _identity(world: World) -> Found:
    if world.state not in {"received", "identifying"}:
        return
    asked = world._replace(identity="open")
    yield OFFICER, "ask", moved(asked, OFFICER, "identifying") if world.state == "received" else asked
    passed = world._replace(identity="passed")
    yield REQUESTER, "answer", moved(passed, OFFICER, "locating") if world.identity == "open" else None
    yield OFFICER, "record", moved(passed, OFFICER, "locating")
    yield OFFICER, "record too low", world._replace(identity="low")
    if world.identity == "open":
        yield TIME, "check ends", world._replace(identity="over")
        yield REQUESTER, "use up attempts", world._replace(identity="over")


def _search(world: World, *, names_people: bool) -> Found:
    if world.state == "locating":
        for found in ("nothing", "records", "model"):
            # A new footprint starts without decisions, and no older plan is for it.
            fresh = world._replace(found=found, verdicts="", deciders=frozenset(), attempt=None)
            yield WORKER, "locate", moved(fresh, WORKER, "planning")
    if world.state in {"locating", "planning"} and world.identity == "passed":
        yield REQUESTER, "ask twice", world._replace(is_linked=True)
    if world.state == "planning":
        yield OFFICER, "search again", moved(world, OFFICER, "locating")
    if world.state in {"planning", "awaiting_approval", "unlearning"} and world.found in {"records", "model"}:
        choices = {"part"} if world.verdicts in {"", "part"} else set()
        choices |= {"keep", "others", "records", "all"} | ({"some"} if world.found == "model" else set())
        for actor in PEOPLE if names_people else (OFFICER,):
            for verdicts in choices:
                yield actor, "decide", _decided(world, verdicts, frozenset({actor}) if names_people else frozenset())
    if world.found in {"records", "model"} and world.state != "closed":
        for hold in ("all",) if world.hold else ("some", "all"):
            yield OFFICER, "place hold", world._replace(hold=hold)
        yield OFFICER, "release hold", world._replace(hold="")
        yield TIME, "hold ends", world._replace(hold="")


def _decided(world: World, verdicts: str, deciders: frozenset[str]) -> World:
    """Deciding to erase more than the plan is for overtakes it; whoever decided everything anew is the only decider left."""
    attempt = world.attempt
    if attempt is not None:
        more = (verdicts == "all" and attempt.scope == "some") or (verdicts == "records" and attempt.scope == "some")
        attempt = attempt._replace(is_overtaken=more)
    return world._replace(verdicts=verdicts, deciders=deciders, attempt=attempt)


def _plans(world: World, quorums: tuple[int, ...], *, names_people: bool) -> Found:
    if world.state == "planning":
        for planner in (WORKER, *(PEOPLE if names_people else (OFFICER,))):
            for quorum in quorums:
                held_back = bool(world.hold)
                attempt = Attempt(world.verdicts, held_back, quorum, planner if names_people else WORKER, deciders=world.deciders)
                fresh = world._replace(attempt=attempt, was_planned=True, run="", measured="")
                yield planner, "plan", moved(fresh, planner, "awaiting_approval")
    attempt = world.attempt
    if world.state != "awaiting_approval" or attempt is None:
        return
    yield OFFICER, "take back", moved(world, OFFICER, "planning")
    rejected = world._replace(attempt=attempt._replace(stage="rejected"))
    yield SUBMITTER, "reject", moved(rejected, SUBMITTER, "planning")
    if attempt.stage == "open":
        for approver in PEOPLE if names_people else (OFFICER,):
            if not names_people or approver not in {SUBMITTER, attempt.planner, *attempt.deciders, *world.deciders}:
                count = attempt.approvals + 1
                stage = "grace" if count >= attempt.quorum else "open"
                yield approver, "approve", world._replace(attempt=attempt._replace(approvals=count, stage=stage))
        yield TIME, "approval ends", world._replace(attempt=attempt._replace(approvals=0))
    if attempt.stage == "grace":
        yield TIME, "grace ends", world._replace(attempt=attempt._replace(stage="over"))
    if attempt.stage in {"grace", "over"}:
        yield TIME, "approval ends", world._replace(attempt=attempt._replace(stage="expired", approvals=0))
    yield WORKER, "start", moved(world, WORKER, "unlearning") or moved(world, WORKER, "planning")


def _work(world: World) -> Found:
    attempt = world.attempt
    if world.state == "unlearning" and attempt is not None:
        facts = facts_of(world, WORKER)
        if facts.has_model_to_change and not attempt.is_overtaken:
            run = "left_out" if attempt.is_held_back or world.hold else "whole"
            yield WORKER, "unlearn", moved(world._replace(run=run), WORKER, "verifying")
        yield OFFICER, "abandon", moved(world, OFFICER, "planning")
    if world.state == "verifying" and not world.measured:
        for is_named in (True, False):
            for verdict in ("PASS", "PASS that may not fulfil", "INCONCLUSIVE"):
                yield WORKER, f"measure {verdict}", world._replace(measured=verdict, is_rest_named=is_named)
            yield WORKER, "measure FAIL", moved(world._replace(measured="FAIL", is_rest_named=is_named), WORKER, "planning")
    if world.state == "verifying" and world.measured:
        yield OFFICER, "plan anew", moved(world, OFFICER, "planning")
        yield WORKER, "close", moved(world, WORKER, "closed", "fulfilled")
    if world.state != "closed":
        yield OFFICER, "name the rest", world._replace(is_rest_named=True)


LETTERS = ("fulfilment", "partial", "refusal", "refusal+code", "no_data", "unverified", "withdrawal_confirmed")


def _endings(world: World) -> Found:
    if world.state == "closed":
        if not world.is_shredded:
            yield TIME, "shred", world._replace(is_shredded=True)
        for actor in PEOPLE:
            yield actor, "reopen", moved(world, actor, "locating")
        return
    for letter in LETTERS:
        yield OFFICER, f"send {letter}", world._replace(letter=letter)
    for outcome in {move.outcome for move in lifecycle.MOVES if (move.source, move.target) == (world.state, "closed")}:
        for actor in PEOPLE:
            yield actor, f"close {outcome}", moved(world, actor, "closed", outcome)


def _out_of_turn(world: World) -> Found:
    for move in lifecycle.MOVES:
        if move.source == world.state and move.target != "closed":
            yield OFFICER, f"try {move.target}", moved(world, OFFICER, move.target)


class Graph(NamedTuple):
    """Every reachable world with the steps that leave it, and how many steps there are."""

    steps: dict[World, list[Step]]
    transitions: int


def explore(
    look: Callable[[World, list[Step]], None] | None = None,
    *,
    quorums: tuple[int, ...] = (1, 2),
    names_people: bool = False,
    skip: frozenset[str] = frozenset(),
) -> Graph:
    """Return the graph, breadth first; `look` is shown every world with the steps that leave it."""
    start = World()
    steps: dict[World, list[Step]] = {start: []}
    queue, transitions = deque([start]), 0
    while queue:
        world = queue.popleft()
        taken = list(acts(world, quorums=quorums, names_people=names_people, skip=skip))
        transitions += len(taken)
        steps[world] = taken
        if look is not None:
            look(world, taken)
        for step in taken:
            if step.after not in steps:
                steps[step.after] = []
                queue.append(step.after)
    return Graph(steps, transitions)


def can_close(graph: Graph, is_usable: Callable[[Step], bool]) -> set[World]:
    """Return the worlds from which a closed one is reached by usable steps alone."""
    before: dict[World, list[World]] = {}
    for world, steps in graph.steps.items():
        for step in steps:
            if is_usable(step):
                before.setdefault(step.after, []).append(world)
    reached = {world for world in graph.steps if world.state == "closed"}
    queue = deque(reached)
    while queue:
        for world in before.get(queue.popleft(), ()):
            if world not in reached:
                reached.add(world)
                queue.append(world)
    return reached
