"""The bundle: everything an auditor needs about one report, in one archive or one folder, and not one byte more.

The archive is a plain zip: stored, names sorted, dates and modes fixed. Reading writes it anew from what was read and
compares, so that no byte of it is outside the check: no comment, no extra field, no second entry, nothing behind the end.
Refuses (ValueError) links, devices, encrypted or compressed entries, names outside the grammar, and everything beyond the
limits, each before the content is read. Does not judge what the files say: that is `rtbf.report.check`.
Source: evidence.md §3 (contents), §4 step 1 (limits); PKWARE APPNOTE 6.3 for the archive.
"""

from __future__ import annotations

import io
import os
import re
import stat
import struct
import zipfile
from typing import TYPE_CHECKING

from rtbf.evidence.tlog_proof import MAX_PROOF_BYTES
from rtbf.evidence.tree_head import MAX_NOTE_BYTES
from rtbf.evidence.trust_file import MAX_TRUST_BYTES
from rtbf.report.verify_text import VERIFY_TEXTS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

ENVELOPE_NAME = "report.dsse.json"
TOKEN_NAME = "report.dsse.json.tsr"  # noqa: S105 - a file's name
PDF_NAME = "report.pdf"
TRUST_NAME = "trust.json"
EVENTS_NAME = "events.jsonl"
HEAD_NAME = "checkpoint"
VERIFY_NAME = "VERIFY.md"
BUNDLE_NAME = "bundle.zip"
HANDED_OUT = (ENVELOPE_NAME, TOKEN_NAME, PDF_NAME, TRUST_NAME)
"""What people look at first, and what `rtbf report` therefore lays beside the archive as well."""
ALWAYS_THERE = (ENVELOPE_NAME, TRUST_NAME, EVENTS_NAME, HEAD_NAME, VERIFY_NAME)

MAX_ENVELOPE_BYTES = 16 << 20
MAX_PDF_BYTES = 32 << 20
MAX_TOKEN_BYTES = 1 << 18
"""As `rtbf.evidence.timestamp` has it, which loads a client for the network."""
MAX_EVENTS_BYTES = 64 << 20
MAX_VERIFY_BYTES = 1 << 16
MAX_BUNDLE_BYTES = 128 << 20
MAX_FILES = 20_000

_NUMBER = r"(?:0|[1-9][0-9]{0,18})"
_PROOF = re.compile(rf"proofs/({_NUMBER})\.tlog-proof")
_CONSISTENCY = re.compile(rf"consistency/({_NUMBER})-({_NUMBER})\.txt")
_LIMITS = {
    ENVELOPE_NAME: MAX_ENVELOPE_BYTES,
    TOKEN_NAME: MAX_TOKEN_BYTES,
    PDF_NAME: MAX_PDF_BYTES,
    TRUST_NAME: MAX_TRUST_BYTES,
    EVENTS_NAME: MAX_EVENTS_BYTES,
    HEAD_NAME: MAX_NOTE_BYTES,
    VERIFY_NAME: MAX_VERIFY_BYTES,
}
_FOLDERS = ("proofs", "consistency")
_EPOCH = (1980, 1, 1, 0, 0, 0)
"""The first date that a zip archive can name."""
_UNIX = 3
_MODE = stat.S_IFREG | 0o644
_UNREADABLE = (
    zipfile.BadZipFile,
    RuntimeError,
    EOFError,
    OSError,
    struct.error,
    LookupError,
    OverflowError,
    ValueError,
)
"""What the library raises on archives that are none; of a wrong password or an unknown method it makes a RuntimeError."""


def proof_name(idx: int) -> str:
    """Return the name of the proof that leaf `idx` is in the bundle's tree head."""
    return f"proofs/{idx}.tlog-proof"


def consistency_name(first: int, second: int) -> str:
    """Return the name of the proof that the tree of `second` leaves begins with the one of `first` leaves."""
    return f"consistency/{first}-{second}.txt"


def proofs_named(files: Iterable[str]) -> dict[int, str]:
    """Return leaf index → name of its proof, for the names among `files` that are proofs'."""
    return {int(found[1]): name for name in files if (found := _PROOF.fullmatch(name))}


def consistencies_named(files: Iterable[str]) -> dict[tuple[int, int], str]:
    """Return (older size, newer size) → name of the proof, for the names among `files` that are consistency proofs'."""
    return {(int(found[1]), int(found[2])): name for name in files if (found := _CONSISTENCY.fullmatch(name))}


