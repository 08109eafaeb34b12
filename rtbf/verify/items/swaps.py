"""Put other values in the place of true ones, wherever they stand in a text."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from rtbf.verify.items.likeness import like_values
from rtbf.verify.items.source import dice

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rtbf.verify.items.fields import Field
    from rtbf.verify.items.reading import Reading


def swapped(text: str, swaps: Mapping[str, str]) -> str:
    """Return `text` with every value of `swaps` replaced at once, longer ones first, never inside a longer word or number."""
    wanted = sorted((value for value in swaps if value), key=lambda value: (-len(value), value))
    if not wanted:
        return text
    return re.sub(rf"(?<!\w)(?:{'|'.join(map(re.escape, wanted))})(?!\w)", lambda found: swaps[found.group()], text)


def swap_values(text: str, values: Sequence[Field], reading: Reading, *, gender: str, count: int, purpose: str) -> list[str]:
    """Return up to `count` versions of `text`, all different, each with every one of `values` swapped for another.

    A value that nothing else is like (a town when all towns are taken) stays; none is returned when all stay.
    """
    corpus = replace(reading.corpus, gender=gender)
    drawn = {
        field.value: like_values(field, corpus, dice(reading.source.seed, purpose, field.kind, field.value), count, reading.taken)
        for field in values
    }
    lists = {value: likes for value, likes in drawn.items() if likes}
    versions = [swapped(text, {value: likes[place % len(likes)] for value, likes in lists.items()}) for place in range(count)]
    return [version for version in dict.fromkeys(versions) if version != text]
