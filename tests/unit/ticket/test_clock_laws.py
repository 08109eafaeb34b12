"""Laws of the legal clock that hold for any events, against references written plainly here."""

from __future__ import annotations

import calendar as month_table
from dataclasses import replace
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from hypothesis import assume, given
from hypothesis import strategies as st

from rtbf.ticket.deadline import ClockEvent, fold_clock
from rtbf.ticket.regime import load_regime, regime_names
from tests.clocks import BERLIN, LONDON, LOS_ANGELES, WEEKENDS, events, noon

if TYPE_CHECKING:
    from rtbf.ticket.working_days import Calendar

CALENDARS = st.sampled_from([BERLIN, LONDON, LOS_ANGELES, WEEKENDS])
REGIMES = st.sampled_from(regime_names())
DAYS = st.dates(min_value=date(2020, 1, 1), max_value=date(2040, 12, 31))


def month_after(start: date, months: int) -> date:
    """The independent reference: count months on paper, then take the number or the month's last day."""
    year, month = start.year, start.month
    for _ in range(months):
        month += 1
        if month == 13:
            year, month = year + 1, 1
    last = month_table.monthrange(year, month)[1]
    return date(year, month, min(start.day, last))


def told(calendar: Calendar, start: date, spans: list[tuple[int, int]]) -> list[ClockEvent]:
    """A start, and per span a question so many days later that is answered so many days after that."""
    on = start
    pairs: list[tuple[Any, date]] = [("start", on)]
    for gap, waited in spans:
        pairs.append(("suspend", on := on + timedelta(days=gap)))
        pairs.append(("resume", on := on + timedelta(days=waited)))
    return events(calendar, *[(kind, at.isoformat()) for kind, at in pairs])


SPANS = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 60)), max_size=3)


@given(start=DAYS, months=st.sampled_from([1, 3]))
def test_months_agree_with_counting_them_on_paper(start: date, months: int) -> None:
    regime = replace(load_regime("eu-gdpr"), roll="none")
    pairs = [("start", start.isoformat())] + ([("extend", start.isoformat())] if months == 3 else [])

    read = fold_clock(regime, WEEKENDS, events(WEEKENDS, *pairs), noon(start.isoformat(), WEEKENDS))

    assert read.deadline == month_after(start, months)


@given(regime=REGIMES, calendar=CALENDARS, start=DAYS, spans=SPANS)
def test_the_fold_is_deterministic_and_the_strict_date_is_never_later(
    regime: str, calendar: Calendar, start: date, spans: list[tuple[int, int]]
) -> None:
    happened = told(calendar, start, spans)

    first, second = (fold_clock(load_regime(regime), calendar, tuple(happened), happened[-1].at) for _ in range(2))

    assert first == second
    assert first.strict_deadline <= first.deadline
    assert first.extended_deadline is None or first.deadline < first.extended_deadline


@given(regime=REGIMES, calendar=CALENDARS, start=DAYS, spans=SPANS, more=st.tuples(st.integers(0, 40), st.integers(0, 60)))
def test_another_suspension_never_makes_the_deadline_earlier(
    regime: str, calendar: Calendar, start: date, spans: list[tuple[int, int]], more: tuple[int, int]
) -> None:
    without, with_it = told(calendar, start, spans), told(calendar, start, [*spans, more])
    now = with_it[-1].at

    before, after = (fold_clock(load_regime(regime), calendar, happened, now) for happened in (without, with_it))

    assert before.deadline <= after.deadline


@given(regime=REGIMES, calendar=CALENDARS, start=DAYS, spans=SPANS)
def test_a_deadline_that_rolls_is_never_a_weekend_or_a_holiday(
    regime: str, calendar: Calendar, start: date, spans: list[tuple[int, int]]
) -> None:
    assume(load_regime(regime).roll == "next_working_day")
    happened = told(calendar, start, spans)

    read = fold_clock(load_regime(regime), calendar, happened, happened[-1].at)

    free = calendar.holiday_dates(start.year, start.year + 2)
    for due in (read.strict_deadline, read.deadline, read.extended_deadline, read.acknowledge_by):
        assert due is None or (due.strftime("%a") not in {"Sat", "Sun"} and due not in free)


@given(calendar=CALENDARS, start=DAYS, gap=st.integers(0, 20), waited=st.integers(0, 100))
def test_whole_days_of_waiting_are_added_whole(calendar: Calendar, start: date, gap: int, waited: int) -> None:
    regime = replace(load_regime("eu-gdpr"), roll="none")
    happened = told(calendar, start, [(gap, waited)])

    read = fold_clock(regime, calendar, happened, happened[-1].at)

    assert read.deadline == month_after(start, 1) + timedelta(days=waited)


@given(calendar=CALENDARS, due=DAYS)
def test_the_end_of_a_day_is_the_next_days_first_instant(calendar: Calendar, due: date) -> None:
    over = calendar.end_of(due)

    assert calendar.civil_date(over - timedelta(microseconds=1)) == due
    assert calendar.civil_date(over) == due + timedelta(days=1)
