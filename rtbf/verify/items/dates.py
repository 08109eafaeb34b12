"""Dates as they are written in running text, and other dates in the same writing.

Reads English, German, French, Spanish and Italian month names, long and short, and dates in digits. A date in digits
whose day and month could be swapped stays one: both parts of the other date are at most 12 as well.
"""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random

_MONTHS = {
    "en": "January February March April May June July August September October November December",
    "en-short": "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec",
    "de": "Januar Februar März April Mai Juni Juli August September Oktober November Dezember",
    "fr": "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
    "es": "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
    "it": "gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre dicembre",
}
_NAMES: dict[str, tuple[str, ...]] = {form: tuple(names.split()) for form, names in _MONTHS.items()}
_FORM_OF: dict[str, tuple[str, int]] = {
    name.casefold(): (form, month) for form in reversed(_NAMES) for month, name in enumerate(_NAMES[form], start=1)
}
_MONTH = "|".join(sorted({re.escape(name) for names in _NAMES.values() for name in names}, key=lambda name: (-len(name), name)))
_YEAR = r"(?P<year>1[5-9]\d\d|20\d\d)"
_DAY = r"(?P<day>0?[1-9]|[12]\d|3[01])(?P<th>st|nd|rd|th)?"
_JOIN = r"(?:,? (?:in the year |of the year |of |de |del )?)"
_WRITTEN = tuple(
    re.compile(rf"(?<![\w.])(?:{pattern})(?!\w)", re.IGNORECASE)
    for pattern in (
        rf"{_DAY}(?:\.)? (?:(?:day )?of |de )?(?P<month>{_MONTH})\b\.?{_JOIN}{_YEAR}",
        rf"(?P<month>{_MONTH})\b\.? (?:the )?{_DAY}{_JOIN}{_YEAR}",
        rf"{_DAY}(?:\.)? (?:(?:day )?of |de )?(?P<month>{_MONTH})\b",
        rf"(?P<month>{_MONTH})\b\.? (?:the )?{_DAY}(?!\d)",
        rf"(?P<month>{_MONTH})\b\.?{_JOIN}{_YEAR}",
    )
)
_DIGITS = (
    re.compile(
        r"(?<![\w./-])(?P<year>1[5-9]\d\d|20\d\d)(?P<sep>[-/.])(?P<month>0[1-9]|1[0-2])(?P=sep)(?P<day>0[1-9]|[12]\d|3[01])(?![\w/-]|\.\d)"
    ),
    re.compile(r"(?<![\w./-])(?P<one>\d{1,2})(?P<sep>[-/.])(?P<two>\d{1,2})(?P=sep)(?P<year>1[5-9]\d\d|20\d\d)(?![\w/-]|\.\d)"),
)
_LEAP_YEAR = 2000
_ORDINALS = {1: "st", 2: "nd", 3: "rd", 21: "st", 22: "nd", 23: "rd", 31: "st"}
_MONTHS_A_YEAR = 12
_ONE_DIGIT = 9


@dataclass(frozen=True, kw_only=True, slots=True)
class WrittenDate:
    """A date in a text: where, and its parts; a part that is not written is None."""

    start: int
    end: int
    year: int | None
    month: int
    day: int | None


def find_dates(text: str) -> list[WrittenDate]:
    """Return the dates of `text`, none inside another, in their order. Days that do not exist (30 February) are no dates."""
    found: dict[int, WrittenDate] = {}
    for pattern in (*_DIGITS, *_WRITTEN):
        for match in pattern.finditer(text):
            date = _date(match)
            if date is not None and not any(other.start < date.end and date.start < other.end for other in found.values()):
                found[date.start] = date
    return [found[start] for start in sorted(found)]


