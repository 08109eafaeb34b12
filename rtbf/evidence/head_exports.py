"""Signed tree heads in a folder outside of the database, one file for each size, that only grows.

Made for places that take new files and give none back: a file is created under its final name, appended to, never renamed and
never overwritten. One that a kill cut short is completed; one that says something else is a fork.
Does not prove that the folder only grows: that is the place's own promise (a write-once bucket, another organisation).
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from rtbf.errors import LedgerForked
from rtbf.evidence.log_name import name_parts
from rtbf.evidence.tree_head import MAX_NOTE_BYTES, head_in
from rtbf.files import disk_errors_named, make_private_folder, sync_folder

if TYPE_CHECKING:
    from pathlib import Path

    from rtbf.evidence.tree_head import TreeHead

_READ_ONLY = 0o444
_NAME = re.compile(r"(?P<size>[0-9]{12,19})(\.(?P<number>[0-9]{1,4}))?\.note")


def head_file_name(origin: str, size: int) -> str:
    """Return a head's file name: "000000041902.note", after a restart of the log "000000041902.2.note"."""
    _, number = name_parts(origin)
    return f"{size:012d}.note" if number == 1 else f"{size:012d}.{number}.note"


def export_head(folder: Path, note: str) -> None:
    """Lay the note into the folder, read-only, and return when it is on the disk; the same head again changes nothing.

    Raises LedgerForked when a file of this name says something else; it stays as it is.
    """
    make_private_folder(folder)
    head, content = head_in(note), note.encode()
    path = folder / head_file_name(head.origin, head.size)
    with disk_errors_named(path.name):
        found = path.read_bytes() if path.exists() else b""
        if found != content:
            if not content.startswith(found):
                _require_same_head(path.name, found, head)
                return
            _append(path, content[len(found) :])
        path.chmod(_READ_ONLY)
    sync_folder(folder)


def exported_sizes(folder: Path, origin: str) -> list[int]:
    """Return the sizes of this log's heads in the folder, ascending, by their names."""
    _, wanted = name_parts(origin)
    found = [_NAME.fullmatch(name) for name in _names(folder)]
    return sorted(int(each["size"]) for each in found if each is not None and int(each["number"] or 1) == wanted)


def read_exported(folder: Path, origin: str, size: int) -> str:
    """Return the exported note of that log over the tree of that size; ValueError when it is no text or far too long."""
    with (folder / head_file_name(origin, size)).open("rb") as file:
        raw = file.read(MAX_NOTE_BYTES + 1)
    if len(raw) > MAX_NOTE_BYTES:
        raise ValueError("longer than a head can be")
    return raw.decode()


def has_exports(folder: Path) -> bool:
    """Return whether the folder holds a head of any log."""
    return any(_NAME.fullmatch(name) for name in _names(folder))


def _names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()] if folder.is_dir() else []


def _append(path: Path, content: bytes) -> None:
    if path.exists():
        # A run as another account may have made it, and only the mode of a whole file forbids to go on with it.
        path.chmod(0o600)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _require_same_head(name: str, found: bytes, head: TreeHead) -> None:
    """Return when the file is about the same head: witnesses that signed at another time make no other head."""
    try:
        is_same = head_in(found.decode()) == head
    except ValueError:
        is_same = False
    if not is_same:
        raise LedgerForked(
            found=f"another head in the exported file {name}",
            expected=f"the one tree of {head.size} events",
            remedy="find out who wrote that file: two histories were signed, or it was changed; `rtbf log check` compares all",
        )
