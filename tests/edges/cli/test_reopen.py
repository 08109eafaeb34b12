"""`rtbf withdraw|reopen`: the person takes the request back; a second person opens it again, for a cause, with a period of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.terminal import Desk, located_desk

if TYPE_CHECKING:
    from rtbf.installation import Installation
    from tests.installed import FrozenClock


@pytest.fixture
def desk(installation: Installation) -> Desk:
    return located_desk(installation)


def test_a_withdrawal_is_confirmed_by_letter_and_closes(desk: Desk) -> None:
    said = desk("withdraw", desk.ticket_id, "--json", actor="olga")

    assert said.code == 0, said.err
    assert (said.json["state"], said.json["outcome"]) == ("closed", "withdrawn")
    assert [letter["kind"] for letter in said.json["letters"]] == ["withdrawal_confirmed"]


def test_a_reopened_ticket_is_searched_anew_under_a_period_of_its_own(desk: Desk, clock: FrozenClock) -> None:
    desk("withdraw", desk.ticket_id, actor="olga")
    clock.move(days=10)

    by_submitter = desk("reopen", desk.ticket_id, "--cause", "new_evidence", actor="olga")
    said = desk("reopen", desk.ticket_id, "--cause", "new_evidence", "--json", actor="dina")

    assert "four-eyes" in by_submitter.err
    assert said.code == 0, said.err
    assert (said.json["state"], said.json["reason"]) == ("locating", "awaiting_worker")
    # Reopened on 12 March, due one month later: 12 April is a Sunday, so Monday the 13th.
    assert (said.json["clock"]["round_number"], said.json["clock"]["deadline"]) == (2, "2026-04-13")


def test_an_open_ticket_is_not_reopened_and_its_deadline_stays(desk: Desk, clock: FrozenClock) -> None:
    """Planning leads to locating as well; reopening a ticket there would have given its clock a second period."""
    clock.move(days=10)

    said = desk("reopen", desk.ticket_id, "--cause", "new_evidence", actor="dina")

    assert said.code == 1
    assert "illegal-move" in said.err
    # Received on 2 March.
    assert desk("show", desk.ticket_id, "--json").json["clock"]["deadline"] == "2026-04-02"


def test_reopening_needs_a_known_cause(desk: Desk) -> None:
    assert desk("reopen", desk.ticket_id, "--cause", "regret", actor="dina").code == 2
