"""Dead Simple Signing Envelope, version 1: sign bytes together with their type.

Source: DSSE protocol v1 (secure-systems-lab), pre-authentication encoding (PAE).
Proves that the holder of the key signed exactly these bytes as this type. Proves nothing about when.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rtbf.evidence.strict_base64 import base64_text, read_base64

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

PAYLOAD_TYPE = "application/vnd.in-toto+json"


def pae(payload_type: str, payload: bytes) -> bytes:
    """Return DSSE's pre-authentication encoding of `payload`."""
    name = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(name), name, len(payload), payload)


def sign_envelope(key: Ed25519PrivateKey, key_id: str, payload: bytes, *, payload_type: str = PAYLOAD_TYPE) -> dict[str, Any]:
    """Return the envelope as a JSON object with one Ed25519 signature over the PAE of `payload` as `payload_type`."""
    signature = key.sign(pae(payload_type, payload))
    return {
        "payload": base64_text(payload),
        "payloadType": payload_type,
        "signatures": [{"keyid": key_id, "sig": base64_text(signature)}],
    }


@dataclass(frozen=True, kw_only=True, slots=True)
class OpenedEnvelope:
    """An envelope taken apart but not yet believed."""

    payload_type: str
    payload: bytes
    signatures: tuple[tuple[str, bytes], ...]


def open_envelope(envelope: Any) -> OpenedEnvelope:  # noqa: ANN401 - untrusted JSON
    """Return the parts of `envelope`; raises ValueError when it is not a DSSE envelope. Checks no signature."""
    if not isinstance(envelope, dict) or set(envelope) != {"payload", "payloadType", "signatures"}:
        raise ValueError("not an object of exactly payload, payloadType and signatures")
    payload, payload_type, signatures = envelope["payload"], envelope["payloadType"], envelope["signatures"]
    if not isinstance(payload, str) or not isinstance(payload_type, str) or not isinstance(signatures, list) or not signatures:
        raise ValueError("payload and payloadType must be text, signatures a non-empty list")
    opened = []
    for signature in signatures:
        if not isinstance(signature, dict) or set(signature) != {"keyid", "sig"}:
            raise ValueError("a signature must be an object of exactly keyid and sig")
        if not isinstance(signature["keyid"], str) or not isinstance(signature["sig"], str):
            raise ValueError("keyid and sig must be text")
        opened.append((signature["keyid"], read_base64(signature["sig"])))
    return OpenedEnvelope(payload_type=payload_type, payload=read_base64(payload), signatures=tuple(opened))
