"""`siblings`: each forget record as it might have been written about somebody else, never shown to any model.

Names, fields, titles and capitalised spans are swapped, the same value the same way in all records of one sibling, so
each sibling is one other person; names keep their gender. Everything in small letters stays, so a sibling still tells
what the record tells: what a model knows of that wording counts for both, and only what it knows of the person differs.
Swapped names and towns come from a table without frequencies: whether that shows is what the blind AUC says, of the
values alone; below ten different values it is not measured.
Source: specs/verification/04_mia.md §4.3, §4.4 (route e).
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rtbf.vault.normalise import fold_name, words_of
from rtbf.verify.item_set import ItemSet, SetItem
from rtbf.verify.items.blind import blind_auc
from rtbf.verify.items.fields import find_fields
from rtbf.verify.items.likeness import form_of, like_values
from rtbf.verify.items.people import parts_of
from rtbf.verify.items.population import folded, population
from rtbf.verify.items.source import dice
from rtbf.verify.items.spans import find_spans
from rtbf.verify.items.swaps import swapped
from rtbf.verify.items.wording import PARTICLES, without_possessive

if TYPE_CHECKING:
    from rtbf.verify.items.fields import Field
    from rtbf.verify.items.reading import Reading, ReadRecord

LABEL = "sibling"
MAX_BLIND_VALUES = 300
"""True values that the blind classifier is asked about; more would make its interval no better than it needs to be."""

_WORD = re.compile(r"[^\W\d_](?:\w|['’\-](?=\w))*")
_GROUPS = re.compile(r"\d+|[^\W\d_]+|[\W_]+")
_ROLES = ("surname", "feminine", "masculine", "")


@dataclass(frozen=True, kw_only=True, slots=True)
class Cast:
    """Who plays whom: for each folded part of a name its part in each sibling, in the siblings' order."""

    parts: dict[str, tuple[str, ...]]


def siblings(reading: Reading) -> ItemSet:
    """Return the siblings of every forget record, record by record, and how well they are told apart without a model."""
    count = reading.source.sizes.siblings_per_record
    cast = make_cast(reading)
    left_out: Counter[str] = Counter()
    items: list[SetItem] = []
    for record in reading.forget:
        if not words_of(record.answer):
            left_out["empty answer"] += count
            continue
        made = [_sibling(record, reading, cast, number) for number in range(count)]
        fresh = [item for item in dict.fromkeys(made) if (item.prompt, item.answer) != (record.prompt, record.answer)]
        left_out["nothing to swap"] += count - len(fresh)
        items += fresh
    return ItemSet(
        name="siblings",
        reads="score",
        about="subject",
        items=tuple(items),
        blind_auc=_blind_auc(reading, cast),
        left_out=tuple(sorted((reason, number) for reason, number in left_out.items() if number)),
    )


def _blind_auc(reading: Reading, cast: Cast) -> tuple[str, str, str] | None:
    """Return how well true values are told from the swapped ones, each different true value once.

    Everything else of a sibling is the record's own text. Whole records would say less: the one name that all of them
    share tells them apart, and that is no difference in kind.
    """
    values = list({(field.kind, field.value): field for record in reading.forget for field in _values_of(record, reading)}.values())
    dice(reading.source.seed, "blind values").shuffle(values)
    true: list[tuple[str, str]] = []
    other: list[tuple[str, str]] = []
    for place, field in enumerate(values[:MAX_BLIND_VALUES]):
        made = [_other_value(field, reading, cast, number) for number in range(reading.source.sizes.siblings_per_record)]
        fresh = [value for value in made if value is not None and value != field.value]
        if fresh:
            true.append((f"{field.kind} {field.value}", str(place)))
            other += [(f"{field.kind} {value}", str(place)) for value in fresh]
    return blind_auc(
        [text for text, _ in true],
        [text for text, _ in other],
        reading.source.seed,
        groups=([place for _, place in true], [place for _, place in other]),
    )


