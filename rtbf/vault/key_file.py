"""Key material in one small JSON file: read strictly, written whole, changed by one process at a time.

Refuses a file that is damaged, half-written or of another version with `VaultBroken`, and never repeats what it holds.
It does not protect what is inside: that is the file's mode (0600) and, where there is one, its own encryption.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import fcntl
import json
import os
from typing import TYPE_CHECKING, Any, TypeVar

from rtbf.clock import parse_rfc3339
from rtbf.errors import VaultBroken
from rtbf.files import replace_file

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime
    from pathlib import Path

_MAX_FILE_BYTES = 4 << 20
_Parsed = TypeVar("_Parsed")


def read_key_file(path: Path, schema: str, parse: Callable[[dict[str, Any]], _Parsed]) -> _Parsed:
    """Return what `parse` makes of the file's JSON object; raises VaultBroken when it is missing, damaged or of another schema.

    `parse` may raise KeyError, TypeError or ValueError for anything it does not like.
    """
    body = _json_object(path)
    if body.get("schema") != schema:
        raise VaultBroken(
            found=f"{path.name} without the schema this release reads",
            expected=f'"schema": "{schema}"',
            remedy="use the release that wrote it, or restore the file from the key backup",
        )
    parsed: _Parsed | None = None
    # Raised after the block: the parser's own error would carry the file's text along as its context.
    with contextlib.suppress(KeyError, TypeError, ValueError):
        parsed = parse(body)
    if parsed is None:
        raise _damaged(path)
    return parsed


def write_key_file(path: Path, schema: str, body: dict[str, Any]) -> None:
    """Write the file anew, mode 0600, in one piece."""
    replace_file(path, json.dumps({"schema": schema, **body}, indent=2).encode() + b"\n")


@contextlib.contextmanager
def one_writer(path: Path) -> Iterator[None]:
    """Hold the right to change `path`; waits for another process that holds it. A lost update would lose a key.

    A neighbour is locked, because the file itself is replaced. A process that dies lets go (flock(2)).
    """
    descriptor = os.open(path.with_name(f".{path.name}.lock"), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def base64_text(content: bytes) -> str:
    """Return standard base64."""
    return base64.standard_b64encode(content).decode()


def base64_bytes(text: Any, size: int | None = None) -> bytes:  # noqa: ANN401 - untrusted JSON
    """Return the bytes that `text` names; raises ValueError when it is not base64, or not of `size` bytes."""
    if not isinstance(text, str):
        raise ValueError("not text")
    try:
        content = base64.b64decode(text, validate=True)
    except binascii.Error:
        raise ValueError("not base64") from None
    if size is not None and len(content) != size:
        raise ValueError("a value of the wrong length")
    return content


def instant(text: Any) -> datetime:  # noqa: ANN401 - untrusted JSON
    """Return the instant that `text` names; raises ValueError when it names none."""
    if not isinstance(text, str):
        raise ValueError("not text")
    return parse_rfc3339(text)


def whole(number: Any, low: int, high: int) -> int:  # noqa: ANN401 - untrusted JSON
    """Return a whole number between both bounds; raises ValueError otherwise."""
    if not isinstance(number, int) or isinstance(number, bool) or not low <= number <= high:
        raise ValueError("not a number within the bounds")
    return number


def exactly(body: Any, *keys: str) -> dict[str, Any]:  # noqa: ANN401 - untrusted JSON
    """Return `body` when it is an object of exactly these keys; raises ValueError otherwise."""
    if not isinstance(body, dict) or set(body) != set(keys):
        raise ValueError("an object with missing or surplus keys")
    return body


def _json_object(path: Path) -> dict[str, Any]:
    body: Any = None
    try:
        with path.open("rb") as file:
            content = file.read(_MAX_FILE_BYTES + 1)
    except FileNotFoundError as missing:
        raise VaultBroken(
            found=f"no key file at {path}", expected="the file that `rtbf init` made", remedy="restore it from the key backup"
        ) from missing
    except OSError as failed:
        raise VaultBroken(
            found=f"{path} cannot be read (error {failed.errno})",
            expected="a file that this account may read",
            remedy="see to its owner and mode",
        ) from failed
    with contextlib.suppress(ValueError, RecursionError):
        body = json.loads(content) if len(content) <= _MAX_FILE_BYTES else None
    if not isinstance(body, dict):
        raise _damaged(path)
    return body


def _damaged(path: Path) -> VaultBroken:
    return VaultBroken(
        found=f"{path.name} is damaged or half-written",
        expected="a whole key file as this release writes it",
        remedy="restore it from the key backup; nothing was changed",
    )