def require_whole(files: Mapping[str, bytes]) -> None:
    """Return when names, sizes and the fixed text are a bundle's; raises ValueError naming the first thing that is not."""
    if len(files) > MAX_FILES:
        raise ValueError(f"a bundle of {len(files)} files; {MAX_FILES} at most")
    for name, content in files.items():
        if len(content) > _limit(name):
            raise ValueError(f"a file of {len(content)} bytes; {_limit(name)} at most")
    if sum(map(len, files.values())) > MAX_BUNDLE_BYTES:
        raise ValueError(f"a bundle of more than {MAX_BUNDLE_BYTES} bytes")
    missing = [name for name in ALWAYS_THERE if name not in files]
    if missing:
        raise ValueError(f"a bundle without {', '.join(missing)}")
    if files[VERIFY_NAME] not in VERIFY_TEXTS:
        raise ValueError(f"a {VERIFY_NAME} that is none of ours")


def write_bundle(files: Mapping[str, bytes]) -> bytes:
    """Return the archive of `files`; the same files give the same bytes. Raises ValueError when they are no bundle's."""
    require_whole(files)
    return _archive(files)


def read_bundle(raw: bytes) -> dict[str, bytes]:
    """Return name → content of an archive; raises ValueError for every other bytes than `write_bundle` would write."""
    if len(raw) > MAX_BUNDLE_BYTES:
        raise ValueError(f"an archive larger than {MAX_BUNDLE_BYTES} bytes")
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            entries = archive.infolist()
            _require_bounded(entries)
            files = {entry.filename: archive.read(entry) for entry in entries}
    except _Refused:
        raise
    except _UNREADABLE as failed:
        raise ValueError(f"an archive that cannot be read ({type(failed).__name__})") from None
    require_whole(files)
    if _archive(files) != raw:
        raise ValueError("an archive that is not written as rtbf writes it: something is in it beside its files")
    return files


def read_bundle_folder(path: Path) -> dict[str, bytes]:
    """Return name → content of an unpacked bundle; raises ValueError for links, unknown names, or what cannot be read."""
    files: dict[str, bytes] = {}
    try:
        for folder in ("", *_FOLDERS):
            place = path / folder
            if folder and place.is_symlink():
                raise _Refused("a folder of the bundle behind a link")
            if place.is_dir() or not folder:
                _read_folder(place, folder, files)
    except OSError as failed:
        raise ValueError(f"a bundle's folder that cannot be read ({type(failed).__name__})") from None
    require_whole(files)
    return files


class _Refused(ValueError):
    """A rule of ours that an archive or a folder breaks, told apart from the library's own errors."""


def _limit(name: str) -> int:
    if name in _LIMITS:
        return _LIMITS[name]
    if _PROOF.fullmatch(name) or _CONSISTENCY.fullmatch(name):
        return MAX_PROOF_BYTES
    raise _Refused("a file whose name is none of a bundle's")


def _archive(files: Mapping[str, bytes]) -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, _EPOCH)
            # Python fills in the system it runs on, which would make other bytes of the same bundle on another one.
            entry.create_system, entry.external_attr = _UNIX, _MODE << 16
            archive.writestr(entry, files[name])
    return written.getvalue()


def _require_bounded(entries: list[zipfile.ZipInfo]) -> None:
    if len(entries) > MAX_FILES:
        raise _Refused(f"an archive of {len(entries)} files; {MAX_FILES} at most")
    if len({entry.filename for entry in entries}) != len(entries):
        raise _Refused("an archive that names a file twice")
    for entry in entries:
        limit = _limit(entry.filename)
        if entry.external_attr != _MODE << 16:
            raise _Refused("an entry that is no plain file")
        if entry.compress_type != zipfile.ZIP_STORED or entry.compress_size != entry.file_size or entry.flag_bits:
            raise _Refused("an entry that is compressed or encrypted")
        if entry.file_size > limit:
            raise _Refused(f"an entry of {entry.file_size} bytes; {limit} at most")
    if sum(entry.file_size for entry in entries) > MAX_BUNDLE_BYTES:
        raise _Refused(f"an archive of more than {MAX_BUNDLE_BYTES} bytes")


def _read_folder(place: Path, folder: str, files: dict[str, bytes]) -> None:
    with os.scandir(place) as entries:
        for entry in entries:
            if not folder and entry.name in _FOLDERS:
                continue
            name = f"{folder}/{entry.name}" if folder else entry.name
            limit = _limit(name)
            if not entry.is_file(follow_symlinks=False):
                raise _Refused("a link, a folder or a device where a file of the bundle belongs")
            if len(files) >= MAX_FILES:
                raise _Refused(f"a bundle of more than {MAX_FILES} files")
            files[name] = _read_plain(entry.path, limit)


def _read_plain(path: str, limit: int) -> bytes:
    """Return a plain file's bytes, at most one more than the limit; a link put there meanwhile is an OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    with open(descriptor, "rb") as file:  # noqa: PTH123 - by descriptor, which no Path can open
        return file.read(limit + 1)
