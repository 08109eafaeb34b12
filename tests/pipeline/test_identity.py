"""Who is asking: a code passes once, in time, for its own check; doubts are recorded; the clock does what the regime says."""

from __future__ import annotations

import io
import logging
from dataclasses import replace
from datetime import date
from email import message_from_bytes, policy
from typing import TYPE_CHECKING, Any

import pytest
import structlog
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rtbf.errors import (
    BadInput,
    IdentityExhausted,
    IdentityExpired,
    IdentityRefused,
    IllegalMove,
    LetterIncomplete,
    MailUnreachable,
    RTBFError,
    TicketChanged,
    UnknownName,
)
from rtbf.logs import configure_logs
from rtbf.pipeline.asking import ask_person
from rtbf.pipeline.identity import answer_identity, ask_identity, record_identity, require_right_answer
from rtbf.pipeline.intake import submit_ticket
from rtbf.pipeline.notices import send_queued
from rtbf.pipeline.standing import checks_of, standing_of
from rtbf.store.identity import identity_checks
from rtbf.store.tickets import find_ticket
from rtbf.ticket.identity import DOUBTS, METHOD_LEVELS
from rtbf.ticket.intake import read_submission
from rtbf.ticket_view import ticket_events, view_ticket
from rtbf.vault.secret import Secret

if TYPE_CHECKING:
    from rtbf.installation import Installation
    from rtbf.pipeline.identity import Asked

ATTEMPTS = 5


def submit(installation: Installation, mail: str = "ines@example.org", **changes: Any) -> str:
    body = {"subject": [{"kind": "name", "value": "Ines Varga"}, {"kind": "email", "value": mail}], **changes}
    return submit_ticket(installation, read_submission(body, installation.clock()), "olga")


def ask(installation: Installation, ticket_id: str, method: str = "email_code") -> Asked:
    return ask_identity(installation, ticket_id, method, "unknown_sender", "olga")


def code_of(asked: Asked) -> Secret:
    assert asked.code is not None
    return asked.code


def wrong(asked: Asked, step: int = 1) -> Secret:
    """Return a code that is not the one that was asked for."""
    return Secret(f"{(int(code_of(asked).reveal()) + step) % 10**8:08d}")


def where(installation: Installation, ticket_id: str) -> tuple[str, str | None]:
    view = view_ticket(installation, ticket_id)
    return view.state, view.reason


def event_types(installation: Installation, ticket_id: str) -> list[str]:
    return [part.split(b'"')[0].decode() for leaf in ticket_events(installation, ticket_id) for part in leaf.split(b'"type":"')[1:]]


def test_a_right_code_in_time_identifies_the_person(installation: Installation) -> None:
    ticket_id = submit(installation)
    asked = ask(installation, ticket_id)

    is_right = answer_identity(installation, ticket_id, asked.check_id, code_of(asked), "olga")

    assert is_right
    assert where(installation, ticket_id) == ("locating", "awaiting_worker")
    assert standing_of(installation, ticket_id).identity_level == "low"


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(typed=st.one_of(st.text(max_size=30), st.from_regex(r"\A[0-9]{8}\Z")))
def test_what_is_not_the_code_never_passes_and_is_counted(installation: Installation, typed: str) -> None:
    ticket_id = submit(installation)
    asked = ask(installation, ticket_id)
    if typed.strip() == code_of(asked).reveal():
        typed = wrong(asked).reveal()

    is_right = answer_identity(installation, ticket_id, None, Secret(typed), "olga")

    (check,) = checks_of(installation, ticket_id)
    assert (is_right, check.attempts, check.result) == (False, 1, "open")
    assert where(installation, ticket_id) == ("identifying", "need_identity")


