"""Nobody sees an identifier without a purpose, and without the ledger saying that they did."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from rtbf.errors import BadInput, TicketShredded, UnknownName
from rtbf.pipeline.intake import submit_ticket
from rtbf.pipeline.reveal import reveal_identifiers
from rtbf.store.actors import actor_name
from rtbf.store.ticket_keys import destroy_ticket_key
from rtbf.ticket.intake import read_submission
from rtbf.ticket.purpose import PURPOSES
from rtbf.ticket_view import ticket_events

if TYPE_CHECKING:
    from rtbf.installation import Installation

BODY = {"subject": [{"kind": "name", "value": "Ines Varga"}, {"kind": "email", "value": "ines@example.org"}]}


@pytest.fixture
def ticket_id(installation: Installation) -> str:
    return submit_ticket(installation, read_submission(BODY, installation.clock()), "olga")


@pytest.mark.parametrize("purpose", PURPOSES)
def test_a_look_shows_the_values_and_leaves_who_why_and_how_many(installation: Installation, ticket_id: str, purpose: str) -> None:
    opened = reveal_identifiers(installation, ticket_id, purpose, "dana")

    event = json.loads(ticket_events(installation, ticket_id)[-1])
    assert [(entry.kind, entry.value.reveal()) for entry in opened] == [("name", "Ines Varga"), ("email", "ines@example.org")]
    assert (event["type"], event["data"]) == ("pii.revealed", {"purpose": purpose, "identifiers": 2})
    with installation.transaction() as session:
        assert actor_name(session, event["actor"]) == "dana"


def test_what_is_returned_prints_no_value(installation: Installation, ticket_id: str) -> None:
    opened = reveal_identifiers(installation, ticket_id, "audit", "dana")

    assert "Varga" not in repr(opened)


@pytest.mark.parametrize("purpose", ["", "curiosity", "AUDIT"])
def test_another_purpose_shows_and_notes_nothing(installation: Installation, ticket_id: str, purpose: str) -> None:
    before = ticket_events(installation, ticket_id)

    with pytest.raises(BadInput):
        reveal_identifiers(installation, ticket_id, purpose, "dana")

    assert ticket_events(installation, ticket_id) == before


def test_after_shredding_nothing_is_shown_and_no_look_is_noted(installation: Installation, ticket_id: str) -> None:
    with installation.transaction() as session:
        destroy_ticket_key(session, ticket_id)
    before = ticket_events(installation, ticket_id)

    with pytest.raises(TicketShredded):
        reveal_identifiers(installation, ticket_id, "audit", "dana")

    assert ticket_events(installation, ticket_id) == before


def test_an_unknown_ticket_is_refused(installation: Installation) -> None:
    with pytest.raises(UnknownName):
        reveal_identifiers(installation, "tkt_0123456789abcdef", "audit", "dana")
