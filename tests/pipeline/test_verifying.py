"""Verdicts: PASS closes once the person was told, FAIL leads back, INCONCLUSIVE waits, and a late one changes nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import func, select

from rtbf.errors import IllegalMove
from rtbf.pipeline.closing import close_ticket
from rtbf.pipeline.ledger import sequence_events
from rtbf.pipeline.notices import send_notice
from rtbf.pipeline.plans import reopen_planning, start_unlearning
from rtbf.pipeline.work import finish_unlearning, finish_verification
from rtbf.store import registry
from rtbf.store.tables import EventRow, StageRecordRow
from tests import builders
from tests.desk import candidate, open_desk, report

if TYPE_CHECKING:
    from rtbf.installation import Installation
    from tests.desk import Desk

LEAKING = tuple(builders.leaking_probe() if probe.probe_id == "F2" else probe for probe in builders.passing_probes())


def weights(installation: Installation) -> list[tuple[int, str]]:
    with installation.transaction() as session:
        return [(entry.model.revision, entry.status) for entry in registry.all_models(session)]


def stored(installation: Installation) -> tuple[Any, Any]:
    sequence_events(installation)
    with installation.transaction() as session:
        return tuple(session.scalar(select(func.count()).select_from(table)) for table in (EventRow, StageRecordRow))  # type: ignore[return-value]


def judge(desk: Desk, **changes: Any) -> None:
    attempt = desk.view.attempt
    done = replace(builders.verification(ticket_id=desk.ticket_id, attempt=attempt, plan_digest=desk.view.plan_digest), **changes)
    finish_verification(desk.installation, done, report(desk.ticket_id, done.attempt), "worker")


def test_pass_waits_for_the_letter_and_closes_with_the_new_weights_live(installation: Installation) -> None:
    desk = open_desk(installation).judged()
    waiting, meanwhile = desk.where, weights(installation)

    send_notice(installation, desk.ticket_id, "fulfilment", "olga")

    assert waiting == ("verifying", "need_notice", None)
    assert meanwhile == [(1, "live"), (2, "candidate")]
    assert desk.where == ("closed", None, "fulfilled")
    assert desk.view.closed_at == installation.clock()
    assert weights(installation) == [(1, "superseded"), (2, "live")]


def test_nobody_closes_as_fulfilled_before_the_person_was_told(installation: Installation) -> None:
    desk = open_desk(installation).judged()

    with pytest.raises(IllegalMove, match="no fulfilment notice sent"):
        close_ticket(installation, desk.ticket_id, "fulfilled", "marek")


def test_nobody_closes_as_fulfilled_before_the_verdict(installation: Installation) -> None:
    desk = open_desk(installation).locate().erase().plan().approve().unlearn()

    with pytest.raises(IllegalMove, match="no PASS of a class"):
        close_ticket(installation, desk.ticket_id, "fulfilled", "marek")


def test_a_leak_leads_back_to_planning_and_the_old_weights_stay_live(installation: Installation) -> None:
    desk = open_desk(installation).judged(LEAKING)

    assert desk.where == ("planning", "need_plan", None)
    assert weights(installation) == [(1, "live"), (2, "rejected")]


def test_a_verdict_that_settles_nothing_waits_for_a_decision(installation: Installation) -> None:
    desk = open_desk(installation).undecided()

    assert desk.where == ("verifying", "need_decision", None)
    assert weights(installation) == [(1, "live"), (2, "candidate")]


def test_a_class_that_may_not_fulfil_waits_for_a_decision_and_closes_partially_at_most(installation: Installation) -> None:
    desk = open_desk(installation).locate().erase().plan().approve().unlearn()
    verdict = replace(builders.verification().verdict, class_awarded="suppression")

    judge(desk, verdict=verdict)

    assert desk.where == ("verifying", "need_decision", None)
    with pytest.raises(IllegalMove, match="no PASS of a class that may fulfil"):
        close_ticket(installation, desk.ticket_id, "fulfilled", "marek")


def test_what_the_run_withheld_and_is_still_to_be_erased_is_not_fulfilled(installation: Installation) -> None:
    """A hold that was on a record when the run began, and is released before the verdict: the record was not unlearned."""
    desk = open_desk(installation).locate().erase().plan().approve().unlearn(withheld=("r0003",)).verify()

    assert desk.where == ("verifying", "need_decision", None)
    with pytest.raises(IllegalMove, match="left out"):
        close_ticket(installation, desk.ticket_id, "fulfilled", "marek")


def test_what_the_run_withheld_because_it_was_decided_to_be_kept_is_no_obstacle(installation: Installation) -> None:
    desk = open_desk(installation).locate().erase().plan().approve().keep("4").unlearn(withheld=("r0003",)).verify()

    assert desk.where == ("verifying", "need_notice", None)


def test_another_model_decided_to_be_changed_is_not_fulfilled_by_a_plan_for_one(installation: Installation) -> None:
    other = replace(builders.footprint().models[0], model="translator", digest=builders.sha(77))
    desk = open_desk(installation).locate(models=(builders.footprint().models[0], other)).erase()

    desk.plan().approve().unlearn().verify()

    assert desk.where == ("verifying", "need_decision", None)


def test_a_second_verdict_on_the_same_attempt_is_refused_and_stores_nothing(installation: Installation) -> None:
    desk = open_desk(installation).judged()
    before, count = desk.view, stored(installation)

    with pytest.raises(IllegalMove, match="a verdict on attempt 1"):
        judge(desk)

    assert (desk.view, stored(installation)) == (before, count)


@pytest.mark.parametrize("where", ["planning", "closed", "a later attempt"])
def test_a_verdict_that_comes_late_is_refused_and_stores_nothing(installation: Installation, where: str) -> None:
    desk = open_desk(installation).undecided()
    if where == "closed":
        send_notice(installation, desk.ticket_id, "partial", "olga")
        close_ticket(installation, desk.ticket_id, "partially_fulfilled", "marek")
    else:
        reopen_planning(installation, desk.ticket_id, "olga")
    if where == "a later attempt":
        desk.plan(attempt=2).approve().unlearn()
    before, count = desk.view, stored(installation)

    with pytest.raises(IllegalMove, match="the verdict that the ticket waits for"):
        judge(desk, attempt=1)

    assert (desk.view, stored(installation)) == (before, count)


def test_a_run_that_ends_twice_is_refused_and_registers_no_second_weights(installation: Installation) -> None:
    desk = open_desk(installation).locate().erase().plan().approve().unlearn()
    made = builders.unlearned(ticket_id=desk.ticket_id, plan_digest=desk.view.plan_digest)
    before, kept = desk.view, weights(installation)

    for revision in (2, 3):
        with pytest.raises(IllegalMove, match="the end of a run of attempt 1 for a ticket in 'verifying'"):
            finish_unlearning(installation, made, candidate(made.artefact_digest, revision), "models/assistant/n", "worker")

    assert (desk.view, weights(installation)) == (before, kept)


def test_a_start_that_comes_late_does_not_undo_a_verdict(installation: Installation) -> None:
    desk = open_desk(installation).undecided()

    with pytest.raises(IllegalMove, match="from 'verifying' to 'unlearning'"):
        start_unlearning(installation, desk.ticket_id, "worker")

    assert desk.where == ("verifying", "need_decision", None)


def test_giving_up_a_verdict_rejects_its_weights(installation: Installation) -> None:
    desk = open_desk(installation).undecided()

    reopen_planning(installation, desk.ticket_id, "olga")

    assert desk.where == ("planning", "need_plan", None)
    assert weights(installation) == [(1, "live"), (2, "rejected")]
