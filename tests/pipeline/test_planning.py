"""Plans: frozen for what was decided, started only when approved in time, and taken back when they were overtaken."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from rtbf.errors import IllegalMove, StalePlan
from rtbf.evidence.canonical import digest_of
from rtbf.pipeline.approvals import decide_plan
from rtbf.pipeline.footprints import finish_footprint, reopen_locating
from rtbf.pipeline.plans import approved_plan, finish_plan, reopen_planning, require_plannable, start_unlearning
from tests import builders
from tests.desk import open_desk

if TYPE_CHECKING:
    from rtbf.installation import Installation
    from tests.desk import Desk


def start(desk: Desk) -> None:
    start_unlearning(desk.installation, desk.ticket_id, "worker")


def test_an_undecided_footprint_is_not_planned(installation: Installation) -> None:
    desk = open_desk(installation).locate().erase("1-19")

    with pytest.raises(IllegalMove, match="without a decision"):
        desk.plan()

    assert desk.where == ("planning", "need_decision", None)
    assert desk.view.plan is None


def test_with_everything_kept_there_is_nothing_to_plan(installation: Installation) -> None:
    desk = open_desk(installation).locate().keep()

    with pytest.raises(IllegalMove, match="no model to change"):
        desk.plan()

    assert desk.where == ("planning", "need_decision", None)


def test_a_plan_from_an_older_footprint_is_refused(installation: Installation) -> None:
    desk = open_desk(installation).locate().erase()
    old = desk.view.decisions
    reopen_locating(installation, desk.ticket_id, "olga")
    finish_footprint(installation, builders.footprint(ticket_id=desk.ticket_id, revision=2), "worker")
    desk.erase()

    assert old is not None
    with pytest.raises(IllegalMove, match="overtaken"):
        _plan_from(desk, old)

    assert desk.where == ("planning", "awaiting_worker", None)


def _plan_from(desk: Desk, decisions: Any) -> None:
    made = builders.plan(
        ticket_id=desk.ticket_id, planned_by=desk.actor("planner"), footprint_digest=decisions.footprint_digest,
        decisions_digest=digest_of(decisions),
    )  # fmt: skip
    finish_plan(desk.installation, made, "planner")


def test_an_unapproved_plan_is_neither_started_nor_run(installation: Installation) -> None:
    desk = open_desk(installation).locate().erase().plan()
    before = desk.view

    with pytest.raises(IllegalMove, match="without enough live approvals"):
        start(desk)
    with installation.transaction() as session, pytest.raises(IllegalMove, match="a started plan"):
        approved_plan(session, desk.ticket_id)

    assert desk.view == before


def test_a_plan_in_its_grace_period_is_not_started_and_stays(installation: Installation, clock: Any) -> None:
    desk = open_desk(installation).locate().erase().plan(grace_s=60).approve()

    with pytest.raises(IllegalMove, match="grace period"):
        start(desk)
    clock.move(seconds=60)
    start(desk)

    assert desk.where == ("unlearning", "awaiting_worker", None)
    digest = desk.view.plan_digest
    with installation.transaction() as session:
        assert approved_plan(session, desk.ticket_id)[1] == digest


def test_a_plan_is_started_once(installation: Installation) -> None:
    desk = open_desk(installation).locate().erase().plan().approve()
    start(desk)
    before = desk.view

    with pytest.raises(IllegalMove, match="one of planning, verifying"):
        start(desk)

    assert desk.view == before


def test_a_plan_whose_approval_expired_goes_back_to_planning_and_needs_another(installation: Installation, clock: Any) -> None:
    desk = open_desk(installation).locate().erase().plan(approval_valid_s=120).approve()
    clock.move(seconds=120)

    start(desk)

    assert desk.where == ("planning", "need_plan", None)


def test_a_plan_that_decisions_have_overtaken_goes_back_to_planning(installation: Installation) -> None:
    desk = open_desk(installation).locate().erase().keep("1").plan().approve()
    desk.erase("1")
    overtaken = desk.where

    start(desk)

    assert overtaken == ("awaiting_approval", "awaiting_worker", None)
    assert desk.where == ("planning", "need_plan", None)


def test_an_earlier_attempts_digest_is_stale_once_another_plan_is_live(installation: Installation) -> None:
    desk = open_desk(installation).locate().erase().plan()
    first = desk.view.plan_digest
    reopen_planning(installation, desk.ticket_id, "planner")
    desk.plan(attempt=2, seed=8)

    with pytest.raises(StalePlan):
        decide_plan(installation, desk.ticket_id, str(first), "approver", is_approval=True)
    desk.approve()
    start(desk)

    assert desk.view.plan_digest != first
    assert (desk.view.state, desk.view.attempt) == ("unlearning", 2)


def test_an_attempt_that_was_carried_out_is_not_planned_again(installation: Installation) -> None:
    """Else the weights and the verdict of its first run would pass for the second's."""
    desk = open_desk(installation).judged()
    reopen_planning(installation, desk.ticket_id, "olga")
    before = desk.view

    with pytest.raises(IllegalMove, match="attempt 1, which was carried out already"):
        desk.plan()

    assert desk.view == before
    assert desk.plan(attempt=2).where == ("awaiting_approval", "need_approval", None)


def test_an_attempt_that_changed_nothing_yet_can_be_given_up(installation: Installation) -> None:
    desk = open_desk(installation).locate().erase().plan().approve()
    start(desk)

    reopen_planning(installation, desk.ticket_id, "olga")

    assert desk.where == ("planning", "need_plan", None)
    assert b'"unlearning.abandoned"' in desk.events


def test_a_ticket_that_cannot_be_planned_says_where_it_may_go(installation: Installation) -> None:
    desk = open_desk(installation)

    with pytest.raises(IllegalMove, match="one of identifying, locating"):
        require_plannable(installation, desk.ticket_id)
    require_plannable(installation, desk.locate().ticket_id)
