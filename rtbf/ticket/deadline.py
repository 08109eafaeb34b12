"""The legal clock: a fold over what happened. Nothing is counted and stored, so nothing can drift from its events.

It says until when an answer is due under one reading of one regime (its pack and calendar, both pinned by digest); it
does not prove that an authority or a court reads the same. It is silent about identity, codes and notices themselves:
`at` of an event is when the thing happened in the world (the question, the answer, the sent notice), not when it was typed.

Rules (specs/domain.md §3), in the order of the code:
1. Days are civil days of the calendar's zone; a deadline is a date, and the instant at which that date is over.
2. A period in months ends on the same-numbered day, or on the month's last day (Reg. 1182/71 Art. 3(2)(c)). Months are
   never chained: an extended period is counted from the first day, not from the end of the first period.
3. Suspended days are added, then a last day that is not worked gives way to the next working day, if the regime rolls.
4. `suspends`: whole days from the day the person was asked to the day of the answer. 5. `starts`: the period runs from
   the later of receipt and answer. `none`: asking moves nothing. A question asked after the deadline moves nothing either:
   a missed deadline is not mended by a late doubt.
6. Two dates: strict (no suspension, no extension) and effective. 7. One extension, before the unextended deadline is over.
8. Only a notice stops the clock (`stop`). 9. A reopened ticket has a new clock.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal, NoReturn, get_args

from dateutil.relativedelta import relativedelta

from rtbf.clock import rfc3339
from rtbf.errors import BadInput, ExtensionRefused, IllegalMove
from rtbf.ticket.clock_round import Question, Reckoning, Round, explain, flags_of
from rtbf.ticket.working_days import Calendar, day_text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rtbf.ticket.regime import Period, Regime

EventKind = Literal["start", "suspend", "resume", "extend", "stop", "reopen"]

_YEARS = (1970, 2999)
"""Far from where date arithmetic overflows; whether the holidays of a year are known is the calendar's to say."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ClockEvent:
    """One thing that happened. `at` is aware; `code` says why (an extension always needs one)."""

    kind: EventKind
    at: datetime
    code: str | None = None

    def __post_init__(self) -> None:
        if self.kind not in get_args(EventKind):
            raise BadInput(found="an unknown kind of clock event", expected=f"one of {', '.join(get_args(EventKind))}", remedy="correct it")
        if self.at.tzinfo is None:
            raise BadInput(found=f"a '{self.kind}' without a UTC offset", expected="an aware instant", remedy="add the offset")
        if not _YEARS[0] <= self.at.year <= _YEARS[1]:
            raise BadInput(
                found=f"a '{self.kind}' in the year {self.at.year}", expected="a year from 1970 to 2999", remedy="correct the date"
            )
        if self.kind == "extend" and not self.code:
            raise BadInput(
                found="an extension without a code", expected="the delay code that explains it", remedy="see `rtbf regime show NAME`"
            )


@dataclass(frozen=True, kw_only=True, slots=True)
class LegalClock:
    """What the events say as of one moment: two dates, how they came about, and what an officer should look at."""

    regime: str
    time_zone: str
    received_on: date
    """The civil day of receipt, or of reopening."""
    started_on: date | None
    """The civil day from which the period runs; None while a regime that starts with identity still waits for it."""
    strict_deadline: date
    deadline: date
    """The effective deadline. While identity is awaited it moves with each day, and this is where it stands as of `now`."""
    deadline_at: datetime
    """The first instant, in UTC, at which the deadline's day is over."""
    extended_deadline: date | None
    """The deadline with an extension, whether or not there was one; None when the regime knows no extension."""
    acknowledge_by: date
    is_suspended: bool
    """Whether the clock waits for identity; never true under a regime where asking moves nothing."""
    suspended_days: int
    is_extended: bool
    stopped_at: datetime | None
    answered_in_time: bool | None
    """None while the clock runs."""
    round_number: int
    """1 for the first clock of a ticket, one more for each reopening."""
    flags: tuple[str, ...]
    """Of `clock_round.FLAGS`."""
    steps: tuple[str, ...]
    """Sentences that explain each date, in the order they came about. No personal data."""


