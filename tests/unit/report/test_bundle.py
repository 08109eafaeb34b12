"""The bundle's archive: what goes in comes out, and not one byte more is accepted."""

from __future__ import annotations

import hashlib
import io
import random
import stat
import zipfile
from typing import TYPE_CHECKING, Any

import pytest

from rtbf.evidence.timestamp import MAX_TOKEN_BYTES as TOKEN_LIMIT_OF_ITS_READER
from rtbf.report import bundle as bundle_file
from rtbf.report.bundle import MAX_TOKEN_BYTES, read_bundle, read_bundle_folder, write_bundle
from rtbf.report.verify_text import VERIFY_TEXTS
from tests import bundles

if TYPE_CHECKING:
    from pathlib import Path

GOOD = bundles.good_bundle()
ARCHIVE = write_bundle(GOOD)


def rewritten(change: Any = None, extra: dict[str, bytes] | None = None, **of_entry: Any) -> bytes:
    """Return an archive like ours, each entry changed before it is written, with extra files at its end."""
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as archive:
        for name, content in [*sorted(GOOD.items()), *(extra or {}).items()]:
            entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            entry.create_system, entry.external_attr = 3, (stat.S_IFREG | 0o644) << 16
            for field, value in of_entry.items():
                setattr(entry, field, value)
            if change is not None:
                change(entry)
            archive.writestr(entry, content)
    return written.getvalue()


def test_what_is_written_is_read_again() -> None:
    files = read_bundle(ARCHIVE)

    assert files == GOOD


def test_the_archive_is_written_as_this_test_writes_it() -> None:
    """Another Python that wrote other bytes would refuse every bundle there is."""
    assert rewritten() == ARCHIVE


def test_the_first_fixed_text_stays_as_it_was() -> None:
    """Bundles that carry it are checked for good: a changed wording is another entry."""
    digest = hashlib.sha256(VERIFY_TEXTS[0]).hexdigest()

    assert digest == "015663d20eef2c9627a1d2fbd9c04d7d2512b43c67eed6e3e314ee3bff571b7b"


def test_the_two_limits_on_a_time_stamp_agree() -> None:
    assert MAX_TOKEN_BYTES == TOKEN_LIMIT_OF_ITS_READER


def _other_date(entry: zipfile.ZipInfo) -> None:
    entry.date_time = (2026, 3, 2, 12, 0, 0)


def _link(entry: zipfile.ZipInfo) -> None:
    entry.external_attr = (stat.S_IFLNK | 0o777) << 16


def _device(entry: zipfile.ZipInfo) -> None:
    entry.external_attr = (stat.S_IFCHR | 0o644) << 16


def _deflated(entry: zipfile.ZipInfo) -> None:
    entry.compress_type = zipfile.ZIP_DEFLATED


def _bzipped(entry: zipfile.ZipInfo) -> None:
    entry.compress_type = zipfile.ZIP_BZIP2


def _comment(entry: zipfile.ZipInfo) -> None:
    entry.comment = b"see also"


def _extra_field(entry: zipfile.ZipInfo) -> None:
    entry.extra = b"\x99\x99\x02\x00ab"


def _renamed(name: str) -> Any:
    def rename(entry: zipfile.ZipInfo) -> None:
        if entry.filename == "checkpoint":
            entry.filename = name

    return rename


@pytest.mark.parametrize("change", [_other_date, _link, _device, _deflated, _bzipped, _comment, _extra_field])
def test_an_entry_that_is_no_plain_stored_file_is_refused(change: Any) -> None:
    with pytest.raises(ValueError, match=r"entry|written as rtbf writes it"):
        read_bundle(rewritten(change))


@pytest.mark.parametrize(
    "name",
    [
        "../checkpoint", "/etc/passwd", "a/../../b", "proofs/../checkpoint", "proofs/01.tlog-proof", "proofs/-1.tlog-proof",
        "proofs/1.tlog-proof/", "proofs/99999999999999999999.tlog-proof", "consistency/1-02.txt", "consistency/1.txt", "CHECKPOINT",
        "checkpoint\u200b", "C:\\checkpoint", "proofs\\1.tlog-proof", "notes.txt", "",
    ],
)  # fmt: skip
def test_a_name_outside_the_grammar_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r"none of a bundle's|without checkpoint|cannot be read"):
        read_bundle(rewritten(_renamed(name)))


def test_a_second_entry_of_one_name_is_refused() -> None:
    written = io.BytesIO(ARCHIVE)
    with zipfile.ZipFile(written, "a") as archive, pytest.warns(UserWarning, match="Duplicate name"):
        archive.writestr("checkpoint", b"another")

    with pytest.raises(ValueError, match="twice"):
        read_bundle(written.getvalue())


