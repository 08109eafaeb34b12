"""Lines and records against a list: nothing unread is passed, and nothing hides in a nested key."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING

import pytest

from rtbf.corpora import json_lines
from rtbf.corpora.corpus import Record
from rtbf.corpora.screening import judge_lines, screen
from rtbf.vault.identifier import OpenIdentifier
from rtbf.vault.secret import Secret
from rtbf.vault.suppression import entries_for
from rtbf.vault.suppression_list import ListEntry, SuppressionList
from rtbf.vault.tokens import create_suppression_keys, load_suppression_keys
from tests.installed import NOON

if TYPE_CHECKING:
    from pathlib import Path

CLEAN = b'{"text": "nobody"}\n'


@pytest.fixture
def listed(tmp_path: Path) -> SuppressionList:
    """A list of one name and one address."""
    create_suppression_keys(tmp_path / "keys.json", NOON)
    keys = load_suppression_keys(tmp_path / "keys.json")
    entries = {}
    for number, (kind, value) in enumerate((("name", "Ines Varga"), ("email", "ines@example.org")), start=1):
        for spec in entries_for(OpenIdentifier(number=number, kind=kind, value=Secret(value)), "US"):
            token = keys.token(spec.kind, spec.form)
            entries[token.value] = ListEntry(
                kind=spec.kind, words=spec.words, effect=spec.effect, generation=token.generation, normaliser=spec.normaliser
            )
    return SuppressionList(entries, keys, "US")


def verdicts(listed: SuppressionList, content: bytes) -> list[tuple[int, str, str | None]]:
    return [(line.number, line.verdict, line.unread) for line in judge_lines(io.BytesIO(content), listed)]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b'{"text": "nobody"', "invalid_json"),
        (b'{"text": "nobody", "text": "nobody"}', "duplicate_key"),
        (b'["nobody"]', "not_an_object"),
        (b'"nobody"', "not_an_object"),
        (b'{"text": NaN}', "invalid_json"),
        (b'{"text": "\xff"}', "not_utf8"),
        (b'{"text": "\\ud800"}', "lone_surrogate"),
        (b'{"text": ' + b"[" * 50_000 + b"]" * 50_000 + b"}", "nested_too_deep"),
    ],
)
def test_a_line_that_cannot_be_read_is_quarantined_with_a_reason_and_the_next_is_read(
    listed: SuppressionList, line: bytes, reason: str
) -> None:
    assert verdicts(listed, line + b"\n" + CLEAN) == [(1, "quarantine", reason), (2, "allow", None)]


def test_a_line_over_the_limit_is_quarantined_without_being_kept(listed: SuppressionList, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_lines, "MAX_LINE_BYTES", 64)

    judged = list(judge_lines(io.BytesIO(b'{"text": "' + b"x" * 200 + b'"}\n' + CLEAN), listed))

    assert [(line.number, line.verdict, line.unread, line.content) for line in judged] == [
        (1, "quarantine", "line_too_long", None), (2, "allow", None, CLEAN),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("entry", "verdict"),
    [
        ({"text": "ask ines@example.org"}, "drop"),
        ({"a": [{"b": {"ines@example.org": 1}}]}, "drop"),
        ({"a": {"b": ["x", {"c": "Varga, Ines"}]}}, "quarantine"),
        ({"ines@example.org": "the top level's keys are the format's"}, "allow"),
        ({"given": "Ines", "family": "Varga"}, "allow"),
    ],
)
def test_every_text_and_nested_key_is_checked_and_each_on_its_own(listed: SuppressionList, entry: dict[str, object], verdict: str) -> None:
    assert verdicts(listed, json.dumps(entry).encode()) == [(1, verdict, None)]


def test_a_byte_order_mark_and_blank_lines_change_nothing(listed: SuppressionList) -> None:
    assert verdicts(listed, b"\xef\xbb\xbf" + CLEAN + b"\n  \n" + CLEAN) == [(1, "allow", None), (4, "allow", None)]


def test_screening_counts_records_not_places(listed: SuppressionList) -> None:
    def record(number: int, text: str) -> Record:
        return Record(record_id=f"r{number}", prompt="", completion=text, fields=(("text", text),))

    found = screen([record(1, "Ines Varga, Ines Varga"), record(2, "ines@example.org and Ines Varga"), record(3, "nobody")], listed)

    assert (found.records, found.dropped, found.quarantined, dict(found.kinds)) == (3, ("r2",), ("r1",), {"email": 1, "name": 2})
