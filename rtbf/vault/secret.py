"""A value that cannot be printed, formatted, compared by accident, pickled or turned into JSON.

What it does not do: it does not wipe memory; Python cannot promise that.
"""

from __future__ import annotations

from typing import NoReturn

MASK = "***"


class Secret:
    """Personal data or key material in memory. Only `reveal()` gives the value, so every use can be found by grep."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Return the value. Call it only where the value is matched, sealed or shown to an authorised person."""
        return self._value

    def __repr__(self) -> str:
        return MASK

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return MASK

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret cannot be pickled: it would leave the process in clear")
