"""A second implementation of DSSE reads what we sign, and we read what it signs (securesystemslib)."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer import CryptoSigner, SSlibKey

from rtbf.evidence.canonical import canonical_bytes
from rtbf.evidence.dsse import PAYLOAD_TYPE, open_envelope, pae
from rtbf.report.check.run import check_report
from rtbf.report.statement import build_statement
from tests import builders

NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)


def _their_key() -> SSlibKey:
    """Return our signer's public key as theirs, under the key id that our envelopes name."""
    ours = builders.signing_key().public_key()
    return SSlibKey.from_crypto(ours, keyid=builders.key_id(ours))


def test_they_verify_our_envelope() -> None:
    envelope = Envelope.from_dict(json.loads(builders.envelope()))

    accepted = envelope.verify([_their_key()], threshold=1)

    assert list(accepted) == [_their_key().keyid]
    assert json.loads(envelope.payload)["_type"] == "https://in-toto.io/Statement/v1"
    assert envelope.pae() == pae(PAYLOAD_TYPE, envelope.payload)


@pytest.mark.parametrize("part", ["payload", "payloadType"])
def test_they_refuse_our_envelope_when_a_part_of_it_changed(part: str) -> None:
    changed: dict[str, Any] = json.loads(builders.envelope())
    changed[part] = base64.b64encode(b"{}").decode() if part == "payload" else "application/json"

    envelope = Envelope.from_dict(changed)

    with pytest.raises(VerificationError):
        envelope.verify([_their_key()], threshold=1)


def test_our_checker_accepts_an_envelope_that_they_signed() -> None:
    signer = CryptoSigner(builders.signing_key(), _their_key())
    theirs = Envelope(payload=canonical_bytes(build_statement(builders.case())), payload_type=PAYLOAD_TYPE, signatures={})
    theirs.sign(signer)

    envelope = canonical_bytes(theirs.to_dict())
    outcome = check_report(envelope, builders.trust(NEW_YEAR))

    assert open_envelope(json.loads(envelope)).payload == theirs.payload
    assert outcome.status == "ok"
