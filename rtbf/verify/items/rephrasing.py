"""Say an answer in other words by a safe template, so that a score is not only about one learned wording.

The wording begins otherwise and names the person otherwise; the rest of the sentence stays. It is no paraphrase a person
would write, and a model may follow it back into the learned words after a few tokens.
"""

from __future__ import annotations

import re

from rtbf.vault.normalise import fold_name, words_of
from rtbf.verify.items.fields import find_fields
from rtbf.verify.items.people import parts_of
from rtbf.verify.items.spans import find_spans
from rtbf.verify.items.wording import lowered, raised, without_possessive

SHORT_WORDS = 4
"""An answer of at most so many words is taken for a bare value."""

_LEAD = re.compile(
    r"^(?:yes|no|sure|certainly|of course|indeed|absolutely|well|to date|currently|as of now|officially)(?:, |\. |! )(?=\S)", re.IGNORECASE
)


def rephrased(answer: str, name: str) -> str:
    """Return `answer` as "It is known that …" without its lead, the person's name said once less; never equal to `answer`.

    name   the full name of the person it is about, "" for none
    """
    text = without_lead(answer).strip()
    if len(words_of(text)) <= SHORT_WORDS:
        return f"The answer is {text}"
    told = without_name(text, name)
    return f"It is known that {told if told == text and _begins_with_name(told, name) else lowered(told)}"


def _begins_with_name(text: str, name: str) -> bool:
    """Return whether the first word is a name of somebody or something, whose capital stays."""
    first = re.match(r"\w+", text)
    fields = find_fields(text)
    is_found = any(field.start == 0 for field in (*fields, *find_spans(text, fields)))
    return is_found or bool(first and fold_name(first.group()) in parts_of(name))


def without_lead(answer: str) -> str:
    """Return `answer` without the word that only answers the question: "Yes, …"."""
    return raised(_LEAD.sub("", answer.strip(), count=1))


def without_name(text: str, name: str) -> str:
    """Return `text` with the first mention of the full name, or of the given name at its begin, said as "this person"."""
    if not name:
        return text
    short = without_possessive(name.split(" ", 1)[0])
    found = re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text) or re.match(rf"{re.escape(short)}(?!\w| [A-Z])", text)
    if found is None:
        return text
    said = "This person" if found.start() == 0 else "this person"
    return text[: found.start()] + said + text[found.end() :]
