"""Find the fields of an answer: mail addresses, phone numbers, dates, numbers, names, towns.

By plain rules, so that two runs find the same ones; what a rule does not know is not found. A field that is missed is a
question less, never a pass. A number is a phone number when it is written like one; nobody is called to find out.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rtbf.vault.normalise import ascii_digits, fold_name
from rtbf.verify.items.dates import find_dates
from rtbf.verify.items.population import folded, population
from rtbf.verify.items.wording import Run, runs_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

EXCHANGEABLE = frozenset({"phone", "id", "number"})
"""Kinds whose true value was as likely as any other of its form before it was written down: the rank test is exact for them."""

KINDS = ("email", "date", "phone", "money", "id", "year", "number", "name", "town")
"""In the order in which they are looked for: what an earlier kind has taken is not looked at again."""

ORGANISATIONS = frozenset(
    "academy agency airport archive archives association ave avenue award awards bank blvd boulevard bridge "  # noqa: SIM905 - as prose
    "castle cathedral center centre church circle city clinic club college committee company conference "
    "council country county court daily dairy department district drive faculty festival foundation fund "
    "gallery gazette group hall hospital hotel house inc institute island islands journal kingdom laboratory "
    "lake lane league library ltd magazine medal mews ministry mount mountain museum observatory office opera "
    "orchestra order park party path post press prize project rail railway rd republic review river road "
    "school service society square station street studio studios symphony team temple theater theatre times "
    "tower trail trust union university valley village war way zoo".split()
)
"""Words by which a capitalised run names no person."""

_MIN_ID_DIGITS = 4
_PHONE_DIGITS = range(7, 16)
_NAME_WORDS = range(2, 6)
_EMAIL = re.compile(r"(?<![\w.+%'-])[\w.+%'-]++@[^\W_](?:[\w-]*[^\W_])?(?:\.[^\W_](?:[\w-]*[^\W_])?)+")
_PHONE = re.compile(
    r"(?<![\w@+/#$€£.-])(?:\+\d{1,3}[ .\-/]?)?(?:\(\d{1,5}\)[ .\-/]?)?\d{1,5}(?:[ .\-/]\d{2,5}){0,5}"
    r"(?:,? ?(?:x|ext\.?) ?\d{1,5})?(?![\w/-]|[.,]\d)"
)
_NO_PHONE = re.compile(r"(?:1[5-9]|20)\d\d[ \-/](?:1[5-9]|20)\d\d|\d{3}-\d{2}-\d{4}|\d{1,3}(?:\.\d{1,3}){3}|\d{1,2}([-/.])\d{1,2}\1\d{4}")
"""Spans of years, social security numbers, addresses of the Internet, and days that do not exist."""

_MONEY = re.compile(
    r"(?<![\w.,])(?:[$€£¥₹] ?\d+(?:[.,]\d+)*+|\d+(?:[.,]\d+)*+ ?(?:[€£¥₹]|(?:dollars|euros|pounds|francs|yen|rupees|USD|EUR|GBP|CHF)\b))"
)
_ID = re.compile(r"(?<![\w@.-])(?:[A-Z]{1,4}\d{2}(?: (?=[A-Z]*\d)[A-Z0-9]{2,5}){2,}|\d{4}(?: \d{4}){2,4}|\w+(?:[-/]\w+)*+)(?![\w@-])")
_YEAR = re.compile(r"(?<![\w.,-])(?:1[5-9]\d\d|20\d\d)(?![\w-]|[.,]\d)")
_NUMBER = re.compile(r"(?<![\w.,-])(?:\d{1,3}(?:,\d{3})+|\d{4,})(?![\w-]|[.,]\d)")


@dataclass(frozen=True, kw_only=True, slots=True)
class Field:
    """One value in a text: text[start:end] is `value`.

    before, after   the words beside a capitalised span, folded; "" where a sentence begins or ends, and for fields
    """

    kind: str
    start: int
    end: int
    value: str
    before: str = ""
    after: str = ""


def is_exchangeable(kind: str) -> bool:
    """Return whether any other value of the form could as well have been the true one."""
    return kind in EXCHANGEABLE


def find_fields(text: str, known_names: frozenset[str] = frozenset()) -> tuple[Field, ...]:
    """Return the fields of `text` in their order, none inside another.

    known_names   folded full names (`fold_name`) that the given-name and surname tables need not know
    """
    finders = _finders(known_names)
    return without_overlaps(text, (field for kind in KINDS for field in finders[kind](text)))


def without_overlaps(text: str, fields: Iterable[Field], taken: Iterable[Field] = ()) -> tuple[Field, ...]:
    """Return those of `fields` that touch neither `taken` nor an earlier one of them, in the text's order."""
    covered = bytearray(len(text))
    for field in taken:
        covered[field.start : field.end] = b"x" * (field.end - field.start)
    kept = []
    for field in fields:
        if not any(covered[field.start : field.end]):
            covered[field.start : field.end] = b"x" * (field.end - field.start)
            kept.append(field)
    return tuple(sorted(kept, key=lambda field: field.start))


