r"""Read the lines of JSON Lines one by one, strictly: what two readers could understand in two ways is no record.

Lines end at \n only: U+2028 and the like are lawful inside a string. Memory does not grow with the file.
Source: jsonlines.org; RFC 8259.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

MAX_LINE_BYTES = 16 << 20
_BOM = b"\xef\xbb\xbf"


class NotARecordError(Exception):
    """A line that is no record; its text is the reason code and nothing of the line."""


def numbered_lines(file: BinaryIO) -> Iterator[tuple[int, bytes | None]]:
    """Yield (number from 1, bytes with their line end) of non-blank lines; None stands for a line over the limit, which is skipped.

    A byte order mark before the first line is left away. The file need not be one that can be read twice.
    """
    position = 0
    while line := file.readline(MAX_LINE_BYTES):
        position += 1
        if len(line) == MAX_LINE_BYTES and not line.endswith(b"\n"):
            while (piece := file.readline(MAX_LINE_BYTES)) and not piece.endswith(b"\n"):
                pass
            yield position, None
            continue
        if position == 1:
            line = line.removeprefix(_BOM)
        if line.strip():
            yield position, line


def parse_object(line: bytes | None) -> dict[str, Any]:
    """Return the object in a line; raises NotARecordError with a reason code."""
    if line is None:
        raise NotARecordError("line_too_long")
    try:
        text = line.decode("utf-8")
        entry = json.loads(text, object_pairs_hook=_object_without_repeats, parse_constant=_refuse_constant)
    except UnicodeDecodeError as refused:
        raise NotARecordError("not_utf8") from refused
    except RecursionError as refused:
        raise NotARecordError("nested_too_deep") from refused
    except ValueError as refused:
        raise NotARecordError("invalid_json" if line.endswith(b"\n") else "truncated_last_line") from refused
    if not isinstance(entry, dict):
        raise NotARecordError("not_an_object")
    try:
        # An escape such as \ud800 is lawful JSON and no character; it could be neither searched nor hashed.
        json.dumps(entry, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError as refused:
        raise NotARecordError("lone_surrogate") from refused
    return entry


def _object_without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    # Readers differ on which of two equal keys counts, so a repeated one hides text from somebody.
    entry = dict(pairs)
    if len(entry) != len(pairs):
        raise NotARecordError("duplicate_key")
    return entry


def _refuse_constant(_name: str) -> NoReturn:
    raise ValueError("NaN and Infinity are not JSON")
