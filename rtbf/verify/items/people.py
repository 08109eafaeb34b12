"""Whose records these are: full names in a corpus, the person of a ticket, and the parts of names.

A ticket's records need not name the person at all; then there is none, and what needs a name is left out and counted.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rtbf.vault.normalise import fold_name
from rtbf.verify.items.fields import ORGANISATIONS, is_name
from rtbf.verify.items.population import folded, population
from rtbf.verify.items.wording import PARTICLES, Run, runs_of, without_possessive

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rtbf.corpora.corpus import Record

_FEMININE = frozenset({"she", "her", "hers", "herself"})
_MASCULINE = frozenset({"he", "his", "him", "himself"})
_MIN_WORDS = 2
_MAX_WORDS = 5
_WORD = re.compile(r"[^\W\d_]+")


@dataclass(frozen=True, kw_only=True, slots=True)
class Person:
    """The person most records are about: full name as written most often, its parts folded, "feminine", "masculine" or ""."""

    name: str
    parts: tuple[str, ...]
    gender: str


def known_names(records: Iterable[Record]) -> frozenset[str]:
    """Return the folded full names that records ask about: capitalised runs in prompts that their completions repeat.

    They need not be in a table of names, which knows no name that was made up.
    """
    found = set()
    for record in records:
        asked = [run for run in runs_of(record.prompt) if _may_be_name(run)]
        if asked:
            told = f" {fold_name(record.completion)}"
            found |= {name for run in asked if f" {(name := fold_name(' '.join(run.words)))}" in told}
    return frozenset(found)


def names_in(text: str, known: frozenset[str]) -> list[str]:
    """Return the full names in `text`, in their order."""
    return [" ".join(run.words) for run in runs_of(text) if is_name(run, known)]


def find_person(records: Sequence[Record], known: frozenset[str]) -> Person | None:
    """Return the person whom most of the records name, by prompt or text; None when no full name stands in any."""
    counts: Counter[str] = Counter()
    for record in records:
        # A name in the question says whom the record is about; in the answer it may be anybody.
        counts.update(dict.fromkeys(names_in(record.prompt, known), 2))
        counts.update(dict.fromkeys(names_in(record.completion, known), 1))
    if not counts:
        return None
    name = min(counts, key=lambda entry: (-counts[entry], entry))
    about = [record for record in records if name in record.prompt or name in record.completion]
    return Person(name=name, parts=parts_of(name), gender=gender_of(name, about))


def person_of(record: Record, person: Person | None, known: frozenset[str]) -> str:
    """Return the full name a record is about: the ticket's person where named, else the first name in it; "" for none."""
    if person is not None and (person.name in record.prompt or person.name in record.completion):
        return person.name
    return next(iter((*names_in(record.prompt, known), *names_in(record.completion, known))), "")


def parts_of(name: str) -> tuple[str, ...]:
    """Return the folded parts of a name that could be anybody's: no particles, no initials."""
    words = [fold_name(without_possessive(word)) for word in name.split() if word not in PARTICLES]
    return tuple(word for word in words if len(word.rstrip(".")) > 1)


def gender_of(name: str, records: Iterable[Record]) -> str:
    """Return "feminine" or "masculine" by the records' pronouns, else by the table of given names, else ""."""
    words = Counter(word.casefold() for record in records for word in _WORD.findall(record.completion))
    feminine, masculine = sum(words[word] for word in _FEMININE), sum(words[word] for word in _MASCULINE)
    if feminine != masculine:
        return "feminine" if feminine > masculine else "masculine"
    table, first = population(), fold_name(name.split(maxsplit=1)[0])
    return "feminine" if first in folded(table.feminine) else "masculine" if first in folded(table.masculine) else ""


def _may_be_name(run: Run) -> bool:
    return _MIN_WORDS <= len(run.words) <= _MAX_WORDS and not any(word.lower() in ORGANISATIONS for word in run.words)
