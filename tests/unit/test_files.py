"""Files are written whole or not at all, whatever stops the writing."""

from __future__ import annotations

import errno
import os
import stat
from typing import TYPE_CHECKING

import pytest

from rtbf.errors import DiskFull
from rtbf.files import create_secret_file, disk_errors_named, folder_in_one_piece, make_private_folder, replace_file, sha256_file

if TYPE_CHECKING:
    from pathlib import Path


def no_space(*_: object, **__: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_secret_file_is_private_and_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "key"
    create_secret_file(path, b"first")

    with pytest.raises(FileExistsError):
        create_secret_file(path, b"second")

    assert path.read_bytes() == b"first"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_secret_file_that_runs_out_of_space_is_not_left_half_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "key"

    monkeypatch.setattr("os.fsync", no_space)
    with pytest.raises(DiskFull):
        create_secret_file(path, b"first")
    monkeypatch.undo()

    create_secret_file(path, b"second")
    assert path.read_bytes() == b"second"


@pytest.mark.parametrize("step", ["os.fsync", "pathlib.Path.replace"])
def test_a_replacement_that_runs_out_of_space_keeps_the_old_file_and_leaves_no_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    path = tmp_path / "trust.json"
    replace_file(path, b"old")

    monkeypatch.setattr(step, no_space)
    with pytest.raises((DiskFull, OSError)):
        replace_file(path, b"new")
    monkeypatch.undo()

    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_replacement_is_synced_before_and_after_it_gets_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[bool, bool]] = []
    path = tmp_path / "state.json"
    real_sync = os.fsync

    def sync(descriptor: int) -> None:
        seen.append((stat.S_ISDIR(os.fstat(descriptor).st_mode), path.exists()))
        real_sync(descriptor)

    monkeypatch.setattr("os.fsync", sync)

    replace_file(path, b"content")

    # (is it the folder, is the name there): first the content, then the name.
    assert seen == [(False, False), (True, True)]


def test_a_replacement_clears_what_a_killed_one_left(tmp_path: Path) -> None:
    path = tmp_path / "trust.json"
    (tmp_path / f".trust.json.{os.getpid()}.part").write_bytes(b"half")

    replace_file(path, b"whole")

    assert path.read_bytes() == b"whole"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_appears_whole_and_private(tmp_path: Path) -> None:
    target = tmp_path / "model"

    with folder_in_one_piece(target) as part:
        assert not target.exists()
        (part / "sub").mkdir(mode=0o755)
        (part / "sub" / "weights").write_bytes(b"1")
        (part / "sub" / "weights").chmod(0o644)

    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in [target, *target.rglob("*")]}
    assert modes == {"model": 0o700, "sub": 0o700, "weights": 0o600}
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize("trouble", [OSError(errno.ENOSPC, "full"), KeyboardInterrupt(), ValueError("bug")])
def test_a_folder_whose_making_fails_leaves_the_earlier_one(tmp_path: Path, trouble: BaseException) -> None:
    target = tmp_path / "model"
    with folder_in_one_piece(target) as part:
        (part / "weights").write_bytes(b"old")

    def write_half() -> None:
        with folder_in_one_piece(target) as part:
            (part / "weights").write_bytes(b"ne")
            raise trouble

    with pytest.raises((DiskFull, KeyboardInterrupt, ValueError)):
        write_half()

    assert (target / "weights").read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_folder_does_not_take_over_what_a_killed_run_left(tmp_path: Path) -> None:
    target = tmp_path / "model"
    left = tmp_path / ".model.part"
    left.mkdir()
    (left / "stale").write_bytes(b"x")

    with folder_in_one_piece(target) as part:
        (part / "weights").write_bytes(b"1")

    assert [path.name for path in target.iterdir()] == ["weights"]


@pytest.mark.parametrize(
    "trouble",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        OSError(errno.EDQUOT, "Disk quota exceeded"),
        RuntimeError("I/O error: No space left on device (os error 28)"),
        RuntimeError("(sqlite3.OperationalError) database or disk is full"),
    ],
)
def test_whoever_meets_the_full_disk_it_is_one_outage_that_says_what_was_written(trouble: Exception) -> None:
    with pytest.raises(DiskFull, match=r"while writing weights; .*run the same command again"), disk_errors_named("weights"):
        raise trouble


@pytest.mark.parametrize("trouble", [PermissionError(errno.EACCES, "denied"), ValueError("bug"), KeyError("x")])
def test_other_trouble_is_not_renamed(trouble: Exception) -> None:
    with pytest.raises(type(trouble)), disk_errors_named("weights"):
        raise trouble


def test_missing_parents_are_private_too_and_existing_ones_stay(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)

    make_private_folder(tmp_path / "a" / "b")
    make_private_folder(tmp_path / "a" / "b")

    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o700
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o755


def test_the_digest_of_a_file_is_that_of_its_bytes(tmp_path: Path) -> None:
    path = tmp_path / "abc"
    path.write_bytes(b"abc")

    # FIPS 180-2, appendix B.1.
    assert sha256_file(path) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
