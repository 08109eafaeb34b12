"""A ledger's name through its restarts: "X", then "X/2", then "X/3" (ADR 0015).

A restart after a real loss changes the name, so that the break is in every later event and head.
"""

from __future__ import annotations

import re

_RESTARTED = re.compile(r"(?P<first>.+)/(?P<number>[2-9]|[1-9][0-9]{1,3})", re.DOTALL)
"""Four digits at most: a first name may itself end in a slash and sixteen hexadecimal digits."""


def name_parts(origin: str) -> tuple[str, int]:
    """Return the ledger's first name, and how many times it was begun: 1 without a restart."""
    found = _RESTARTED.fullmatch(origin)
    return (origin, 1) if found is None else (found["first"], int(found["number"]))


def next_name(origin: str) -> str:
    """Return the name after one more restart."""
    first, number = name_parts(origin)
    return f"{first}/{number + 1}"


def is_later(origin: str, other: str) -> bool:
    """Return whether `origin` is the same ledger as `other` after more restarts."""
    (first, number), (other_first, other_number) = name_parts(origin), name_parts(other)
    return first == other_first and number > other_number
