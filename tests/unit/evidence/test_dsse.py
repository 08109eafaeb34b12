"""The envelope: its pre-authentication encoding, and what is no envelope."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from rtbf.evidence.dsse import PAYLOAD_TYPE, open_envelope, pae, sign_envelope

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))


def envelope(**changes: Any) -> dict[str, Any]:
    return {**sign_envelope(KEY, "sha256:k", b'{"a":1}'), **changes}


def test_the_encoding_is_the_protocols_own_example() -> None:
    """DSSE protocol v1, test vectors: PAE("http://example.com/HelloWorld", "hello world")."""
    assert pae("http://example.com/HelloWorld", b"hello world") == b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"


def test_a_signature_covers_bytes_and_type() -> None:
    opened = open_envelope(envelope())
    ((key_id, signature),) = opened.signatures

    KEY.public_key().verify(signature, pae(PAYLOAD_TYPE, b'{"a":1}'))

    assert (key_id, opened.payload, opened.payload_type) == ("sha256:k", b'{"a":1}', PAYLOAD_TYPE)
    for other in (pae("text/plain", b'{"a":1}'), pae(PAYLOAD_TYPE, b'{"a":2}')):
        with pytest.raises(InvalidSignature):
            KEY.public_key().verify(signature, other)


@pytest.mark.parametrize(
    "broken",
    [
        None, [], "x", 7, {}, envelope(extra=1), {"payload": "", "payloadType": ""}, envelope(payload=7), envelope(payloadType=None),
        envelope(signatures=[]), envelope(signatures={}), envelope(signatures=[7]), envelope(signatures=[{"keyid": "k"}]),
        envelope(signatures=[{"keyid": 1, "sig": ""}]), envelope(signatures=[{"keyid": "k", "sig": "é"}]), envelope(payload="a"),
        envelope(payload="YQ=="[:-1]), envelope(payload="YQ ==\n"), envelope(payload="YR=="), envelope(payload="_-__"),
    ],
)  # fmt: skip
def test_what_is_no_envelope_ends_in_one_error(broken: Any) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        open_envelope(broken)


def test_two_texts_for_one_signature_are_refused() -> None:
    """Base64 of one byte leaves four bits over; "YQ==" and "YR==" decode alike, and only the first is canonical."""
    assert base64.b64decode("YR==") == base64.b64decode("YQ==")
    with pytest.raises(ValueError, match="canonical"):
        open_envelope(envelope(payload="YR=="))
