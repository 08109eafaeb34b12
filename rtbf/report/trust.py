"""Read the auditor's trust file: which keys may sign reports, and when.

The file must reach the auditor by a path of its own; a copy that lies beside a report proves nothing about the report.
Needs `cryptography` only. Every fault is a ValueError: a checker without a good trust file cannot decide anything.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key

from rtbf.clock import parse_rfc3339
from rtbf.evidence.keys import TRUST_VERSION, key_id
from rtbf.evidence.shape import read_shape
from rtbf.evidence.strict_json import read_strict_json

MAX_TRUST_BYTES = 1 << 20


@dataclass(frozen=True, kw_only=True, slots=True)
class TrustedKey:
    """One entry of the trust file as it is written. Times are RFC 3339; None means no limit."""

    id: str
    alg: str
    role: str
    spki: str
    not_before: str
    not_after: str | None
    revoked_at: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Trust:
    """The trust file of one operator."""

    version: int
    issued: str
    keys: tuple[TrustedKey, ...]


def read_trust(raw: bytes) -> Trust:
    """Return the trust file in `raw`; raises ValueError when it is malformed or of an unknown version."""
    value: Any = read_strict_json(raw, MAX_TRUST_BYTES)
    if isinstance(value, dict) and value.get("version") != TRUST_VERSION:
        raise ValueError(f"a trust file of another version than {TRUST_VERSION}")
    trust = read_shape(Trust, value)
    ids = [entry.id for entry in trust.keys]
    if len(set(ids)) != len(ids):
        raise ValueError("a trust file that names a key twice")
    for entry in trust.keys:
        for instant in (entry.not_before, entry.not_after, entry.revoked_at):
            if instant is not None:
                _require_time(instant)
    return trust


def public_key(entry: TrustedKey) -> Ed25519PublicKey:
    """Return the entry's key; raises ValueError when it is no Ed25519 key or not the one that its id names."""
    try:
        key = load_der_public_key(base64.b64decode(entry.spki, validate=True))
    except (binascii.Error, UnsupportedAlgorithm, ValueError):
        raise ValueError("a trusted key that cannot be read") from None
    if not isinstance(key, Ed25519PublicKey):
        raise ValueError("a trusted key that is not Ed25519")
    if key_id(key) != entry.id:
        raise ValueError("a trusted key whose id is not the digest of the key")
    return key


def _require_time(text: str) -> None:
    try:
        parse_rfc3339(text)
    except (OverflowError, ValueError):
        raise ValueError("a time that is not RFC 3339") from None
