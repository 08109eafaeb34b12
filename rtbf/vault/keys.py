"""Per-ticket data keys, wrapped by a key-encryption key (KEK) that lives outside the database.

Destroying a wrapped key makes everything sealed under it unreadable. This proves nothing about copies of the
wrapped key in backups; their bound is the operator's to state.
Source: AES-KWP is RFC 5649 / NIST SP 800-38F; AES-GCM-SIV is RFC 8452.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap_with_padding, aes_key_wrap_with_padding

from rtbf.errors import Fault, HomeMissing
from rtbf.files import create_secret_file

if TYPE_CHECKING:
    from pathlib import Path

KEY_BYTES = 32


def create_kek(path: Path) -> None:
    """Create a random 256-bit KEK file of mode 0600."""
    create_secret_file(path, os.urandom(KEY_BYTES))


def load_kek(path: Path) -> bytes:
    """Return the 32-byte KEK; raises HomeMissing when the file is absent and Fault when its length is wrong."""
    try:
        kek = path.read_bytes()
    except FileNotFoundError as missing:
        raise HomeMissing(
            found=f"no vault key at {path}", expected="the file that `rtbf init` made", remedy="restore it from the key backup"
        ) from missing
    if len(kek) != KEY_BYTES:
        raise Fault(
            found=f"a vault key of {len(kek)} bytes", expected=f"{KEY_BYTES} bytes", remedy="restore keys/vault.key from the key backup"
        )
    return kek


def new_wrapped_key(kek: bytes) -> bytes:
    """Return a fresh random ticket key, already wrapped under `kek`."""
    return aes_key_wrap_with_padding(kek, os.urandom(KEY_BYTES))


def unwrap(kek: bytes, wrapped: bytes) -> bytes:
    """Return the ticket key; raises Fault when `wrapped` was made under another KEK or was changed."""
    try:
        return aes_key_unwrap_with_padding(kek, wrapped)
    except InvalidUnwrap as refused:
        raise Fault(
            found="a ticket key that this vault key does not open",
            expected="a key wrapped under keys/vault.key of this home",
            remedy="restore the vault key that belongs to this database",
        ) from refused