def test_a_wrong_answer_is_refused_and_counted_all_the_same(installation: Installation) -> None:
    ticket_id = submit(installation)
    asked = ask(installation, ticket_id)

    with pytest.raises(IdentityRefused, match="not the code") as refused:
        require_right_answer(installation, ticket_id, asked.check_id, wrong(asked), "olga")

    assert type(refused.value) is IdentityRefused
    assert [check.attempts for check in checks_of(installation, ticket_id)] == [1]
    assert event_types(installation, ticket_id)[-1] == "identity.failed"


def test_after_too_many_wrong_answers_even_the_right_one_is_refused(installation: Installation) -> None:
    ticket_id = submit(installation)
    asked = ask(installation, ticket_id)
    for step in range(1, ATTEMPTS + 1):
        answer_identity(installation, ticket_id, asked.check_id, wrong(asked, step), "olga")

    with pytest.raises(IdentityExhausted):
        answer_identity(installation, ticket_id, asked.check_id, code_of(asked), "olga")

    (check,) = checks_of(installation, ticket_id)
    assert (check.result, check.attempts) == ("failed", ATTEMPTS)
    assert where(installation, ticket_id) == ("identifying", "need_identity")


def test_used_up_attempts_touch_neither_another_ticket_nor_a_fresh_check(installation: Installation, clock: Any) -> None:
    attacked, other = submit(installation), submit(installation)
    of_attacked, of_other = ask(installation, attacked), ask(installation, other)
    for step in range(1, ATTEMPTS + 1):
        answer_identity(installation, attacked, None, wrong(of_attacked, step), "olga")
    clock.move(seconds=1)
    fresh = ask(installation, attacked)

    passed = [
        answer_identity(installation, other, None, code_of(of_other), "olga"),
        answer_identity(installation, attacked, None, code_of(fresh), "olga"),
    ]

    assert passed == [True, True]
    assert [check.attempts for check in checks_of(installation, other)] == [1]
    assert [check.attempts for check in checks_of(installation, attacked)] == [ATTEMPTS, 1]


def test_a_code_is_over_when_its_time_is(installation: Installation, clock: Any) -> None:
    ticket_id = submit(installation)
    asked = ask(installation, ticket_id)
    clock.move(hours=72)

    with pytest.raises(IdentityExpired):
        answer_identity(installation, ticket_id, asked.check_id, code_of(asked), "olga")

    (check,) = checks_of(installation, ticket_id)
    assert (check.result, check.attempts) == ("expired", 0)
    assert where(installation, ticket_id)[0] == "identifying"


def test_a_code_passes_until_its_last_second(installation: Installation, clock: Any) -> None:
    ticket_id = submit(installation)
    asked = ask(installation, ticket_id)
    clock.move(hours=71, minutes=59, seconds=59)

    assert answer_identity(installation, ticket_id, asked.check_id, code_of(asked), "olga")


def test_a_code_of_another_ticket_never_passes(installation: Installation) -> None:
    mine, others = submit(installation), submit(installation)
    of_mine, of_others = ask(installation, mine), ask(installation, others)

    is_right = answer_identity(installation, mine, None, code_of(of_others), "olga")
    with pytest.raises(UnknownName):
        answer_identity(installation, mine, of_others.check_id, code_of(of_others), "olga")

    assert not is_right
    assert [check.attempts for check in checks_of(installation, others)] == [0]
    assert answer_identity(installation, mine, of_mine.check_id, code_of(of_mine), "olga")


def test_a_second_question_ends_the_first(installation: Installation, clock: Any) -> None:
    ticket_id = submit(installation)
    first = ask(installation, ticket_id)
    clock.move(seconds=1)
    second = ask(installation, ticket_id)

    with pytest.raises(IdentityExpired):
        answer_identity(installation, ticket_id, first.check_id, code_of(first), "olga")
    is_first_code_right = answer_identity(installation, ticket_id, None, code_of(first), "olga")

    assert not is_first_code_right
    assert [check.result for check in checks_of(installation, ticket_id)] == ["expired", "open"]
    assert answer_identity(installation, ticket_id, None, code_of(second), "olga")


