"""The handover from one key to the next, signed by both: what the event `key.rotated` carries.

    role, old, new     the role, and the ids of both keys; `old` is null when the old key was lost
    by_old, by_new     base64 of each key's signature over the DSSE encoding of {schema, role, old, new}

Proves that whoever held the old key agreed to the new one, and that the new one was there. It gives no right to sign: that
is the trust file's part. Ed25519, or ECDSA on P-256 with SHA-256 for the PDF key. Source: DSSE v1 (PAE); evidence.md §1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256

from rtbf.evidence.canonical import canonical_bytes
from rtbf.evidence.dsse import pae
from rtbf.evidence.keys import key_id
from rtbf.evidence.strict_base64 import base64_text, read_base64

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rtbf.evidence.keys import PrivateKey, PublicKey

PAYLOAD_TYPE = "application/vnd.rtbf.key-rotation+json"
SCHEMA = "rtbf.key-rotation/1"


def rotation_fields(role: str, old: PrivateKey | None, new: PrivateKey) -> dict[str, str | None]:
    """Return the event's data for a handover; without the old key there is nothing by it."""
    old_id, new_id = None if old is None else key_id(old.public_key()), key_id(new.public_key())
    signed = _signed_bytes(role, old_id, new_id)
    by_old = None if old is None else _signature(old, signed)
    return {"role": role, "old": old_id, "new": new_id, "by_old": by_old, "by_new": _signature(new, signed)}


def verify_rotation(fields: Mapping[str, Any], *, old: PublicKey | None, new: PublicKey) -> None:
    """Return when both keys signed this handover; raises ValueError. `old` None: the event must say that it was lost."""
    if set(fields) != {"role", "old", "new", "by_old", "by_new"} or not isinstance(fields["role"], str):
        raise ValueError("a rotation with missing or surplus fields")
    old_id = None if old is None else key_id(old)
    if (fields["old"], fields["new"]) != (old_id, key_id(new)):
        raise ValueError("a rotation between other keys")
    signed = _signed_bytes(fields["role"], old_id, key_id(new))
    if old is not None:
        _verify(old, fields["by_old"], signed)
    elif fields["by_old"] is not None:
        raise ValueError("a signature by a key that is said to be lost")
    _verify(new, fields["by_new"], signed)


def _signed_bytes(role: str, old_id: str | None, new_id: str) -> bytes:
    return pae(PAYLOAD_TYPE, canonical_bytes({"schema": SCHEMA, "role": role, "old": old_id, "new": new_id}))


def _signature(key: PrivateKey, signed: bytes) -> str:
    made = key.sign(signed) if isinstance(key, Ed25519PrivateKey) else key.sign(signed, ECDSA(SHA256()))
    return base64_text(made)


def _verify(key: PublicKey, text: Any, signed: bytes) -> None:  # noqa: ANN401 - untrusted JSON
    if not isinstance(text, str):
        raise ValueError("a rotation without a signature")
    signature = read_base64(text)
    try:
        if isinstance(key, Ed25519PublicKey):
            key.verify(signature, signed)
        else:
            key.verify(signature, signed, ECDSA(SHA256()))
    except InvalidSignature:
        raise ValueError("a rotation that one of its keys did not sign") from None
