"""Files to be deleted, as a list that is written before the first of them goes and dropped after the last was told of.

A list holds kinds, counts, sizes and paths inside the home: ids and our own file names, never anything of a person.
"""

from __future__ import annotations

import json
import secrets
import shutil
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rtbf.files import make_private_folder, replace_file

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

LIST_PREFIX = ".purge-"


@dataclass(frozen=True, kw_only=True, slots=True)
class Copy:
    """One file or folder of ours, and what it is."""

    kind: str
    path: Path


@dataclass(frozen=True, kw_only=True, slots=True)
class CopyList:
    """A list that was begun. `totals`: kind → (how many, bytes); `paths` in the home's stored form."""

    file: Path
    batch: str
    totals: Mapping[str, tuple[int, int]]
    paths: tuple[str, ...]


def write_list(folder: Path, copies: Sequence[Copy], stored_form: Callable[[Path], str]) -> None:
    """Write what is going to be deleted into a file of its own in `folder`, synced before anything is deleted."""
    counts: Counter[str] = Counter()
    sizes: Counter[str] = Counter()
    for copy in copies:
        counts[copy.kind] += 1
        sizes[copy.kind] += _size_bytes(copy.path)
    batch = secrets.token_hex(8)
    body = {
        "batch": batch,
        "totals": {kind: [count, sizes[kind]] for kind, count in sorted(counts.items())},
        # A link is deleted, never followed: the folder it lies in is resolved, not the link.
        "paths": [stored_form(copy.path.parent) + "/" + copy.path.name for copy in copies],
    }
    make_private_folder(folder)
    replace_file(folder / f"{LIST_PREFIX}{batch}.json", json.dumps(body).encode())


def unfinished_lists(folder: Path) -> list[CopyList]:
    """Return the lists in `folder`: those that a crash left, and one that was just written."""
    return [_read(path) for path in sorted(folder.glob(f"{LIST_PREFIX}*.json"))]


def delete_copies(listed: CopyList, resolve: Callable[[str], Path]) -> None:
    """Delete what the list names; what is gone already stays gone."""
    for stored in listed.paths:
        path = resolve(stored)
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def finish_lists(lists: Sequence[CopyList]) -> None:
    """Drop the lists, and the folders that are empty now."""
    for listed in lists:
        listed.file.unlink()
        folder = listed.file.parent
        for emptied in [*(entry for entry in folder.iterdir() if entry.is_dir() and not entry.is_symlink()), folder]:
            if not any(emptied.iterdir()):
                emptied.rmdir()


def _read(path: Path) -> CopyList:
    body: dict[str, Any] = json.loads(path.read_bytes())
    totals = {kind: (count, size_bytes) for kind, (count, size_bytes) in body["totals"].items()}
    return CopyList(file=path, batch=body["batch"], totals=totals, paths=tuple(body["paths"]))


def _size_bytes(path: Path) -> int:
    """Return the bytes of a file, or of all files below a folder; a link counts itself."""
    if path.is_symlink() or not path.is_dir():
        return path.lstat().st_size
    return sum(entry.lstat().st_size for entry in path.rglob("*") if entry.is_symlink() or not entry.is_dir())
