"""Letters: true when they are sent, sent once, found again after a crash, and silent about the person everywhere else."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from rtbf.errors import BadInput, IllegalMove, LetterRefused, MailUnreachable
from rtbf.notice.record import NOTICE_KINDS
from rtbf.pipeline.clock import clock_of
from rtbf.pipeline.closing import close_ticket, reopen_ticket
from rtbf.pipeline.identity import ask_identity
from rtbf.pipeline.notice_rules import OCCASIONS, OUTCOME_OF
from rtbf.pipeline.notices import preview_notice, send_notice, send_queued, ticket_notices
from rtbf.pipeline.plans import reopen_planning
from rtbf.ticket_view import ticket_events
from rtbf.vault.secret import Secret
from tests import builders
from tests.desk import COLLEAGUE, EMAIL, LATER_S, NAME, OFFICER, REASON, Desk, Mailbox, letters_of, open_desk, over, states

if TYPE_CHECKING:
    from collections.abc import Callable

    from rtbf.installation import Installation
    from rtbf.verify.record import ProbeResult
    from tests.installed import FrozenClock


def types(desk: Desk) -> list[str]:
    return [json.loads(leaf)["type"] for leaf in ticket_events(desk.installation, desk.ticket_id)]


def stopped_at(desk: Desk) -> Any:
    with desk.installation.transaction() as session:
        return clock_of(session, desk.ticket_id, desk.installation.clock()).stopped_at


def _failing() -> tuple[ProbeResult, ...]:
    """Return results that would pass but for one that leaks."""
    leak = builders.leaking_probe()
    return (leak, *(probe for probe in builders.passing_probes() if probe.probe_id != leak.probe_id))


SITUATIONS: dict[str, Callable[[Desk, Any], Desk]] = {
    "received": lambda desk, _clock: desk,
    "asked": lambda desk, _clock: asked(desk),
    "identity over": over,
    "locating": lambda desk, _clock: desk.identify(),
    "empty": lambda desk, _clock: desk.locate(hits=(), models=()),
    "found": lambda desk, _clock: desk.locate(),
    "all kept": lambda desk, _clock: desk.locate().keep(),
    "all about others": lambda desk, _clock: desk.locate().rule("all", "not_about_subject"),
    "to erase": lambda desk, _clock: desk.locate().erase(),
    "no model left": lambda desk, _clock: desk.locate().erase("records").keep("models"),
    "planned": lambda desk, _clock: desk.locate().erase().plan(),
    "started": lambda desk, _clock: desk.locate().erase().plan().approve().unlearn(),
    "passed": lambda desk, _clock: desk.judged(),
    "inconclusive": lambda desk, _clock: desk.undecided(),
    "failed": lambda desk, _clock: desk.judged(_failing()),
}
LAWFUL = {
    "acknowledgement": set(SITUATIONS),
    "refusal": {"all kept"},
    "refusal with a code": {
        "received", "asked", "identity over", "empty", "found", "all kept", "all about others", "to erase", "no model left", "failed",
    },
    "no_data": {"empty", "all about others"},
    "unverified": {"identity over"},
    "partial": {"no model left", "passed", "inconclusive"},
    "fulfilment": {"passed"},
    "withdrawal_confirmed": set(SITUATIONS) - {"started", "passed", "inconclusive"},
}  # fmt: skip


def asked(desk: Desk) -> Desk:
    ask_identity(desk.installation, desk.ticket_id, "account_login", "name_shared", OFFICER)
    return desk


@pytest.mark.parametrize("situation", SITUATIONS)
def test_every_kind_is_sent_exactly_where_it_is_true(
    situation: str, installation: Installation, desk: Desk, mailbox: Mailbox, clock: FrozenClock
) -> None:
    SITUATIONS[situation](desk, clock)
    before = desk.where

    shown, refused = set(), {}
    for kind in LAWFUL:
        words = REASON if kind == "refusal with a code" else {}
        try:
            preview_notice(desk.installation, desk.ticket_id, kind.split(" ", 1)[0], **words)
            shown.add(kind)
        except IllegalMove as error:
            refused[kind] = error

    assert shown == {kind for kind, places in LAWFUL.items() if situation in places}
    assert (desk.where, mailbox.taken, states(desk)) == (before, [], [])
    assert all(error.found.startswith(f"a letter of kind '{kind.split(' ', 1)[0]}'") for kind, error in refused.items())


def test_every_kind_has_its_rule() -> None:
    assert {*OCCASIONS, *OUTCOME_OF} == set(NOTICE_KINDS)


@pytest.mark.parametrize("kind", ["identity_request", "extension", "recipient"])
def test_a_letter_that_belongs_to_a_step_is_not_sent_by_itself(desk: Desk, kind: str) -> None:
    with pytest.raises(BadInput, match="by itself") as refused:
        send_notice(desk.installation, desk.ticket_id, kind, OFFICER)

    assert refused.value.remedy.startswith("`rtbf ")


def test_an_unknown_kind_is_refused(desk: Desk) -> None:
    with pytest.raises(BadInput, match="an unknown kind of letter"):
        send_notice(desk.installation, desk.ticket_id, "valentine", OFFICER)


@pytest.mark.parametrize(
    ("kind", "words", "found"),
    [
        ("acknowledgement", {"text": Secret("Hello there")}, "words of one's own"),
        ("no_data", {"code": "ProcessExcessive"}, "a code for a letter"),
        ("refusal", {"code": "ProcessExcessive"}, "a code without words"),
        ("refusal", {"text": Secret("No reason")}, "without a code"),
        ("refusal", {"code": "ComplexityOfProcess", "text": Secret("Too much")}, "unknown as refusal code"),
        ("refusal", {"code": "ProcessExcessive", "text": Secret(" .")}, "a text of 1 characters"),
        ("refusal", {"code": "ProcessExcessive", "text": Secret("Why \x07 not")}, "control characters"),
        ("refusal", {"code": "ProcessExcessive", "text": Secret("Why \ud800 not")}, "control characters"),
    ],
)
def test_code_and_words_are_taken_where_they_belong(desk: Desk, kind: str, words: dict[str, Any], found: str) -> None:
    with pytest.raises(BadInput, match=found):
        send_notice(desk.installation, desk.ticket_id, kind, OFFICER, **words)

    assert states(desk) == []


def test_pass_and_the_letter_close_the_ticket_fulfilled_in_one_go(desk: Desk, mailbox: Mailbox) -> None:
    desk.judged()
    assert desk.where == ("verifying", "need_notice", None)

    sent = send_notice(desk.installation, desk.ticket_id, "fulfilment", OFFICER)

    assert (sent.state, sent.channel, sent.path) == ("sent", "email", None)
    assert desk.where == ("closed", None, "fulfilled")
    told = types(desk)
    assert told.index("notice.sent") < told.index("clock.changed") < told.index("ticket.closed")
    assert [address for _, address, _ in mailbox.taken] == [EMAIL]


def test_the_clock_stops_at_the_sent_letter_and_not_before(desk: Desk, mailbox: Mailbox, clock: FrozenClock) -> None:
    desk.locate(hits=(), models=())
    mailbox.away = 1
    with pytest.raises(MailUnreachable):
        send_notice(desk.installation, desk.ticket_id, "no_data", OFFICER)
    assert stopped_at(desk) is None

    clock.move(days=2)
    send_notice(desk.installation, desk.ticket_id, "no_data", OFFICER)

    assert stopped_at(desk) == clock()


def test_an_acknowledgement_answers_nothing_so_the_clock_runs_on(desk: Desk) -> None:
    send_notice(desk.installation, desk.ticket_id, "acknowledgement", OFFICER)

    assert stopped_at(desk) is None
    assert desk.where == ("received", "need_identity", None)


def test_the_event_names_the_letter_and_nothing_of_its_reader(desk: Desk) -> None:
    send_notice(desk.installation, desk.ticket_id, "refusal", OFFICER, **REASON)

    event = json.loads(ticket_events(desk.installation, desk.ticket_id)[-2])
    notice = ticket_notices(desk.installation, desk.ticket_id)[0]
    assert event["type"] == "notice.sent"
    assert event["data"] == {
        "notice": notice.notice_id, "kind": "refusal", "locale": "en", "template": notice.template_digest, "channel": "email",
        "to": "requester", "code": "justifications:ProcessExcessive",
    }  # fmt: skip


def test_a_refusal_with_its_code_lets_a_second_person_close(desk: Desk) -> None:
    send_notice(desk.installation, desk.ticket_id, "refusal", OFFICER, **REASON)

    close_ticket(desk.installation, desk.ticket_id, "refused", COLLEAGUE)

    assert desk.where == ("closed", None, "refused")


def test_a_crash_after_the_hand_over_repeats_the_same_letter_under_the_same_id(desk: Desk, mailbox: Mailbox, clock: FrozenClock) -> None:
    desk.judged()
    mailbox.dies = 1
    with pytest.raises(KeyboardInterrupt):
        send_notice(desk.installation, desk.ticket_id, "fulfilment", OFFICER)
    assert states(desk) == [("fulfilment", "queued")]
    assert desk.where == ("verifying", "need_notice", None)

    clock.move(days=1)
    send_notice(desk.installation, desk.ticket_id, "fulfilment", OFFICER)

    (first_id, _, first), (second_id, _, second) = mailbox.taken
    assert first_id == second_id
    assert (first.subject, first.body.reveal(), first.written_at) == (second.subject, second.body.reveal(), second.written_at)
    assert states(desk) == [("fulfilment", "sent")]
    assert desk.where == ("closed", None, "fulfilled")


def test_an_unreachable_mail_server_leaves_the_letter_to_the_sweep(desk: Desk, mailbox: Mailbox, clock: FrozenClock) -> None:
    mailbox.away = 2
    with pytest.raises(MailUnreachable):
        send_notice(desk.installation, desk.ticket_id, "acknowledgement", OFFICER)

    young = send_queued(desk.installation)
    clock.move(seconds=LATER_S)
    away = send_queued(desk.installation)
    back = send_queued(desk.installation)

    # Too young to be touched; then the server is away once more; then it takes the letter.
    assert (young, away, back, send_queued(desk.installation)) == (0, 0, 1, 0)
    assert states(desk) == [("acknowledgement", "sent")]
    assert types(desk).count("notice.sent") == 1


def test_a_sweep_closes_what_the_letter_closes(desk: Desk, mailbox: Mailbox, clock: FrozenClock) -> None:
    desk.judged()
    mailbox.away = 1
    with pytest.raises(MailUnreachable):
        send_notice(desk.installation, desk.ticket_id, "fulfilment", OFFICER)

    clock.move(seconds=LATER_S)
    assert send_queued(desk.installation) == 1

    assert desk.where == ("closed", None, "fulfilled")


def test_a_waiting_letter_that_stopped_being_true_is_dropped_and_its_file_deleted(installation: Installation, clock: FrozenClock) -> None:
    """A fulfilment letter waited for the mail server while an officer planned another attempt: it would have been a lie."""
    dying = Mailbox(away=1)
    desk = open_desk(installation, mailbox=dying).judged()
    with pytest.raises(MailUnreachable):
        send_notice(desk.installation, desk.ticket_id, "fulfilment", OFFICER)
    waiting = installation.home.outbox / f"{ticket_notices(installation, desk.ticket_id)[0].notice_id}.eml"
    waiting.write_text("as if the outbox had taken it")
    reopen_planning(desk.installation, desk.ticket_id, OFFICER)

    clock.move(seconds=LATER_S)
    left = send_queued(desk.installation)

    assert (left, dying.taken, states(desk)) == (0, [], [("fulfilment", "dropped")])
    assert not waiting.exists()
    assert types(desk)[-1] == "notice.dropped"
    assert stopped_at(desk) is None


def test_a_waiting_letter_about_an_older_attempt_is_written_anew(desk: Desk, mailbox: Mailbox, clock: FrozenClock) -> None:
    desk.undecided()
    mailbox.away = 1
    with pytest.raises(MailUnreachable):
        send_notice(desk.installation, desk.ticket_id, "partial", OFFICER)
    clock.move(seconds=1)
    reopen_planning(desk.installation, desk.ticket_id, OFFICER)
    desk.plan(attempt=2, seed=8).approve().unlearn().verify()

    send_notice(desk.installation, desk.ticket_id, "partial", OFFICER)

    assert states(desk) == [("partial", "dropped"), ("partial", "sent")]
    assert "Our tests did not show" not in mailbox.words()


def test_a_letter_is_not_sent_twice_but_on_purpose(desk: Desk, mailbox: Mailbox) -> None:
    send_notice(desk.installation, desk.ticket_id, "acknowledgement", OFFICER)

    with pytest.raises(IllegalMove, match=r"it was sent on 2026-03-02T12:00:00\.000Z"):
        send_notice(desk.installation, desk.ticket_id, "acknowledgement", OFFICER)
    send_notice(desk.installation, desk.ticket_id, "acknowledgement", OFFICER, again=True)

    assert mailbox.kinds == ["acknowledgement"] * 2
    assert mailbox.taken[0][0] != mailbox.taken[1][0]


def test_a_reopened_ticket_has_letters_of_its_own(desk: Desk, mailbox: Mailbox, clock: FrozenClock) -> None:
    desk.judged()
    send_notice(desk.installation, desk.ticket_id, "fulfilment", OFFICER)
    clock.move(days=10)
    reopen_ticket(desk.installation, desk.ticket_id, "new_evidence", COLLEAGUE)

    send_notice(desk.installation, desk.ticket_id, "acknowledgement", OFFICER)

    assert mailbox.kinds == ["fulfilment", "acknowledgement"]
    # The person asked on 2 March; the new period, begun on 12 March, ends on 13 April: 12 April is a Sunday.
    assert "Your request reached us on 2 March 2026" in mailbox.words()
    assert "You will have our answer by 13 April 2026" in mailbox.words()


def test_other_words_for_a_waiting_letter_are_refused_because_it_may_have_left(desk: Desk, mailbox: Mailbox) -> None:
    mailbox.dies = 1
    with pytest.raises(KeyboardInterrupt):
        send_notice(desk.installation, desk.ticket_id, "refusal", OFFICER, **REASON)
    other = {**REASON, "text": Secret("You asked for the same last week.")}

    with pytest.raises(IllegalMove, match="that says something else"):
        send_notice(desk.installation, desk.ticket_id, "refusal", OFFICER, **other)
    send_notice(desk.installation, desk.ticket_id, "refusal", OFFICER, **REASON)

    assert states(desk) == [("refusal", "sent")]
    assert len({message_id for message_id, _, _ in mailbox.taken}) == 1


def test_a_waiting_letter_is_written_anew_on_purpose(desk: Desk, mailbox: Mailbox, clock: FrozenClock) -> None:
    mailbox.away = 1
    with pytest.raises(MailUnreachable):
        send_notice(desk.installation, desk.ticket_id, "refusal", OFFICER, **REASON)

    clock.move(seconds=1)
    other = {**REASON, "text": Secret("You asked for the same last week.")}
    send_notice(desk.installation, desk.ticket_id, "refusal", OFFICER, again=True, **other)

    assert states(desk) == [("refusal", "dropped"), ("refusal", "sent")]
    assert "last week" in mailbox.words()


def test_an_address_refused_for_good_makes_room_for_the_post(desk: Desk, mailbox: Mailbox, clock: FrozenClock) -> None:
    mailbox.refuses = True
    with pytest.raises(LetterRefused):
        send_notice(desk.installation, desk.ticket_id, "acknowledgement", OFFICER)
    clock.move(seconds=LATER_S)
    assert send_queued(desk.installation) == 0

    sent = send_notice(desk.installation, desk.ticket_id, "acknowledgement", OFFICER, by_post=True)

    assert states(desk) == [("acknowledgement", "failed"), ("acknowledgement", "written")]
    assert (sent.state, sent.channel) == ("written", "post")
    assert sent.path is not None
    assert sent.path.read_text().startswith(f"We have received your deletion request ({desk.ticket_id})\n\nHello,\n")
    assert sent.path.stat().st_mode & 0o777 == 0o600


def test_a_ticket_without_an_address_gets_its_letters_printed(installation: Installation, mailbox: Mailbox) -> None:
    desk = open_desk(installation, mailbox=mailbox, subject=[{"kind": "name", "value": NAME}])

    sent = send_notice(desk.installation, desk.ticket_id, "acknowledgement", OFFICER)

    assert (sent.channel, mailbox.taken) == ("post", [])
    assert letters_of(desk) == (sent.path,)


def test_without_a_mail_server_the_letter_lies_in_the_outbox(installation: Installation) -> None:
    desk = open_desk(installation)

    sent = send_notice(installation, desk.ticket_id, "acknowledgement", OFFICER)

    assert (sent.state, sent.channel) == ("written", "file")
    assert sent.path == installation.home.outbox / f"{sent.notice_id}.eml"
    assert letters_of(desk) == (sent.path,)
