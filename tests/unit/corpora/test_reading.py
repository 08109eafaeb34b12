"""A corpus version: what it is made from, and that only the files that were added are ever read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rtbf.corpora.corpus import CorpusEntry, CorpusVersion
from rtbf.corpora.reading import (
    choose_layout,
    connector_for,
    connector_names,
    find_source,
    read_records,
    read_selected,
    scan_source,
)
from rtbf.errors import BadInput, CorpusChanged, CorpusUnreadable, UnknownName


def write_rows(path: Path, *answers: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps({"question": "q", "answer": answer}) + "\n" for answer in answers), encoding="utf-8")
    return path


def scan(*paths: Path, name: str = "people", connector_name: str | None = None) -> CorpusEntry:
    connector = connector_for(paths[0], connector_name)
    source = find_source(paths, connector)
    version = scan_source(name, source, connector, choose_layout(source, connector, None, None))
    return CorpusEntry(version=version, locations=tuple(str(path) for _, path in source.files))


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    return write_rows(tmp_path / "rows.jsonl", "one", "two", "three")


@pytest.mark.parametrize("name", connector_names())
def test_every_connector_file_keeps_the_protocol(name: str, tmp_path: Path) -> None:
    connector = connector_for(tmp_path, name)
    path = tmp_path / f"empty{connector.CARD['suffixes'][0]}"
    path.touch()

    layout = connector.choose_layout(path, None, None)

    assert connector.CARD["name"] == name
    assert layout is None or list(connector.read_shard(path, layout, "abc")) == []


def test_a_version_counts_records_and_unread_places(rows: Path) -> None:
    with rows.open("ab") as file:
        file.write(b"{broken\n")

    entry = scan(rows)

    assert (entry.version.records, entry.version.unread) == (3, 1)
    assert entry.version.shards[0].unread[0].reason == "invalid_json"
    assert entry.version.shards[0].size_bytes == rows.stat().st_size


def test_equal_files_read_alike_give_an_equal_digest_wherever_they_lie(tmp_path: Path) -> None:
    here = scan(write_rows(tmp_path / "a" / "rows.jsonl", "one", "two"))
    there = scan(write_rows(tmp_path / "b" / "rows.jsonl", "one", "two"))
    other = scan(write_rows(tmp_path / "c" / "rows.jsonl", "one", "two!"))

    assert here.version.digest == there.version.digest
    assert here.version.digest != other.version.digest


def test_record_ids_stay_while_their_shard_stays(tmp_path: Path, rows: Path) -> None:
    alone = [record.record_id for record in read_records(scan(rows), Path)]
    more = scan(write_rows(tmp_path / "earlier.jsonl", "zero"), rows)

    together = [record.record_id for record in read_records(more, Path)]

    assert together[1:] == alone
    assert len(set(together)) == 4


def test_a_folder_is_its_matching_files_by_name_at_any_depth(tmp_path: Path) -> None:
    for name in ("b.jsonl", "a/z.jsonl", "a.ndjson"):
        write_rows(tmp_path / "source" / name, name)
    (tmp_path / "source" / "notes.txt.bak").write_text("not data")
    write_rows(tmp_path / "source" / ".git" / "c.jsonl", "hidden")

    connector = connector_for(tmp_path / "source", None)
    source = find_source([tmp_path / "source"], connector)

    assert [name for name, _ in source.files] == ["a.ndjson", "a/z.jsonl", "b.jsonl"]
    assert source.left_out == 1


@pytest.mark.parametrize("damage", ["edited", "appended", "emptied"])
def test_a_shard_that_is_not_the_one_added_is_refused_before_its_first_record(rows: Path, damage: str) -> None:
    entry = scan(rows)
    content = {"edited": rows.read_bytes().replace(b"two", b"owt"), "appended": rows.read_bytes() + b"\n", "emptied": b""}[damage]
    rows.write_bytes(content)

    with pytest.raises(CorpusChanged, match=r"rows\.jsonl"):
        read_records(entry, Path)
    with pytest.raises(CorpusChanged):
        read_selected(entry, Path, [f"{entry.version.shards[0].sha256[:12]}:1"])


def test_a_missing_shard_is_unreadable_and_named(rows: Path) -> None:
    entry = scan(rows)
    rows.unlink()

    with pytest.raises(CorpusUnreadable, match=r"rows\.jsonl"):
        read_records(entry, Path)


def test_selected_records_come_in_the_order_asked(rows: Path) -> None:
    entry = scan(rows)
    first, _, third = read_records(entry, Path)

    chosen = read_selected(entry, Path, [third.record_id, first.record_id])

    assert chosen == (third, first)
    assert read_selected(entry, Path, []) == ()


@pytest.mark.parametrize("record_id", ["000000000000:1", "nonsense", ""])
def test_an_unknown_record_id_is_refused(rows: Path, record_id: str) -> None:
    with pytest.raises(UnknownName):
        read_selected(scan(rows), Path, [record_id])


def test_a_position_outside_the_shard_is_refused(rows: Path) -> None:
    entry = scan(rows)

    with pytest.raises(UnknownName):
        read_selected(entry, Path, [f"{entry.version.shards[0].sha256[:12]}:4"])


@pytest.mark.parametrize("content", [b"", b"\n\n", b"\xff\xfe\x00\n", b"[1]\n", b'{"question": "q", "answer": ""}\n'])
def test_a_source_without_a_readable_record_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(content)

    with pytest.raises(CorpusUnreadable):
        scan(path)


def test_an_unreadable_file_is_refused_with_the_systems_word(rows: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Permission bits mean nothing to root, under which CI may run, so the refusal is played."""

    def refuse(path: Path, *_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    entry = scan(rows)
    monkeypatch.setattr(Path, "open", refuse)

    with pytest.raises(CorpusUnreadable, match="Permission denied"):
        read_records(entry, Path)


def test_a_file_that_grows_while_it_is_scanned_is_refused(rows: Path) -> None:
    connector = connector_for(rows, None)
    source = find_source([rows], connector)
    layout = choose_layout(source, connector, None, None)

    def grow(step: str, done: int, total: int) -> None:
        with rows.open("ab") as file:
            file.write(b"\n")

    with pytest.raises(CorpusChanged, match="while it was read"):
        scan_source("people", source, connector, layout, grow)


def test_one_content_twice_is_refused_because_record_ids_would_name_two_places(tmp_path: Path) -> None:
    first, second = (write_rows(tmp_path / f"{name}.jsonl", "same") for name in "ab")

    with pytest.raises(BadInput, match=r"'a\.jsonl' and 'b\.jsonl'"):
        scan(first, second)
    with pytest.raises(BadInput, match="twice"):
        scan(first, first)


def test_several_empty_files_are_no_trouble_beside_a_full_one(tmp_path: Path, rows: Path) -> None:
    empty = [tmp_path / "e1.jsonl", tmp_path / "e2.jsonl"]
    for path in empty:
        path.touch()

    entry = scan(*empty, rows)

    assert [shard.records for shard in entry.version.shards] == [0, 0, 3]


def test_a_missing_path_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CorpusUnreadable, match="nothing at"):
        find_source([tmp_path / "gone.jsonl"], connector_for(tmp_path, "jsonl"))