def test_a_code_counts_once(installation: Installation) -> None:
    ticket_id = submit(installation)
    asked = ask(installation, ticket_id)
    answer_identity(installation, ticket_id, None, code_of(asked), "olga")

    with pytest.raises(IdentityExpired):
        answer_identity(installation, ticket_id, None, code_of(asked), "olga")

    assert event_types(installation, ticket_id).count("identity.established") == 1


def test_established_otherwise_ends_the_open_code(installation: Installation, clock: Any) -> None:
    ticket_id = submit(installation)
    asked = ask(installation, ticket_id)
    clock.move(seconds=1)
    record_identity(installation, ticket_id, "in_person", "olga")

    with pytest.raises(IdentityExpired):
        answer_identity(installation, ticket_id, asked.check_id, code_of(asked), "olga")

    assert [check.result for check in checks_of(installation, ticket_id)] == ["expired", "passed"]


def test_a_check_without_a_code_is_not_answered_by_one(installation: Installation) -> None:
    ticket_id = submit(installation)
    asked = ask(installation, ticket_id, "document_viewed")

    for check_id in (None, asked.check_id):
        with pytest.raises(IdentityRefused):
            answer_identity(installation, ticket_id, check_id, Secret("12345678"), "olga")

    assert asked.code is None
    assert [check.attempts for check in checks_of(installation, ticket_id)] == [0]


def test_a_withdrawn_ticket_takes_no_answers(installation: Installation) -> None:
    ticket_id = submit(installation)
    asked = ask(installation, ticket_id)
    with installation.transaction() as session:
        find_ticket(session, ticket_id).state = "closed"

    with pytest.raises(IllegalMove):
        answer_identity(installation, ticket_id, None, code_of(asked), "olga")

    assert [check.attempts for check in checks_of(installation, ticket_id)] == [0]


STEPS: dict[str, Any] = {
    "ask": ask,
    "record": lambda installation, ticket_id: record_identity(installation, ticket_id, "in_person", "olga"),
}


@pytest.mark.parametrize("step", STEPS)
def test_asking_after_identity_is_established_is_refused(installation: Installation, step: str) -> None:
    ticket_id = submit(installation, identity={"method": "account_login"})
    before = ticket_events(installation, ticket_id)

    with pytest.raises(IllegalMove):
        STEPS[step](installation, ticket_id)

    assert ticket_events(installation, ticket_id) == before


@pytest.mark.parametrize(
    ("method", "doubt"), [("email_code", ""), ("email_code", "a hunch"), ("passport_scan", "unknown_sender"), ("", "")]
)
def test_asking_needs_a_known_method_and_a_recorded_doubt(installation: Installation, method: str, doubt: str) -> None:
    ticket_id = submit(installation)

    with pytest.raises(BadInput):
        ask_identity(installation, ticket_id, method, doubt, "olga")

    assert where(installation, ticket_id) == ("received", "need_identity")
    assert checks_of(installation, ticket_id) == ()


@pytest.mark.parametrize("doubt", DOUBTS)
def test_the_doubt_stands_in_the_ledger(installation: Installation, doubt: str) -> None:
    ticket_id = submit(installation)

    ask_identity(installation, ticket_id, "document_viewed", doubt, "olga")

    assert f'"doubt":"{doubt}"'.encode() in ticket_events(installation, ticket_id)[-1]


def test_a_stale_version_asks_nothing(installation: Installation) -> None:
    ticket_id = submit(installation)
    read = view_ticket(installation, ticket_id).version
    ask(installation, ticket_id)

    with pytest.raises(TicketChanged):
        ask_identity(installation, ticket_id, "email_code", "unknown_sender", "olga", version=read)

    assert len(checks_of(installation, ticket_id)) == 1


