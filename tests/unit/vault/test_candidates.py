"""Candidates are found in the ways people write, and never at a price that grows faster than the text."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtbf.vault.candidates import account_candidates, digit_candidates, email_candidates, phone_candidates
from rtbf.vault.normalise import fold_text, normalise_email

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


@pytest.mark.parametrize(
    "text",
    [
        "ines@example.org",
        "Write to Ines@Example.ORG.",
        "<ines@example.org>, (ines@example.org); [ines@example.org]",
        "mailto:ines@example.org?subject=x",
        "'ines@example.org'",
        "owner=ines@example.org&x=1",
        "_ines@example.org_",
        "**ines@example.org**",
        "…ines@example.org...",
        "ines\uff20example.org",
        "in\u00ades@example.org",
        "a@b,ines@example.org",
        "mail:ines@example.org-",
    ],
)
def test_an_address_is_found_in_running_text(text: str) -> None:
    assert "ines@example.org" in set(email_candidates(fold_text(text)))


@pytest.mark.parametrize("written", ["ines@bücher.example", "Ines@BÜCHER.example", "ines@xn--bcher-kva.example"])
def test_an_international_domain_is_found_in_both_spellings(written: str) -> None:
    assert "ines@bücher.example" in set(email_candidates(fold_text(f"to {written}.")))


def test_a_domain_or_a_local_part_alone_is_no_address() -> None:
    assert list(email_candidates(fold_text("@example.org ines@ @ ines @ example.org @@ @."))) == []


@given(st.from_regex(r"[a-zA-Z0-9.+%\-_]{1,20}@[a-zA-Z0-9.\-]{1,30}", fullmatch=True))
def test_the_quick_form_of_an_ascii_address_is_the_normal_form(address: str) -> None:
    """The validator is left out for speed. Found and normal form must agree, or an address on the list would pass."""
    found = set(email_candidates(fold_text(address)))

    local, _, domain = address.lower().partition("@")
    is_whole = ".." not in domain and domain == domain.strip(".-_")
    assert (normalise_email(address) in found) or not is_whole
    assert local


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("ask @Ines_V92, please", ("ines_v92", True)),
        ("ask ines_v92's friend", ("ines_v92", False)),
        ("https://social.example/ines_v92?x=1", ("ines_v92", False)),
        ("(Ines_V92).", ("ines_v92", False)),
        ("_ines92_", ("ines92", False)),
        ("ines.v-92.", ("ines.v-92", False)),
    ],
)
def test_an_account_name_is_found_with_its_handle_sign(text: str, found: tuple[str, bool]) -> None:
    assert found in set(account_candidates(fold_text(text)))


def test_the_parts_of_an_address_are_no_account_names() -> None:
    assert list(account_candidates("ines@example.org")) == []


@pytest.mark.parametrize(
    "text",
    [
        "202 555 0142",
        "call (202) 555-0142 now",
        "+1-202-555-0142",
        "tel:+12025550142;x",
        "001 202 555 0142",
        "0012025550142",
        "1.202.555.0142",
        "5 202 555 0142",
        "on 12/03/2024 2025550142",
        "price 300 (202) 555-0142 2 pcs",
        "202 555 0142 0200 33",
        "id 4711, 202-555-0142",
        "٢٠٢-٥٥٥-٠١٤٢",  # noqa: RUF001 - other scripts' digits are the point
        "２０２ ５５５ ０１４２",  # noqa: RUF001 - as above
        "202 555\n0142",
    ],
)
def test_a_number_of_the_home_region_is_found_however_it_is_written(text: str) -> None:
    assert "+12025550142" in set(phone_candidates(text, "US"))


@pytest.mark.parametrize("text", ["+44 20 7946 0958", "+44 (0)20 7946 0958", "call +442079460958."])
def test_a_number_of_another_country_is_found_with_its_code(text: str) -> None:
    assert "+442079460958" in set(phone_candidates(text, "US"))


def test_the_home_region_s_trunk_digit_is_left_off() -> None:
    assert "+442079460958" in set(phone_candidates("020 7946 0958", "GB"))


@pytest.mark.parametrize("text", ["", "no digits", "1 2 3 4", "12025550142123456789", "2025 apples 550142"])
def test_what_is_too_short_too_long_or_apart_is_no_number(text: str) -> None:
    assert "+12025550142" not in set(phone_candidates(text, "US"))


def test_digit_runs_are_those_of_a_phone_s_length() -> None:
    assert list(digit_candidates("12 345 6789")) == ["12345", "3456789", "123456789"]
    assert list(digit_candidates("1 2 3 4")) == []


@pytest.mark.parametrize("unit", ["a@", "@", "a", "1", "1 ", "1/", "a.", "a@b.", "x+", "-", "(", "(1", "+", "x@é ", "202-555-0142 "])
def test_the_time_grows_with_the_text_and_not_faster(unit: str) -> None:
    def seconds(length: int) -> float:
        text = unit * (length // len(unit))
        finders: list[Callable[[], Iterable[object]]] = [
            lambda: email_candidates(fold_text(text)),
            lambda: account_candidates(fold_text(text)),
            lambda: phone_candidates(text, "US"),
        ]
        start = time.process_time()
        for find in finders:
            for _ in find():
                pass
        return time.process_time() - start

    short, long = min(seconds(4_000) for _ in range(3)), seconds(32_000)

    # Eight times the text: linear is 8, quadratic 64. The constant covers what a busy machine adds to a few milliseconds.
    assert long < 24 * short + 0.05
