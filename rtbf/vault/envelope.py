"""Seal and open single fields under a ticket's key.

AES-256-GCM-SIV (RFC 8452) with a random 96-bit nonce; the associated data names the place of the field, so a
ciphertext moved to another ticket, table, column or row does not open. The first byte is the format's version.
It does not hide how long the plain text is, and an older ciphertext put back in its own place opens.
"""

from __future__ import annotations

import hashlib
import os
import re
from typing import TYPE_CHECKING, NewType

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCMSIV

from rtbf.errors import SealBroken

if TYPE_CHECKING:
    from rtbf.vault.secret import Secret

_FORMAT = b"\x01"
_NONCE_BYTES = 12
_PART = re.compile(r"[A-Za-z0-9_.:-]+")

Place = NewType("Place", str)
"""Where a sealed field lies: "ticket|table|column|row". Made by `place_of` only, so that two places never share a text."""


def place_of(ticket_id: str, table: str, column: str, row: int | str) -> Place:
    """Return the associated data of one field; raises ValueError when a part is empty or could blur its border.

    `row` is the field's place among the ticket's rows of `table`: a number, or an id of ours.
    """
    parts = (ticket_id, table, column, str(row))
    if not all(_PART.fullmatch(part) for part in parts):
        raise ValueError("a place is made of four parts of letters, digits and _.:- only")
    return Place("|".join(parts))


def seal(key: bytes, place: Place, plain: bytes) -> bytes:
    """Return `plain` sealed for `place`."""
    nonce = os.urandom(_NONCE_BYTES)
    return _FORMAT + nonce + AESGCMSIV(key).encrypt(nonce, plain, place.encode())


def unseal(key: bytes, place: Place, sealed: bytes) -> bytes:
    """Return the plain bytes; raises SealBroken when the bytes were changed, moved, or sealed under another key."""
    body = sealed[1 + _NONCE_BYTES :]
    try:
        if sealed[:1] != _FORMAT:
            raise InvalidTag
        return AESGCMSIV(key).decrypt(sealed[1 : 1 + _NONCE_BYTES], body, place.encode())
    except (InvalidTag, ValueError) as refused:
        raise SealBroken(
            found="a sealed field that does not open",
            expected="bytes sealed under this ticket's key for this place",
            remedy="restore the row from a backup; nothing was guessed in its stead",
        ) from refused


def commitment(nonce: bytes, kind: str, value: Secret) -> str:
    """Return SHA-256(nonce ‖ kind ‖ 0x00 ‖ value) as text; whoever holds the nonce can show what was asked for."""
    body = nonce + kind.encode() + b"\x00" + value.reveal().encode()
    return "sha256:" + hashlib.sha256(body).hexdigest()
