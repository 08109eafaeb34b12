"""Drawn values have the true one's form and another content."""

from __future__ import annotations

import random
import re
from collections import Counter
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtbf.verify.items.codes import draw_code, mask_of
from rtbf.verify.items.dates import find_dates, spellings
from rtbf.verify.items.fields import Field, find_fields
from rtbf.verify.items.likeness import Corpus, like_values

EMPTY = Corpus(values={}, entities={})


def _field(kind: str, value: str) -> Field:
    return Field(kind=kind, start=0, end=len(value), value=value)


def _shape(value: str) -> str:
    """An independent statement of form: every digit 9, every letter by its case, all else itself."""
    return re.sub(r"[a-z]", "a", re.sub(r"[A-Z]", "A", re.sub(r"[0-9]", "9", value)))


@settings(max_examples=60, deadline=None)
@given(
    st.one_of(
        st.tuples(
            st.just("phone"),
            st.from_regex(r"\([0-9]{3}\) [2-9][0-9]{2}-[0-9]{4}|\+49 [0-9]{3} [0-9]{7}|[0-9]{3}-[0-9]{3}-[0-9]{4}", fullmatch=True),
        ),
        st.tuples(st.just("id"), st.from_regex(r"[A-Z]{2,3}-[0-9]{4,6}(-[0-9]{2})?|[A-Z][0-9][A-Z][0-9]{3}[A-Z]", fullmatch=True)),
        st.tuples(st.just("number"), st.from_regex(r"[1-9][0-9]{3,11}|[0-9]{1,3},[0-9]{3}", fullmatch=True)),
        st.tuples(st.just("money"), st.from_regex(r"[$€][1-9][0-9]{2},[0-9]{3}", fullmatch=True)),
    ),
    st.integers(0, 10),
)
def test_codes_keep_their_form_and_change_their_content(pair: tuple[str, str], seed: int) -> None:
    kind, value = pair

    likes = like_values(_field(kind, value), EMPTY, random.Random(seed), 20)

    assert {_shape(like) for like in likes} <= {_shape(value)}
    assert value not in likes
    assert len(set(likes)) == len(likes)


@settings(max_examples=60, deadline=None)
@given(
    st.dates(min_value=date(1900, 1, 1), max_value=date(2030, 1, 1)),
    st.sampled_from(
        ["{d} {m} {y}", "{m} {d}, {y}", "{d}th of {m} {y}", "{y}-{n:02d}-{d:02d}", "{d:02d}.{n:02d}.{y}", "{d}/{n}/{y}", "{m} {d}"]
    ),
    st.integers(0, 10),
)
def test_dates_keep_their_writing(when: date, writing: str, seed: int) -> None:
    months = ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"]
    value = writing.format(d=when.day, m=months[when.month - 1], y=when.year, n=when.month)

    likes = like_values(_field("date", value), EMPTY, random.Random(seed), 15)

    def form(text: str) -> str:
        text = re.sub("|".join(months), "Month", text)
        return re.sub(r"\d", "9", re.sub(r"(?<=\d)(st|nd|rd|th)", "th", text))

    assert likes
    assert {form(like) for like in likes} == {form(value)}
    assert value not in likes
    assert all([(found.start, found.end) for found in find_dates(like)] == [(0, len(like))] for like in likes)


@pytest.mark.parametrize(
    ("value", "pattern"),
    [
        ("ada.quill@post.example.org", r"[a-z]+\.[a-z]+@post\.example\.org"),
        ("a_quill77@post.example.org", r"[a-z]_[a-z]+\d\d@post\.example\.org"),
        ("QUILL@post.example.org", r"[A-Z]+@post\.example\.org"),
    ],
)
def test_a_mail_address_keeps_domain_signs_and_case(value: str, pattern: str) -> None:
    likes = like_values(_field("email", value), EMPTY, random.Random(1), 50)

    assert len(likes) == 50
    assert all(re.fullmatch(pattern, like) for like in likes)


