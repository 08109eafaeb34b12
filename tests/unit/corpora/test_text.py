"""Plain text: how paragraphs become records, and which are unread."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rtbf.corpora.connectors import text
from rtbf.corpora.corpus import Layout, Record, Unread
from rtbf.errors import BadInput

if TYPE_CHECKING:
    from pathlib import Path

LAYOUT = Layout(prompt_field=None, completion_field="text")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "novel.txt"


def read(path: Path, content: bytes) -> list[Record | Unread]:
    path.write_bytes(content)
    return list(text.read_shard(path, LAYOUT, "abc"))


def told(entries: list[Record | Unread]) -> list[tuple[str, str]]:
    return [
        (entry.record_id, entry.completion) if isinstance(entry, Record) else (f"unread {entry.position}", entry.reason)
        for entry in entries
    ]


def test_short_paragraphs_share_a_record_named_by_its_first(path: Path) -> None:
    entries = read(path, b"One.\nStill one.\n\n\nTwo.\n \nThree.")

    assert told(entries) == [("abc:1", "One.\nStill one.\n\nTwo.\n\nThree.")]
    assert isinstance(entries[0], Record)
    assert entries[0].prompt == ""
    assert entries[0].fields == (("text", "One.\nStill one.\n\nTwo.\n\nThree."),)


def test_a_record_ends_before_the_paragraph_that_would_overfill_it(path: Path) -> None:
    # 700 + 2 + 498 = 1200 characters fit in one record; one character more does not.
    fits = read(path, b"a" * 700 + b"\n\n" + b"b" * 498)
    overfull = read(path, b"a" * 700 + b"\n\n" + b"b" * 499)

    assert [entry[0] for entry in told(fits)] == ["abc:1"]
    assert [entry[0] for entry in told(overfull)] == ["abc:1", "abc:2"]


def test_a_long_paragraph_is_cut_after_a_sentence(path: Path) -> None:
    sentence = "The lamp was lit again. "

    entries = read(path, (sentence * 100).encode() + b"\n\nNext.")

    # 100 sentences of 24 characters: 50 fill 1200 characters, so there are two parts.
    assert [name for name, _ in told(entries)] == ["abc:1", "abc:1.2", "abc:2"]
    assert {part for _, part in told(entries)[:2]} == {(sentence * 50).strip()}


def test_a_paragraph_without_sentences_is_cut_at_a_space_and_loses_no_word(path: Path) -> None:
    words = [f"word{number}" for number in range(500)]

    entries = read(path, " ".join(words).encode())

    assert all(len(part) <= 1200 for _, part in told(entries))
    assert " ".join(part for _, part in told(entries)).split() == words


def test_a_paragraph_without_spaces_is_still_cut_to_size(path: Path) -> None:
    entries = read(path, b"x" * 2500)

    assert [len(part) for _, part in told(entries)] == [1200, 1200, 100]


@pytest.mark.parametrize(
    ("paragraph", "reason"),
    [
        (b"caf\xe9 Lindgard", "not_utf8"),
        ("Ines".encode("utf-16-le"), "nul_bytes"),
        (b"\xed\xa0\x80", "not_utf8"),
        (b"tail \xe2\x82", "not_utf8"),
    ],
)
def test_an_undecodable_paragraph_is_unread_and_parts_its_neighbours(path: Path, paragraph: bytes, reason: str) -> None:
    entries = read(path, b"Before.\n\n" + paragraph + b"\n\nAfter.")

    assert told(entries) == [("abc:1", "Before."), ("unread 2", reason), ("abc:3", "After.")]


def test_windows_line_ends_and_a_byte_order_mark_are_not_text(path: Path) -> None:
    entries = read(path, b"\xef\xbb\xbfOne.\r\nStill one.\r\n\r\nTwo.\r\n")

    assert told(entries) == [("abc:1", "One.\nStill one.\n\nTwo.")]


def test_a_paragraph_over_the_limit_is_unread(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text, "MAX_PARAGRAPH_BYTES", 64)

    entries = read(path, b"Before.\n\n" + b"x" * 50 + b"\n" + b"y" * 200 + b"\n\nAfter.")

    assert told(entries) == [("abc:1", "Before."), ("unread 2", "paragraph_too_long"), ("abc:3", "After.")]


@pytest.mark.parametrize("content", [b"", b"\n\n \n", b"\xef\xbb\xbf"])
def test_an_empty_file_has_neither_records_nor_faults(path: Path, content: bytes) -> None:
    assert read(path, content) == []


def test_text_has_one_layout_and_refuses_field_names(path: Path) -> None:
    assert text.choose_layout(path, None, None) == LAYOUT
    with pytest.raises(BadInput, match="--prompt-field"):
        text.choose_layout(path, "question", "answer")