def test_each_question_and_each_passed_check_gives_the_ticket_another_version(installation: Installation) -> None:
    ticket_id = submit(installation, regime="us-ca-ccpa")
    versions = [view_ticket(installation, ticket_id).version]

    for step in (
        lambda: ask(installation, ticket_id),
        lambda: ask(installation, ticket_id),
        lambda: record_identity(installation, ticket_id, "controller_assertion", "olga"),
        lambda: record_identity(installation, ticket_id, "in_person", "olga"),
    ):
        step()
        versions.append(view_ticket(installation, ticket_id).version)

    assert versions == sorted(set(versions))


def test_a_code_needs_an_address_to_be_sent_to(installation: Installation) -> None:
    body = {"subject": [{"kind": "name", "value": "Ines Varga"}]}
    ticket_id = submit_ticket(installation, read_submission(body, installation.clock()), "olga")

    with pytest.raises(BadInput, match="no e-mail address"):
        ask(installation, ticket_id)

    assert where(installation, ticket_id) == ("received", "need_identity")


LOW = [method for method, level in METHOD_LEVELS.items() if level == "low"]


@pytest.mark.parametrize("method", LOW)
def test_too_low_a_level_keeps_a_californian_ticket_waiting(installation: Installation, method: str) -> None:
    ticket_id = submit(installation, regime="us-ca-ccpa")

    record_identity(installation, ticket_id, method, "olga")

    standing = standing_of(installation, ticket_id)
    assert (standing.identity_level, standing.identity_required) == ("low", "substantial")
    assert where(installation, ticket_id) == ("received", "need_identity")
    assert event_types(installation, ticket_id)[-1] == "identity.insufficient"


def test_a_right_code_alone_does_not_suffice_in_california(installation: Installation) -> None:
    ticket_id = submit(installation, regime="us-ca-ccpa")
    asked = ask(installation, ticket_id)

    is_right = answer_identity(installation, ticket_id, None, code_of(asked), "olga")
    after_code = where(installation, ticket_id)
    record_identity(installation, ticket_id, "account_login", "olga")

    assert is_right
    assert after_code == ("identifying", "need_identity")
    assert where(installation, ticket_id) == ("locating", "awaiting_worker")


@pytest.mark.parametrize("role", ["guardian", "authorised_agent"])
def test_who_speaks_for_another_needs_more_than_a_code(installation: Installation, role: str) -> None:
    ticket_id = submit(installation, requester={"role": role})
    asked = ask(installation, ticket_id)

    answer_identity(installation, ticket_id, None, code_of(asked), "olga")

    assert where(installation, ticket_id) == ("identifying", "need_identity")


@pytest.mark.parametrize(
    ("regime", "before", "waiting", "after"),
    [
        # Received Mon 2 March; asked the same day, 3 days later answered. EU: 2 April + 3 = Sun 5 April, so Mon 6 April.
        ("eu-gdpr", date(2026, 4, 2), True, date(2026, 4, 6)),
        # UK: one month from the day of the answer, 5 March: Sun 5 April, so Mon 6 April.
        ("uk-gdpr", date(2026, 4, 2), True, date(2026, 4, 6)),
        # California: 45 calendar days with 2 March as the first: 15 April, whatever is asked.
        ("us-ca-ccpa", date(2026, 4, 15), False, date(2026, 4, 15)),
    ],
)
def test_asking_moves_the_clock_as_the_regime_says(
    installation: Installation,
    clock: Any,
    regime: str,
    before: date,
    waiting: bool,  # noqa: FBT001 - a column of the table
    after: date,
) -> None:
    ticket_id = submit(installation, regime=regime)
    first = standing_of(installation, ticket_id).clock
    ask(installation, ticket_id, "in_person")
    asked = standing_of(installation, ticket_id).clock
    clock.move(days=3)

    record_identity(installation, ticket_id, "in_person", "olga")

    last = standing_of(installation, ticket_id).clock
    assert (first.deadline, first.strict_deadline) == (before, before)
    assert (asked.is_suspended, last.is_suspended) == (waiting, False)
    assert (last.deadline, last.strict_deadline) == (after, before)