@pytest.mark.parametrize(
    ("kind", "value", "pattern"),
    [
        ("name", "Ana de la Cruz", r"[A-Z][\w-]+ de la [A-Z][\w'-]+"),
        ("name", "Ana J. Varga", r"[A-Z][\w-]+ [A-Z]\. [A-Z][\w'-]+"),
        ("title", "The Lantern Thief", r"The [A-Z]\w+ [A-Z]\w+"),
        ("entity", "Corvane Museum", r"[A-Z][\w' -]+ Museum"),
        ("entity", "KGB", r"[A-Z]{3}"),
        ("year", "1994", r"19[6-9]\d"),
    ],
)
def test_other_values_keep_what_they_are(kind: str, value: str, pattern: str) -> None:
    likes = like_values(_field(kind, value), EMPTY, random.Random(1), 25)

    assert len(likes) == 25
    assert all(re.fullmatch(pattern, like) for like in likes)


def test_values_of_the_ticket_are_never_drawn() -> None:
    # Of the four-digit form 1xxx there are 9000 values; all but 1000 to 1009 are taken.
    taken = frozenset(str(number) for number in range(1010, 10_000))

    likes = like_values(_field("number", "1005"), EMPTY, random.Random(1), 400, taken)

    assert set(likes) <= {str(number) for number in range(1000, 1010)} - {"1005"}


def test_a_spent_table_gives_fewer_values_and_no_invented_ones() -> None:
    likes = like_values(_field("town", "Bremen"), EMPTY, random.Random(1), 5_000)

    assert 200 < len(likes) < 300
    assert all([field.kind for field in find_fields(like)] == ["town"] for like in likes)


def test_a_code_is_drawn_as_the_corpus_writes_it() -> None:
    """Forty numbers under two area codes with one exchange: nothing else is drawn, and the lines are even."""
    alike = sorted(f"({(202, 303)[line % 2]}) 555-01{line:02d}" for line in range(40))
    draw = draw_code("(202) 555-0104", alike, random.Random(1), is_phone=True)

    drawn = [draw() for _ in range(4_000)]

    assert all(re.fullmatch(r"\((202|303)\) 555-01\d\d", value) for value in drawn)
    counts = Counter(value[-1] for value in drawn)
    # 400 of each last digit are expected; 5 standard deviations of a binomial are 95.
    assert all(abs(counts[digit] - 400) < 95 for digit in "0123456789")


@pytest.mark.parametrize(
    ("value", "pattern"),
    [
        ("(415) 867-5309", r"\(415\) [2-9]\d\d-\d{4}"),
        ("+1 415 867 5309", r"\+1 415 [2-9]\d\d \d{4}"),
        ("(202) 555-0142", r"\([2-9]\d\d\) 555-01\d\d"),
        ("+44 20 7946 0958", r"\+44 20 \d{4} \d{4}"),
    ],
)
def test_a_lone_phone_number_keeps_what_its_numbering_plan_fixes(value: str, pattern: str) -> None:
    likes = like_values(_field("phone", value), EMPTY, random.Random(1), 60)

    assert len(likes) == 60
    assert all(re.fullmatch(pattern, like) for like in likes)


def test_a_card_number_keeps_its_issuer_and_checks() -> None:
    value = "4000 0012 3456 7899"  # 4·2+0+…: Luhn sum 60

    likes = like_values(_field("id", value), EMPTY, random.Random(1), 40)

    def checks(number: str) -> bool:
        total = 0
        for place, digit in enumerate(int(sign) for sign in reversed(number.replace(" ", ""))):
            total += digit if place % 2 == 0 else digit * 2 - 9 * (digit > 4)
        return total % 10 == 0

    assert checks(value)
    assert len(likes) == 40
    assert all(like.startswith("4000 00") and checks(like) for like in likes)


def test_digits_of_another_script_stay_in_it() -> None:
    value = "\u0663\u0664\u0665\u0666"

    likes = like_values(_field("number", value), EMPTY, random.Random(1), 20)

    assert {mask_of(like) for like in likes} == {"9999"}
    assert all("\u0660" <= sign <= "\u0669" for like in likes for sign in like)


def test_a_full_date_is_a_key_in_its_usual_spellings() -> None:
    assert spellings("25th of February in the year 1958") == (
        "25th of February in the year 1958",
        "25 February 1958",
        "February 25, 1958",
        "25th of February 1958",
        "1958-02-25",
    )
    # The third of April or the fourth of March: nobody can say.
    assert spellings("03/04/1958") == ("03/04/1958",)
