"""Wrong answers beside a true one: its own wording with other values, else what is said of others in answer to a like question.

Who writes the wrong answers decides part of the score (sheet 1.3), so all arms are asked the same ones, made by fixed
rules before anything is unlearned. Another person's answer is true of them and may be remembered as theirs; the control
models saw it too.
Source: specs/verification/01_tofu.md §1.3.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rtbf.vault.normalise import words_of
from rtbf.verify.items.keys import holds_key, keys_of
from rtbf.verify.items.people import parts_of
from rtbf.verify.items.source import dice
from rtbf.verify.items.swaps import swap_values, swapped
from rtbf.verify.items.windows import shortened
from rtbf.verify.items.wording import without_possessive

if TYPE_CHECKING:
    from rtbf.verify.items.reading import Reading, ReadRecord

MIN_OTHERS = 5
"""Wrong answers a truth ratio needs (sheet 1.3)."""

MAX_SEARCHED = 3_000
"""Records about others that are searched for a like question."""

_LENGTHS = (0.5, 2.0)
"""Another person's answer is taken when it is half to twice as long, in words."""


def others_for(record: ReadRecord, true: str, reading: Reading, count: int) -> tuple[str, ...]:
    """Return `count` wrong answers in the place of `true`, all different; fewer where no more can be made.

    true   the record's answer, or the part of it that is compared
    """
    values = [field for field in record.values if field.value in true]
    own = swap_values(true, values, reading, gender=record.gender, count=count, purpose=f"wrong:{record.record_id}")
    if len(own) >= count or not record.prompt.strip():
        return tuple(own)
    return tuple(own + _answers_of_others(record, reading, count - len(own), own))


def _answers_of_others(record: ReadRecord, reading: Reading, count: int, own: list[str]) -> list[str]:
    """Return up to `count` answers beside `own`: what is said of others in answer to like questions, told of this person.

    The likest question comes first.
    """
    asked = record.asked
    keys = keys_of(record.answer, record)
    true = words_of(shortened(record.answer))
    order = [other for other in reading.others[:MAX_SEARCHED] if other.prompt.strip() and other.record_id != record.record_id]
    # The sort below is stable, so equally like questions come in a drawn order, not always those of the same people.
    dice(reading.source.seed, "like questions", record.record_id).shuffle(order)
    likeness = {id(other): _overlap(asked, other.asked) for other in order}
    found: dict[str, str] = {" ".join(words_of(answer)): answer for answer in own}
    for other in sorted(order, key=lambda other: -likeness[id(other)]):
        if likeness[id(other)] == 0 or len(found) == len(own) + count:
            break
        told = _told_of(record, other)
        words = words_of(told)
        if words and _LENGTHS[0] <= len(words) / len(true) <= _LENGTHS[1] and words != true and not holds_key(told, keys):
            found.setdefault(" ".join(words), told)
    return list(found.values())[len(own) :]


def _overlap(one: frozenset[str], other: frozenset[str]) -> float:
    return len(one & other) / len(one | other) if one | other else 0.0


def _told_of(record: ReadRecord, other: ReadRecord) -> str:
    """Return another person's answer with this person's name in theirs."""
    answer = shortened(other.answer)
    if not record.name or not other.name:
        return answer
    swaps = {other.name: record.name}
    here, there = record.name.split(" "), other.name.split(" ")
    if len(parts_of(record.name)) > 1 and len(parts_of(other.name)) > 1:
        swaps |= {without_possessive(there[0]): here[0], without_possessive(there[-1]): here[-1]}
    return swapped(answer, swaps)
