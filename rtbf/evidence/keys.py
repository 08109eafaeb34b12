"""The report signer's key, and the trust file that tells a checker which keys count, and for what.

Key id = SHA-256 of the DER SubjectPublicKeyInfo (evidence.md §1). A key id only selects a key: algorithm, role and
validity come from the trust file, never from an envelope.
"""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING, Any, Literal

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from rtbf.clock import rfc3339
from rtbf.errors import Fault
from rtbf.files import create_secret_file

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from pathlib import Path

REPORT_SIGNER: Literal["report-signer"] = "report-signer"
APPROVER: Literal["approver"] = "approver"
TRUST_VERSION = 1


def create_signing_key(path: Path) -> None:
    """Create an Ed25519 private key file (PKCS#8 PEM, mode 0600)."""
    key = Ed25519PrivateKey.generate()
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    create_secret_file(path, pem)


def load_signing_key(path: Path) -> Ed25519PrivateKey:
    """Return the private key in `path`; raises Fault when the file is absent or holds another kind of key."""
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except (OSError, ValueError) as refused:
        raise Fault(
            found=f"no usable signing key at {path.name}", expected="the key that `rtbf init` made", remedy="restore keys/ from its backup"
        ) from refused
    if not isinstance(key, Ed25519PrivateKey):
        raise Fault(found="a signing key of another algorithm", expected="Ed25519", remedy="restore keys/ from its backup")
    return key


def public_der(key: Ed25519PublicKey) -> bytes:
    """Return the DER SubjectPublicKeyInfo of `key`."""
    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def key_id(key: Ed25519PublicKey) -> str:
    """Return "sha256:…" over the key's SubjectPublicKeyInfo."""
    return "sha256:" + hashlib.sha256(public_der(key)).hexdigest()


def trust_file(key: Ed25519PublicKey, not_before: datetime) -> dict[str, Any]:
    """Return the trust file for one report signer. It is to be handed to auditors by a path of their own."""
    return {"version": TRUST_VERSION, "issued": rfc3339(not_before), "keys": [_entry(key, REPORT_SIGNER, not_before)]}


def with_approver(trust: Mapping[str, Any], key: Ed25519PublicKey, registered_at: datetime) -> dict[str, Any]:
    """Return the trust file with an approver's key added; a key that it names already stays as it is.

    A key has one role: whoever signs the reports cannot stand in for the second person.
    """
    if any(entry["id"] == key_id(key) for entry in trust["keys"]):
        return dict(trust)
    return {**trust, "issued": rfc3339(registered_at), "keys": [*trust["keys"], _entry(key, APPROVER, registered_at)]}


def with_revocation(trust: Mapping[str, Any], revoked_id: str, revoked_at: datetime) -> dict[str, Any]:
    """Return the trust file with a key marked as revoked; an earlier revocation stands."""
    keys = [dict(entry) for entry in trust["keys"]]
    for entry in keys:
        if entry["id"] == revoked_id:
            entry["revoked_at"] = entry["revoked_at"] or rfc3339(revoked_at)
    return {**trust, "issued": rfc3339(revoked_at), "keys": keys}


def spki_text(key: Ed25519PublicKey) -> str:
    """Return the key's SubjectPublicKeyInfo as standard base64, as trust files and reports carry it."""
    return base64.standard_b64encode(public_der(key)).decode()


def _entry(key: Ed25519PublicKey, role: Literal["report-signer", "approver"], not_before: datetime) -> dict[str, Any]:
    return {
        "id": key_id(key),
        "alg": "ed25519",
        "role": role,
        "spki": spki_text(key),
        "not_before": rfc3339(not_before),
        "not_after": None,
        "revoked_at": None,
    }