def test_the_letter_carries_the_code_and_the_clock_waits_from_then(installation: Installation) -> None:
    ticket_id = submit(installation)

    asked = ask_person(installation, ticket_id, "email_code", "unknown_sender", "olga")

    (path,) = installation.home.outbox.glob("*.eml")
    body = message_from_bytes(path.read_bytes(), policy=policy.default).get_body()
    assert body is not None
    digits = "".join(character for character in body.get_content() if character.isdigit())
    assert code_of(asked).reveal() in digits
    assert standing_of(installation, ticket_id).clock.is_suspended


def test_a_letter_that_cannot_be_written_asks_nobody_and_stops_no_clock(installation: Installation) -> None:
    mute = replace(installation, policy=replace(installation.policy, controller_name=None))
    ticket_id = submit(mute)

    with pytest.raises(LetterIncomplete):
        ask_person(mute, ticket_id, "email_code", "unknown_sender", "olga")

    assert [check.result for check in checks_of(mute, ticket_id)] == ["expired"]
    assert not standing_of(mute, ticket_id).clock.is_suspended
    assert "identity.not_sent" in event_types(mute, ticket_id)


class AwaySender:
    """A mail server that does not answer until it is back."""

    channel = "email"
    is_back = False

    def send(self, *_: object) -> str:
        if not self.is_back:
            raise MailUnreachable(found="no mail server answers", expected="one", remedy="wait")
        return "sent"


def test_a_mail_server_that_is_away_leaves_the_letter_waiting_and_the_clock_running(installation: Installation, clock: Any) -> None:
    sender = AwaySender()
    away = replace(installation, sender=sender)  # type: ignore[arg-type]  # a stand-in
    ticket_id = submit(away)
    with pytest.raises(MailUnreachable):
        ask_person(away, ticket_id, "email_code", "unknown_sender", "olga")
    waiting = standing_of(away, ticket_id).clock
    clock.move(days=1)
    sender.is_back = True

    sent = send_queued(away)

    gone = standing_of(away, ticket_id).clock
    assert [check.result for check in checks_of(away, ticket_id)] == ["open"]
    assert (waiting.is_suspended, sent, gone.is_suspended) == (False, 1, True)
    assert gone.deadline == waiting.deadline  # asked today: no day has been waited for


def test_the_code_is_in_no_table_no_event_no_log_and_no_error(installation: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    output = io.StringIO()
    monkeypatch.setattr("sys.stderr", output)
    configure_logs(is_json=True, level=logging.DEBUG)
    ticket_id = submit(installation)
    asked = ask_person(installation, ticket_id, "email_code", "unknown_sender", "olga")
    code = code_of(asked).reveal()

    told = [repr(asked), str(asked)]
    for typed in (wrong(asked), code_of(asked), code_of(asked)):
        try:
            require_right_answer(installation, ticket_id, None, typed, "olga")
        except RTBFError as refused:
            told += [str(refused), repr(refused), repr(refused.__cause__)]
    structlog.reset_defaults()

    stored = b"".join(path.read_bytes() for path in sorted(installation.home.path.rglob("*")) if path.is_file() and path.suffix != ".eml")
    assert len(told) == 2 + 2 * 3  # the wrong answer and the second use are refused
    assert code not in "".join(told) + output.getvalue()
    assert code.encode() not in stored
    assert code.encode() not in b"".join(ticket_events(installation, ticket_id))


def test_an_ended_check_keeps_no_seal(installation: Installation) -> None:
    ticket_id = submit(installation)
    ask(installation, ticket_id)
    asked = ask(installation, ticket_id)
    answer_identity(installation, ticket_id, None, code_of(asked), "olga")

    with installation.transaction() as session:
        seals = [check.code_seal for check in identity_checks(session, ticket_id)]

    assert seals == [None, None]