def fold_clock(regime: Regime, calendar: Calendar, events: Iterable[ClockEvent], now: datetime) -> LegalClock:
    """Return the clock that `events`, in their order, give as of `now`.

    `now` matters only while identity is awaited. Should it lie before the last event, as the clocks of two machines may
    differ, the last event's instant is used. Raises IllegalMove when an event cannot follow the ones before it (doubled,
    out of order, after the stop), and ExtensionRefused for an extension after the deadline.
    """
    rounds: list[Round] = []
    last = None
    for event in events:
        if last is not None and event.at < last.at:
            _refuse_event(event, "an instant not before the event it follows")
        rounds = _with_event(regime, calendar, rounds, event)
        last = event
    if last is None:
        raise IllegalMove(found="a clock without events", expected="a start", remedy="start it with the day of receipt")
    return _read(regime, calendar, rounds[-1], len(rounds), max(now, last.at))


def require_extension_window(clock: LegalClock, now: datetime) -> None:
    """Return when an extension is lawful at `now`; raises ExtensionRefused when there is none or its time is over.

    GDPR Art. 12(3), 11 CCR 7021(b): once, with the notice given before the unextended period is over. Whether the code is
    a lawful reason is `codes.require_extension_code`; that the notice was sent is the caller's to show.
    """
    if clock.extended_deadline is None:
        _refuse_extension(f"a ticket under {clock.regime}, which knows no extension", "an answer by the deadline")
    if clock.stopped_at is not None:
        _refuse_extension("a ticket that was answered already", "a running clock")
    if clock.is_extended:
        _refuse_extension("a ticket that was extended already", "at most one extension")
    if now >= clock.deadline_at:
        _refuse_extension(f"a deadline that was over on {day_text(clock.deadline)}", "an extension before the deadline is over")


def is_overdue(clock: LegalClock, now: datetime) -> bool:
    """Return whether the clock runs and its effective deadline is over at `now`."""
    return clock.stopped_at is None and now >= clock.deadline_at


def due_within(clock: LegalClock, now: datetime, days: int) -> bool:
    """Return whether the clock runs and the next of its two dates comes within `days` civil days, today being day 0.

    The strict date counts until it is over, then the effective one: we warn of the earlier, since an authority may not
    accept a suspension. An overdue clock is always due.
    """
    if clock.stopped_at is not None:
        return False
    today = Calendar(time_zone=clock.time_zone).civil_date(now)
    upcoming = clock.strict_deadline if clock.strict_deadline >= today else clock.deadline
    return upcoming <= today + timedelta(days=days)


def clock_facts(clock: LegalClock) -> dict[str, Any]:
    """Return the clock as plain JSON values: dates as YYYY-MM-DD, instants as RFC 3339."""
    return {name: _plain(getattr(clock, name)) for name in LegalClock.__dataclass_fields__}


def _lawful_kinds(rounds: list[Round]) -> tuple[str, ...]:
    if not rounds:
        return ("start",)
    current = rounds[-1]
    if current.stopped_at is not None:
        return ("reopen",)
    question = "resume" if current.is_asking else "suspend"
    return (question, "stop") if current.extended_on is not None else (question, "extend", "stop")


def _with_event(regime: Regime, calendar: Calendar, rounds: list[Round], event: ClockEvent) -> list[Round]:
    lawful = _lawful_kinds(rounds)
    if event.kind not in lawful:
        _refuse_event(event, f"one of {', '.join(lawful)}")
    day = calendar.civil_date(event.at)
    if event.kind in {"start", "reopen"}:
        return [*rounds, Round(received_on=day, is_reopened=event.kind == "reopen")]
    current = rounds[-1]
    if event.kind == "suspend":
        before = _read(regime, calendar, current, len(rounds), event.at)
        asked = Question(asked_on=day, moves=event.at < before.deadline_at)
        current = replace(current, questions=(*current.questions, asked))
    elif event.kind == "resume":
        answered = replace(current.questions[-1], answered_on=day)
        current = replace(current, questions=(*current.questions[:-1], answered))
    elif event.kind == "extend":
        require_extension_window(_read(regime, calendar, current, len(rounds), event.at), event.at)
        current = replace(current, extended_on=day, extension_code=event.code)
    else:
        current = replace(current, stopped_at=event.at)
    return [*rounds[:-1], current]


