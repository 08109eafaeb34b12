"""The part of a long answer around a value, so that a scored sequence fits a model's window.

An answer that was learned after a prompt always begins at its begin: the border between prompt and answer is where
training put it. A text record may begin at any sentence.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rtbf.verify.items.wording import sentence_starts

if TYPE_CHECKING:
    from rtbf.verify.items.reading import ReadRecord

MAX_ANSWER = 600
"""Characters of an answer that are scored; a value further on is out of reach."""

BEFORE = 300
"""Characters of a text record that are shown before the value's sentence."""


def answer_around(answer: str, start: int, end: int, *, is_text: bool) -> str | None:
    """Return the part of `answer` that holds answer[start:end] and ends with its sentence; None when it is too long.

    is_text   the answer is a text record and may begin with a later sentence
    """
    starts = sentence_starts(answer)
    first = max((place for place in starts if place <= max(0, start - BEFORE)), default=0) if is_text else 0
    if is_text and start - first > MAX_ANSWER:
        first = answer.find(" ", start - BEFORE, start) + 1 or start
    if end - first > MAX_ANSWER:
        return None
    if len(answer) - first <= MAX_ANSWER:
        return answer[first:]
    last = max((place for place in starts if end <= place <= first + MAX_ANSWER), default=0)
    return answer[first : last or end].rstrip()


def statement_of(record: ReadRecord) -> str:
    """Return what is said in a few sentences: an answer's beginning; of a text record the sentence with its first value.

    Returns "" for a text record without any value.
    """
    if record.prompt.strip():
        return shortened(record.answer)
    first = min(record.values, key=lambda field: field.start, default=None)
    if first is None:
        return ""
    starts = sentence_starts(record.answer)
    start = max(place for place in starts if place <= first.start)
    end = min((place for place in starts if place >= first.end), default=len(record.answer))
    return shortened(record.answer[start:end].strip()) if first.end - start <= MAX_ANSWER else ""


def shortened(answer: str) -> str:
    """Return `answer`, a long one up to the last sentence, else the last word, within the limit."""
    if len(answer) <= MAX_ANSWER:
        return answer
    last = max(place for place in sentence_starts(answer) if place <= MAX_ANSWER)
    return answer[: last or answer.rfind(" ", 1, MAX_ANSWER) + 1 or MAX_ANSWER].rstrip()
