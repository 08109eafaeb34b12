"""Writing files so that a crash or a full disk leaves the old file or the new one, never half of one."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import shutil
import threading
from typing import TYPE_CHECKING

from rtbf.errors import DiskFull

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_CHUNK_BYTES = 1 << 20


def create_secret_file(path: Path, content: bytes) -> None:
    """Write a new file of mode 0600 and sync it; an existing file is never overwritten (FileExistsError).

    When the writing fails, no file is left.
    """
    with disk_errors_named(path.name):
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        except BaseException:
            path.unlink()
            raise


def replace_file(path: Path, content: bytes) -> None:
    """Write `path` with mode 0600 by way of a neighbour that is synced and renamed over it; the renaming is synced too."""
    neighbour = path.with_name(f".{path.name}.{os.getpid()}.part")
    with contextlib.suppress(FileNotFoundError):
        neighbour.unlink()
    try:
        create_secret_file(neighbour, content)
        neighbour.replace(path)
        sync_folder(path.parent)
    finally:
        with contextlib.suppress(FileNotFoundError):
            neighbour.unlink()


def place_file_once(path: Path, content: bytes) -> bool:
    """Write `path` whole and with mode 0600 unless it exists; return whether it was written. Of two writers one wins."""
    neighbour = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}.part")
    with contextlib.suppress(FileNotFoundError):
        neighbour.unlink()
    try:
        create_secret_file(neighbour, content)
        # A rename would replace what is there; a second name for the file is refused when the name is taken (link(2)).
        path.hardlink_to(neighbour)
        sync_folder(path.parent)
    except FileExistsError:
        return False
    finally:
        with contextlib.suppress(FileNotFoundError):
            neighbour.unlink()
    return True


def sync_folder(path: Path) -> None:
    """Return when the folder's names are on the disk: until then a power cut may undo a new or renamed file (fsync(2))."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def folder_in_one_piece(target: Path) -> Iterator[Path]:
    """Yield an empty neighbour folder that becomes `target` when the block ends well, and vanishes when it does not.

    An existing `target` is replaced: its content was made from the same plan by a run that was cut short.
    """
    neighbour = target.with_name(f".{target.name}.part")
    shutil.rmtree(neighbour, ignore_errors=True)
    make_private_folder(neighbour)
    try:
        with disk_errors_named(target.name):
            yield neighbour
        for entry in neighbour.rglob("*"):
            entry.chmod(0o700 if entry.is_dir() else 0o600)
        shutil.rmtree(target, ignore_errors=True)
        neighbour.replace(target)
    finally:
        shutil.rmtree(neighbour, ignore_errors=True)


def make_private_folder(path: Path) -> None:
    """Create `path` and its missing parents with mode 0700."""
    if not path.is_dir():
        make_private_folder(path.parent)
        path.mkdir(mode=0o700, exist_ok=True)


def sha256_file(path: Path) -> str:
    """Return the lower-case hexadecimal SHA-256 of a file's bytes, read in pieces."""
    running = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(_CHUNK_BYTES):
            running.update(piece)
    return running.hexdigest()


@contextlib.contextmanager
def disk_errors_named(what: str) -> Iterator[None]:
    """Turn "no space left" into the Outage `DiskFull`, whoever's library met it first."""
    try:
        yield
    except OSError as failed:
        if failed.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise _disk_full(what) from failed
        raise
    except Exception as failed:
        # safetensors and SQLite report ENOSPC as text of their own error types.
        if "No space left on device" in str(failed) or "database or disk is full" in str(failed):
            raise _disk_full(what) from failed
        raise


def _disk_full(what: str) -> DiskFull:
    return DiskFull(
        found=f"no space left while writing {what}",
        expected="room on the disk of the rtbf home",
        remedy="free some space and run the same command again; it continues where it stopped",
    )
