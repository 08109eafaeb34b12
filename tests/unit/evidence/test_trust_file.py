"""The trust file: a signer, approvers, revocations; each key has one role and keeps it."""

from __future__ import annotations

from datetime import UTC, datetime

from rtbf.evidence.canonical import canonical_bytes
from rtbf.evidence.keys import key_id, trust_file, with_approver, with_revocation
from rtbf.report.trust import read_trust
from tests import builders

NEW_YEAR, MARCH, APRIL = (datetime(2026, month, 1, tzinfo=UTC) for month in (1, 3, 4))
SIGNER, APPROVER = builders.signing_key().public_key(), builders.approver_key().public_key()


def test_an_approver_is_added_beside_the_signer_and_the_checker_reads_it() -> None:
    made = with_approver(trust_file(SIGNER, NEW_YEAR), APPROVER, MARCH)

    read = read_trust(canonical_bytes(made))

    assert [(entry.id, entry.role, entry.not_before) for entry in read.keys] == [
        (key_id(SIGNER), "report-signer", "2026-01-01T00:00:00.000Z"),
        (key_id(APPROVER), "approver", "2026-03-01T00:00:00.000Z"),
    ]
    assert read.issued == "2026-03-01T00:00:00.000Z"


def test_adding_a_key_again_or_the_signer_as_an_approver_changes_nothing() -> None:
    made = with_approver(trust_file(SIGNER, NEW_YEAR), APPROVER, MARCH)

    again = with_approver(with_approver(made, APPROVER, APRIL), SIGNER, APRIL)

    assert again == made


def test_the_first_revocation_stands_and_touches_no_other_key() -> None:
    made = with_approver(trust_file(SIGNER, NEW_YEAR), APPROVER, NEW_YEAR)

    revoked = with_revocation(with_revocation(made, key_id(APPROVER), MARCH), key_id(APPROVER), APRIL)

    assert [entry["revoked_at"] for entry in revoked["keys"]] == [None, "2026-03-01T00:00:00.000Z"]
    assert [entry["revoked_at"] for entry in made["keys"]] == [None, None]
