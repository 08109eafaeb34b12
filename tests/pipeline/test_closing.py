"""Endings: each with its letter and its people, what they do to the weights, and how a closed ticket is opened again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from rtbf.errors import BadInput, FourEyes, IllegalMove
from rtbf.pipeline.closing import close_ticket, reopen_ticket
from rtbf.pipeline.footprints import finish_footprint, reopen_locating
from rtbf.pipeline.identity import record_identity
from rtbf.pipeline.notices import send_notice
from rtbf.pipeline.plans import reopen_planning
from rtbf.ticket_view import ticket_events
from tests import builders
from tests.desk import open_desk
from tests.pipeline.test_verifying import LEAKING, weights

if TYPE_CHECKING:
    from rtbf.installation import Installation
    from tests.desk import Desk


def tell(desk: Desk, kind: str, **words: Any) -> None:
    send_notice(desk.installation, desk.ticket_id, kind, "olga", **words)


def close(desk: Desk, outcome: str, actor: str = "marek") -> None:
    close_ticket(desk.installation, desk.ticket_id, outcome, actor)


def test_an_empty_footprint_closes_as_no_data_after_its_letter(installation: Installation) -> None:
    desk = open_desk(installation).locate(hits=(), models=())
    waiting = desk.where

    with pytest.raises(IllegalMove, match="no no_data notice sent"):
        close(desk, "no_data")
    tell(desk, "no_data")
    close(desk, "no_data")

    assert waiting == ("planning", "need_decision", None)
    assert desk.where == ("closed", None, "no_data")


def test_no_data_is_not_said_of_a_person_who_was_found(installation: Installation) -> None:
    desk = open_desk(installation).locate()

    with pytest.raises(IllegalMove, match="records found for this person"):
        close(desk, "no_data")

    assert desk.view.state == "planning"


def test_the_submitter_does_not_settle_alone(installation: Installation) -> None:
    desk = open_desk(installation).locate().keep()
    tell(desk, "refusal")
    before, events = desk.view, desk.events

    with pytest.raises(FourEyes):
        close(desk, "refused", "submitter")

    assert (desk.view, desk.events) == (before, events)
    close(desk, "refused")
    assert desk.where == ("closed", None, "refused")


def test_what_cannot_be_unlearned_closes_partially_after_its_letter(installation: Installation) -> None:
    desk = open_desk(installation).locate().erase().keep("models")
    waiting = desk.where

    tell(desk, "partial")
    close(desk, "partially_fulfilled")

    assert waiting == ("planning", "need_decision", None)
    assert desk.where == ("closed", None, "partially_fulfilled")


def test_what_could_be_unlearned_is_not_given_up_as_partial(installation: Installation) -> None:
    desk = open_desk(installation).locate().erase()

    with pytest.raises(IllegalMove, match="a model that still has to be changed"):
        close(desk, "partially_fulfilled")


def test_a_partial_ending_after_a_verdict_releases_the_weights(installation: Installation) -> None:
    desk = open_desk(installation).undecided()
    tell(desk, "partial")

    close(desk, "partially_fulfilled")

    assert weights(installation) == [(1, "superseded"), (2, "live")]


def test_weights_that_failed_are_never_served_because_their_ticket_closes(installation: Installation) -> None:
    """A FAIL rejects them; the officer then keeps the model as it is and closes partially: that must not release them."""
    desk = open_desk(installation).judged(LEAKING).keep("models")
    tell(desk, "partial")

    close(desk, "partially_fulfilled")

    assert desk.where == ("closed", None, "partially_fulfilled")
    assert weights(installation) == [(1, "live"), (2, "rejected")]


def test_released_weights_stay_in_service_when_the_reopened_ticket_ends_otherwise(installation: Installation) -> None:
    desk = open_desk(installation).judged()
    tell(desk, "fulfilment")
    reopen_ticket(installation, desk.ticket_id, "new_evidence", "marek")
    finish_footprint(installation, builders.footprint(ticket_id=desk.ticket_id, revision=2, hits=(), models=()), "worker")
    tell(desk, "no_data")

    close(desk, "no_data")

    assert desk.where == ("closed", None, "no_data")
    assert weights(installation) == [(1, "superseded"), (2, "live")]


def test_a_closed_ticket_stays_closed(installation: Installation) -> None:
    desk = open_desk(installation)
    tell(desk, "withdrawal_confirmed")
    count = len(ticket_events(installation, desk.ticket_id))

    for step in (
        lambda: record_identity(installation, desk.ticket_id, "in_person", "olga"),
        lambda: reopen_planning(installation, desk.ticket_id, "olga"),
        lambda: reopen_locating(installation, desk.ticket_id, "olga"),
        lambda: close(desk, "withdrawn"),
        lambda: finish_footprint(installation, builders.footprint(ticket_id=desk.ticket_id), "worker"),
    ):
        with pytest.raises(IllegalMove):
            step()

    assert desk.where == ("closed", None, "withdrawn")
    assert len(ticket_events(installation, desk.ticket_id)) == count


def test_searching_again_is_no_way_around_reopening(installation: Installation) -> None:
    """A closed ticket of a known person leads to locating too: without a cause it would keep its old letters and its shredding day."""
    desk = open_desk(installation).judged()
    tell(desk, "fulfilment")
    before, events = desk.view, desk.events

    with pytest.raises(IllegalMove, match="another search for a ticket in 'closed'"):
        reopen_locating(installation, desk.ticket_id, "marek")

    assert (desk.view, desk.events) == (before, events)


def test_a_reopened_ticket_is_searched_anew_and_needs_letters_of_its_own(installation: Installation, clock: Any) -> None:
    desk = open_desk(installation).judged()
    tell(desk, "fulfilment")
    clock.move(days=1)

    reopen_ticket(installation, desk.ticket_id, "complaint_upheld", "marek")

    assert desk.where == ("locating", "awaiting_worker", None)
    assert (desk.view.closed_at, desk.view.shred_due_at) == (None, None)
    finish_footprint(installation, builders.footprint(ticket_id=desk.ticket_id, revision=2), "worker")
    desk.erase().plan(attempt=2).approve().unlearn().verify()
    assert desk.where == ("verifying", "need_notice", None)


def test_reopening_needs_a_cause_a_second_person_and_an_identity(installation: Installation) -> None:
    known, unknown = open_desk(installation).judged(), open_desk(installation)
    tell(known, "fulfilment")
    tell(unknown, "withdrawal_confirmed")

    with pytest.raises(BadInput, match="hold_released"):
        reopen_ticket(installation, known.ticket_id, "a whim", "marek")
    with pytest.raises(FourEyes):
        reopen_ticket(installation, known.ticket_id, "new_evidence", "submitter")
    with pytest.raises(IllegalMove, match="an identity that is not established"):
        reopen_ticket(installation, unknown.ticket_id, "new_evidence", "marek")

    assert (known.where[0], unknown.where[0]) == ("closed", "closed")
