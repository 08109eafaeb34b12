r"""Read JSON Lines: one JSON object per line, UTF-8.

Refuses nothing line by line: what cannot be read is given back as `Unread` with its line number and a reason code,
so that a footprint can say what was not searched. A blank line is no record and no fault.
Source: jsonlines.org; RFC 8259 for the objects. Lines end at \n only: U+2028 and the like are lawful inside a string.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

from rtbf.corpora.corpus import Layout, Record, Unread
from rtbf.corpora.json_lines import NotARecordError, numbered_lines, parse_object
from rtbf.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CARD = {
    "name": "jsonl",
    "title": "JSON Lines",
    "suffixes": [".jsonl", ".ndjson"],
    "reads": "one JSON object per line in UTF-8; every text and number of it, nested ones too, is searched",
    "source": "https://jsonlines.org; RFC 8259",
}

KNOWN_LAYOUTS = (
    Layout(prompt_field="question", completion_field="answer"),
    Layout(prompt_field="prompt", completion_field="completion"),
    Layout(prompt_field="instruction", completion_field="response"),
    Layout(prompt_field="instruction", completion_field="output"),
    Layout(prompt_field=None, completion_field="text"),
    Layout(prompt_field=None, completion_field="content"),
)

_SAMPLE_RECORDS = 20
_MAX_NAMES_SHOWN = 20
_MAX_NAME_CHARACTERS = 40


def choose_layout(path: Path, prompt_field: str | None, completion_field: str | None) -> Layout | None:
    """Return which fields hold prompt and completion, by name or by the first readable records.

    None means that the file holds no readable object, so nothing can be chosen from it. Raises BadInput, naming the
    fields found, when the asked fields are not there or no known layout fits.
    """
    if prompt_field is not None and completion_field is None:
        raise BadInput(
            found="a prompt field without a completion field",
            expected="both, or the completion field alone",
            remedy="name the field that holds what the model should say with --completion-field",
        )
    sample = list(islice(_readable_objects(path), _SAMPLE_RECORDS))
    if not sample:
        return None
    asked = None if completion_field is None else Layout(prompt_field=prompt_field, completion_field=completion_field)
    fits = {layout: sum(_fits(layout, entry) for entry in sample) for layout in ([asked] if asked else KNOWN_LAYOUTS)}
    best = max(fits, key=lambda layout: fits[layout])
    if fits[best]:
        return best
    known = ", ".join(f"({layout.prompt_field}, {layout.completion_field})" for layout in KNOWN_LAYOUTS if layout.prompt_field)
    raise BadInput(
        found=f"records of {path.name} with the fields {_names_in(sample)}",
        expected=f"text in {_wanted(asked)}" if asked else f"a pair such as {known}, or 'text' or 'content' alone",
        remedy="name the fields with --prompt-field and --completion-field (the completion field alone for plain text)",
    )


def read_shard(path: Path, layout: Layout, shard_prefix: str) -> Iterator[Record | Unread]:
    """Yield each line's record, or why it could not be read, in the file's order; positions are line numbers from 1."""
    for position, line in _numbered_lines(path):
        try:
            entry = parse_object(line)
            yield Record(
                record_id=f"{shard_prefix}:{position}",
                prompt="" if layout.prompt_field is None else _text_of(entry, layout.prompt_field, "prompt"),
                completion=_text_of(entry, layout.completion_field, "completion"),
                fields=tuple(_searchable(entry, "")),
            )
        except NotARecordError as unread:
            yield Unread(position=position, reason=str(unread))
        except RecursionError:
            yield Unread(position=position, reason="nested_too_deep")


def _numbered_lines(path: Path) -> Iterator[tuple[int, bytes | None]]:
    with path.open("rb") as file:
        yield from numbered_lines(file)


def _readable_objects(path: Path) -> Iterator[dict[str, Any]]:
    for _, line in _numbered_lines(path):
        try:
            yield parse_object(line)
        except NotARecordError:
            continue


def _text_of(entry: dict[str, Any], field: str, role: str) -> str:
    if field not in entry:
        raise NotARecordError(f"no_{role}")
    value = entry[field]
    if not isinstance(value, str):
        raise NotARecordError(f"{role}_not_text")
    if role == "completion" and not value.strip():
        raise NotARecordError("empty_completion")
    return value


def _searchable(value: Any, path: str) -> Iterator[tuple[str, str]]:  # noqa: ANN401 - any JSON value
    """Yield (dotted path, text) of everything a person could be named in: texts, numbers, and keys of nested objects."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield path, str(value)
    elif isinstance(value, dict):
        for key, entry in value.items():
            # The top level's keys name the layout; those further down are often data ({"people": {"Ann": …}}).
            if path:
                yield f"{path}#key", key
            yield from _searchable(entry, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for number, entry in enumerate(value):
            yield from _searchable(entry, f"{path}.{number}")


def _fits(layout: Layout, entry: dict[str, Any]) -> bool:
    wanted = [field for field in (layout.prompt_field, layout.completion_field) if field is not None]
    return all(isinstance(entry.get(field), str) for field in wanted)


def _wanted(layout: Layout) -> str:
    return f"'{layout.completion_field}'" if layout.prompt_field is None else f"'{layout.prompt_field}' and '{layout.completion_field}'"


def _names_in(sample: list[dict[str, Any]]) -> str:
    names = sorted({key for entry in sample for key in entry if key.isprintable() and len(key) <= _MAX_NAME_CHARACTERS})
    shown = ", ".join(names[:_MAX_NAMES_SHOWN]) or "(none)"
    return shown if len(names) <= _MAX_NAMES_SHOWN else f"{shown} and {len(names) - _MAX_NAMES_SHOWN} more"
