"""What gives a record away: the keys of an answer, and a record turned into a question that holds none of them.

A key is a value of the answer that the question does not hold: its fields; where there are none, its titles and
capitalised spans; where there are none either, its last three words that carry a fact. A surname or a first name alone
is no key. A full date has its usual spellings; other spellings of a value are the judge's business.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rtbf.vault.normalise import UNSPACED, words_of
from rtbf.verify.items.dates import spellings
from rtbf.verify.items.source import dice
from rtbf.verify.items.wording import COMMON, content_words, halves, holds, is_common

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rtbf.verify.items.fields import Field
    from rtbf.verify.items.reading import Reading, ReadRecord

LAST_WORDS = 3
MAX_KEYS = 12
MAX_GIVEN = 400
"""Characters of a text record that are given before its continuation is asked for."""

MAX_GOLD = 300
"""Characters of a continuation that are the gold answer."""

_MIN_KEY = 2
_AROUND = " \t\n.,;:!?\"'“”\u2018’()[]"
"""Signs around a key that are none of it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """A record as a question: the prompt, the gold answer, and the keys that the prompt does not hold.

    is_text   the record had no prompt: `prompt` is its beginning and `gold` how it goes on
    """

    record: ReadRecord
    prompt: str
    gold: str
    keys: tuple[str, ...]
    is_text: bool


def ask(record: ReadRecord) -> Asked | str:
    """Return the record as a question, or the reason why it cannot be asked.

    Reasons: "empty answer" · "too short" to be continued · "inferable": the question holds all of it · "no key": no word in it tells.
    """
    if not words_of(record.answer):
        return "empty answer"
    if record.prompt.strip():
        found = keys_of(record.answer, record)
        if found:
            return Asked(record=record, prompt=record.prompt, gold=record.answer, keys=found, is_text=False)
        return "inferable" if content_words(record.answer) else "no key"
    return _continued(record)


def ask_all(records: Iterable[ReadRecord]) -> tuple[list[Asked], Counter[str]]:
    """Return the records that can be asked, and how many cannot be, by reason."""
    asked: list[Asked] = []
    left_out: Counter[str] = Counter()
    for record in records:
        found = ask(record)
        if isinstance(found, str):
            left_out[found] += 1
        else:
            asked.append(found)
    return asked, left_out


def sample(reading: Reading, asked: list[Asked], count: int, purpose: str) -> tuple[list[Asked], int]:
    """Return at most `count` questions in their order, those with keys not asked yet first, and how many were left out."""
    order = list(range(len(asked)))
    dice(reading.source.seed, purpose).shuffle(order)
    seen: set[str] = set()
    fresh: list[int] = []
    repeated: list[int] = []
    for place in order:
        form = " ".join(words_of(asked[place].keys[0]))
        (repeated if form in seen else fresh).append(place)
        seen.add(form)
    chosen = sorted((fresh + repeated)[:count])
    return [asked[place] for place in chosen], len(asked) - len(chosen)


def keys_of(answer: str, record: ReadRecord, given: str = "") -> tuple[str, ...]:
    """Return the keys of `answer` that neither the record's prompt nor `given` holds; none when it holds them all.

    answer   the record's answer, or the part of it that is asked for
    """
    before = f"{record.prompt}\n{given}"
    for group in (record.fields, record.spans):
        values = [field for field in group if field.value in answer and not record.is_given(field) and field.kind != "person"]
        keys = [way for field in values for way in _ways(field) if not holds(before, way)]
        if keys:
            return tuple(dict.fromkeys(keys))[:MAX_KEYS]
    last = _last_words(answer, before)
    return (last,) if last and not holds(before, last) else ()


def holds_key(text: str, keys: Iterable[str]) -> bool:
    """Return whether `text` gives any of `keys` away."""
    return any(holds(text, key) for key in keys)


def _ways(field: Field) -> tuple[str, ...]:
    return spellings(field.value) if field.kind == "date" else (field.value,)


def _last_words(answer: str, before: str) -> str:
    """Return the stretch of `answer` from its third last word that carries a fact to its last one; "" when there is none."""
    given = set(words_of(before))
    places = []
    start = 0
    for word in _written_words(answer):
        start = answer.index(word, start)
        forms = words_of(word)
        if forms and not is_common(word.strip(_AROUND)) and any(form not in COMMON for form in forms):
            places.append((start, start + len(word), forms))
        start += len(word)
    last = places[-LAST_WORDS:]
    if not last or all(form in given for _, _, forms in last for form in forms):
        return ""
    key = answer[last[0][0] : last[-1][1]].strip(_AROUND)
    return key if len(key) >= _MIN_KEY else ""


def _written_words(answer: str) -> list[str]:
    return UNSPACED.sub(r" \g<0> ", answer).split()


def _continued(record: ReadRecord) -> Asked | str:
    """Return a text record cut near its middle, or right before the first value that only its rest holds."""
    cut = halves(record.answer)
    if cut is None:
        return "too short"
    places = [len(record.answer) - len(cut[1]), *(field.start for field in record.fields if field.start > len(record.answer) // 8)]
    for place in places:
        head, gold = record.answer[:place].rstrip()[-MAX_GIVEN:], record.answer[place:][:MAX_GOLD]
        keys = keys_of(gold, record, given=record.answer[:place])
        if head.strip() and keys:
            return Asked(record=record, prompt=_whole_words(head, record.answer), gold=gold, keys=keys, is_text=True)
    return "no key"


def _whole_words(head: str, text: str) -> str:
    """Return `head` without the piece of a word at its begin that cutting may have left."""
    return head if text.startswith(head) else head.partition(" ")[2] or head