def is_year(value: str) -> bool:
    """Return whether digits on their own would be read as a year."""
    return _YEAR.fullmatch(value) is not None


def is_name(run: Run, known_names: frozenset[str] = frozenset()) -> bool:
    """Return whether a capitalised run reads as a person's full name: by its first or last word, or because it is known."""
    if len(run.words) not in _NAME_WORDS or any(word.lower() in ORGANISATIONS for word in run.words):
        return False
    if fold_name(" ".join(run.words)) in known_names:
        return True
    table = population()
    return fold_name(run.words[0]) in folded(table.given("")) or fold_name(run.words[-1]) in folded(table.surnames)


def _finders(known_names: frozenset[str]) -> dict[str, Callable[[str], Iterable[Field]]]:
    return {
        "email": lambda text: _matches("email", _EMAIL, text),
        "date": lambda text: (_field("date", text, date.start, date.end) for date in find_dates(text)),
        "phone": lambda text: (field for field in _matches("phone", _PHONE, text) if _is_phone(field.value)),
        "money": lambda text: _matches("money", _MONEY, text),
        "id": lambda text: (field for field in _matches("id", _ID, text) if _is_id(field.value)),
        "year": lambda text: _matches("year", _YEAR, text),
        "number": lambda text: _matches("number", _NUMBER, text),
        "name": lambda text: (_field("name", text, run.start, run.end) for run in runs_of(text) if is_name(run, known_names)),
        "town": lambda text: _matches("town", _towns(), text),
    }


def _matches(kind: str, pattern: re.Pattern[str], text: str) -> Iterator[Field]:
    return (_field(kind, text, found.start(), found.end()) for found in pattern.finditer(text))


def _field(kind: str, text: str, start: int, end: int) -> Field:
    return Field(kind=kind, start=start, end=end, value=text[start:end])


def _is_phone(value: str) -> bool:
    if len(ascii_digits(value)) not in _PHONE_DIGITS or value.isdigit():
        return False
    return not _NO_PHONE.fullmatch(value)


def _is_id(value: str) -> bool:
    """Return whether a word of letters and digits, or of digit groups with hyphens, is a reference of some kind."""
    if len(ascii_digits(value)) < _MIN_ID_DIGITS or value.isdigit() or "_" in value:
        return False
    # 1990s and 1990-1995 are years; 12000th is a number.
    return not re.fullmatch(r"\d+(?:s|st|nd|rd|th)|(?:1[5-9]|20)\d\d[-/](?:\d\d|(?:1[5-9]|20)\d\d)", value)


@functools.cache
def _towns() -> re.Pattern[str]:
    names = sorted(population().towns, key=lambda name: (-len(name), name))
    return re.compile(rf"(?<![\w-])(?:{'|'.join(map(re.escape, names))})(?![\w-])")
