"""The names of what is decided one by one: `record:7` is the seventh hit of a footprint, `model:assistant` a model reached.

A name means something only together with its footprint: the seventh hit of the next revision may be another record.
Refusals never repeat what was typed, since people type names of persons into such places.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from rtbf.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rtbf.footprint.record import Footprint

RECORD_PREFIX = "record:"
MODEL_PREFIX = "model:"
_NUMBERS = re.compile(r"([0-9]{1,9})(?:-([0-9]{1,9}))?")
_FORMS = "all, records, models, a number or range such as 1-20,25, record:7, or model:NAME"


def record_item(number: int) -> str:
    """Return the item name of a footprint's hit; `number` counts from 1 in the footprint's order."""
    return f"{RECORD_PREFIX}{number}"


def model_item(name: str) -> str:
    """Return the item name of a reached model."""
    return f"{MODEL_PREFIX}{name}"


def footprint_items(footprint: Footprint) -> tuple[str, ...]:
    """Return every item of a footprint: its hits in order, then each reached model once."""
    models = dict.fromkeys(model.model for model in footprint.models)
    return (*(record_item(number) for number in range(1, len(footprint.hits) + 1)), *(model_item(name) for name in models))


def select_items(footprint: Footprint, expressions: Sequence[str]) -> tuple[str, ...]:
    """Return the items that the expressions name, each once, in the footprint's order.

    An expression is a list, parted by commas, of: `all`, `records`, `models`, `7`, `1-20`, `record:7`, `model:assistant`.
    Raises BadInput for an expression that is none of these, a record or model the footprint does not have, and no
    expression at all. `records` and `models` of a footprint without any are refused too: nothing would be decided.
    """
    everything = footprint_items(footprint)
    wanted = {item for place, text in enumerate(expressions, start=1) for item in _named(footprint, everything, text, place)}
    if not wanted:
        raise BadInput(found="no item", expected=_FORMS, remedy="name at least one; `rtbf show TICKET --items` lists them")
    return tuple(item for item in everything if item in wanted)


def _named(footprint: Footprint, everything: tuple[str, ...], text: str, place: int) -> Iterator[str]:
    groups = {
        "all": everything,
        "records": tuple(item for item in everything if item.startswith(RECORD_PREFIX)),
        "models": tuple(item for item in everything if item.startswith(MODEL_PREFIX)),
    }
    for part in (part.strip() for part in text.split(",")):
        if part in groups:
            if not groups[part]:
                raise _refused(f"'{part}' of a footprint that has none", f"an item it has ({len(everything)} in all)")
            yield from groups[part]
        elif part.startswith(MODEL_PREFIX):
            if part not in everything:
                names = ", ".join(item for item in everything if item.startswith(MODEL_PREFIX))
                raise _refused(
                    f"a model in expression {place} that the footprint did not reach", names or "no model item: none was reached"
                )
            yield part
        else:
            yield from _records(footprint, part.removeprefix(RECORD_PREFIX), place)


def _records(footprint: Footprint, text: str, place: int) -> Iterator[str]:
    match = _NUMBERS.fullmatch(text)
    if match is None:
        raise _refused(f"expression {place}, which names no item", _FORMS)
    first = int(match[1])
    last = int(match[2] or match[1])
    if not 1 <= first <= last <= len(footprint.hits):
        span = f"record {first}" if first == last else f"records {first} to {last}"
        raise _refused(f"{span} in expression {place}", f"numbers from 1 to {len(footprint.hits)}, the lower one first")
    yield from (record_item(number) for number in range(first, last + 1))


def _refused(found: str, expected: str) -> BadInput:
    return BadInput(found=found, expected=expected, remedy="correct the items; `rtbf show TICKET --items` lists them")
