"""Calendars and clocks for tests: events by their civil day, each at noon of its zone."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from rtbf.ticket.deadline import ClockEvent, LegalClock, fold_clock
from rtbf.ticket.regime import load_regime
from rtbf.ticket.working_days import Calendar

BERLIN = Calendar(time_zone="Europe/Berlin", holidays="DE-BE")
LONDON = Calendar(time_zone="Europe/London", holidays="GB-ENG")
LOS_ANGELES = Calendar(time_zone="America/Los_Angeles", holidays="US-CA")
WEEKENDS = Calendar(time_zone="UTC")

COMPLEX = "justifications:ComplexityOfProcess"


def day(text: str) -> date:
    return date.fromisoformat(text)


def noon(text: str, calendar: Calendar = BERLIN) -> datetime:
    """Noon of a civil day in the calendar's zone."""
    return datetime.fromisoformat(f"{text}T12:00:00").replace(tzinfo=ZoneInfo(calendar.time_zone))


def events(calendar: Calendar, *pairs: tuple[Any, str]) -> list[ClockEvent]:
    return [ClockEvent(kind=kind, at=noon(on, calendar), code=COMPLEX if kind == "extend" else None) for kind, on in pairs]


def clock(regime: str, calendar: Calendar, *pairs: tuple[Any, str], now: str | None = None) -> LegalClock:
    return fold_clock(load_regime(regime), calendar, events(calendar, *pairs), noon(now or pairs[-1][1], calendar))
