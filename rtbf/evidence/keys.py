"""What a key is called and what it may do: its id, its fingerprint for people, and the roles that a trust file gives.

Key id = SHA-256 of the DER SubjectPublicKeyInfo (evidence.md §1). A key id only selects a key: algorithm, role and
validity come from the trust file, never from an envelope.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from typing import Literal, TypeAlias

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

PublicKey: TypeAlias = Ed25519PublicKey | EllipticCurvePublicKey
PrivateKey: TypeAlias = Ed25519PrivateKey | EllipticCurvePrivateKey

# Roles of the trust file.
REPORT_SIGNER: Literal["report-signer"] = "report-signer"
APPROVER: Literal["approver"] = "approver"
LOG_SIGNER: Literal["log-signer"] = "log-signer"
WITNESS: Literal["witness"] = "witness"
ROOT: Literal["root"] = "root"
# Roles of key files only: auditors believe these by certificate.
PDF_SIGNER: Literal["pdf-signer"] = "pdf-signer"
PDF_ISSUER: Literal["pdf-issuer"] = "pdf-issuer"

_PREFIX = "sha256:"
_HEX_DIGITS = re.compile(r"[0-9a-f]{64}")
_GROUP = 4


def public_der(key: PublicKey) -> bytes:
    """Return the DER SubjectPublicKeyInfo of `key`."""
    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def key_id(key: PublicKey) -> str:
    """Return "sha256:…" over the key's SubjectPublicKeyInfo."""
    return _PREFIX + hashlib.sha256(public_der(key)).hexdigest()


def spki_text(key: PublicKey) -> str:
    """Return the key's SubjectPublicKeyInfo as standard base64, as trust files and reports carry it."""
    return base64.standard_b64encode(public_der(key)).decode()


def read_spki_text(text: str, stated_id: str) -> Ed25519PublicKey:
    """Return the Ed25519 key in base64 text; raises ValueError when it is none, or not the one that `stated_id` names."""
    try:
        key = serialization.load_der_public_key(base64.b64decode(text, validate=True))
    except (binascii.Error, UnsupportedAlgorithm, ValueError):
        raise ValueError("a trusted key that cannot be read") from None
    if not isinstance(key, Ed25519PublicKey):
        raise ValueError("a trusted key that is not Ed25519")
    if key_id(key) != stated_id:
        raise ValueError("a trusted key whose id is not the digest of the key")
    return key


def fingerprint(key: str) -> str:
    """Return a key id as people read it aloud: sixteen groups of four hexadecimal digits."""
    digits = key.removeprefix(_PREFIX)
    return " ".join(digits[start : start + _GROUP] for start in range(0, len(digits), _GROUP))


def read_fingerprint(text: str) -> str:
    """Return the key id that a person typed: with or without "sha256:", groups, line breaks and capitals.

    Raises ValueError for anything but 64 hexadecimal digits: part of a fingerprint names no key.
    """
    digits = re.sub(r"[\s:-]", "", text.strip().lower().removeprefix(_PREFIX))
    if not _HEX_DIGITS.fullmatch(digits):
        raise ValueError("a fingerprint that is not 64 hexadecimal digits")
    return _PREFIX + digits
