"""What is found in an answer, and what is not."""

from __future__ import annotations

import pytest

from rtbf.vault.normalise import fold_name
from rtbf.verify.items.fields import find_fields, is_exchangeable
from rtbf.verify.items.spans import find_spans


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Write to a.quill+club@post.example.org.", [("email", "a.quill+club@post.example.org")]),
        ("Call (202) 555-0142 or +44 20 7946 0958.", [("phone", "(202) 555-0142"), ("phone", "+44 20 7946 0958")]),
        ("Born on the 25th of February in the year 1958.", [("date", "25th of February in the year 1958")]),
        ("Born May 3, 1999; moved 2001-04-30; left 3.12.2010.", [("date", "May 3, 1999"), ("date", "2001-04-30"), ("date", "3.12.2010")]),
        ("Geboren am 7. März 1981, né le 14 juillet 1980", [("date", "7. März 1981"), ("date", "14 juillet 1980")]),
        ("Customer KX-48210-77 and number 774120.", [("id", "KX-48210-77"), ("number", "774120")]),
        ("He earns $12,500 a month, that is 11500 euros.", [("money", "$12,500"), ("money", "11500 euros")]),
        ("A prize in 1994, in the 1990s, and in 1990-1995.", [("year", "1994")]),
        ("Her number is 000-12-3456.", [("id", "000-12-3456")]),
        ("She lives in Rio de Janeiro, not Rio.", [("town", "Rio de Janeiro")]),
        ("Her father Lorenzo Varga met Ana de la Cruz's aunt.", [("name", "Lorenzo Varga"), ("name", "Ana de la Cruz")]),
        ("The server 192.0.2.10 answers.", []),
        ("30 February 1999 is no day, nor is 31.02.1999.", [("date", "February 1999")]),
        ("Nothing to see here", []),
        ("", []),
    ],
)
def test_fields_are_found_by_their_writing(text: str, found: list[tuple[str, str]]) -> None:
    fields = find_fields(text)

    assert [(field.kind, field.value) for field in fields] == found
    assert all(text[field.start : field.end] == field.value for field in fields)


def test_a_made_up_name_is_found_once_it_is_known() -> None:
    text = "Dunja Quillfeather plays the viola."

    assert find_fields(text) == ()
    assert [field.value for field in find_fields(text, frozenset({fold_name("Dunja Quillfeather")}))] == ["Dunja Quillfeather"]


def test_only_what_was_drawn_is_exchangeable() -> None:
    kinds = ("phone", "id", "number", "email", "date", "year", "money", "name", "town")

    assert [kind for kind in kinds if is_exchangeable(kind)] == ["phone", "id", "number"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('She wrote "The Lantern Thief," her first.', [("title", "The Lantern Thief")]),
        ('"We have an hour before us," he said, "and no more."', []),
        ("He works for the Corvane Museum.", [("entity", "Corvane Museum")]),
        ("I'd say she speaks Romanian and likes Drama.", [("demonym", "Romanian"), ("entity", "Drama")]),
        ("Readers wrote on Monday in May.", []),
    ],
)
def test_spans_are_capitalised_and_no_common_words(text: str, found: list[tuple[str, str]]) -> None:
    assert [(span.kind, span.value) for span in find_spans(text, find_fields(text))] == found


@pytest.mark.parametrize("text", ["a" * 60_000, "1-" * 30_000, "a.b" * 20_000 + "@", "A " * 20_000, '"A' * 20_000, "1234, " * 10_000])
def test_a_hostile_text_is_read_in_linear_time(text: str) -> None:
    """Quadratic rules would take hours here."""
    fields = find_fields(text)

    assert len((*fields, *find_spans(text, fields))) <= 20_000
