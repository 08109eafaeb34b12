"""A value that cannot be printed, formatted, compared by accident, pickled, copied or turned into JSON.

The value is kept in a closure, not in an attribute: a debugger, a crash reporter or a serialiser that walks an object's
slots finds a function. Equality and hash are those of the object itself, so neither tells anything about the value.
What it does not do: it does not wipe memory, and it does not hide the text that it was made from in the frame that
made it; Python cannot promise either.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, NoReturn, TypeVar, final

if TYPE_CHECKING:
    from collections.abc import Callable

MASK = "***"
_Value = TypeVar("_Value", str, bytes)


class _Sealed(Generic[_Value]):
    """What text and byte secrets share."""

    __slots__ = ("_open",)

    def __init__(self, value: _Value) -> None:
        self._open: Callable[[], _Value] = lambda: value

    def reveal(self) -> _Value:
        """Return the value. Call it only where the value is matched, sealed or shown to an authorised person."""
        return self._open()

    def __repr__(self) -> str:
        return MASK

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return MASK

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret cannot be pickled or copied: it would leave the process in clear")

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        self.__reduce__()

    def __getstate__(self) -> NoReturn:
        self.__reduce__()

    def __copy__(self) -> NoReturn:
        self.__reduce__()

    def __deepcopy__(self, memo: object) -> NoReturn:
        self.__reduce__()

    def __iter__(self) -> NoReturn:
        raise TypeError("a Secret cannot be iterated")

    def __bytes__(self) -> NoReturn:
        raise TypeError("a Secret has no bytes; its value leaves by reveal() only")


@final
class Secret(_Sealed[str]):
    """Personal data or a passphrase in memory. Only `reveal()` gives the value, so every use can be found by grep."""

    __slots__ = ()


@final
class SecretBytes(_Sealed[bytes]):
    """Key material in memory, under the same rules."""

    __slots__ = ()
