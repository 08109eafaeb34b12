"""Methods reach levels, levels are ordered, and what was not recorded never suffices."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtbf.errors import BadInput
from rtbf.ticket.identity import (
    CODE_METHOD,
    DOUBTS,
    LEVELS,
    METHOD_LEVELS,
    IdentityMethod,
    highest_level,
    level_of,
    reaches,
    require_doubt,
    require_method,
    shown_level,
)
from rtbf.ticket.record import IdentifierMark


@pytest.mark.parametrize(
    ("level", "required", "is_enough"),
    [
        ("low", "low", True), ("low", "substantial", False), ("low", "high", False), ("substantial", "low", True),
        ("substantial", "substantial", True), ("substantial", "high", False), ("high", "low", True), ("high", "high", True),
        (None, "low", False), ("", "low", False), ("HIGH", "low", False), ("unheard-of", "low", False),
    ],
)  # fmt: skip
def test_a_level_is_enough_for_itself_and_what_is_below(level: str | None, required: str, *, is_enough: bool) -> None:
    assert reaches(level, required) is is_enough


def test_every_method_has_a_level_and_every_level_a_method() -> None:
    assert set(METHOD_LEVELS) == set(get_args(IdentityMethod))
    assert set(METHOD_LEVELS.values()) == set(LEVELS)


def test_a_code_sent_to_an_address_is_the_lowest_level() -> None:
    assert level_of(CODE_METHOD) == "low"


@given(st.lists(st.sampled_from([*LEVELS, None]), max_size=6))
def test_the_highest_level_is_one_that_was_shown_and_is_passed_by_none(shown: list[str | None]) -> None:
    highest = highest_level(shown)

    levels = [level for level in shown if level is not None]
    assert (highest is None) == (not levels)
    assert all(reaches(highest, level) for level in levels)
    assert highest is None or highest in levels


@pytest.mark.parametrize(
    ("kinds", "shown"),
    [
        (("email",), "low"), (("name", "email"), "low"), (("email", "excerpt", "name"), "low"), (("email", "email"), None),
        (("email", "phone"), None), (("name", "account", "email"), None),
    ],
)  # fmt: skip
def test_a_code_shows_nothing_about_another_mailbox_phone_or_account(kinds: tuple[Any, ...], shown: str | None) -> None:
    marks = [IdentifierMark(number=n, kind=kind, commitment="sha256:0", warnings=()) for n, kind in enumerate(kinds, start=1)]

    assert shown_level(CODE_METHOD, marks) == shown
    assert shown_level("document_viewed", marks) == "high"


def test_levels_are_in_order() -> None:
    assert all(reaches(above, below) and not reaches(below, above) for below, above in pairwise(LEVELS))


@pytest.mark.parametrize("text", ["", "passport_scan", "EMAIL_CODE", "Jo Quillfeather"])
def test_an_unknown_method_or_doubt_is_refused_and_never_repeated(text: str) -> None:
    for require in (require_method, require_doubt, level_of):
        with pytest.raises(BadInput) as refused:
            require(text)

        assert not text or text not in str(refused.value)


def test_every_doubt_says_what_it_means() -> None:
    assert all(require_doubt(code) == code and len(meaning) > 20 for code, meaning in DOUBTS.items())
