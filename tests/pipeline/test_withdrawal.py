"""A withdrawn ticket is confirmed and closed in one step, until unlearning starts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rtbf.errors import IllegalMove, MailUnreachable
from rtbf.pipeline.clock import clock_of
from rtbf.pipeline.notices import send_notice, send_queued, ticket_notices
from rtbf.pipeline.plans import start_unlearning
from rtbf.pipeline.withdrawal import withdraw_ticket
from tests.desk import OFFICER, Desk, Mailbox

if TYPE_CHECKING:
    from tests.installed import FrozenClock

WITHDRAWN = ("closed", None, "withdrawn")


@pytest.mark.parametrize("state", ["received", "locating", "planning", "awaiting_approval"])
def test_until_unlearning_a_ticket_is_taken_back_by_its_submitter_too(desk: Desk, mailbox: Mailbox, state: str) -> None:
    if state != "received":
        desk.identify() if state == "locating" else desk.locate()
    if state == "awaiting_approval":
        desk.erase().plan()
    assert desk.view.state == state

    withdraw_ticket(desk.installation, desk.ticket_id, "submitter")

    assert desk.where == WITHDRAWN
    assert "on 2 March 2026 you told us that you no longer want us to act" in mailbox.words()
    with desk.installation.transaction() as session:
        assert clock_of(session, desk.ticket_id, desk.installation.clock()).stopped_at == desk.installation.clock()


def test_from_unlearning_on_there_is_no_way_back(desk: Desk, mailbox: Mailbox) -> None:
    desk.locate().erase().plan().approve()
    start_unlearning(desk.installation, desk.ticket_id, "worker")

    with pytest.raises(IllegalMove, match="a withdrawal while the ticket is in 'unlearning'"):
        withdraw_ticket(desk.installation, desk.ticket_id, OFFICER)

    assert mailbox.taken == []


def test_a_ticket_closed_otherwise_is_not_withdrawn(desk: Desk) -> None:
    desk.judged()
    send_notice(desk.installation, desk.ticket_id, "fulfilment", OFFICER)

    with pytest.raises(IllegalMove, match="for a ticket in 'closed'"):
        withdraw_ticket(desk.installation, desk.ticket_id, OFFICER)


def test_a_crash_in_between_is_ended_by_the_next_try_with_the_same_letter(desk: Desk, mailbox: Mailbox) -> None:
    mailbox.dies = 1
    with pytest.raises(KeyboardInterrupt):
        withdraw_ticket(desk.installation, desk.ticket_id, OFFICER)
    assert desk.view.state == "received"

    withdraw_ticket(desk.installation, desk.ticket_id, OFFICER)
    again = withdraw_ticket(desk.installation, desk.ticket_id, OFFICER)

    assert desk.where == WITHDRAWN
    assert again is None
    assert len({message_id for message_id, _, _ in mailbox.taken}) == 1
    assert [entry.state for entry in ticket_notices(desk.installation, desk.ticket_id)] == ["sent"]


def test_a_sweep_ends_it_when_the_mail_server_is_back(desk: Desk, mailbox: Mailbox, clock: FrozenClock) -> None:
    mailbox.away = 1
    with pytest.raises(MailUnreachable):
        withdraw_ticket(desk.installation, desk.ticket_id, OFFICER)
    clock.move(seconds=601)

    send_queued(desk.installation)

    assert desk.where == WITHDRAWN


def test_a_confirmation_that_waited_until_unlearning_began_is_never_sent(desk: Desk, mailbox: Mailbox, clock: FrozenClock) -> None:
    desk.locate().erase().plan().approve()
    mailbox.away = 1
    with pytest.raises(MailUnreachable):
        withdraw_ticket(desk.installation, desk.ticket_id, OFFICER)
    start_unlearning(desk.installation, desk.ticket_id, "worker")
    clock.move(seconds=601)

    send_queued(desk.installation)

    assert (mailbox.taken, desk.view.state) == ([], "unlearning")
