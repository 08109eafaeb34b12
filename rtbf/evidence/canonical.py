"""The bytes that are hashed and signed: RFC 8785 canonical JSON without floats.

Floats are refused because two JSON tools print them differently; measured numbers travel as decimal text.
"""

from __future__ import annotations

import dataclasses
import hashlib
import math
from typing import Any

import rfc8785

MAX_SAFE_INTEGER = 2**53 - 1
_MOST_REMEMBERED = 32
_REMEMBERED: dict[int, tuple[Any, str]] = {}
"""id → (the record, its digest). Holding the record keeps its id from being given to another one."""


def canonical_bytes(value: Any) -> bytes:  # noqa: ANN401 - any JSON value
    """Return the RFC 8785 bytes of a JSON value or dataclass; raises ValueError on floats and unsafe integers."""
    plain = dataclasses.asdict(value) if dataclasses.is_dataclass(value) and not isinstance(value, type) else value
    return rfc8785.dumps(_checked(plain))


def digest_of(value: Any) -> str:  # noqa: ANN401 - any JSON value
    """Return "sha256:…" over the canonical bytes of a JSON value or dataclass.

    The digests of the frozen records met last are remembered by identity: the guards of one move ask for the same
    footprint's digest many times, and it may hold ten thousand hits. Equality would not do: 1 equals True, their bytes differ.
    """
    if not _is_frozen(value):
        return digest_bytes(canonical_bytes(value))
    known = _REMEMBERED.get(id(value))
    if known is None or known[0] is not value:
        known = (value, digest_bytes(canonical_bytes(value)))
        _REMEMBERED[id(value)] = known
        while len(_REMEMBERED) > _MOST_REMEMBERED:
            _REMEMBERED.pop(next(iter(_REMEMBERED)), None)
    return known[1]


def digest_bytes(content: bytes) -> str:
    """Return "sha256:…" over `content`."""
    return "sha256:" + hashlib.sha256(content).hexdigest()


def decimal_text(number: float, places: int = 6) -> str | None:
    """Return `number` as fixed decimal text, or None when it is not finite: unknown stays unknown."""
    if not math.isfinite(number):
        return None
    text = f"{number:.{places}f}"
    # A negative zero would make equal values differ in bytes.
    return text[1:] if text.startswith("-") and not text.strip("-0.") else text


def _is_frozen(value: Any) -> bool:  # noqa: ANN401 - any JSON value
    """Return whether `value` is a frozen dataclass: records are, and hold nothing but tuples and other records."""
    parameters = getattr(type(value), "__dataclass_params__", None)
    return parameters is not None and parameters.frozen


def _checked(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return value
    if isinstance(value, int):
        if abs(value) > MAX_SAFE_INTEGER:
            raise ValueError(f"an integer of {value.bit_length()} bits has no exact JSON form")
        return value
    if isinstance(value, list | tuple):
        return [_checked(entry) for entry in value]
    if isinstance(value, dict):
        return {str(key): _checked(entry) for key, entry in value.items()}
    raise ValueError(f"a {type(value).__name__} has no canonical form here; use decimal text for measured numbers")