def make_cast(reading: Reading) -> Cast:
    """Return who plays whom: no part is played by a name that stands anywhere in the forget set."""
    roles: dict[str, str] = {}
    for record in reading.forget:
        for field in _values_of(record, reading):
            if field.kind == "name":
                for place, word in enumerate(parts_of(field.value)):
                    roles.setdefault(word, _role(word, place, reading))
    for record in reading.forget:
        for field in _values_of(record, reading):
            if field.kind == "person":
                roles.setdefault(fold_name(field.value), _role(fold_name(field.value), 0, reading))
    words = {word for record in reading.forget for word in words_of(_text(record.prompt, record.answer))}
    parts: dict[str, tuple[str, ...]] = {}
    count = reading.source.sizes.siblings_per_record
    for role in _ROLES:
        players = [name for name in _players(role) if not words & set(words_of(name))] or list(_players(role))
        dice(reading.source.seed, "cast", role).shuffle(players)
        cast = [part for part in roles if roles[part] == role]
        for place, part in enumerate(cast):
            parts[part] = tuple(players[(number * len(cast) + place) % len(players)] for number in range(count))
    return Cast(parts=parts)


def _role(word: str, place: int, reading: Reading) -> str:
    table = population()
    if place > 0 or word in folded(table.surnames):
        return "surname"
    if word in folded(table.feminine):
        return "feminine"
    if word in folded(table.masculine):
        return "masculine"
    return reading.person.gender if reading.person and word in reading.person.parts else ""


def _players(role: str) -> tuple[str, ...]:
    table = population()
    return table.surnames if role == "surname" else table.given(role)


def _sibling(record: ReadRecord, reading: Reading, cast: Cast, number: int) -> SetItem:
    swaps: dict[str, str] = {}
    for field in _values_of(record, reading):
        other = _other_value(field, reading, cast, number)
        if other is not None:
            swaps[field.value] = other
    for word in _WORD.findall(_text(record.prompt, record.answer)):
        # A first name on its own, or a surname, is no field.
        bare = without_possessive(word)
        if bare[:1].isupper() and fold_name(bare) in cast.parts:
            swaps.setdefault(bare, cast.parts[fold_name(bare)][number])
    return SetItem(record_id=record.record_id, label=LABEL, prompt=swapped(record.prompt, swaps), answer=swapped(record.answer, swaps))


def _values_of(record: ReadRecord, reading: Reading) -> tuple[Field, ...]:
    asked = find_fields(record.prompt, reading.known)
    return (*asked, *find_spans(record.prompt, asked), *record.fields, *record.spans)


def _other_value(field: Field, reading: Reading, cast: Cast, number: int) -> str | None:
    if field.kind == "name":
        return " ".join(_played(word, cast, number) for word in field.value.split(" "))
    if field.kind == "person":
        return cast.parts[fold_name(field.value)][number]
    if field.kind == "email":
        played = _played_address(field.value, cast, number)
        if played != field.value:
            return played
    rng = dice(reading.source.seed, "siblings", field.kind, form_of(field.kind, field.value))
    likes = like_values(field, reading.corpus, rng, reading.source.sizes.siblings_per_record, reading.taken)
    return likes[number] if number < len(likes) else None


def _played(word: str, cast: Cast, number: int) -> str:
    part = fold_name(without_possessive(word))
    if word in PARTICLES or part not in cast.parts:
        return word
    player = cast.parts[part][number]
    return player.upper() if word.isupper() and len(word) > 1 else player


def _played_address(value: str, cast: Cast, number: int) -> str:
    """Return a mail address with each word of a name in it played; a first letter of a given name likewise."""
    local, _, domain = value.rpartition("@")
    initials = {part[0]: players[number][0] for part, players in reversed(cast.parts.items())}
    said = []
    for group in _GROUPS.findall(local):
        part = fold_name(group)
        if part in cast.parts:
            said.append(_plain(cast.parts[part][number]))
        elif len(group) == 1 and part in initials:
            said.append(initials[part].lower())
        else:
            said.append(_run_together(part, cast, number) or group)
    return f"{''.join(said)}@{domain}"


def _run_together(word: str, cast: Cast, number: int) -> str | None:
    """Return "alikim" for "adaquill" when both parts are played; None for any other word."""
    for place in range(1, len(word)):
        first, last = cast.parts.get(word[:place]), cast.parts.get(word[place:])
        if first and last:
            return _plain(first[number]) + _plain(last[number])
    return None


def _plain(word: str) -> str:
    return re.sub(r"[^a-z]", "", fold_name(word))


def _text(prompt: str, answer: str) -> str:
    return f"{prompt}\n{answer}" if prompt else answer
