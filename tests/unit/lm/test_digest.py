"""A model's digest is over names and bytes, and over nothing else."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import pytest

from rtbf.errors import ArtefactMismatch, ModelFolderRefused
from rtbf.lm.digest import digest_of_files, list_files, require_digest

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "model"
    (path / "sub").mkdir(parents=True)
    (path / "b.txt").write_bytes(b"two")
    (path / "sub" / "a.txt").write_bytes(b"one")
    return path


def digest(folder: Path) -> str:
    return digest_of_files(list_files(folder))


def test_a_copy_elsewhere_with_other_times_has_the_same_digest(folder: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    os.utime(copy / "b.txt", (0, 0))
    (copy / "b.txt").chmod(0o600)

    assert digest(copy) == digest(folder)
    assert [file.name for file in list_files(folder)] == ["b.txt", "sub/a.txt"]


@pytest.mark.parametrize("change", ["edit", "rename", "add", "remove", "swap"])
def test_any_change_of_name_or_bytes_changes_the_digest(folder: Path, change: str) -> None:
    before = digest(folder)
    if change == "edit":
        (folder / "b.txt").write_bytes(b"twO")
    elif change == "rename":
        (folder / "b.txt").rename(folder / "c.txt")
    elif change == "add":
        (folder / "empty").touch()
    elif change == "remove":
        (folder / "b.txt").unlink()
    else:
        (folder / "b.txt").write_bytes(b"one")
        (folder / "sub" / "a.txt").write_bytes(b"two")

    assert digest(folder) != before


def test_a_link_out_of_the_folder_is_refused_and_one_inside_is_followed(folder: Path, tmp_path: Path) -> None:
    (folder / "inside").symlink_to(folder / "b.txt")
    assert "inside" in {file.name for file in list_files(folder)}

    (tmp_path / "outside").write_bytes(b"x")
    (folder / "link").symlink_to(tmp_path / "outside")
    with pytest.raises(ModelFolderRefused, match="link"):
        list_files(folder)


def test_a_required_digest_holds_or_names_both(folder: Path) -> None:
    right = digest(folder)
    require_digest(folder, right, "the base")

    (folder / "b.txt").write_bytes(b"changed")
    with pytest.raises(ArtefactMismatch, match=right):
        require_digest(folder, right, "the base")
    with pytest.raises(ArtefactMismatch, match="no such folder"):
        require_digest(folder / "gone", right, "the base")
