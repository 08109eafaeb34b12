"""Handovers between signing keys are in the ledger, signed by both keys, and the check of the whole ledger reads them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from rtbf.evidence.rotation import rotation_fields
from rtbf.pipeline.key_rotation import rotate_key
from rtbf.pipeline.ledger import seal_ledger
from rtbf.pipeline.ledger_check import check_ledger
from rtbf.store.actors import actor_id_for
from rtbf.store.events import append_event

if TYPE_CHECKING:
    from rtbf.installation import Installation


def told(installation: Installation, fields: dict[str, Any]) -> tuple[str, ...]:
    """Return what the check finds after an event with these fields."""
    now = installation.clock()
    with installation.transaction() as session:
        actor_id = actor_id_for(session, "mallory", now)
        append_event(session, ticket_id=None, event_type="key.rotated", actor_id=actor_id, data=fields, now=now)
    seal_ledger(installation)
    return check_ledger(installation).findings


def test_honest_handovers_of_every_role_check(installation: Installation) -> None:
    for role in ("report", "log", "pdf"):
        rotate_key(installation, role, "olga")
    seal_ledger(installation)

    assert check_ledger(installation).findings == ()


def test_a_handover_to_a_key_that_nobody_trusts_is_found(installation: Installation) -> None:
    thief = Ed25519PrivateKey.from_private_bytes(bytes(32))

    (finding,) = told(installation, rotation_fields("report-signer", installation.signing_key, thief))

    assert "between keys that the trust file does not name" in finding


@pytest.mark.parametrize("part", ["by_old", "by_new", "role"])
def test_a_handover_that_a_key_did_not_sign_is_found(installation: Installation, part: str) -> None:
    honest = rotation_fields("report-signer", installation.signing_key, installation.log_key)
    other = rotation_fields("log-signer", installation.log_key, installation.signing_key)

    (finding,) = told(installation, {**honest, part: other[part]})

    assert "did not sign" in finding
