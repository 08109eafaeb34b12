"""The civil calendar of an installation: which day an instant falls on, when that day ends, which days are worked.

Saturdays and Sundays are never worked, whatever the country (Reg. 1182/71 Art. 3(4)); public holidays are those of the
`holidays` library, never written by hand. It does not know a company's own free days, nor a court's view of a regional
holiday: without a country only weekends count, which gives the earlier and hence the safer date.
"""

from __future__ import annotations

import difflib
import functools
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, available_timezones

import holidays

from rtbf.errors import BadInput
from rtbf.evidence.canonical import digest_of

_SATURDAY = 5
_ONE_DAY = timedelta(days=1)
_DAY_NAMES = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


@dataclass(frozen=True, kw_only=True, slots=True)
class Calendar:
    """A time zone (IANA name) and whose public holidays count: "DE", "DE-BE", or None for weekends only.

    Raises BadInput for a zone or a country that the libraries do not know.
    """

    time_zone: str
    holidays: str | None = None

    def __post_init__(self) -> None:
        if self.time_zone not in _time_zones():
            _refuse("time zone", self.time_zone, _time_zones(), "an IANA name such as Europe/Berlin")
        if self.holidays is not None:
            country, dash, part = self.holidays.partition("-")
            known = _countries()
            if country not in known:
                _refuse("country of holidays", country, known, "an ISO 3166 code such as DE, or DE-BE for a part of it")
            if dash and part not in known[country]:
                _refuse(f"part of {country}", part, known[country], f"one of {', '.join(known[country])}" if known[country] else "no part")

    def civil_date(self, instant: datetime) -> date:
        """Return the date that a wall calendar in the zone shows at `instant` (aware)."""
        return instant.astimezone(ZoneInfo(self.time_zone)).date()

    def end_of(self, day: date) -> datetime:
        """Return the first instant, in UTC, at which `day` is over in the zone: what comes before it is still in time.

        Days of 23 and 25 hours end when their own midnight comes.
        """
        return datetime.combine(day + _ONE_DAY, time.min, tzinfo=ZoneInfo(self.time_zone)).astimezone(UTC)

    def is_working(self, day: date) -> bool:
        """Return whether `day` is neither Saturday, Sunday nor public holiday; raises BadInput beyond the known years."""
        return day.weekday() < _SATURDAY and (self.holidays is None or day not in _holidays_of(self.holidays, day.year))

    def next_working_day(self, day: date) -> date:
        """Return `day` when it is worked, else the next day that is."""
        while not self.is_working(day):
            day += _ONE_DAY
        return day

    def add_working_days(self, day: date, count: int) -> date:
        """Return the `count`-th working day after `day`; `day` itself is not counted."""
        for _ in range(count):
            day = self.next_working_day(day + _ONE_DAY)
        return day

    def holiday_dates(self, first_year: int, last_year: int) -> frozenset[date]:
        """Return the public holidays of the years, both included; empty without a country.

        Raises BadInput for a year the library has no data for: an unknown holiday must not pass for a working day.
        """
        if self.holidays is None:
            return frozenset()
        return frozenset(day for year in range(first_year, last_year + 1) for day in _holidays_of(self.holidays, year))

    def digest(self, first_year: int, last_year: int) -> str:
        """Return "sha256:…" over zone, country and every holiday of the years, so that a report can pin what was used."""
        dates = [day.isoformat() for day in sorted(self.holiday_dates(first_year, last_year))]
        years = {"first_year": first_year, "last_year": last_year}
        return digest_of({"time_zone": self.time_zone, "holidays": self.holidays, "dates": dates, **years})

    def reason_not_worked(self, day: date) -> str:
        """Return why `day` is not worked, in words: "a Saturday", "a Sunday", "a public holiday (DE-BE)"."""
        if day.weekday() >= _SATURDAY:
            return "a Saturday" if day.weekday() == _SATURDAY else "a Sunday"
        return f"a public holiday ({self.holidays})"


def day_text(day: date) -> str:
    """Return a date with its weekday, in the same words on every machine: "2026-12-23 (Wed)"."""
    return f"{day.isoformat()} ({_DAY_NAMES[day.weekday()]})"


@functools.cache
def _time_zones() -> set[str]:
    # Reading the folders of the zone database takes 12 ms, and a list of tickets makes a calendar for each.
    return available_timezones()


@functools.cache
def _countries() -> dict[str, list[str]]:
    return holidays.list_supported_countries(include_aliases=False)


@functools.cache
def _holidays_of(name: str, year: int) -> frozenset[date]:
    country, _, part = name.partition("-")
    calendar = holidays.country_holidays(country, subdiv=part or None, years=year)
    # Outside its range the library answers "no holidays", which would be a wrong answer and not an unknown one.
    if not calendar.start_year <= year <= calendar.end_year:
        raise BadInput(
            found=f"the year {year}, whose holidays in {name} are not known",
            expected=f"a year from {calendar.start_year} to {calendar.end_year}",
            remedy="check the date, or use a calendar without holidays (weekends only)",
        )
    return frozenset(day for day in calendar if day.year == year)


def _refuse(what: str, name: str, known: set[str] | dict[str, list[str]] | list[str], expected: str) -> None:
    nearest = difflib.get_close_matches(name, sorted(known), n=3)
    near = f" (nearest: {', '.join(nearest)})" if nearest else ""
    raise BadInput(found=f"{what} '{name[:40]}', which is unknown", expected=f"{expected}{near}", remedy="correct it and try again")
