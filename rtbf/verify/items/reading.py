"""One reading of a ticket's records, which every set is made from: fields, spans, the person, and what values look like here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rtbf.vault.normalise import words_of
from rtbf.verify.items.fields import Field, find_fields, is_exchangeable
from rtbf.verify.items.likeness import Corpus, form_of
from rtbf.verify.items.people import Person, find_person, gender_of, known_names, parts_of, person_of
from rtbf.verify.items.spans import find_spans
from rtbf.verify.items.wording import content_words, holds

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rtbf.corpora.corpus import Record
    from rtbf.verify.items.source import ItemSource


@dataclass(frozen=True, kw_only=True, slots=True)
class ReadRecord:
    """A record and what was found in its answer. `name` is the full name of the person it is about, "" where none is named.

    prompt        "" for a text record, whose answer is the whole text
    words_given   folded words of the prompt
    asked         those of them that carry a fact and are no part of the name, for finding like questions
    """

    record_id: str
    prompt: str
    answer: str
    name: str
    gender: str
    fields: tuple[Field, ...]
    spans: tuple[Field, ...]
    words_given: frozenset[str]
    asked: frozenset[str]

    @property
    def values(self) -> tuple[Field, ...]:
        """Return the fields and spans that carry the answer: those that the prompt does not hold."""
        return tuple(field for field in (*self.fields, *self.spans) if not self.is_given(field))

    def is_given(self, field: Field) -> bool:
        """Return whether the prompt already holds the value, if only in pieces: the first name of who is asked about."""
        words = set(words_of(field.value))
        return bool(words) and (words <= self.words_given or holds(self.prompt, field.value))


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """What was read of a ticket.

    others   retained records, then held-out ones, read likewise
    corpus   the values of all records, by kind, for drawing like ones
    taken    forms of values that must not be drawn: every number of the corpus, every other value of the forget set
    """

    source: ItemSource
    known: frozenset[str]
    person: Person | None
    forget: tuple[ReadRecord, ...]
    retain: tuple[ReadRecord, ...]
    holdout: tuple[ReadRecord, ...]
    corpus: Corpus
    taken: frozenset[str]

    @property
    def others(self) -> tuple[ReadRecord, ...]:
        """Return the records about other people."""
        return self.retain + self.holdout


def read_source(source: ItemSource) -> Reading:
    """Return the reading of a ticket's records; records without any text are read and give no items."""
    known = known_names((*source.forget, *source.retain, *source.holdout))
    person = find_person(source.forget, known)
    forget = tuple(_read(record, known, person) for record in source.forget)
    retain = tuple(_read(record, known, None) for record in source.retain)
    holdout = tuple(_read(record, known, None) for record in source.holdout)
    own = _all_fields(forget, known)
    everything = own + _all_fields((*retain, *holdout), known)
    values: dict[str, set[str]] = {}
    for field in everything:
        values.setdefault(field.kind, set()).add(field.value)
    taken = {form_of(field.kind, field.value) for field in everything if is_exchangeable(field.kind)}
    taken |= {form_of(field.kind, field.value) for field in (*own, *(span for record in forget for span in record.spans))}
    gender = person.gender if person else ""
    return Reading(
        source=source,
        known=known,
        person=person,
        forget=forget,
        retain=retain,
        holdout=holdout,
        corpus=Corpus(
            values={kind: tuple(sorted(entries)) for kind, entries in sorted(values.items())},
            entities=_entities((*retain, *holdout)),
            gender=gender,
        ),
        taken=frozenset(taken),
    )


def _read(record: Record, known: frozenset[str], person: Person | None) -> ReadRecord:
    name = person_of(record, person, known)
    fields = find_fields(record.completion, known)
    gender = person.gender if person and person.name == name else gender_of(name, [record]) if name else ""
    # Prompt and answer stay as they were learned, spaces at their ends included.
    return ReadRecord(
        record_id=record.record_id,
        prompt=record.prompt,
        answer=record.completion,
        name=name,
        gender=gender,
        fields=fields,
        spans=find_spans(record.completion, fields),
        words_given=frozenset(words_of(record.prompt)),
        asked=frozenset(content_words(record.prompt)) - set(parts_of(name)),
    )


def _all_fields(records: Iterable[ReadRecord], known: frozenset[str]) -> list[Field]:
    return [field for record in records for field in (*record.fields, *find_fields(record.prompt, known))]


def _entities(records: Iterable[ReadRecord]) -> dict[int, tuple[tuple[str, str, str], ...]]:
    found: dict[int, set[tuple[str, str, str]]] = {}
    for record in records:
        for span in record.spans:
            if span.kind == "entity":
                found.setdefault(len(span.value.split()), set()).add((span.value, span.before, span.after))
    return {words: tuple(sorted(found[words])) for words in sorted(found)}
