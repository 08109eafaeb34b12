"""An extension stands on a letter that left in time: no letter, no extension."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING

import pytest

from rtbf.errors import BadInput, ExtensionRefused, IllegalMove, LetterIncomplete, MailUnreachable
from rtbf.pipeline.clock import clock_of
from rtbf.pipeline.extension import EXTENSION, extend_ticket
from rtbf.pipeline.notices import preview_notice, send_notice, send_queued, ticket_notices
from rtbf.pipeline.withdrawal import withdraw_ticket
from rtbf.store.clock_events import clock_events
from rtbf.store.sealed_texts import open_texts
from rtbf.store.ticket_keys import ticket_key
from rtbf.ticket_view import ticket_events
from rtbf.vault.secret import Secret
from tests.desk import OFFICER, Desk, Mailbox, open_desk

if TYPE_CHECKING:
    from rtbf.installation import Installation
    from rtbf.ticket.deadline import LegalClock
    from tests.installed import FrozenClock

CODE, FULL_CODE = "ComplexityOfProcess", "justifications:ComplexityOfProcess"
WORDS = Secret("Four datasets hold what you wrote under Ines Canary.")


def legal_clock(desk: Desk) -> LegalClock:
    with desk.installation.transaction() as session:
        return clock_of(session, desk.ticket_id, desk.installation.clock())


def extend(desk: Desk, code: str = CODE) -> None:
    extend_ticket(desk.installation, desk.ticket_id, code, WORDS, OFFICER)


def test_the_letter_names_the_date_that_the_clock_then_shows(desk: Desk, mailbox: Mailbox) -> None:
    extend(desk)

    # Received on 2 March 2026: due on 2 April, and with three months from receipt on 2 June, a Tuesday.
    assert (legal_clock(desk).is_extended, legal_clock(desk).deadline) == (True, date(2026, 6, 2))
    assert "was due by 2 April 2026" in mailbox.words()
    assert "You will now have our answer by 2 June 2026." in mailbox.words()
    assert WORDS.reveal() in mailbox.words()


def test_the_step_of_the_clock_names_the_letter_and_its_code(desk: Desk) -> None:
    extend(desk)

    notice = ticket_notices(desk.installation, desk.ticket_id)[0]
    with desk.installation.transaction() as session:
        step = clock_events(session, desk.ticket_id)[-1]
    assert (step.kind, step.code, step.notice_id) == ("extend", FULL_CODE, notice.notice_id)
    told = [json.loads(leaf)["type"] for leaf in ticket_events(desk.installation, desk.ticket_id)]
    assert told == ["ticket.received", "notice.sent", "clock.changed"]


def test_the_words_are_sealed_and_in_no_event(desk: Desk) -> None:
    extend(desk)

    with desk.installation.transaction() as session:
        texts = open_texts(session, ticket_key(session, desk.installation.kek, desk.ticket_id), desk.ticket_id, EXTENSION)
    assert [text.reveal() for text in texts.values()] == [WORDS.reveal()]
    assert b"Canary" not in desk.events


def test_without_its_letter_nothing_is_extended(desk: Desk, mailbox: Mailbox) -> None:
    mailbox.away = 1

    with pytest.raises(MailUnreachable):
        extend(desk)

    assert not legal_clock(desk).is_extended
    assert desk.events.count(b"clock.changed") == 0


def test_the_same_words_again_send_the_letter_that_waits(desk: Desk, mailbox: Mailbox, clock: FrozenClock) -> None:
    mailbox.dies = 1
    with pytest.raises(KeyboardInterrupt):
        extend(desk)
    clock.move(days=1)

    extend(desk)

    assert len({message_id for message_id, _, _ in mailbox.taken}) == 1
    assert legal_clock(desk).is_extended
    with desk.installation.transaction() as session:
        texts = open_texts(session, ticket_key(session, desk.installation.kek, desk.ticket_id), desk.ticket_id, EXTENSION)
    assert len(texts) == 1


def test_a_sweep_extends_with_the_letter_it_sends(desk: Desk, mailbox: Mailbox, clock: FrozenClock) -> None:
    mailbox.away = 1
    with pytest.raises(MailUnreachable):
        extend(desk)
    clock.move(seconds=601)

    assert send_queued(desk.installation) == 1

    assert legal_clock(desk).is_extended


def test_a_letter_that_waited_beyond_the_deadline_extends_nothing(desk: Desk, mailbox: Mailbox, clock: FrozenClock) -> None:
    mailbox.away = 1
    with pytest.raises(MailUnreachable):
        extend(desk)
    clock.move(days=40)

    left = send_queued(desk.installation)

    assert (left, mailbox.taken, legal_clock(desk).is_extended) == (0, [], False)
    assert [entry.state for entry in ticket_notices(desk.installation, desk.ticket_id)] == ["dropped"]


@pytest.mark.parametrize(
    ("moved_days", "lawful"),
    # Due on 2 April 2026: 31 days after noon of 2 March it is noon of that day, 32 days after it is over.
    [(31, True), (32, False)],
)
def test_an_extension_comes_before_the_deadline_is_over(desk: Desk, clock: FrozenClock, moved_days: int, *, lawful: bool) -> None:
    clock.move(days=moved_days)

    if lawful:
        extend(desk)
    else:
        with pytest.raises(ExtensionRefused, match="was over on 2026-04-02"):
            extend(desk)

    assert legal_clock(desk).is_extended is lawful


def test_a_ticket_is_extended_once(desk: Desk, mailbox: Mailbox, clock: FrozenClock) -> None:
    extend(desk)
    clock.move(days=1)

    with pytest.raises(ExtensionRefused, match="extended already"):
        extend(desk)

    assert mailbox.kinds == [EXTENSION]


@pytest.mark.parametrize("code", ["IdentityVerificationRequired", "InformationRequired", "ProcessExcessive", "", "Ines Canary"])
def test_the_gdpr_extends_for_complexity_and_number_alone(desk: Desk, mailbox: Mailbox, code: str) -> None:
    with pytest.raises(BadInput, match="unknown as code to extend under eu-gdpr") as refused:
        extend(desk, code)

    assert mailbox.taken == []
    assert "Canary" not in str(refused.value)


def test_california_extends_for_identity_too_and_counts_from_receipt(installation: Installation, mailbox: Mailbox) -> None:
    desk = open_desk(installation, mailbox=mailbox, regime="us-ca-ccpa")

    extend(desk, "IdentityVerificationRequired")

    # 90 calendar days, 2 March counted: 29 + 30 + 30 days of March from the 3rd, April and May make 89, so 30 May is the 90th.
    assert legal_clock(desk).deadline == date(2026, 5, 30)


@pytest.mark.parametrize("words", ["", "  ", "…", "x" * 20_001])
def test_an_extension_is_explained_in_words(desk: Desk, words: str) -> None:
    with pytest.raises(BadInput):
        extend_ticket(desk.installation, desk.ticket_id, CODE, Secret(words), OFFICER)

    assert ticket_notices(desk.installation, desk.ticket_id) == ()


def test_an_answered_or_closed_ticket_is_not_extended(desk: Desk, mailbox: Mailbox) -> None:
    desk.locate(hits=(), models=())
    send_notice(desk.installation, desk.ticket_id, "no_data", OFFICER)
    with pytest.raises(ExtensionRefused, match="answered already"):
        extend(desk)

    withdraw_ticket(desk.installation, desk.ticket_id, OFFICER)

    with pytest.raises((ExtensionRefused, IllegalMove)):
        extend(desk)


def test_a_missing_setting_stops_letter_and_extension(installation: Installation, mailbox: Mailbox) -> None:

    desk = open_desk(replace(installation, policy=replace(installation.policy, authority_name=None)), mailbox=mailbox)

    with pytest.raises(LetterIncomplete, match="RTBF_AUTHORITY_NAME"):
        extend(desk)

    assert not legal_clock(desk).is_extended


def test_the_letter_can_be_looked_at_before(desk: Desk) -> None:
    shown = preview_notice(desk.installation, desk.ticket_id, EXTENSION, code=CODE, text=WORDS)

    assert "2 June 2026" in shown.body.reveal()
    assert not legal_clock(desk).is_extended
    assert ticket_notices(desk.installation, desk.ticket_id) == ()
