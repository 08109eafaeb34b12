"""Read plain UTF-8 text: paragraphs, parted by blank lines, joined into records of about a page's tenth.

Paragraphs are joined while a record stays within 1200 characters; a longer paragraph is split at the end of a
sentence, else at a space. What cannot be decoded is given back as `Unread` by its paragraph number and ends the
record before it, so no record ever spans a hole.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from rtbf.corpora.corpus import Layout, Record, Unread
from rtbf.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CARD = {
    "name": "text",
    "title": "Plain text",
    "suffixes": [".txt", ".text", ".md"],
    "reads": "UTF-8 text; paragraphs between blank lines, joined into records of at most 1200 characters",
    "source": "The Unicode Standard, section 3.9 (UTF-8)",
}

RECORD_CHARACTERS = 1200
MAX_PARAGRAPH_BYTES = 16 << 20
_FIELD = "text"
_BOM = b"\xef\xbb\xbf"
_SENTENCE_END = re.compile("[.!?\u2026\u3002\uff01\uff1f][\"'\u201d\u2019)\\]]*\\s*(?<=[\\s\u3002\uff01\uff1f])")


def choose_layout(path: Path, prompt_field: str | None, completion_field: str | None) -> Layout | None:  # noqa: ARG001 - all text files are alike
    """Return the one layout of plain text; raises BadInput when fields are named, because text has none."""
    if prompt_field is not None or completion_field not in {None, _FIELD}:
        raise BadInput(
            found="field names for a plain text file",
            expected="no --prompt-field or --completion-field",
            remedy="leave them out, or choose a connector that reads fields with --connector",
        )
    return Layout(prompt_field=None, completion_field=_FIELD)


def read_shard(path: Path, layout: Layout, shard_prefix: str) -> Iterator[Record | Unread]:  # noqa: ARG001 - text has one layout
    """Yield records and unread paragraphs in the file's order.

    A record's position is the number of its first paragraph, from 1; the second part of a split paragraph 7 is "7.2".
    """
    held: list[str] = []
    first = 0
    for position, paragraph in _numbered_paragraphs(path):
        text, reason = _decoded(paragraph)
        if held and (reason or len("\n\n".join([*held, text])) > RECORD_CHARACTERS):
            yield _record(shard_prefix, str(first), "\n\n".join(held))
            held = []
        if reason:
            yield Unread(position=position, reason=reason)
        elif len(text) > RECORD_CHARACTERS:
            for part, piece in enumerate(_pieces(text), start=1):
                yield _record(shard_prefix, str(position) if part == 1 else f"{position}.{part}", piece)
        else:
            first = first if held else position
            held.append(text)
    if held:
        yield _record(shard_prefix, str(first), "\n\n".join(held))


def _numbered_paragraphs(path: Path) -> Iterator[tuple[int, bytes | None]]:
    """Yield (number, bytes) of each paragraph; None stands for one over the limit, whose bytes are not kept."""
    with path.open("rb") as file:
        if file.read(len(_BOM)) != _BOM:
            file.seek(0)
        number, size_bytes, lines = 0, 0, list[bytes]()
        while line := file.readline(MAX_PARAGRAPH_BYTES):
            if line.strip():
                size_bytes += len(line)
                if size_bytes > MAX_PARAGRAPH_BYTES:
                    lines.clear()
                else:
                    lines.append(line)
            elif size_bytes:
                number += 1
                yield number, b"".join(lines) if lines else None
                size_bytes, lines = 0, []
        if size_bytes:
            yield number + 1, b"".join(lines) if lines else None


def _decoded(paragraph: bytes | None) -> tuple[str, str | None]:
    """Return (text, None), or ("", reason code)."""
    if paragraph is None:
        return "", "paragraph_too_long"
    # UTF-16 text of Latin letters decodes as UTF-8 with a NUL after every letter; it would be searched in vain.
    if b"\x00" in paragraph:
        return "", "nul_bytes"
    try:
        text = paragraph.decode("utf-8")
    except UnicodeDecodeError:
        return "", "not_utf8"
    return text.replace("\r\n", "\n").strip(), None


def _pieces(text: str) -> Iterator[str]:
    """Yield the parts of a long paragraph, cut after the last sentence that fits, else at a space, else hard."""
    rest = text
    while len(rest) > RECORD_CHARACTERS:
        window = rest[:RECORD_CHARACTERS]
        ends = [match.end() for match in _SENTENCE_END.finditer(window)]
        cut = ends[-1] if ends else window.rfind(" ") + 1 or RECORD_CHARACTERS
        if piece := rest[:cut].strip():
            yield piece
        rest = rest[cut:]
    if rest.strip():
        yield rest.strip()


def _record(shard_prefix: str, position: str, text: str) -> Record:
    return Record(record_id=f"{shard_prefix}:{position}", prompt="", completion=text, fields=((_FIELD, text),))
