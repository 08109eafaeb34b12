"""Two people behind every change: who may say yes to which plan, for how long, and what voids it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from rtbf.errors import FourEyes, IllegalMove, StalePlan
from rtbf.pipeline.approvals import decide_plan
from rtbf.pipeline.decisions import decide
from rtbf.pipeline.plans import reopen_planning, start_unlearning
from rtbf.plan.rulings import read_ruling
from tests.desk import open_desk

if TYPE_CHECKING:
    from rtbf.installation import Installation
    from tests.desk import Desk


@pytest.fixture
def planned(installation: Installation) -> Desk:
    return open_desk(installation).locate().erase().plan()


def say(desk: Desk, actor: str, *, digest: str | None = None, is_approval: bool = True) -> None:
    decide_plan(desk.installation, desk.ticket_id, digest or str(desk.view.plan_digest), actor, is_approval=is_approval)


def decide_as(desk: Desk, actor: str, item: str) -> None:
    decide(desk.installation, desk.ticket_id, (read_ruling({"item": item, "verdict": "erase", "code": "NonNecessity"}),), actor)


@pytest.mark.parametrize(
    ("actor", "did"), [("submitter", "submitted the ticket"), ("planner", "made the plan"), ("decider", "decided what is erased")]
)
def test_who_submitted_planned_or_decided_does_not_approve(planned: Desk, actor: str, did: str) -> None:
    before, events = planned.view, planned.events

    with pytest.raises(FourEyes, match=did):
        say(planned, actor)

    assert (planned.view, planned.events) == (before, events)
    assert planned.view.approvals == ()


def test_who_decided_a_single_item_does_not_approve(planned: Desk) -> None:
    decide_as(planned, "marek", "7")

    with pytest.raises(FourEyes, match="decided what is erased"):
        say(planned, "marek")


def test_a_decider_of_the_plan_stays_one_when_a_colleague_has_decided_the_same_again(planned: Desk) -> None:
    """Else the report would name the same person as the decider and as the approver of one plan."""
    decide_as(planned, "marek", "all")
    assert planned.where == ("awaiting_approval", "need_approval", None)

    with pytest.raises(FourEyes, match="decided what is erased"):
        say(planned, "decider")
    with pytest.raises(FourEyes, match="decided what is erased"):
        say(planned, "marek")

    say(planned, "approver")
    assert planned.where == ("awaiting_approval", "awaiting_worker", None)


def test_anyone_may_reject_and_a_rejected_plan_is_not_approved_later(planned: Desk) -> None:
    digest = str(planned.view.plan_digest)

    say(planned, "submitter", is_approval=False)

    assert planned.where == ("planning", "need_plan", None)
    with pytest.raises(IllegalMove, match="'planning'"):
        say(planned, "approver", digest=digest)


@pytest.mark.parametrize("digest", ["", "sha256:" + "0" * 64, "live"])
def test_another_digest_than_the_live_plans_is_stale(planned: Desk, digest: str) -> None:
    with pytest.raises(StalePlan, match=str(planned.view.plan_digest)):
        decide_plan(planned.installation, planned.ticket_id, digest, "approver", is_approval=True)

    assert planned.view.approvals == ()


def test_a_quorum_of_two_is_two_people_however_often_one_approves(installation: Installation) -> None:
    desk = open_desk(installation).locate().erase().plan(quorum=2)

    say(desk, "approver")
    say(desk, "approver")
    alone = desk.where
    say(desk, "marek")

    assert alone == ("awaiting_approval", "need_approval", None)
    assert desk.where == ("awaiting_approval", "awaiting_worker", None)
    assert len(desk.view.approvals) == 3


def test_one_approval_of_two_that_expires_leaves_the_plan_waiting_for_both(installation: Installation, clock: Any) -> None:
    desk = open_desk(installation).locate().erase().plan(quorum=2, approval_valid_s=60)
    say(desk, "approver")
    clock.move(seconds=60)

    say(desk, "marek")

    assert desk.where == ("awaiting_approval", "need_approval", None)
    say(desk, "approver")
    assert desk.where == ("awaiting_approval", "awaiting_worker", None)


def test_erasing_less_than_approved_keeps_the_approval(planned: Desk) -> None:
    planned.approve()

    planned.keep("1-19")

    assert planned.where == ("awaiting_approval", "awaiting_worker", None)
    start_unlearning(planned.installation, planned.ticket_id, "worker")
    assert planned.view.state == "unlearning"


def test_erasing_more_than_approved_voids_it(installation: Installation) -> None:
    desk = open_desk(installation).locate().erase().keep("1").plan().approve()

    desk.erase("1")
    start_unlearning(installation, desk.ticket_id, "worker")

    assert desk.view.state == "planning"


def test_keeping_everything_after_all_takes_an_approved_plan_back(planned: Desk) -> None:
    planned.approve().keep()

    start_unlearning(planned.installation, planned.ticket_id, "worker")

    assert planned.where == ("planning", "need_decision", None)


def test_an_approval_of_one_plan_is_none_of_the_next(planned: Desk) -> None:
    planned.approve()
    reopen_planning(planned.installation, planned.ticket_id, "planner")

    planned.plan(attempt=2, seed=9)

    assert planned.where == ("awaiting_approval", "need_approval", None)
    assert planned.view.approvals == ()
