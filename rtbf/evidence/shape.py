"""Read untrusted JSON into frozen dataclasses, exactly: no field missing, none extra, no value of another type.

Standard library only: the offline checker stands on it. Every misfit is a ValueError that names the place and
never repeats the value. Does not judge whether values make sense together.
"""

from __future__ import annotations

import dataclasses
import functools
import types
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

T = TypeVar("T")


def read_shape(kind: type[T], value: Any, place: str = "") -> T:  # noqa: ANN401 - untrusted JSON
    """Return `value` as a `kind`; raises ValueError naming the first place that does not fit."""
    fields = _fields(kind)  # type: ignore[arg-type]  # a class is hashable
    if not isinstance(value, dict):
        raise ValueError(f"{place or 'the value'} is not an object")
    for name in sorted(set(value) - set(fields)):
        raise ValueError(f"{place or 'the object'} has an unknown field {name[:40]!r}")
    for name in sorted(set(fields) - set(value)):
        raise ValueError(f"{place or 'the object'} lacks the field '{name}'")
    return kind(**{name: _read(hint, value[name], f"{place}.{name}".lstrip(".")) for name, hint in fields.items()})


@functools.cache
def _fields(kind: type) -> dict[str, Any]:
    hints = get_type_hints(kind)
    return {field.name: hints[field.name] for field in dataclasses.fields(kind)}


def _read(hint: Any, value: Any, place: str) -> Any:  # noqa: ANN401 - a type hint and untrusted JSON
    origin = get_origin(hint)
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        return read_shape(hint, value, place)
    if origin in {Union, types.UnionType}:
        # Only "X | None" is used in the shapes.
        (inner,) = (entry for entry in get_args(hint) if entry is not type(None))
        return None if value is None else _read(inner, value, place)
    if origin is Literal:
        if not isinstance(value, str) or value not in get_args(hint):
            raise ValueError(f"{place} is none of {', '.join(get_args(hint))}")
        return value
    if origin is tuple:
        return _read_tuple(get_args(hint), value, place)
    if origin is dict:
        return _read_mapping(value, place)
    # bool is an int to Python and not to JSON.
    if type(value) is not hint:
        raise ValueError(f"{place} is not of type {hint.__name__}")
    return value


def _read_tuple(arguments: tuple[Any, ...], value: Any, place: str) -> tuple[Any, ...]:  # noqa: ANN401 - untrusted JSON
    if not isinstance(value, list):
        raise ValueError(f"{place} is not a list")
    hints = (arguments[0],) * len(value) if arguments[-1] is Ellipsis else arguments
    if len(hints) != len(value):
        raise ValueError(f"{place} has {len(value)} entries and not {len(hints)}")
    return tuple(_read(hint, entry, f"{place}[{number}]") for number, (hint, entry) in enumerate(zip(hints, value, strict=True)))


def _read_mapping(value: Any, place: str) -> dict[str, str]:  # noqa: ANN401 - untrusted JSON
    if not isinstance(value, dict) or not all(isinstance(entry, str) for entry in value.values()):
        raise ValueError(f"{place} is not an object of texts")
    return dict(value)
