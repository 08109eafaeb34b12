"""The legal clock: every vector of specs/domain.md §3, the edges of the civil calendar, and laws that hold for any events."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from rtbf.errors import BadInput, ExtensionRefused, IllegalMove
from rtbf.ticket.clock_round import FLAGS
from rtbf.ticket.deadline import ClockEvent, clock_facts, due_within, fold_clock, is_overdue, require_extension_window
from rtbf.ticket.regime import load_regime
from rtbf.ticket.working_days import Calendar
from tests.clocks import BERLIN, COMPLEX, LONDON, LOS_ANGELES, WEEKENDS, clock, day, events, noon

VECTORS = [
    ("eu-gdpr", BERLIN, [("start", "2026-01-30")], "2026-03-02"),  # 28 Feb is a Saturday; thirty days would give 1 March
    ("eu-gdpr", BERLIN, [("start", "2028-01-31")], "2028-02-29"),  # leap year
    ("eu-gdpr", BERLIN, [("start", "2026-03-05")], "2026-04-07"),  # 5 April is Easter Sunday, 6 April Easter Monday
    ("eu-gdpr", BERLIN, [("start", "2026-08-31")], "2026-09-30"),  # there is no 31 September
    ("eu-gdpr", BERLIN, [("start", "2026-01-31"), ("extend", "2026-02-10")], "2026-04-30"),  # chained months give 28 April
    (
        "eu-gdpr",
        BERLIN,
        [("start", "2026-11-23"), ("suspend", "2026-12-01"), ("resume", "2026-12-11")],
        "2027-01-04",  # 23 December + 10 days is 2 January 2027, a Saturday
    ),
    ("uk-gdpr", LONDON, [("start", "2026-11-23"), ("suspend", "2026-11-24"), ("resume", "2026-12-11")], "2027-01-11"),
    ("us-ca-ccpa", LOS_ANGELES, [("start", "2026-11-23")], "2027-01-06"),  # day 1 is 23 November: 8 + 31 + 6 = 45
]


@pytest.mark.parametrize(("regime", "calendar", "pairs", "due"), VECTORS)
def test_each_vector_of_the_domain_gives_its_date(regime: str, calendar: Calendar, pairs: list[tuple[str, str]], due: str) -> None:
    read = clock(regime, calendar, *pairs)

    assert read.deadline == day(due)
    assert read.deadline.isoformat() != "2026-04-28"


def test_without_counting_the_start_day_california_is_a_day_later() -> None:
    lenient = replace(load_regime("us-ca-ccpa"), counts_start_day=False)

    read = fold_clock(lenient, LOS_ANGELES, events(LOS_ANGELES, ("start", "2026-11-23")), noon("2026-11-23", LOS_ANGELES))

    assert read.deadline == day("2027-01-07")  # 7 + 31 + 7 = 45


def test_the_vectors_calendar_is_the_one_pinned_here() -> None:
    """Public holidays decide two vectors, so a library that changes them must be noticed here and not in a court."""
    dates = (
        "2026-01-01", "2026-03-08", "2026-04-03", "2026-04-06", "2026-05-01", "2026-05-14", "2026-05-25", "2026-10-03", "2026-12-25",
        "2026-12-26", "2027-01-01", "2027-03-08", "2027-03-26", "2027-03-29", "2027-05-01", "2027-05-06", "2027-05-17", "2027-10-03",
        "2027-12-25", "2027-12-26",
    )  # fmt: skip
    listed = ",".join(f'"{text}"' for text in dates)
    plain = f'{{"dates":[{listed}],"first_year":2026,"holidays":"DE-BE","last_year":2027,"time_zone":"Europe/Berlin"}}'

    digest = BERLIN.digest(2026, 2027)

    assert digest == "sha256:" + hashlib.sha256(plain.encode()).hexdigest()


@pytest.mark.parametrize(
    ("due", "over"),
    [
        ("2026-03-27", "2026-03-27T23:00:00+00:00"),  # winter time: midnight is 23:00 UTC
        ("2026-03-29", "2026-03-29T22:00:00+00:00"),  # a day of 23 hours ends in summer time
        ("2026-10-24", "2026-10-24T22:00:00+00:00"),
        ("2026-10-25", "2026-10-25T23:00:00+00:00"),  # a day of 25 hours ends in winter time
    ],
)
def test_a_day_ends_at_its_own_midnight_when_the_clocks_change(due: str, over: str) -> None:
    assert BERLIN.end_of(day(due)).isoformat() == over


@pytest.mark.parametrize(
    ("received_on", "due", "over"),
    [
        # Both changes fall on Sundays, so their deadlines roll to Monday; that day's end is in the new time.
        ("2026-02-28", "2026-03-30", "2026-03-30T22:00:00+00:00"),  # 28 March is a Saturday
        ("2026-09-25", "2026-10-26", "2026-10-26T23:00:00+00:00"),  # 25 October is the Sunday of the change
    ],
)
def test_a_deadline_across_a_clock_change_ends_at_local_midnight(received_on: str, due: str, over: str) -> None:
    read = clock("eu-gdpr", BERLIN, ("start", received_on))

    assert (read.deadline, read.deadline_at.isoformat()) == (day(due), over)


@pytest.mark.parametrize(
    ("instant", "calendar", "received_on"),
    [
        ("2026-01-29T23:30:00+01:00", BERLIN, "2026-01-29"),
        ("2026-01-29T23:30:00+00:00", BERLIN, "2026-01-30"),  # half past midnight in Berlin
        ("2026-01-30T06:30:00+00:00", LOS_ANGELES, "2026-01-29"),  # 22:30 of the day before
        ("2025-12-31T23:30:00+00:00", BERLIN, "2026-01-01"),  # another year
    ],
)
def test_the_civil_date_of_receipt_counts(instant: str, calendar: Calendar, received_on: str) -> None:
    at = datetime.fromisoformat(instant)

    read = fold_clock(load_regime("eu-gdpr"), calendar, [ClockEvent(kind="start", at=at)], at)

    assert read.received_on == day(received_on)


@pytest.mark.parametrize(
    ("received_on", "due"),
    [
        ("2028-02-29", "2028-03-29"),
        ("2026-02-28", "2026-03-30"),  # 28 March is a Saturday
        ("2025-12-31", "2026-02-02"),  # 31 January is a Saturday
        ("2026-12-01", "2027-01-04"),  # 1 January is a holiday on a Friday, then the weekend
        ("2026-03-03", "2026-04-07"),  # Good Friday, Saturday, Easter Sunday, Easter Monday
        ("2026-11-25", "2026-12-28"),  # Christmas Day is a Friday, then Saturday and Sunday
    ],
)
def test_months_end_on_the_same_number_and_roll_to_a_working_day(received_on: str, due: str) -> None:
    assert clock("eu-gdpr", BERLIN, ("start", received_on)).deadline == day(due)


def test_without_a_country_the_date_is_never_later() -> None:
    with_holidays = clock("eu-gdpr", BERLIN, ("start", "2026-03-05"))
    weekends_only = clock("eu-gdpr", replace(BERLIN, holidays=None), ("start", "2026-03-05"))

    assert (weekends_only.deadline, with_holidays.deadline) == (day("2026-04-06"), day("2026-04-07"))


@pytest.mark.parametrize(
    ("regime", "calendar", "by"),
    [
        ("eu-gdpr", BERLIN, "2026-11-26"),  # Tue, Wed, Thu
        ("us-ca-ccpa", LOS_ANGELES, "2026-12-09"),  # ten, without Thanksgiving and the day after, which California keeps free
    ],
)
def test_receipt_is_acknowledged_within_working_days(regime: str, calendar: Calendar, by: str) -> None:
    assert clock(regime, calendar, ("start", "2026-11-23")).acknowledge_by == day(by)


def test_a_suspension_that_runs_moves_the_deadline_day_by_day() -> None:
    pairs = [("start", "2026-11-23"), ("suspend", "2026-11-25")]

    reads = [clock("eu-gdpr", WEEKENDS, *pairs, now=at) for at in ("2026-11-25", "2026-11-30", "2026-12-31")]

    assert [read.suspended_days for read in reads] == [0, 5, 36]
    assert [read.deadline for read in reads] == [day("2026-12-23"), day("2026-12-28"), day("2027-01-28")]
    assert {read.strict_deadline for read in reads} == {day("2026-12-23")}
    assert all(read.is_suspended for read in reads)


def test_two_suspensions_add_up() -> None:
    pairs = [("suspend", "2026-11-24"), ("resume", "2026-11-26"), ("suspend", "2026-11-26"), ("resume", "2026-12-01")]

    read = clock("eu-gdpr", WEEKENDS, ("start", "2026-11-23"), *pairs)

    assert (read.suspended_days, read.deadline) == (7, day("2026-12-30"))  # 2 + 5; 23 December + 7
    assert "asked_again" in read.flags


def test_a_question_that_comes_late_is_kept_and_flagged() -> None:
    prompt = clock("eu-gdpr", BERLIN, ("start", "2026-11-23"), ("suspend", "2026-11-28"))
    late = clock("eu-gdpr", BERLIN, ("start", "2026-11-23"), ("suspend", "2026-11-29"), ("resume", "2026-12-01"))

    assert prompt.flags == ()
    assert (late.flags, late.suspended_days) == (("asked_late",), 2)
    assert set(late.flags) <= set(FLAGS)


def test_a_question_after_the_deadline_mends_nothing() -> None:
    pairs = [("start", "2026-11-23"), ("suspend", "2026-12-24"), ("resume", "2027-01-20")]

    reads = [clock(regime, WEEKENDS, *pairs) for regime in ("eu-gdpr", "uk-gdpr")]

    assert [read.deadline for read in reads] == [day("2026-12-23")] * 2
    assert all("asked_after_deadline" in read.flags for read in reads)
    assert all(is_overdue(read, noon("2027-01-20")) for read in reads)


def test_a_regime_that_starts_with_identity_has_not_started_while_it_waits() -> None:
    waiting = clock("uk-gdpr", LONDON, ("start", "2026-11-23"), ("suspend", "2026-11-24"), now="2026-12-01")
    never_asked = clock("uk-gdpr", LONDON, ("start", "2026-11-23"), now="2026-12-01")

    assert (waiting.started_on, waiting.is_suspended) == (None, True)
    assert (waiting.strict_deadline, waiting.deadline) == (day("2026-12-23"), day("2027-01-04"))  # 1 January is a holiday, a Friday
    assert (never_asked.started_on, never_asked.deadline) == (day("2026-11-23"), day("2026-12-23"))


def test_an_extension_is_measured_from_the_day_the_clock_started() -> None:
    pairs = [("start", "2026-11-23"), ("suspend", "2026-11-24"), ("resume", "2026-12-11"), ("extend", "2026-12-20")]

    read = clock("uk-gdpr", LONDON, *pairs)

    assert (read.deadline, read.extended_deadline, read.is_extended) == (day("2027-03-11"), day("2027-03-11"), True)


def test_suspended_days_lengthen_an_extended_period_too() -> None:
    pairs = [("start", "2026-11-23"), ("suspend", "2026-12-01"), ("resume", "2026-12-11"), ("extend", "2026-12-12")]

    assert clock("eu-gdpr", BERLIN, *pairs).deadline == day("2027-03-05")  # 23 February + 10 days


def test_asking_for_identity_moves_nothing_in_california() -> None:
    asked = clock("us-ca-ccpa", LOS_ANGELES, ("start", "2026-11-23"), ("suspend", "2026-12-10"), ("resume", "2027-01-05"))

    assert (asked.deadline, asked.suspended_days, asked.is_suspended, asked.flags) == (day("2027-01-06"), 0, False, ())


def test_a_california_extension_ends_ninety_days_from_receipt() -> None:
    read = clock("us-ca-ccpa", LOS_ANGELES, ("start", "2026-11-23"), ("extend", "2026-12-10"))

    assert read.deadline == day("2027-02-20")  # day 1 is 23 November: 8 + 31 + 31 + 20 = 90; a Saturday, and no rolling


def test_the_clock_stops_with_the_notice_and_says_whether_that_was_in_time() -> None:
    start = ClockEvent(kind="start", at=noon("2026-11-23"))
    last = datetime(2026, 12, 23, 22, 59, 59, 999999, tzinfo=UTC)  # one microsecond before midnight in Berlin
    regime = load_regime("eu-gdpr")

    running = fold_clock(regime, BERLIN, [start], last)
    in_time = fold_clock(regime, BERLIN, [start, ClockEvent(kind="stop", at=last)], last)
    late = fold_clock(regime, BERLIN, [start, ClockEvent(kind="stop", at=last + timedelta(microseconds=1))], last)

    assert [read.answered_in_time for read in (running, in_time, late)] == [None, True, False]
    assert (in_time.stopped_at, in_time.is_suspended) == (last, False)


def test_a_stopped_clock_reads_the_same_ever_after() -> None:
    pairs = [("start", "2026-11-23"), ("suspend", "2026-11-24"), ("stop", "2026-12-01")]

    reads = {clock("eu-gdpr", BERLIN, *pairs, now=at) for at in ("2026-12-01", "2027-06-01")}

    assert len(reads) == 1
    assert not reads.pop().is_suspended


def test_a_machine_whose_clock_lags_reads_the_clock_as_of_the_last_event() -> None:
    happened = events(BERLIN, ("start", "2026-11-23"), ("suspend", "2026-11-25"))

    lagging, exact = (fold_clock(load_regime("eu-gdpr"), BERLIN, happened, noon(at)) for at in ("2026-11-20", "2026-11-25"))

    assert lagging == exact
    assert lagging.suspended_days == 0


def test_reopening_starts_a_new_clock() -> None:
    before = [("start", "2026-01-05"), ("extend", "2026-01-10"), ("stop", "2026-03-01")]

    read = clock("eu-gdpr", BERLIN, *before, ("reopen", "2026-06-30"))

    assert (read.received_on, read.deadline, read.round_number) == (day("2026-06-30"), day("2026-07-30"), 2)
    assert (read.is_extended, read.stopped_at) == (False, None)
    assert read.steps[0].startswith("reopened on 2026-06-30 (Tue)")


@pytest.mark.parametrize(
    "kinds",
    [
        (),
        ("suspend",),
        ("start", "start"),
        ("start", "reopen"),
        ("start", "resume"),
        ("start", "suspend", "suspend"),
        ("start", "suspend", "resume", "resume"),
        ("start", "extend", "extend"),
        ("start", "stop", "stop"),
        ("start", "stop", "suspend"),
        ("start", "stop", "extend"),
        ("start", "stop", "reopen", "reopen"),
    ],
)
def test_events_that_cannot_follow_each_other_are_refused(kinds: tuple[Any, ...]) -> None:
    told = [(kind, f"2026-11-{23 + number}") for number, kind in enumerate(kinds)]

    with pytest.raises(IllegalMove, match="expected"):
        fold_clock(load_regime("eu-gdpr"), BERLIN, events(BERLIN, *told), noon("2026-11-30"))


def test_an_event_before_the_one_it_follows_is_refused() -> None:
    with pytest.raises(IllegalMove, match="not before"):
        clock("eu-gdpr", BERLIN, ("start", "2026-11-23"), ("suspend", "2026-11-22"))


def test_an_extension_in_the_events_after_the_deadline_is_refused() -> None:
    with pytest.raises(ExtensionRefused, match="2026-12-23"):
        clock("eu-gdpr", BERLIN, ("start", "2026-11-23"), ("extend", "2026-12-24"))


def test_the_extension_window_closes_with_the_unextended_deadline() -> None:
    read = clock("eu-gdpr", BERLIN, ("start", "2026-11-23"))

    require_extension_window(read, read.deadline_at - timedelta(microseconds=1))
    with pytest.raises(ExtensionRefused, match=r"2026-12-23 \(Wed\)"):
        require_extension_window(read, read.deadline_at)


@pytest.mark.parametrize(
    ("regime", "pairs", "found"),
    [
        ("eu-gdpr", [("start", "2026-11-23"), ("extend", "2026-11-25")], "extended already"),
        ("eu-gdpr", [("start", "2026-11-23"), ("stop", "2026-11-25")], "answered already"),
        ("voluntary", [("start", "2026-11-23")], "knows no extension"),
    ],
)
def test_an_extension_is_refused_with_its_reason(regime: str, pairs: list[tuple[str, str]], found: str) -> None:
    read = clock(regime, BERLIN, *pairs)

    with pytest.raises(ExtensionRefused, match=found):
        require_extension_window(read, noon("2026-11-26"))


def test_a_clock_is_overdue_when_its_day_is_over_and_never_after_the_answer() -> None:
    running = clock("eu-gdpr", BERLIN, ("start", "2026-11-23"))
    answered = clock("eu-gdpr", BERLIN, ("start", "2026-11-23"), ("stop", "2027-02-01"))

    over = running.deadline_at

    assert [is_overdue(running, over - timedelta(seconds=1)), is_overdue(running, over)] == [False, True]
    assert (is_overdue(answered, over), due_within(answered, over, 7)) == (False, False)


@pytest.mark.parametrize(
    ("now", "is_due"),
    [
        ("2026-12-15", False),
        ("2026-12-16", True),  # the strict date, 23 December, is seven days away
        ("2026-12-23", True),
        ("2026-12-24", False),  # the strict date is over; the effective one, 11 January, is not near
        ("2027-01-04", True),
        ("2027-01-12", True),  # overdue
    ],
)
def test_what_is_due_is_the_strict_date_and_then_the_effective_one(now: str, is_due: bool) -> None:  # noqa: FBT001
    pairs = [("start", "2026-11-23"), ("suspend", "2026-11-24"), ("resume", "2026-12-11")]
    read = clock("uk-gdpr", LONDON, *pairs)

    assert due_within(read, noon(now, LONDON), 7) is is_due


def test_the_steps_explain_each_date_in_their_order() -> None:
    pairs = [("start", "2026-11-23"), ("suspend", "2026-12-01"), ("resume", "2026-12-11"), ("stop", "2026-12-20")]

    assert clock("eu-gdpr", BERLIN, *pairs).steps == (
        "received on 2026-11-23 (Mon), civil time of Europe/Berlin",
        "acknowledge by 2026-11-26 (Thu): 3 working days after that day",
        "strict deadline: 1 month from receipt is 2026-12-23 (Wed)",
        "identity asked for on 2026-12-01 (Tue), answered on 2026-12-11 (Fri): 10 days added",
        (
            "effective deadline: 1 month from receipt is 2026-12-23 (Wed), with 10 days of waiting 2027-01-02 (Sat), a Saturday;"
            " the next working day is 2027-01-04 (Mon)"
        ),
        "due 2027-01-04 (Mon); that day is over at 2027-01-04T23:00:00.000Z",
        "answered on 2026-12-20 (Sun): in time",
    )


@pytest.mark.parametrize(
    ("regime", "pairs", "step"),
    [
        ("uk-gdpr", [("suspend", "2026-11-24")], "not answered yet: the period has not begun"),
        ("uk-gdpr", [("suspend", "2026-11-24"), ("resume", "2026-11-25")], "answered on 2026-11-25 (Wed): the period begins no earlier"),
        ("us-ca-ccpa", [("suspend", "2026-11-24")], "not answered yet: under us-ca-ccpa the clock does not wait"),
        ("eu-gdpr", [("suspend", "2026-11-24")], "not answered yet: 0 days added so far"),
        ("eu-gdpr", [("suspend", "2026-12-24")], "the deadline was over, nothing moves"),
        ("eu-gdpr", [("extend", "2026-12-01")], f"extended on 2026-12-01 (Tue) for {COMPLEX}: 3 months instead of 1 month"),
    ],
)
def test_a_step_tells_what_a_question_or_an_extension_did(regime: str, pairs: list[tuple[str, str]], step: str) -> None:
    read = clock(regime, BERLIN, ("start", "2026-11-23"), *pairs)

    assert any(told.endswith(step) for told in read.steps), read.steps


def test_the_clock_as_json_holds_plain_values() -> None:
    facts = clock_facts(clock("eu-gdpr", BERLIN, ("start", "2026-11-23")))

    assert facts["deadline"] == "2026-12-23"
    assert facts["deadline_at"] == "2026-12-23T23:00:00.000Z"
    assert (facts["stopped_at"], facts["is_extended"], facts["flags"]) == (None, False, [])


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"kind": "pause"}, "unknown kind"),
        ({"at": datetime(2026, 11, 23, 12, 0)}, "without a UTC offset"),  # noqa: DTZ001 - the fault is the test
        ({"at": datetime(9999, 12, 31, tzinfo=UTC)}, "year 9999"),
        ({"kind": "extend"}, "without a code"),
    ],
)
def test_an_event_that_cannot_be_dated_or_explained_is_refused(changes: dict[str, Any], found: str) -> None:
    given = {"kind": "start", "at": noon("2026-11-23")} | changes

    with pytest.raises(BadInput, match=found):
        ClockEvent(**given)


@pytest.mark.parametrize(
    ("time_zone", "holidays", "expected"),
    [
        ("Europe/Berln", None, "Europe/Berlin"),
        ("../../etc/passwd", None, "an IANA name"),
        ("", None, "an IANA name"),
        ("Europe", None, "an IANA name"),
        ("Europe/Berlin", "ZZ", "ISO 3166"),
        ("Europe/Berlin", "de", "ISO 3166"),
        ("Europe/Berlin", "DE-XX", "one of BB, BE"),
        ("Europe/Berlin", "DE-", "one of BB, BE"),
    ],
)
def test_a_calendar_that_does_not_exist_is_refused_with_what_would_do(time_zone: str, holidays: str | None, expected: str) -> None:
    with pytest.raises(BadInput, match=expected):
        Calendar(time_zone=time_zone, holidays=holidays)


def test_a_year_whose_holidays_are_unknown_is_refused_rather_than_worked_through() -> None:
    with pytest.raises(BadInput, match="2101"):
        clock("eu-gdpr", BERLIN, ("start", "2101-03-01"))


# --- laws ---
