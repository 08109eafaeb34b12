"""A signed approval: it says one thing to one key, and fits nothing else."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from rtbf.errors import SignatureRefused
from rtbf.evidence.approval_statement import APPROVAL_TYPE, ApprovalClaim, approval_statement, sign_approval, verify_approval
from rtbf.evidence.canonical import canonical_bytes
from rtbf.evidence.dsse import pae, sign_envelope
from rtbf.evidence.keys import key_id

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
THIEF = Ed25519PrivateKey.from_private_bytes(bytes(32))
CLAIM = ApprovalClaim(
    ticket_id="tkt_01test",
    plan_digest="sha256:" + "ab" * 32,
    decision="approve",
    actor_id="act_approver",
    given_at="2026-03-01T08:15:00.000Z",
    expires_at="2026-03-15T08:15:00.000Z",
)


def test_the_statement_is_these_bytes() -> None:
    """Written down by hand: whoever signed it years ago signed exactly this."""
    assert approval_statement(CLAIM) == (
        b'{"actor":"act_approver","decision":"approve","expires_at":"2026-03-15T08:15:00.000Z","given_at":"2026-03-01T08:15:00.000Z",'
        b'"plan":"sha256:' + b"ab" * 32 + b'","ticket":"tkt_01test","version":"rtbf.approval/1"}'
    )


def test_a_signed_approval_verifies_under_its_key() -> None:
    envelope = sign_approval(KEY, CLAIM)

    verify_approval(envelope, KEY.public_key(), CLAIM)

    assert json.loads(envelope)["payloadType"] == "application/vnd.rtbf.approval+json"


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"ticket_id": "tkt_02other"}, "another ticket"),
        ({"plan_digest": "sha256:" + "cd" * 32}, "another plan"),
        ({"decision": "reject"}, "another decision"),
        ({"actor_id": "act_other"}, "another actor"),
        ({"given_at": "2026-03-01T08:15:00.001Z"}, "another given_at"),
        ({"expires_at": "2027-03-15T08:15:00.000Z"}, "another expires_at"),
        ({"ticket_id": "tkt_02other", "actor_id": "act_other"}, "another actor, ticket"),
    ],
)
def test_a_signature_does_not_move_to_another_approval(change: dict[str, Any], found: str) -> None:
    envelope = sign_approval(KEY, CLAIM)

    with pytest.raises(SignatureRefused, match=found):
        verify_approval(envelope, KEY.public_key(), replace(CLAIM, **change))


def test_another_key_is_refused_even_under_the_right_id() -> None:
    posing = canonical_bytes(sign_envelope(THIEF, key_id(KEY.public_key()), approval_statement(CLAIM), payload_type=APPROVAL_TYPE))

    for envelope, found in ((sign_approval(THIEF, CLAIM), "another key"), (posing, "does not fit")):
        with pytest.raises(SignatureRefused, match=found):
            verify_approval(envelope, KEY.public_key(), CLAIM)


def test_a_report_cannot_pass_for_an_approval_nor_an_approval_for_a_report() -> None:
    """DSSE signs the type with the bytes: the same payload under the report's type has another signature."""
    as_report = canonical_bytes(sign_envelope(KEY, key_id(KEY.public_key()), approval_statement(CLAIM)))
    relabelled = json.loads(as_report)
    relabelled["payloadType"] = APPROVAL_TYPE

    for envelope, found in ((as_report, "another type"), (canonical_bytes(relabelled), "does not fit")):
        with pytest.raises(SignatureRefused, match=found):
            verify_approval(envelope, KEY.public_key(), CLAIM)


@pytest.mark.parametrize(
    "payload",
    [b"", b"null", b"[]", b'{"a":0.5}', b"[" * 5000, b"\xff", approval_statement(CLAIM) + b" ", b'{"version":"rtbf.approval/2"}'],
)
def test_a_signed_payload_that_is_no_such_statement_is_refused(payload: bytes) -> None:
    signer = key_id(KEY.public_key())
    envelope = canonical_bytes(sign_envelope(KEY, signer, payload, payload_type=APPROVAL_TYPE))

    with pytest.raises(SignatureRefused):
        verify_approval(envelope, KEY.public_key(), CLAIM)


@pytest.mark.parametrize(
    "envelope",
    [b"", b"null", b"[" * 5000, b"{}", b'{"payload":"","payloadType":"x","signatures":[]}', b" " * 9000, b"\xff\xfe", b'{"payload":1.5}'],
)
def test_an_envelope_that_is_none_is_refused(envelope: bytes) -> None:
    with pytest.raises(SignatureRefused):
        verify_approval(envelope, KEY.public_key(), CLAIM)


def test_a_reformatted_envelope_and_a_second_signature_are_refused() -> None:
    good = json.loads(sign_approval(KEY, CLAIM))
    doubled = {**good, "signatures": good["signatures"] * 2}

    for envelope, found in ((json.dumps(good, indent=1).encode(), "canonical form"), (canonical_bytes(doubled), "2 signatures")):
        with pytest.raises(SignatureRefused, match=found):
            verify_approval(envelope, KEY.public_key(), CLAIM)


@given(st.data())
def test_no_single_changed_byte_survives(data: st.DataObject) -> None:
    envelope = sign_approval(KEY, CLAIM)
    place = data.draw(st.integers(0, len(envelope) - 1))
    flip = data.draw(st.integers(1, 255))
    damaged = envelope[:place] + bytes([envelope[place] ^ flip]) + envelope[place + 1 :]

    with pytest.raises(SignatureRefused):
        verify_approval(damaged, KEY.public_key(), CLAIM)


def test_the_signature_is_over_the_pre_authentication_encoding_of_its_own_type() -> None:
    envelope = json.loads(sign_approval(KEY, CLAIM))

    signature = base64.b64decode(envelope["signatures"][0]["sig"])

    KEY.public_key().verify(signature, pae("application/vnd.rtbf.approval+json", approval_statement(CLAIM)))
