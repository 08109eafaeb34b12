"""Spans of an answer that carry its fact besides the fields: titles in quotation marks, capitalised names of things, peoples.

They are swapped in wrong answers and siblings, and stand as keys where an answer has no field.
"""

from __future__ import annotations

import re

from rtbf.vault.normalise import fold_name
from rtbf.verify.items.dates import is_month
from rtbf.verify.items.fields import Field, without_overlaps
from rtbf.verify.items.population import folded, population
from rtbf.verify.items.wording import is_common, runs_of

KINDS = ("title", "person", "demonym", "entity")
"""title: quoted · person: one part of a name · demonym: Nigerian, Dutch · entity: any other capitalised run."""

TOWN = "town "
"""Stands for any town beside a span; the space keeps it apart from the word."""

_MAX_TITLE = 80
_LOOK = 40
_WORD_BEFORE = re.compile(r"(\w+)[ ,]+$")
_WORD_AFTER = re.compile(r"(?:['’]s)?[ ,]+(\w+)")
_WEEKDAYS = frozenset("monday tuesday wednesday thursday friday saturday sunday".split())  # noqa: SIM905 - as prose
_QUOTED = re.compile(
    rf'"([^"\n]{{2,{_MAX_TITLE}}})"|“([^”\n]{{2,{_MAX_TITLE}}})”|«([^»\n]{{2,{_MAX_TITLE}}})»|„([^“\n]{{2,{_MAX_TITLE}}})“'
)


def find_spans(text: str, fields: tuple[Field, ...]) -> tuple[Field, ...]:
    """Return the spans of `text` outside `fields`, in their order, none inside another."""
    return without_overlaps(text, (*_titles(text), *_capitalised(text)), fields)


def _titles(text: str) -> list[Field]:
    found = []
    for match in _QUOTED.finditer(text):
        group = next(number for number in range(1, 5) if match.group(number) is not None)
        # The closing full stop or comma of American quotation is none of the title.
        value = match.group(group).rstrip(".,;: ")
        start = match.start(group)
        if _is_title(value):
            found.append(Field(kind="title", start=start, end=start + len(value), value=value))
    return found


def _is_title(value: str) -> bool:
    """Return whether quoted words are a name rather than speech: one sentence at most, and most of what tells has a capital."""
    telling = [word for word in re.findall(r"[^\W_]+", value) if not is_common(word)]
    return value[:1].isupper() and not re.search(r"[.!?] ", value) and sum(word[0].isupper() for word in telling) * 2 > len(telling)


def _capitalised(text: str) -> list[Field]:
    table = population()
    given, surnames, demonyms = folded(table.given("")), folded(table.surnames), folded(table.demonyms)
    found = []
    for run in runs_of(text):
        value = text[run.start : run.end]
        form = fold_name(value)
        if len(run.words) == 1:
            if is_common(value) or form in _WEEKDAYS or is_month(value) or len(value.rstrip(".")) == 1:
                continue
            if form in demonyms:
                kind = "demonym"
            elif form in given or form in surnames:
                kind = "person"
            elif run.opens:
                # The first word of a sentence has a capital whatever it is.
                continue
            else:
                kind = "entity"
        else:
            kind = "entity"
        before, after = _beside(text, run.start, run.end)
        found.append(Field(kind=kind, start=run.start, end=run.end, value=value, before=before, after=after))
    return found


def _beside(text: str, start: int, end: int) -> tuple[str, str]:
    """Return the words before and after a span; a town before it is just "town", so that countries are alike."""
    before, after = _WORD_BEFORE.search(text[max(0, start - _LOOK) : start]), _WORD_AFTER.match(text[end : end + _LOOK])
    word = fold_name(before.group(1)) if before else ""
    return TOWN if word in folded(population().towns) else word, fold_name(after.group(1)) if after else ""
