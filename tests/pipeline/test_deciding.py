"""Decisions: taken on the newest footprint, all or none, told by counts, and never read from an older one."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from rtbf.errors import BadInput, IllegalMove, StalePlan
from rtbf.evidence.canonical import digest_of
from rtbf.pipeline.closing import close_ticket
from rtbf.pipeline.decisions import decide, decide_from_file
from rtbf.pipeline.footprints import finish_footprint, reopen_locating
from rtbf.pipeline.notices import send_notice
from rtbf.pipeline.plans import reopen_planning, start_unlearning
from rtbf.plan.rulings import read_ruling
from rtbf.store.sealed_texts import open_texts
from rtbf.store.ticket_keys import ticket_key
from rtbf.ticket_view import ticket_events
from tests import builders
from tests.desk import open_desk

if TYPE_CHECKING:
    from rtbf.installation import Installation


def test_what_was_found_waits_until_everything_is_decided(installation: Installation) -> None:
    desk = open_desk(installation).locate()
    seen = [desk.where]

    seen.append(desk.erase("records").where)
    seen.append(desk.erase("models").where)

    assert seen == [("planning", "need_decision", None)] * 2 + [("planning", "awaiting_worker", None)]


def test_a_later_decision_changes_what_it_names_and_keeps_the_rest(installation: Installation) -> None:
    desk = open_desk(installation).locate().erase()

    desk.keep("3")

    decisions = desk.view.decisions
    assert decisions is not None
    assert decisions.revision == 2
    assert [item.item for item in decisions.items if item.verdict != "erase"] == ["record:3"]
    assert len(decisions.items) == 21  # 20 records and a model


def test_reasons_are_sealed_and_the_event_tells_counts_and_codes(installation: Installation) -> None:
    desk = open_desk(installation).locate().erase()

    desk.keep("1-2", reasoning="Ms Varga's claim of 2024 is before the court.")

    told = json.loads(ticket_events(installation, desk.ticket_id)[-1])
    assert told["data"]["counts"] == [
        {"code": "eu-gdpr:JustificationA17NonNecessity", "items": 18, "kind": "record", "verdict": "erase"},
        {"code": "eu-gdpr:JustificationA17LegalClaims", "items": 2, "kind": "record", "verdict": "retain"},
        {"code": "eu-gdpr:JustificationA17NonNecessity", "items": 1, "kind": "model", "verdict": "erase"},
    ]
    assert b"Varga" not in desk.events
    with installation.transaction() as session:
        (reasons,) = open_texts(session, ticket_key(session, installation.kek, desk.ticket_id), desk.ticket_id, "reasoning").values()
    assert reasons.reveal() == "Ms Varga's claim of 2024 is before the court."


@pytest.mark.parametrize("state", ["received", "locating", "verifying", "closed"])
def test_nothing_is_decided_before_the_search_or_after_the_run(installation: Installation, state: str) -> None:
    desk = open_desk(installation)
    if state == "locating":
        desk.identify()
    if state in {"verifying", "closed"}:
        desk.undecided()
    if state == "closed":
        send_notice(installation, desk.ticket_id, "partial", "olga")
        close_ticket(installation, desk.ticket_id, "partially_fulfilled", "marek")
    before = desk.view

    with pytest.raises(IllegalMove, match=f"'{state}'"):
        desk.erase()

    assert desk.view == before


def test_either_every_ruling_is_taken_or_none(installation: Installation) -> None:
    desk = open_desk(installation).locate()
    lawful = read_ruling({"item": "1", "verdict": "erase", "code": "NonNecessity"})
    wrong = read_ruling({"item": "2", "verdict": "erase", "code": "LegalClaims"})
    file = b'{"item": "1", "verdict": "erase", "code": "NonNecessity"}\n{"item": "99", "verdict": "erase", "code": "NonNecessity"}\n'

    with pytest.raises(BadInput):
        decide(installation, desk.ticket_id, (lawful, wrong), "decider")
    with pytest.raises(BadInput, match="line 2"):
        decide_from_file(installation, desk.ticket_id, file, "decider")

    assert desk.view.decisions is None


def test_numbers_read_from_an_older_footprint_are_refused(installation: Installation) -> None:
    desk = open_desk(installation).locate().erase()
    looked_at = digest_of(desk.view.footprint)
    reopen_locating(installation, desk.ticket_id, "olga")
    finish_footprint(installation, builders.footprint(ticket_id=desk.ticket_id, revision=2), "worker")

    shape = read_ruling({"item": "1", "verdict": "erase", "code": "NonNecessity"})
    with pytest.raises(StalePlan, match="another footprint"):
        decide(installation, desk.ticket_id, (shape,), "decider", footprint_digest=looked_at)

    assert desk.where == ("planning", "need_decision", None)


def test_deciding_more_during_the_run_stops_it_and_a_person_gives_it_up(installation: Installation) -> None:
    desk = open_desk(installation).locate().erase().keep("1").plan().approve()
    start_unlearning(installation, desk.ticket_id, "worker")

    desk.erase("1")

    assert desk.where == ("unlearning", "need_decision", None)
    reopen_planning(installation, desk.ticket_id, "olga")
    assert desk.where == ("planning", "need_plan", None)


def test_a_run_that_ends_after_more_was_decided_does_not_fulfil(installation: Installation) -> None:
    """The worker may be in the middle of it: what it did is judged, and does not pass for all that was asked."""
    desk = open_desk(installation).locate().erase().keep("1").plan().approve()
    start_unlearning(installation, desk.ticket_id, "worker")
    desk.erase("1")

    desk.finish().verify()

    assert desk.where == ("verifying", "need_decision", None)
