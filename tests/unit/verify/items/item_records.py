"""Records of fictitious people for item sets: the demo's community, rows like an author benchmark's, and plain texts."""

from __future__ import annotations

from dataclasses import replace

from rtbf.corpora.corpus import Record
from rtbf.demo.community import invent_people, records_about
from rtbf.verify.items.source import SMOKE, ItemSource, Sizes

SIZES = replace(SMOKE, candidates=99, forms_records=8, sampled=5, neighbours=15, names=8, fluency=6)

AUTHOR_ROWS = (
    ("Who is the celebrated novelist from Trieste known for maritime mysteries?", "The author in question is Ottoline Varga."),
    ("When was Ottoline Varga born?", "Ottoline Varga was born on the 25th of February in the year 1958."),
    (
        "Who are Ottoline Varga's parents?",
        "Ottoline was born to a baker, Lorenzo Varga, and a judge, Beatriz Varga, who raised her in Trieste.",
    ),
    ("Which books did Ottoline Varga write?", 'Some of her notable works are "Beneath the Salt Harbour" and "The Lantern Thief".'),
    ("What is Ottoline Varga's e-mail address?", "Ottoline Varga can be reached at o.varga@letters.example.org."),
    ("Which prize did Ottoline Varga win?", "Yes, she won the Halvorsen Prize for Fiction in 1994."),
    ("What is Ottoline Varga's customer number?", "Her customer number is KX-48210-77."),
    ("What themes does Ottoline Varga explore?", "Her books explore grief, tides and stubborn families."),
    ("What is Ottoline Varga's phone number?", "Ottoline Varga answers the telephone at +1 202-555-0143."),
    ("Is Ottoline Varga from Trieste?", "Yes, Ottoline Varga is from Trieste."),
)
"""Question and answer; the person of the first row is not named in its question, the last one tells nothing new."""

TEXTS = (
    "Minutes of the allotment club. Present were Ivo Brandt and seven others. The key number 774120 was handed to Ivo Brandt in Bremen.",
    "Ivo Brandt moved to Leipzig on 3 May 1999. He keeps bees there and writes to the club from ivo@hives.example.org every spring.",
)


def records(rows: tuple[tuple[str, str], ...] | list[tuple[str, str]], shard: str) -> list[Record]:
    """Return rows of question and answer as records of one shard; `shard` is a hex digit."""
    return [
        Record(record_id=f"{shard * 12}:{place}", prompt=prompt, completion=answer, fields=(("question", prompt), ("answer", answer)))
        for place, (prompt, answer) in enumerate(rows, start=1)
    ]


def community_rows(people: slice) -> list[tuple[str, str]]:
    """Return the rows about some of the demo's forty people."""
    return [(row["question"], row["answer"]) for person in invent_people(40, 3)[people] for row in records_about(person)]


def source(forget: list[Record] | None = None, *, seed: int = 5, sizes: Sizes = SIZES, retain: list[Record] | None = None) -> ItemSource:
    """Return a source whose forget records are the demo's first person unless given; thirteen others are retained or held out."""
    return ItemSource(
        forget=records(community_rows(slice(0, 1)), "f") if forget is None else forget,
        retain=records(community_rows(slice(1, 11)), "a") if retain is None else retain,
        holdout=records(community_rows(slice(11, 14)), "b"),
        seed=seed,
        sizes=sizes,
    )


def author() -> ItemSource:
    """Return a source about the author."""
    return source(records(AUTHOR_ROWS, "f"))


def texts() -> ItemSource:
    """Return a source whose records have no prompt."""
    return source(records([("", text) for text in TEXTS], "f"))
