"""A stranger who names a person's address changes nothing for that person's own ticket.

The victim's ticket is watched whole: its row, its events, its checks and the dates of its clock. The stranger submits
the same identifiers, asks for nothing else, and cannot read the victim's mailbox.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import func, select

from rtbf.errors import IllegalMove
from rtbf.pipeline.closing import close_ticket
from rtbf.pipeline.facts import facts_of
from rtbf.pipeline.identity import answer_identity, ask_identity, record_identity
from rtbf.pipeline.intake import submit_once
from rtbf.pipeline.standing import checks_of, standing_of
from rtbf.store.restrictions import unsearched_tickets
from rtbf.store.tables import TicketRow
from rtbf.store.tickets import find_ticket
from rtbf.store.vault_tables import SuppressionRow
from rtbf.ticket.intake import read_submission
from rtbf.ticket_view import ticket_events, view_ticket
from rtbf.vault.secret import Secret

if TYPE_CHECKING:
    from rtbf.installation import Installation

VICTIM = {"subject": [{"kind": "name", "value": "Ines Varga"}, {"kind": "email", "value": "ines@example.org"}]}
KEY = "the-same-key-twice"


def submit(installation: Installation, actor: str, key: str | None = None, **changes: Any) -> str:
    return submit_once(installation, read_submission({**VICTIM, **changes}, installation.clock()), actor, key).ticket_id


def whole(installation: Installation, ticket_id: str) -> tuple[Any, ...]:
    """Return everything that a stranger must not change."""
    with installation.transaction() as session:
        row = session.get_one(TicketRow, ticket_id)
        columns = tuple(getattr(row, column.key) for column in TicketRow.__table__.columns)
    return columns, ticket_events(installation, ticket_id), checks_of(installation, ticket_id), standing_of(installation, ticket_id).clock


def tokens(installation: Installation) -> int:
    with installation.transaction() as session:
        return session.scalar(select(func.count()).select_from(SuppressionRow)) or 0


def attack(installation: Installation, attempts: int = 6) -> str:
    """Submit the victim's identifiers, be asked, and guess until the check is over; return the stranger's ticket."""
    ticket_id = submit(installation, "stranger", KEY)
    asked = ask_identity(installation, ticket_id, "email_code", "unknown_sender", "olga")
    assert asked.code is not None
    right = int(asked.code.reveal())
    for step in range(1, attempts):
        answer_identity(installation, ticket_id, asked.check_id, Secret(f"{(right + step) % 10**8:08d}"), "stranger")
    return ticket_id


@pytest.mark.parametrize("stage", ["received", "identifying", "locating"])
def test_a_strangers_ticket_leaves_the_persons_own_as_it_was(installation: Installation, stage: str) -> None:
    victim = submit(installation, "portal", KEY)
    if stage == "identifying":
        ask_identity(installation, victim, "email_code", "unknown_sender", "olga")
    if stage == "locating":
        record_identity(installation, victim, "in_person", "olga")
    before = whole(installation, victim)

    attack(installation)

    assert whole(installation, victim) == before


def test_a_strangers_ticket_places_no_tokens_and_holds_up_no_training(installation: Installation) -> None:
    stranger = attack(installation)

    with installation.transaction() as session:
        held_up = unsearched_tickets(session, "sha256:any")

    assert tokens(installation) == 0
    assert held_up == ()
    assert view_ticket(installation, stranger).state == "identifying"


def test_the_persons_tokens_stay_when_the_strangers_ticket_is_given_up(installation: Installation) -> None:
    victim = submit(installation, "portal")
    record_identity(installation, victim, "in_person", "olga")
    placed = tokens(installation)

    attack(installation)

    assert placed > 0
    assert tokens(installation) == placed


@pytest.mark.parametrize("is_victim_first", [True, False])
def test_neither_ticket_can_be_closed_as_the_others_duplicate(installation: Installation, *, is_victim_first: bool) -> None:
    victim, stranger = (submit(installation, actor) for actor in ("portal", "stranger"))
    if not is_victim_first:
        victim, stranger = stranger, victim
    record_identity(installation, victim, "in_person", "olga")

    for ticket_id in (victim, stranger):
        with pytest.raises(IllegalMove):
            close_ticket(installation, ticket_id, "duplicate", "dana")

    assert [view_ticket(installation, ticket_id).state for ticket_id in (victim, stranger)] == ["locating", "received"]


def test_two_identified_tickets_of_one_person_may_be_one_by_a_second_persons_word(installation: Installation) -> None:
    first, second = submit(installation, "portal"), submit(installation, "portal")
    for ticket_id in (first, second):
        record_identity(installation, ticket_id, "in_person", "olga")

    close_ticket(installation, second, "duplicate", "dana")

    assert (view_ticket(installation, second).outcome, view_ticket(installation, first).state) == ("duplicate", "locating")


def test_links_are_hints_between_pairs_and_do_not_merge(installation: Installation) -> None:
    victim = submit(installation, "portal")
    bridge = submit(installation, "stranger", subject=[*VICTIM["subject"], {"kind": "email", "value": "other@example.org"}])
    other = submit(installation, "portal", subject=[{"kind": "email", "value": "other@example.org"}])

    linked = {ticket_id: view_ticket(installation, ticket_id).linked for ticket_id in (victim, bridge, other)}

    assert linked == {victim: (bridge,), bridge: tuple(sorted((victim, other))), other: (bridge,)}
    with installation.transaction() as session:
        facts = facts_of(session, find_ticket(session, victim), None, installation.clock())
    assert not facts.is_same_as_identified


def test_keys_of_different_actors_never_meet(installation: Installation) -> None:
    victim = submit(installation, "portal", KEY)

    stranger = submit_once(installation, read_submission({**VICTIM, "locale": "de"}, installation.clock()), "stranger", KEY)

    assert not stranger.is_replay
    assert stranger.ticket_id != victim
    assert submit(installation, "portal", KEY) == victim


def test_a_code_to_the_strangers_own_mailbox_does_not_speak_for_the_victims(installation: Installation) -> None:
    """A ticket naming the stranger's mailbox first and the victim's beside it: the code goes to the stranger."""
    body = {"subject": [{"kind": "email", "value": "stranger@example.org"}, {"kind": "email", "value": "victim@example.org"}]}
    ticket_id = submit_once(installation, read_submission(body, installation.clock()), "olga", None).ticket_id
    asked = ask_identity(installation, ticket_id, "email_code", "unknown_sender", "olga")
    assert asked.code is not None

    is_right = answer_identity(installation, ticket_id, asked.check_id, asked.code, "olga")

    view = view_ticket(installation, ticket_id)
    assert is_right
    assert (view.state, view.reason) == ("identifying", "need_identity")
    with installation.transaction() as session:
        assert session.scalar(select(func.count()).select_from(SuppressionRow)) == 0
    record_identity(installation, ticket_id, "document_viewed", "olga")
    assert view_ticket(installation, ticket_id).state == "locating"
