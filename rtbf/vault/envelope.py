"""Seal and open single fields under a ticket's key.

AES-256-GCM-SIV (RFC 8452) with a random 96-bit nonce; the associated data names the place of the field, so a
ciphertext moved to another ticket, table or column does not open. The first byte is the format's version.
"""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCMSIV

from rtbf.errors import Fault

if TYPE_CHECKING:
    from rtbf.vault.secret import Secret

_FORMAT = b"\x01"
_NONCE_BYTES = 12


def seal(key: bytes, place: str, plain: bytes) -> bytes:
    """Return `plain` sealed for `place` (for example "tkt_…|identifier|value|2")."""
    nonce = os.urandom(_NONCE_BYTES)
    return _FORMAT + nonce + AESGCMSIV(key).encrypt(nonce, plain, place.encode())


def unseal(key: bytes, place: str, sealed: bytes) -> bytes:
    """Return the plain bytes; raises Fault when the bytes were changed, moved, or sealed under another key."""
    body = sealed[1 + _NONCE_BYTES :]
    try:
        if sealed[:1] != _FORMAT:
            raise InvalidTag
        return AESGCMSIV(key).decrypt(sealed[1 : 1 + _NONCE_BYTES], body, place.encode())
    except (InvalidTag, ValueError) as refused:
        raise Fault(
            found="a sealed field that does not open",
            expected="bytes sealed under this ticket's key for this place",
            remedy="restore the row from a backup; nothing was guessed in its stead",
        ) from refused


def commitment(nonce: bytes, kind: str, value: Secret) -> str:
    """Return SHA-256(nonce ‖ kind ‖ 0x00 ‖ value) as text; whoever holds the nonce can show what was asked for."""
    body = nonce + kind.encode() + b"\x00" + value.reveal().encode()
    return "sha256:" + hashlib.sha256(body).hexdigest()
