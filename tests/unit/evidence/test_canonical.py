"""Canonical bytes: RFC 8785, without the numbers that two tools print differently."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass

import pytest

from rtbf.evidence.canonical import canonical_bytes, decimal_text, digest_of


def test_the_rfcs_own_example_without_its_floats() -> None:
    """RFC 8785 §3.2.2 to §3.2.4, its `numbers` left out: they are floats, which we refuse."""
    value = {"string": "\u20ac$\u000f\u000aA'\u0042\u0022\u005c\\\"/", "literals": [None, True, False]}

    expected = '{"literals":[null,true,false],"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}'

    assert canonical_bytes(value) == expected.encode()


def test_keys_are_sorted_by_utf16_code_units() -> None:
    """RFC 8785 §3.2.3: the emoji's surrogate pair (D83D…) sorts before U+FB33, whose code point is smaller."""
    value = {"\u20ac": "Euro", "\r": "CR", "\ufb33": "Dalet", "1": "One", "\U0001f600": "Face", "\u0080": "Control", "\u00f6": "o"}

    text = canonical_bytes(value).decode()

    assert [text.index(word) for word in ("CR", "One", "Control", "\u00f6", "Euro", "Face", "Dalet")] == sorted(
        text.index(word) for word in ("CR", "One", "Control", "\u00f6", "Euro", "Face", "Dalet")
    )


@pytest.mark.parametrize("number", [0.5, 1.0, -0.0, math.nan, math.inf])
def test_a_float_is_refused_wherever_it_hides(number: float) -> None:
    for value in (number, [number], {"a": {"b": (number,)}}):
        with pytest.raises(ValueError, match="float"):
            canonical_bytes(value)


@pytest.mark.parametrize("value", [b"bytes", {1, 2}, object(), 3 + 4j, {"a": b""}])
def test_what_json_cannot_hold_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="no canonical form"):
        canonical_bytes(value)


def test_integers_that_json_readers_round_are_refused() -> None:
    assert canonical_bytes(2**53 - 1) == b"9007199254740991"
    for number in (2**53, -(2**53)):
        with pytest.raises(ValueError, match="bits"):
            canonical_bytes(number)


def test_a_digest_is_over_the_bytes_and_ignores_the_order_of_keys() -> None:
    assert digest_of({"b": 1, "a": [True]}) == "sha256:" + hashlib.sha256(b'{"a":[true],"b":1}').hexdigest()
    assert digest_of({"b": 1, "a": 2}) == digest_of({"a": 2, "b": 1})
    assert digest_of([1, 2]) != digest_of([2, 1])


def test_a_record_and_its_fields_have_the_same_bytes() -> None:
    @dataclass(frozen=True, kw_only=True)
    class Pair:
        name: str
        parts: tuple[int, ...]

    assert canonical_bytes(Pair(name="x", parts=(1, 2))) == b'{"name":"x","parts":[1,2]}'


@pytest.mark.parametrize(
    ("number", "text"),
    [(0.1, "0.100000"), (-0.0, "0.000000"), (-1e-9, "0.000000"), (-1.5, "-1.500000"), (2 / 3, "0.666667"), (1e6, "1000000.000000")],
)
def test_measured_numbers_travel_as_fixed_decimal_text(number: float, text: str) -> None:
    assert decimal_text(number) == text


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_is_unknown_not_zero(number: float) -> None:
    assert decimal_text(number) is None
