"""A body is read as exactly one thing or refused, and a refusal never repeats it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtbf.errors import BadInput
from rtbf.ticket.body import MAX_BODY_BYTES, read_body

CANARY = "Canary Quillfeather"
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**15), 10**15) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)


@given(JSON)
def test_what_json_can_say_is_read_as_it_was_written(value: Any) -> None:
    assert read_body(json.dumps(value).encode()) == value


@pytest.mark.parametrize(
    ("raw", "found"),
    [
        (b"", "no UTF-8 JSON"),
        (b"{", "no UTF-8 JSON"),
        (f'{{"name": "{CANARY}"'.encode(), "no UTF-8 JSON"),
        (f"'{CANARY}'".encode(), "no UTF-8 JSON"),
        (CANARY.encode("utf-16"), "no UTF-8 JSON"),
        (b"\xef\xbb\xbf{}", "no UTF-8 JSON"),
        (b"9" * 5000, "no UTF-8 JSON"),
        (f'{{"{CANARY}": 1, "{CANARY}": 2}}'.encode(), "twice"),
        (f'[{{"a": {{"{CANARY}": 1, "{CANARY}": 1}}}}]'.encode(), "twice"),
        (b'{"a": 1, "\\u0061": 2}', "twice"),
        (b"NaN", "NaN"),
        (b"[-Infinity]", "NaN"),
        (b"[" * 200_000, "too deeply"),
        (b'{"a":' * 150_000, "too deeply"),
        (b" " * (MAX_BODY_BYTES + 1), "more than"),
    ],
)
def test_what_is_no_plain_json_is_refused(raw: bytes, found: str) -> None:
    with pytest.raises(BadInput) as refused:
        read_body(raw)

    assert found in refused.value.found
    assert "Quillfeather" not in f"{refused.value} {refused.value!r} {refused.value.__cause__!r} {refused.value.__context__!r}"


def test_a_body_at_the_limit_is_read() -> None:
    raw = b'"' + b"x" * (MAX_BODY_BYTES - 2) + b'"'

    assert len(raw) == 1_048_576
    assert len(read_body(raw)) == 1_048_574
