"""Keys made from fixed seeds, and trust files over them, unsigned and signed; tests reach them through `tests.builders`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from rtbf.clock import rfc3339
from rtbf.evidence.canonical import canonical_bytes
from rtbf.evidence.keys import APPROVER, LOG_SIGNER, REPORT_SIGNER, WITNESS, key_id, spki_text
from rtbf.evidence.trust_change import first_trust, with_key, with_log
from rtbf.evidence.trust_file import Trust, TrustedKey, sign_trust

if TYPE_CHECKING:
    from datetime import datetime

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

LOG = "rtbf/0123456789abcdef"


def approver_key(seed: bytes = bytes(range(32, 64))) -> Ed25519PrivateKey:
    """Return APPROVER's own key, or another made from another seed."""
    return Ed25519PrivateKey.from_private_bytes(seed)


def signing_key(seed: bytes = bytes(range(32))) -> Ed25519PrivateKey:
    """Return the report signer's key made from a fixed seed."""
    return Ed25519PrivateKey.from_private_bytes(seed)


def root_key(seed: bytes = bytes(range(64, 96))) -> Ed25519PrivateKey:
    """Return the root's key made from a fixed seed."""
    return Ed25519PrivateKey.from_private_bytes(seed)


def log_key(seed: bytes = bytes(range(96, 128))) -> Ed25519PrivateKey:
    """Return the log signer's key made from a fixed seed."""
    return Ed25519PrivateKey.from_private_bytes(seed)


def witness_key(seed: bytes = bytes(range(128, 160))) -> Ed25519PrivateKey:
    """Return a witness's key made from a fixed seed."""
    return Ed25519PrivateKey.from_private_bytes(seed)


def trust_file(key: Ed25519PublicKey, since: datetime) -> dict[str, Any]:
    """Return the unsigned trust file, of version 1, that earlier releases wrote for one report signer."""
    return {"version": 1, "issued": rfc3339(since), "keys": [_unsigned_entry(key, REPORT_SIGNER, since)]}


def with_approver(trusted: dict[str, Any], key: Ed25519PublicKey, since: datetime) -> dict[str, Any]:
    """Return the unsigned trust file with an approver's key added."""
    return {**trusted, "issued": rfc3339(since), "keys": [*trusted["keys"], _unsigned_entry(key, APPROVER, since)]}


def trust(since: datetime, key: Ed25519PrivateKey | None = None, **changes: Any) -> bytes:
    """Return an unsigned trust file for the key and APPROVER's, with the fields of the first entry replaced by `changes`."""
    made = with_approver(trust_file((key or signing_key()).public_key(), since), approver_key().public_key(), since)
    made["keys"][0].update(changes)
    return canonical_bytes(made)


def trusted(
    since: datetime,
    key: Ed25519PrivateKey | None = None,
    *,
    origin: str = LOG,
    witnesses: tuple[tuple[str, Ed25519PrivateKey], ...] = (),
    of_keys: dict[str, dict[str, Any]] | None = None,
    **changes: Any,
) -> Trust:
    """Return what a signed trust file says: root, report signer, APPROVER, log signer and witnesses, all from `since`.

    `of_keys` replaces fields of the entries by role, `changes` the file's own: `trusted(since, witnesses_needed=1, …)`.
    """
    made = first_trust(root_key().public_key(), since)
    made = with_key(made, (key or signing_key()).public_key(), REPORT_SIGNER, since)
    made = with_key(made, approver_key().public_key(), APPROVER, since)
    made = with_key(made, log_key().public_key(), LOG_SIGNER, since)
    for name, witness in witnesses:
        made = with_key(made, witness.public_key(), WITNESS, since, name)
    made = with_log(made, origin, key_id(log_key().public_key()))
    keys: tuple[TrustedKey, ...] = tuple(replace(entry, **(of_keys or {}).get(entry.role, {})) for entry in made.keys)
    return replace(made, keys=keys, **changes)


def signed_trust(since: datetime, key: Ed25519PrivateKey | None = None, **changes: Any) -> bytes:
    """Return the signed trust file that `trusted` describes, by `root_key()`."""
    return sign_trust(trusted(since, key, **changes), root_key())


def _unsigned_entry(key: Ed25519PublicKey, role: str, since: datetime) -> dict[str, Any]:
    return {
        "id": key_id(key), "alg": "ed25519", "role": role, "spki": spki_text(key),
        "not_before": rfc3339(since), "not_after": None, "revoked_at": None,
    }  # fmt: skip
