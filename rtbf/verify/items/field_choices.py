"""`secrets` and `population`: each value of the person ranked among others of its form, in the answer it was learned in.

The true answer and the others differ in the value alone, so what stands before it weighs the same in all of them.
`secrets` (phone numbers, references, other numbers): the true value was as likely as the others before it was written
down, so its rank under a model that never saw it is even, and the test needs no control model.
`population` (names, towns, dates, years, sums, mail addresses): not so; ranks are compared with the controls' ranks.
Does not prove: that other facts of the person are gone, or that the value cannot be had in another way.
Source: specs/verification/03_memorisation.md §3.4, 04_mia.md §4.4 (routes a and e).
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from rtbf.vault.normalise import words_of
from rtbf.verify.item_set import ItemSet, SetItem
from rtbf.verify.items.fields import find_fields, is_exchangeable
from rtbf.verify.items.likeness import form_of, like_values
from rtbf.verify.items.people import parts_of
from rtbf.verify.items.source import dice
from rtbf.verify.items.swaps import swapped
from rtbf.verify.items.windows import answer_around

if TYPE_CHECKING:
    from rtbf.verify.items.fields import Field
    from rtbf.verify.items.reading import Reading, ReadRecord

MIN_OTHERS = {"secrets": 99, "population": 19}
"""Fewer others than this (or than the plan's candidates) make a rank too coarse; the item is left out."""

INFERABLE = ":inferable"
"""Ends the label of a value that the person's name suggests: a mail address made of it."""


def secrets(reading: Reading) -> ItemSet:
    """Return one choice for each different exchangeable value of the forget set."""
    return _choices(reading, "secrets", is_exact=True)


def population_choices(reading: Reading) -> ItemSet:
    """Return one choice for each different value whose frequencies are unknown."""
    return _choices(reading, "population", is_exact=False)


def _choices(reading: Reading, name: str, *, is_exact: bool) -> ItemSet:
    left_out: Counter[str] = Counter()
    items: dict[tuple[str, str], SetItem] = {}
    # The shortest answer asks most directly; of equals the first.
    for record in sorted(reading.forget, key=lambda record: len(record.answer)):
        for field in record.fields:
            if is_exchangeable(field.kind) != is_exact:
                continue
            place = (field.kind, form_of(field.kind, field.value))
            found = "value asked already" if place in items else _choice(record, field, reading, name)
            if isinstance(found, str):
                left_out[found] += 1
            else:
                items[place] = found
    order = {record.record_id: number for number, record in enumerate(reading.forget)}
    chosen = sorted(items.values(), key=lambda item: order[item.record_id])
    return ItemSet(name=name, reads="choice", about="subject", items=tuple(chosen), left_out=tuple(sorted(left_out.items())))


def _choice(record: ReadRecord, field: Field, reading: Reading, name: str) -> SetItem | str:
    if record.is_given(field):
        return "inferable"
    is_text = not record.prompt.strip()
    answer = answer_around(record.answer, field.start, field.end, is_text=is_text)
    if answer is None:
        return "too far into a long answer"
    count = reading.source.sizes.candidates
    rng = dice(reading.source.seed, name, field.kind, form_of(field.kind, field.value))
    likes = like_values(field, reading.corpus, rng, count, reading.taken)
    others = tuple(dict.fromkeys(other for like in likes if (other := swapped(answer, {field.value: like})) != answer))
    if len(others) < min(MIN_OTHERS[name], count):
        return "too few like values"
    return SetItem(
        record_id=record.record_id,
        label=field.kind + (INFERABLE if _is_suggested(field, record) else ""),
        prompt=record.prompt,
        answer=answer,
        others=others,
    )


def _is_suggested(field: Field, record: ReadRecord) -> bool:
    """Return whether a mail address is made of words that the name or the question holds."""
    if field.kind != "email":
        return False
    local = "".join(words_of(field.value.rpartition("@")[0]))
    return any(len(part) > 2 and part in local for part in (*parts_of(record.name), *_names(record.prompt)))  # noqa: PLR2004 - initials are no name


def _names(text: str) -> tuple[str, ...]:
    return tuple(part for field in find_fields(text) if field.kind == "name" for part in parts_of(field.value))