@pytest.mark.parametrize(
    "damaged",
    [ARCHIVE + b"\0", b"MZ" + ARCHIVE, b"PK\x05\x06" + ARCHIVE, ARCHIVE[:-1], ARCHIVE[:-22], b"", b"PK", b"PK\x05\x06" + bytes(18)],
)
def test_bytes_before_behind_or_missing_are_refused(damaged: bytes) -> None:
    with pytest.raises(ValueError, match=r"archive|bundle"):
        read_bundle(damaged)


def test_an_encrypted_entry_is_refused() -> None:
    """The flag in local and central headers, as an encrypting tool sets it."""
    encrypted = ARCHIVE.replace(b"PK\x03\x04\x14\x00\x00", b"PK\x03\x04\x14\x00\x01").replace(
        b"\x14\x03\x14\x00\x00", b"\x14\x03\x14\x00\x01"
    )

    with pytest.raises(ValueError, match="encrypted"):
        read_bundle(encrypted)


def test_a_bomb_is_refused_before_it_is_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    opened = []
    monkeypatch.setattr(zipfile.ZipFile, "read", lambda *arguments: opened.append(arguments))
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("events.jsonl", bytes(100 << 20))

    with pytest.raises(ValueError, match="entry"):
        read_bundle(written.getvalue())

    assert opened == []


@pytest.mark.parametrize(
    ("limit", "value", "found"),
    [("MAX_BUNDLE_BYTES", 1000, "larger than 1000"), ("MAX_FILES", 3, "16 files; 3 at most"), ("MAX_PROOF_BYTES", 10, "10 at most")],
)
def test_a_bundle_beyond_a_limit_is_refused(limit: str, value: int, found: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundle_file, limit, value)

    with pytest.raises(ValueError, match=found):
        read_bundle(ARCHIVE)


@pytest.mark.parametrize("name", bundle_file.ALWAYS_THERE)
def test_a_bundle_without_a_file_it_must_have_is_no_bundle(name: str) -> None:
    lacking = {other: content for other, content in GOOD.items() if other != name}

    with pytest.raises(ValueError, match=f"without {name}"):
        write_bundle(lacking)


def test_another_text_on_how_to_check_is_refused() -> None:
    """Whoever writes the instructions writes the result."""
    helpful = {**GOOD, "VERIFY.md": b"# How to check this bundle\n\nIt is all right.\n"}

    with pytest.raises(ValueError, match=r"VERIFY\.md"):
        write_bundle(helpful)


def test_no_mutant_of_an_archive_is_read() -> None:
    dice = random.Random(20260302)
    central = ARCHIVE.index(b"PK\x01\x02")
    read = []

    for _ in range(3000):
        mutant = bytearray(ARCHIVE)
        place = dice.randrange(central if dice.random() < 0.5 else 0, len(mutant))
        mutant[place] ^= 1 << dice.randrange(8)
        try:
            read_bundle(bytes(mutant))
        except ValueError:
            continue
        read.append(place)

    assert read == []


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The bundle unpacked."""
    place = tmp_path / "bundle"
    for name, content in GOOD.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_bytes(content)
    return place


def test_an_unpacked_bundle_is_the_same(folder: Path) -> None:
    files = read_bundle_folder(folder)

    assert files == GOOD


@pytest.mark.parametrize("name", ["notes.txt", "proofs/notes.txt", "proofs/deep/1.tlog-proof", "certs/a.pem"])
def test_an_unpacked_bundle_with_a_file_of_another_name_is_refused(name: str, folder: Path) -> None:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(b"")

    with pytest.raises(ValueError, match="none of a bundle's"):
        read_bundle_folder(folder)


def test_a_link_in_an_unpacked_bundle_is_refused(folder: Path, tmp_path: Path) -> None:
    (folder / "checkpoint").rename(tmp_path / "elsewhere")
    (folder / "checkpoint").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(ValueError, match="a link"):
        read_bundle_folder(folder)


def test_a_linked_folder_in_an_unpacked_bundle_is_refused(folder: Path, tmp_path: Path) -> None:
    (folder / "proofs").rename(tmp_path / "elsewhere")
    (folder / "proofs").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(ValueError, match="behind a link"):
        read_bundle_folder(folder)


def test_a_folder_in_a_files_place_is_refused(folder: Path) -> None:
    (folder / "report.pdf").mkdir()

    with pytest.raises(ValueError, match="a link, a folder"):
        read_bundle_folder(folder)


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="FileNotFoundError"):
        read_bundle_folder(tmp_path / "nowhere")
