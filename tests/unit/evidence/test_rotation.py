"""A handover from key to key: both signed this very pair, in this role, as nothing else."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from rtbf.evidence.keys import key_id
from rtbf.evidence.rotation import rotation_fields, verify_rotation

OLD, NEW, THIEF = (Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32) for number in (1, 2, 3))


def test_a_handover_is_signed_by_both() -> None:
    fields = rotation_fields("report-signer", OLD, NEW)

    verify_rotation(fields, old=OLD.public_key(), new=NEW.public_key())

    assert (fields["role"], fields["old"], fields["new"]) == ("report-signer", key_id(OLD.public_key()), key_id(NEW.public_key()))


def test_what_is_signed_is_the_dsse_encoding_of_the_pair() -> None:
    """Written out by hand: DSSEv1, the type's length and the type, the payload's length and the payload."""
    fields = rotation_fields("log-signer", OLD, NEW)
    old, new = key_id(OLD.public_key()), key_id(NEW.public_key())
    payload = f'{{"new":"{new}","old":"{old}","role":"log-signer","schema":"rtbf.key-rotation/1"}}'

    signed = f"DSSEv1 38 application/vnd.rtbf.key-rotation+json {len(payload)} {payload}".encode()

    OLD.public_key().verify(base64.b64decode(str(fields["by_old"])), signed)
    NEW.public_key().verify(base64.b64decode(str(fields["by_new"])), signed)


def test_ecdsa_keys_hand_over_as_well() -> None:
    old, new = generate_private_key(SECP256R1()), generate_private_key(SECP256R1())

    fields = rotation_fields("pdf-signer", old, new)

    verify_rotation(fields, old=old.public_key(), new=new.public_key())
    with pytest.raises(ValueError, match="did not sign"):
        verify_rotation({**fields, "by_old": fields["by_new"]}, old=old.public_key(), new=new.public_key())


def test_a_lost_key_signs_nothing_and_the_event_says_so() -> None:
    fields = rotation_fields("log-signer", None, NEW)

    verify_rotation(fields, old=None, new=NEW.public_key())

    assert (fields["old"], fields["by_old"]) == (None, None)
    with pytest.raises(ValueError, match="said to be lost"):
        verify_rotation({**fields, "by_old": fields["by_new"]}, old=None, new=NEW.public_key())


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"role": "log-signer"}, "did not sign"),
        ({"role": 1}, "missing or surplus"),
        ({"extra": 1}, "missing or surplus"),
        ({"old": None}, "between other keys"),
        ({"new": key_id(THIEF.public_key())}, "between other keys"),
        ({"by_old": rotation_fields("report-signer", THIEF, NEW)["by_old"]}, "did not sign"),
        ({"by_new": rotation_fields("report-signer", OLD, THIEF)["by_new"]}, "did not sign"),
        ({"by_new": rotation_fields("report-signer", NEW, OLD)["by_old"]}, "did not sign"),
        ({"by_old": None}, "without a signature"),
        ({"by_new": 7}, "without a signature"),
        ({"by_old": "!"}, "not standard base64"),
        ({"by_old": ""}, "did not sign"),
    ],
)
def test_a_forged_handover_is_refused(changes: dict[str, Any], found: str) -> None:
    fields = {**rotation_fields("report-signer", OLD, NEW), **changes}

    with pytest.raises(ValueError, match=found):
        verify_rotation(fields, old=OLD.public_key(), new=NEW.public_key())