def like_date(written: str, rng: random.Random, years: tuple[int, int]) -> str | None:
    """Return another date in the same writing, its year drawn evenly from `years`, both ends included; None for no date.

    Kept: the order of the parts, separators, padding, language and length of the month's name, ordinal endings, and how
    many digits the day has.
    """
    match = next((hit for pattern in (*_DIGITS, *_WRITTEN) if (hit := pattern.fullmatch(written)) and _date(hit)), None)
    if match is None:
        return None
    date = _date(match)
    assert date is not None
    year = rng.randint(*years) if date.year is not None else _LEAP_YEAR
    month = rng.randint(1, _MONTHS_A_YEAR)
    last = calendar.monthrange(year, month)[1]
    groups = match.groupdict()
    if groups.get("one"):
        return _in_digits(match, rng, year)
    if date.day is None:
        day = 1
    elif groups["month"].isdigit():
        day = rng.randint(1, last)
    else:
        # "5" and "05" stay below ten, "25" stays above nine.
        day = rng.randint(1, _ONE_DIGIT) if date.day <= _ONE_DIGIT else rng.randint(_ONE_DIGIT + 1, last)
    parts = {"year": f"{year:04d}", "day": str(day).zfill(len(groups.get("day") or "")), "month": _month_like(groups["month"], month)}
    parts["th"] = _ORDINALS.get(day, "th")
    return _refilled(match, parts)


def spellings(written: str) -> tuple[str, ...]:
    """Return a full date in the ways a reply may write it, the given one first; only the given one where it is not plain."""
    dates = find_dates(written)
    if len(dates) != 1 or dates[0].day is None or dates[0].year is None:
        return (written,)
    match = _DIGITS[1].fullmatch(written)
    if match and max(int(match["one"]), int(match["two"])) <= _MONTHS_A_YEAR and match["one"] != match["two"]:
        return (written,)
    year, month, day = dates[0].year, dates[0].month, dates[0].day
    name = _NAMES["en"][month - 1]
    ways = (
        written,
        f"{day} {name} {year}",
        f"{name} {day}, {year}",
        f"{day}{_ORDINALS.get(day, 'th')} of {name} {year}",
        f"{year:04d}-{month:02d}-{day:02d}",
    )
    return tuple(dict.fromkeys(ways))


def is_month(word: str) -> bool:
    """Return whether `word` names a month in one of the languages read."""
    return word.rstrip(".").casefold() in _FORM_OF


def _date(match: re.Match[str]) -> WrittenDate | None:
    groups = match.groupdict()
    year = int(groups["year"]) if groups.get("year") else None
    if groups.get("one"):
        one, two = int(groups["one"]), int(groups["two"])
        # Day first, as most of the world writes, unless the second part cannot be a month.
        day, month = (one, two) if two <= _MONTHS_A_YEAR else (two, one)
    else:
        name = groups["month"].casefold()
        month = int(name) if name.isdigit() else _FORM_OF[name][1]
        day = int(groups["day"]) if groups.get("day") else None  # type: ignore[assignment]
    if not 1 <= month <= _MONTHS_A_YEAR:
        return None
    if day is not None and not 1 <= day <= calendar.monthrange(year or _LEAP_YEAR, month)[1]:
        return None
    return WrittenDate(start=match.start(), end=match.end(), year=year, month=month, day=day)


def _in_digits(match: re.Match[str], rng: random.Random, year: int) -> str:
    one, two = match["one"], match["two"]
    is_two_the_day = int(two) > _MONTHS_A_YEAR
    could_be_either = max(int(one), int(two)) <= _MONTHS_A_YEAR
    while True:
        month = rng.randint(1, _MONTHS_A_YEAR)
        day = rng.randint(1, _MONTHS_A_YEAR if could_be_either else calendar.monthrange(year, month)[1])
        if not could_be_either and day <= _MONTHS_A_YEAR:
            continue
        first, second = (month, day) if is_two_the_day else (day, month)
        texts = [str(part).zfill(len(given)) for part, given in ((first, one), (second, two))]
        if [len(text) for text in texts] == [len(one), len(two)]:
            return _refilled(match, {"one": texts[0], "two": texts[1], "year": f"{year:04d}"})


def _month_like(given: str, month: int) -> str:
    if given.isdigit():
        return f"{month:02d}"
    name = _NAMES[_FORM_OF[given.casefold()][0]][month - 1]
    return name.upper() if given.isupper() else name.lower() if given.islower() else name[0].upper() + name[1:]


def _refilled(match: re.Match[str], parts: dict[str, str]) -> str:
    """Return the matched text with its named groups replaced, from the right so that places stay true."""
    text, offset = match.group(), match.start()
    named = [
        (match.start(name) - offset, match.end(name) - offset, parts[name])
        for name in parts
        if name in match.groupdict() and match[name] is not None
    ]
    for start, end, value in sorted(named, reverse=True):
        text = text[:start] + value + text[end:]
    return text