def _read(regime: Regime, calendar: Calendar, current: Round, round_number: int, now: datetime) -> LegalClock:
    """Return the clock of one round. A stopped clock is read as of its stop."""
    today = calendar.civil_date(now if current.stopped_at is None else current.stopped_at)
    moving = [] if regime.verification_effect == "none" else [question for question in current.questions if question.moves]
    is_waiting = bool(moving) and moving[-1].answered_on is None
    dates = _reckon(regime, calendar, current, moving, today)
    extended_deadline = None
    if regime.extend_to is not None:
        extended = _last_day(regime, dates.first_day, regime.extend_to) + timedelta(days=dates.suspended_days)
        extended_deadline = _rolled(regime, calendar, extended)
    return LegalClock(
        regime=regime.name,
        time_zone=calendar.time_zone,
        received_on=current.received_on,
        started_on=None if is_waiting and regime.verification_effect == "starts" else dates.first_day,
        strict_deadline=dates.strict_deadline,
        deadline=dates.deadline,
        deadline_at=dates.deadline_at,
        extended_deadline=extended_deadline,
        acknowledge_by=dates.acknowledge_by,
        is_suspended=is_waiting and current.stopped_at is None,
        suspended_days=dates.suspended_days,
        is_extended=current.extended_on is not None,
        stopped_at=current.stopped_at,
        answered_in_time=None if current.stopped_at is None else current.stopped_at < dates.deadline_at,
        round_number=round_number,
        flags=flags_of(regime, current),
        steps=tuple(explain(regime, calendar, current, dates)),
    )


def _reckon(regime: Regime, calendar: Calendar, current: Round, moving: list[Question], today: date) -> Reckoning:
    # A question that waits is counted as answered today: the deadline stands nowhere earlier.
    answers = [question.answered_on or today for question in moving]
    suspended_days, first_day = 0, current.received_on
    if regime.verification_effect == "suspends":
        suspended_days = sum((answer - question.asked_on).days for question, answer in zip(moving, answers, strict=True))
    elif regime.verification_effect == "starts":
        first_day = max([current.received_on, *answers])
    period = regime.answer
    if current.extended_on is not None and regime.extend_to is not None:
        period = regime.extend_to
    strict_unrolled = _last_day(regime, current.received_on, regime.answer)
    period_end = _last_day(regime, first_day, period)
    unrolled = period_end + timedelta(days=suspended_days)
    deadline = _rolled(regime, calendar, unrolled)
    return Reckoning(
        today=today,
        first_day=first_day,
        suspended_days=suspended_days,
        acknowledge_by=calendar.add_working_days(current.received_on, regime.acknowledge.business_days),
        strict_unrolled=strict_unrolled,
        strict_deadline=_rolled(regime, calendar, strict_unrolled),
        period_end=period_end,
        unrolled=unrolled,
        deadline=deadline,
        deadline_at=calendar.end_of(deadline),
    )


def _last_day(regime: Regime, first_day: date, period: Period) -> date:
    """Return the last day of `period` from `first_day`, in one step: two steps would clamp twice (31 Jan, 28 Feb, 28 Apr)."""
    if period.months is not None:
        last_day: date = first_day + relativedelta(months=period.months)
        return last_day
    assert period.days is not None
    return first_day + timedelta(days=period.days - 1 if regime.counts_start_day else period.days)


def _rolled(regime: Regime, calendar: Calendar, day: date) -> date:
    return calendar.next_working_day(day) if regime.roll == "next_working_day" else day


def _plain(value: object) -> Any:  # noqa: ANN401 - JSON values
    # datetime is a date as well, so it is asked first.
    if isinstance(value, datetime):
        return rfc3339(value)
    if isinstance(value, date):
        return value.isoformat()
    return list(value) if isinstance(value, tuple) else value


def _refuse_event(event: ClockEvent, expected: str) -> NoReturn:
    raise IllegalMove(
        found=f"a '{event.kind}' of the legal clock at {rfc3339(event.at)}",
        expected=expected,
        remedy="see `rtbf show TICKET` for what happened so far",
    )


def _refuse_extension(found: str, expected: str) -> NoReturn:
    raise ExtensionRefused(found=found, expected=expected, remedy="answer by the deadline, in part if need be, and say what follows later")