def test_a_path_where_nothing_lies_is_named_as_such(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no file or folder"):
        connector_for(tmp_path / "nothing.csv", None)


def test_a_format_that_a_name_does_not_tell_is_asked_for(tmp_path: Path) -> None:
    write_rows(tmp_path / "mixed" / "a.jsonl", "one")
    (tmp_path / "mixed" / "b.txt").write_text("Two.")
    (tmp_path / "rows.csv").write_text("one,two")

    for path in (tmp_path / "rows.csv", tmp_path / "mixed"):
        with pytest.raises(BadInput, match="--connector"):
            connector_for(path, None)


def test_an_unknown_connector_is_refused_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match="nearest: jsonl"):
        connector_for(tmp_path, "json")


def test_reading_reports_progress_up_to_the_end(rows: Path) -> None:
    calls: list[tuple[int, int]] = []

    records = list(read_records(scan(rows), Path, lambda step, done, total: calls.append((done, total))))

    assert len(records) == 3
    assert calls[0] == (0, 3)
    assert calls[-1] == (3, 3)


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    import tracemalloc  # noqa: PLC0415 - it slows every allocation, so only this test loads it

    def peak_bytes(rows: int) -> int:
        entry = scan(write_rows(tmp_path / f"{rows}.jsonl", *("x" * 200 + str(number) for number in range(rows))))
        tracemalloc.start()
        for _ in read_records(entry, Path):
            pass
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak

    peak_bytes(10)
    small, large = peak_bytes(100), peak_bytes(10_000)

    # The larger file holds 2.3 MB; what is kept at once is one line and one hashing buffer of at most 1 MiB.
    assert large < small + 1_500_000


def test_the_versions_digest_needs_no_locations(rows: Path) -> None:
    entry = scan(rows)

    assert "locations" not in set(CorpusVersion.__dataclass_fields__)
    assert str(rows.parent) not in repr(entry.version)
