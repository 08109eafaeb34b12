"""Read JSON from outside with every freedom taken away that two readers could use differently.

UTF-8 only, bounded size and depth, no duplicate keys, no floats, no NaN, no integer beyond 2^53 - 1, no lone
surrogates (RFC 8259 §4, §6, §8; RFC 7493). Standard library only. Every fault is a ValueError that repeats no content.
"""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn

MAX_DEPTH = 32
_MAX_INTEGER_DIGITS = 16
_MAX_INTEGER = 2**53 - 1
_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*+"|["{}\[\]]', re.DOTALL)
"""A whole string, or a bracket, or a quote that opens no whole string. Possessive: no input makes it backtrack."""


def read_strict_json(raw: bytes, max_bytes: int) -> Any:  # noqa: ANN401 - any JSON value
    """Return the JSON value in `raw`; raises ValueError saying which freedom it took."""
    if len(raw) > max_bytes:
        raise ValueError(f"larger than {max_bytes} bytes")
    # Before parsing: the parser recurses, and a RecursionError is not a verdict on a file.
    if _depth(raw) > MAX_DEPTH:
        raise ValueError(f"nested deeper than {MAX_DEPTH} levels")
    try:
        text = raw.decode("utf-8", errors="strict")
    except UnicodeDecodeError as refused:
        raise ValueError(f"not UTF-8 at byte {refused.start}") from None
    try:
        value = json.loads(text, object_pairs_hook=_object, parse_float=_refuse_number, parse_constant=_refuse_number, parse_int=_integer)
    except json.JSONDecodeError as refused:
        raise ValueError(f"not JSON at character {refused.pos}") from None
    _require_text(value)
    return value


def _depth(raw: bytes) -> int:
    """Return how deep brackets nest outside strings; a string that never ends is left to the parser to refuse."""
    deepest = level = 0
    for token in _TOKEN.finditer(raw):
        mark = token.group()
        if mark in {b"{", b"["}:
            level += 1
            deepest = max(deepest, level)
        elif mark in {b"}", b"]"}:
            level -= 1
        elif mark == b'"':
            break
    return deepest


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("an object names a key twice")
    return found


def _refuse_number(_text: str) -> NoReturn:
    raise ValueError("a number that is no plain integer")


def _integer(text: str) -> int:
    if len(text.lstrip("-")) > _MAX_INTEGER_DIGITS or abs(int(text)) > _MAX_INTEGER:
        raise ValueError("an integer beyond 2^53 - 1")
    return int(text)


def _require_text(value: Any) -> None:  # noqa: ANN401 - any JSON value
    if isinstance(value, str):
        try:
            value.encode("utf-8")
        except UnicodeEncodeError:
            raise ValueError("a text with half a surrogate pair") from None
    elif isinstance(value, list):
        for entry in value:
            _require_text(entry)
    elif isinstance(value, dict):
        for key, entry in value.items():
            _require_text(key)
            _require_text(entry)
