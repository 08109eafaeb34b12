"""The unprivileged user that servers run under when we are root, and folders that this user can reach.

No folder above the server's own is ever opened up: where the way to it is closed, another place is taken.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import pwd
import shutil
import stat
from dataclasses import dataclass
from pathlib import Path

from rtbf.errors import BadInput, ExtraMissing

_ELSEWHERE = Path("/var/tmp")  # noqa: S108 - a folder of ours is made there, mode 0711, and refused if it is not ours


@dataclass(frozen=True, kw_only=True, slots=True)
class User:
    """An account by its numbers."""

    name: str
    uid: int
    gid: int


def server_user(*wanted: str) -> User | None:
    """Return the first existing account of `wanted` and `nobody`, or None when we are not root and run servers as ourselves."""
    if os.geteuid() != 0:
        return None
    for name in (*wanted, "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return User(name=name, uid=entry.pw_uid, gid=entry.pw_gid)
    raise ExtraMissing(
        found="root without an unprivileged account", expected=f"one of {', '.join(wanted)}, nobody", remedy="run it as an ordinary user"
    )


def server_folder(folder: Path, user: User | None) -> Path:
    """Make the folder at `server_place`, mode 0700, owned by the server's user, and return it."""
    place = server_place(folder, user)
    if place.parent != folder.resolve().parent:
        _make_own(place.parent, 0o711)
    place.mkdir(mode=0o700, exist_ok=True)
    if user is not None:
        os.chown(place, user.uid, user.gid)
    place.chmod(0o700)
    return place


def server_place(folder: Path, user: User | None) -> Path:
    """Return where the server's folder is to lie: at `folder` if its user can get there.

    Where a folder above it is closed to that user: below /var/tmp, under a roof named after the folder above.
    """
    place = folder.resolve()
    if user is None or can_reach(place.parent, user):
        return place
    return _ELSEWHERE / f"rtbf-{hashlib.sha256(str(place.parent).encode()).hexdigest()[:12]}" / place.name


def remove_server_folder(place: Path) -> None:
    """Remove a folder that `server_folder` made, and its roof below /var/tmp when nothing else is under it."""
    shutil.rmtree(place, ignore_errors=True)
    if place.parent.parent == _ELSEWHERE:
        with contextlib.suppress(OSError):
            place.parent.rmdir()


def can_reach(folder: Path, user: User) -> bool:
    """Return whether `user` may pass through `folder` and everything above it, judged by mode bits and owner."""
    return all(_may_pass(above.stat(), user) for above in (folder, *folder.parents))


def _may_pass(status: os.stat_result, user: User) -> bool:
    if status.st_uid == user.uid:
        return bool(status.st_mode & stat.S_IXUSR)
    if status.st_gid == user.gid:
        return bool(status.st_mode & stat.S_IXGRP)
    return bool(status.st_mode & stat.S_IXOTH)


def _make_own(folder: Path, mode: int) -> None:
    """Make a folder in a place where anybody may make one; refuse what somebody else has put there."""
    folder.mkdir(mode=0o700, exist_ok=True)
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid():
        raise BadInput(
            found=f"{folder} belongs to somebody else", expected="a folder of our own", remedy="remove it, or use another --folder"
        )
    folder.chmod(mode)
