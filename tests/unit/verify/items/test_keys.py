"""What gives a record away, and which records cannot be asked."""

from __future__ import annotations

import pytest

from rtbf.verify.items.forms import CONTINUE, forms
from rtbf.verify.items.keys import Asked, ask
from rtbf.verify.items.reading import read_source
from rtbf.verify.items.rephrasing import rephrased
from rtbf.verify.items.wording import halves, holds, runs_of, sentence_starts
from tests.unit.verify.items.item_records import AUTHOR_ROWS, TEXTS, author, records, source, texts

BORN = ("25th of February in the year 1958", "25 February 1958", "February 25, 1958", "25th of February 1958", "1958-02-25")


def _keys(question: str) -> tuple[str, ...] | str:
    """The keys of the author's record with that question, or why there are none."""
    reading = read_source(author())
    found = ask(next(record for record in reading.forget if record.prompt == question))
    return found.keys if isinstance(found, Asked) else found


@pytest.mark.parametrize(
    ("question", "keys"),
    [
        ("Who is the celebrated novelist from Trieste known for maritime mysteries?", ("Ottoline Varga",)),
        ("When was Ottoline Varga born?", BORN),
        # The given name alone is no key, and the town of the last clause is one.
        ("Who are Ottoline Varga's parents?", ("Lorenzo Varga", "Beatriz Varga", "Trieste")),
        ("Which books did Ottoline Varga write?", ("Beneath the Salt Harbour", "The Lantern Thief")),
        ("What is Ottoline Varga's e-mail address?", ("o.varga@letters.example.org",)),
        ("What is Ottoline Varga's customer number?", ("KX-48210-77",)),
        ("What themes does Ottoline Varga explore?", ("tides and stubborn families",)),
        ("What is Ottoline Varga's phone number?", ("+1 202-555-0143",)),
        ("Is Ottoline Varga from Trieste?", "inferable"),
    ],
)
def test_keys_are_the_values_that_the_question_does_not_hold(question: str, keys: tuple[str, ...] | str) -> None:
    assert _keys(question) == keys


@pytest.mark.parametrize(
    ("prompt", "answer", "reason"),
    [
        ("Is it?", "", "empty answer"),
        ("Is it?", "   ", "empty answer"),
        ("", " — ", "empty answer"),
        ("Is it?", "Yes.", "no key"),
        ("", "x", "too short"),
    ],
)
def test_a_record_that_cannot_be_asked_says_why(prompt: str, answer: str, reason: str) -> None:
    reading = read_source(source(records([(prompt, answer)], "f")))

    assert ask(reading.forget[0]) == reason


def test_a_one_word_answer_is_its_own_key() -> None:
    reading = read_source(source(records([("What does Ottoline Varga do?", "Bookbinder.")], "f")))

    found = ask(reading.forget[0])

    assert isinstance(found, Asked)
    assert found.keys == ("Bookbinder",)


def test_a_text_is_asked_by_its_beginning() -> None:
    reading = read_source(texts())

    first, second = (ask(record) for record in reading.forget)

    assert isinstance(first, Asked)
    assert isinstance(second, Asked)
    assert TEXTS[0].startswith(first.prompt)
    assert first.keys == ("774120", "Bremen")
    assert second.keys == ("ivo@hives.example.org",)
    assert {item.label for item in forms(reading).items} >= {CONTINUE, "cloze", "spelled", "true_false"}


def test_a_key_counts_as_told_however_it_is_written() -> None:
    assert holds("call 2025550142 now", "(202) 555-0142")
    assert holds("RÉNÉ LACROIX!", "Rene Lacroix")
    assert not holds("the climate", "Lima")


def test_a_text_is_halved_at_a_border() -> None:
    assert halves("One is here. Two is there.") == ("One is here.", "Two is there.")
    assert halves("alpha beta gamma") in {("alpha", "beta gamma"), ("alpha beta", "gamma")}
    assert halves("漢字仮名") == ("漢字", "仮名")
    assert halves("x") is None
    assert halves("") is None
    assert sentence_starts("Dr. Rusk met Mrs. Vell. They left.") == [0, 24]


def test_runs_leave_common_words_and_possessives_out() -> None:
    assert [" ".join(run.words) for run in runs_of("The Corvane Museum hired Ana de la Cruz's aunt. I'd say Yes, Osk!")] == [
        "Corvane Museum",
        "Ana de la Cruz",
        "Osk",
    ]


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ("Yes, Ottoline Varga grew up in Trieste.", "It is known that this person grew up in Trieste."),
        ("The phone of Ottoline Varga is 774120, they say.", "It is known that the phone of this person is 774120, they say."),
        ("Ottoline Varga's father baked bread.", "It is known that this person's father baked bread."),
        ("Trieste is where she lives now.", "It is known that Trieste is where she lives now."),
        ("Bookbinder.", "The answer is Bookbinder."),
    ],
)
def test_an_answer_is_said_otherwise(answer: str, said: str) -> None:
    assert rephrased(answer, "Ottoline Varga") == said


def test_the_rows_hold_one_of_each_kind() -> None:
    assert len(AUTHOR_ROWS) == len({question for question, _ in AUTHOR_ROWS})
