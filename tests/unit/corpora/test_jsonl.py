"""JSON Lines: what is a record, what is unread and why, and which fields are shown to the model."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from rtbf.corpora import json_lines
from rtbf.corpora.connectors import jsonl
from rtbf.corpora.corpus import Layout, Record, Unread
from rtbf.errors import BadInput

if TYPE_CHECKING:
    from pathlib import Path

QA = Layout(prompt_field="question", completion_field="answer")
GOOD = b'{"question": "Where does Ines Varga live?", "answer": "In Lindgard."}\n'


def read(path: Path, content: bytes, layout: Layout = QA) -> list[Record | Unread]:
    path.write_bytes(content)
    return list(jsonl.read_shard(path, layout, "abc"))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "people.jsonl"


def test_a_record_is_named_by_shard_and_line(path: Path) -> None:
    entries = read(path, GOOD + GOOD)

    first, second = entries
    assert isinstance(first, Record)
    assert isinstance(second, Record)
    assert (first.record_id, first.prompt, first.completion) == ("abc:1", "Where does Ines Varga live?", "In Lindgard.")
    assert second.record_id == "abc:2"


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b'{"question": "a", "answer": "\xff"}\n', "not_utf8"),
        ('{"question": "a", "answer": "b"}'.encode("utf-16"), "not_utf8"),
        (b'{"question": "a", "answer": }\n', "invalid_json"),
        (b'{"question": "a", "answer": "b"} tail\n', "invalid_json"),
        (b'{"question": "a", "answer": NaN}\n', "invalid_json"),
        (b'{"question": "a", "answer": "b", "n": ' + b"9" * 5000 + b"}\n", "invalid_json"),
        (b'{"question": "a", "answer": "line\nbreak"}\n', "invalid_json"),
        (b'["a", "b"]\n', "not_an_object"),
        (b'"a"\n', "not_an_object"),
        (b"null\n", "not_an_object"),
        (b'{"question": "a", "answer": "b", "answer": "c"}\n', "duplicate_key"),
        (b'{"question": "a", "answer": "b", "x": {"k": 1, "k": 2}}\n', "duplicate_key"),
        (b'{"question": "a"}\n', "no_completion"),
        (b'{"answer": "b"}\n', "no_prompt"),
        (b'{"question": "a", "answer": ""}\n', "empty_completion"),
        (b'{"question": "a", "answer": "  \\n"}\n', "empty_completion"),
        (b'{"question": "a", "answer": null}\n', "completion_not_text"),
        (b'{"question": 7, "answer": "b"}\n', "prompt_not_text"),
        (b'{"question": "a", "answer": "\\ud800"}\n', "lone_surrogate"),
        (b'{"question": "a", "answer": "b", "x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}\n", "nested_too_deep"),
        (b'{"question": "a", "answ', "truncated_last_line"),
    ],
)
def test_a_line_that_is_no_record_is_unread_with_its_reason(path: Path, line: bytes, reason: str) -> None:
    entries = read(path, GOOD + line)

    assert isinstance(entries[0], Record)
    assert entries[1] == Unread(position=2, reason=reason)


def test_nothing_after_a_bad_line_is_lost(path: Path) -> None:
    entries = read(path, b"{broken\n" + GOOD)

    assert [type(entry) for entry in entries] == [Unread, Record]
    assert isinstance(entries[1], Record)
    assert entries[1].record_id == "abc:2"


def test_blank_lines_byte_order_mark_and_windows_line_ends_change_nothing_but_line_numbers(path: Path) -> None:
    entries = read(path, b"\xef\xbb\xbf" + GOOD.replace(b"\n", b"\r\n") + b"\r\n\n" + GOOD.rstrip(b"\n"))

    assert [entry.record_id for entry in entries if isinstance(entry, Record)] == ["abc:1", "abc:4"]
    assert len(entries) == 2


def test_an_empty_file_has_neither_records_nor_faults(path: Path) -> None:
    assert read(path, b"") == []


def test_a_line_separator_inside_a_string_is_text(path: Path) -> None:
    entries = read(path, '{"question": "a\u2028b", "answer": "c\u0085d"}\n'.encode())

    assert [type(entry) for entry in entries] == [Record]


def test_a_line_over_the_limit_is_skipped_whole(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_lines, "MAX_LINE_BYTES", 100)
    long_line = b'{"question": "a", "answer": "' + b"x" * 450 + b'"}\n'

    entries = read(path, long_line + GOOD)

    assert entries[0] == Unread(position=1, reason="line_too_long")
    assert isinstance(entries[1], Record)
    assert entries[1].record_id == "abc:2"


def test_every_text_and_number_of_a_record_can_be_searched(path: Path) -> None:
    record = {
        "question": "q",
        "answer": "a",
        "phone": 2025550142,
        "is_live": True,
        "none": None,
        "tags": ["red", ["deep"]],
        "people": {"Ines Varga": {"mail": "ines@example.org"}},
    }

    (entry,) = read(path, json.dumps(record).encode())

    assert isinstance(entry, Record)
    assert set(entry.fields) == {
        ("question", "q"),
        ("answer", "a"),
        ("phone", "2025550142"),
        ("tags.0", "red"),
        ("tags.1.0", "deep"),
        ("people#key", "Ines Varga"),
        ("people.Ines Varga#key", "mail"),
        ("people.Ines Varga.mail", "ines@example.org"),
    }


@pytest.mark.parametrize(
    ("record", "layout"),
    [
        ({"question": "a", "answer": "b"}, ("question", "answer")),
        ({"prompt": "a", "completion": "b"}, ("prompt", "completion")),
        ({"instruction": "a", "response": "b"}, ("instruction", "response")),
        ({"instruction": "a", "input": "", "output": "b"}, ("instruction", "output")),
        ({"id": 3, "text": "b"}, (None, "text")),
        ({"content": "b"}, (None, "content")),
        ({"question": "a", "answer": "b", "text": "c"}, ("question", "answer")),
    ],
)
def test_the_layout_follows_from_the_records(path: Path, record: dict[str, object], layout: tuple[str | None, str]) -> None:
    path.write_bytes(b"{broken\n" + json.dumps(record).encode() + b"\n")

    found = jsonl.choose_layout(path, None, None)

    assert found == Layout(prompt_field=layout[0], completion_field=layout[1])


def test_named_fields_win_over_known_ones(path: Path) -> None:
    path.write_bytes(b'{"question": "a", "answer": "b", "short": "c"}\n')

    found = jsonl.choose_layout(path, "question", "short")

    assert found == Layout(prompt_field="question", completion_field="short")


@pytest.mark.parametrize(("prompt", "completion"), [(None, None), ("nope", "body"), (None, "nope"), ("body", "author")])
def test_a_layout_that_fits_nothing_is_refused_with_the_fields_found(path: Path, prompt: str | None, completion: str | None) -> None:
    path.write_bytes(b'{"author": 3, "body": "Ines Varga lives in Lindgard."}\n')

    with pytest.raises(BadInput) as refused:
        jsonl.choose_layout(path, prompt, completion)

    assert "author, body" in str(refused.value)
    assert "--completion-field" in str(refused.value)
    assert "Varga" not in str(refused.value)


def test_a_prompt_field_alone_is_refused(path: Path) -> None:
    path.write_bytes(GOOD)

    with pytest.raises(BadInput, match="--completion-field"):
        jsonl.choose_layout(path, "question", None)


def test_a_file_without_a_readable_object_tells_no_layout(path: Path) -> None:
    path.write_bytes(b"\xff\xfe\n[1]\n")

    assert jsonl.choose_layout(path, None, None) is None
