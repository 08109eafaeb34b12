"""Holds: what they stop, whom they let wait, and that lifting one leaves nothing unlearned unnoticed."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select

from rtbf.errors import IllegalMove, UnknownName
from rtbf.pipeline.closing import close_ticket
from rtbf.pipeline.holds import lift_hold, place_hold
from rtbf.pipeline.ledger import sequence_events
from rtbf.pipeline.moves import wake_tickets
from rtbf.pipeline.notices import send_notice
from rtbf.pipeline.plans import start_unlearning
from rtbf.plan.record import HeldItem
from rtbf.store.tables import EventRow
from tests import builders
from tests.desk import open_desk

if TYPE_CHECKING:
    from datetime import datetime

    from rtbf.installation import Installation
    from rtbf.plan.holds import Hold
    from tests.desk import Desk


def hold(installation: Installation, scope_kind: str = "corpus", scope: str = "community", until: datetime | None = None) -> Hold:
    return place_hold(
        installation, scope_kind=scope_kind, scope=scope, regime="eu-gdpr", ground="LegalClaims", authority_ref="court/17-C-26",
        until=until, actor="legal",
    )  # fmt: skip


def start(desk: Desk) -> None:
    start_unlearning(desk.installation, desk.ticket_id, "worker")


def events(installation: Installation, kind: bytes) -> int:
    sequence_events(installation)
    with installation.transaction() as session:
        return sum(kind in leaf for leaf in session.scalars(select(EventRow.leaf)))


@pytest.mark.parametrize("scope", [("corpus", "community"), ("model", "assistant"), ("ticket", None)])
def test_a_ticket_of_which_everything_is_held_waits_for_the_hold_and_is_not_planned(
    installation: Installation, scope: tuple[str, str | None]
) -> None:
    desk = open_desk(installation).locate().erase()

    hold(installation, scope[0], scope[1] or desk.ticket_id)

    assert desk.where == ("planning", "hold", None)
    with pytest.raises(IllegalMove, match="no model to change"):
        desk.plan()


def test_a_hold_on_something_else_changes_nothing(installation: Installation) -> None:
    desk = open_desk(installation).locate().erase()
    before, told = desk.view, desk.events

    hold(installation, "corpus", "another-corpus")

    assert (desk.view, desk.events) == (before, told)


def test_a_hold_after_the_approval_stops_the_start_and_its_release_lets_it_go_on(installation: Installation) -> None:
    desk = open_desk(installation).locate().erase().plan().approve()
    placed = hold(installation)
    waiting = desk.where

    with pytest.raises(IllegalMove, match="no model to change"):
        start(desk)
    lift_hold(installation, placed.hold_id, "legal")

    assert waiting == ("awaiting_approval", "hold", None)
    assert desk.where == ("awaiting_approval", "awaiting_worker", None)
    start(desk)
    assert desk.view.state == "unlearning"


def test_a_hold_that_comes_after_the_start_is_said_and_its_release_lets_the_run_go_on(installation: Installation) -> None:
    desk = open_desk(installation).locate().erase().plan().approve()
    start(desk)

    placed = hold(installation)

    assert desk.where == ("unlearning", "hold", None)
    lift_hold(installation, placed.hold_id, "legal")
    assert desk.where == ("unlearning", "awaiting_worker", None)


def test_a_hold_with_an_end_ends_by_itself(installation: Installation, clock: Any) -> None:
    desk = open_desk(installation).locate().erase()
    hold(installation, until=clock() + timedelta(days=3))
    waiting = desk.where, desk.view.wake_at

    clock.move(days=3)
    woken = wake_tickets(installation)

    assert waiting == (("planning", "hold", None), clock())
    assert woken == 1
    assert desk.where == ("planning", "awaiting_worker", None)


def test_a_hold_at_the_verdict_keeps_the_ticket_from_being_fulfilled(installation: Installation) -> None:
    desk = open_desk(installation).judged()

    hold(installation)

    assert desk.where == ("verifying", "need_decision", None)
    with pytest.raises(IllegalMove):
        send_notice(installation, desk.ticket_id, "fulfilment", "olga")
    with pytest.raises(IllegalMove, match="items kept back by a hold"):
        close_ticket(installation, desk.ticket_id, "fulfilled", "marek")


def test_what_was_held_when_it_was_planned_is_not_fulfilled_because_the_hold_is_gone(installation: Installation) -> None:
    """The plan left the record out, so nothing unlearned it: releasing the hold afterwards changes nothing about that."""
    left_out = HeldItem(item="record:3", hold_id="hld_1", until=None)
    desk = open_desk(installation).locate().erase().plan(held=(left_out,)).approve().unlearn().verify()

    assert desk.where == ("verifying", "need_decision", None)
    with pytest.raises(IllegalMove, match="items decided 'erase' that this attempt left out"):
        close_ticket(installation, desk.ticket_id, "fulfilled", "marek")


def test_a_hold_on_the_plans_model_overtakes_it_while_another_model_is_free(installation: Installation) -> None:
    reached = builders.footprint().models[0]
    desk = open_desk(installation).locate(models=(reached, replace(reached, model="translator", digest=builders.sha(77)))).erase()
    desk.plan().approve()

    hold(installation, "model", "assistant")

    assert desk.where == ("awaiting_approval", "awaiting_worker", None)
    start(desk)
    assert desk.where == ("planning", "need_plan", None)


def test_a_hold_touches_no_closed_ticket(installation: Installation) -> None:
    desk = open_desk(installation).judged()
    send_notice(installation, desk.ticket_id, "fulfilment", "olga")
    before = desk.view

    hold(installation)

    assert desk.view == before


def test_a_hold_is_placed_and_released_once_each_with_one_event(installation: Installation) -> None:
    placed = hold(installation)

    lift_hold(installation, placed.hold_id, "legal")
    again = lift_hold(installation, placed.hold_id, "olga")

    assert again.released_at == installation.clock()
    assert (events(installation, b'"hold.placed"'), events(installation, b'"hold.released"')) == (1, 1)
    with pytest.raises(UnknownName):
        lift_hold(installation, "hld_0", "legal")
