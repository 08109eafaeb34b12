"""Step 2: whose word counts. The pinned root and version hold, and a bundle's own trust file is only data."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from rtbf.evidence.keys import REPORT_SIGNER, key_id
from rtbf.evidence.trust_change import first_trust, with_key
from rtbf.evidence.trust_file import sign_trust
from rtbf.report.check.run import check_bundle, check_report
from tests import builders, bundles

if TYPE_CHECKING:
    from rtbf.report.check.outcome import CheckOutcome

GOOD = bundles.good_bundle()
TRUST = bundles.trust_bytes()
ROOT = key_id(builders.root_key().public_key())
STRANGER = Ed25519PrivateKey.from_private_bytes(bytes(range(200, 232)))


def newer(version: int = 5, **changes: Any) -> bytes:
    """Return a later file of the same root that takes nothing back."""
    made = builders.trusted(bundles.NEW_YEAR, version=version, issued="2026-06-01T00:00:00.000Z", **changes)
    return sign_trust(made, builders.root_key())


def step(outcome: CheckOutcome) -> tuple[str, str]:
    return outcome.status, "" if outcome.refusal is None else outcome.refusal.step


def test_the_pinned_root_and_version_hold() -> None:
    outcome = check_bundle(GOOD, TRUST, root=ROOT, min_trust_version=2)

    assert outcome.status == "ok"
    assert (outcome.root, outcome.steps[1].detail) == (ROOT, "version 2, 4 key(s), signed by the root that you named")


def test_a_root_that_was_not_named_is_printed_to_be_compared() -> None:
    outcome = check_bundle(GOOD, TRUST)

    assert outcome.root == ROOT
    assert "compare it" in outcome.steps[1].detail


@pytest.mark.parametrize(
    ("trust", "asked", "found"),
    [
        (TRUST, {"root": key_id(STRANGER.public_key())}, "another root"),
        (TRUST, {"min_trust_version": 3}, "older than version 3"),
        (builders.trust(bundles.NEW_YEAR), {"root": ROOT}, "nobody signed"),
        (TRUST[:-1], {}, "not JSON"),
        (TRUST.replace(b'"payload":"', b'"payload":"A', 1), {}, "no usable trust file"),
        (b"{}", {}, "no usable trust file"),
    ],
)
def test_a_trust_file_that_is_not_the_one_asked_for_decides_nothing(trust: bytes, asked: dict[str, Any], found: str) -> None:
    outcome = check_bundle(GOOD, trust, **asked)

    assert step(outcome) == ("cannot decide", "trust")
    assert found in str(outcome.refusal)
    assert outcome.verdict is None


def test_a_whole_forgery_under_a_root_of_its_own_does_not_pass_the_auditors() -> None:
    """Every signature in it is good, and its own trust file says so."""
    own = first_trust(STRANGER.public_key(), bundles.NEW_YEAR)
    own = with_key(own, builders.signing_key().public_key(), REPORT_SIGNER, bundles.NEW_YEAR)
    forged = {**GOOD, "trust.json": sign_trust(own, STRANGER)}

    outcome = check_bundle(forged, TRUST)

    assert step(outcome) == ("bad", "trust")
    assert "another root" in str(outcome.refusal)


@pytest.mark.parametrize("own", [b"", b"{}", TRUST[:-2], b"[" * 100])
def test_a_bundle_whose_own_trust_file_is_none_is_refused(own: bytes) -> None:
    outcome = check_bundle({**GOOD, "trust.json": own}, TRUST)

    assert step(outcome) == ("bad", "trust")


def test_an_older_own_trust_file_is_as_it_should_be() -> None:
    outcome = check_bundle(GOOD, newer())

    assert (outcome.status, outcome.remarks) == ("ok", ())


def test_a_newer_own_trust_file_is_remarked_on_and_not_used() -> None:
    """Were it used, whoever hands out the bundle would choose the keys."""
    theirs = newer(of_keys={"report-signer": {"revoked_at": "2026-05-01T00:00:00.000Z"}})

    outcome = check_bundle({**GOOD, "trust.json": theirs}, TRUST)

    assert outcome.status == "ok"
    assert ["newer trust file (version 5)" in remark for remark in outcome.remarks] == [True]


def test_two_trust_files_of_one_version_contradict_each_other() -> None:
    theirs = sign_trust(builders.trusted(bundles.NEW_YEAR, issued="2026-01-02T00:00:00.000Z"), builders.root_key())

    outcome = check_bundle({**GOOD, "trust.json": theirs}, TRUST)

    assert step(outcome) == ("bad", "trust")
    assert "contradicts" in str(outcome.refusal)


def test_a_trust_file_that_takes_a_revocation_back_contradicts_the_other() -> None:
    revoked = sign_trust(
        builders.trusted(bundles.NEW_YEAR, of_keys={"log-signer": {"revoked_at": "2026-02-01T00:00:00.000Z"}}), builders.root_key()
    )

    outcome = check_bundle({**GOOD, "trust.json": newer()}, revoked)

    assert step(outcome) == ("bad", "trust")


def test_an_expired_trust_file_is_remarked_on() -> None:
    before, after = (check_bundle(GOOD, TRUST, now=datetime(year, 6, 1, tzinfo=UTC)) for year in (2027, 2029))

    assert (before.status, after.status) == ("ok", "ok")
    assert before.remarks == ()
    assert ["expired at 2028" in remark for remark in after.remarks] == [True]


def test_an_unsigned_trust_file_still_decides_about_an_envelope() -> None:
    outcome = check_report(GOOD["report.dsse.json"], builders.trust(bundles.NEW_YEAR))

    assert (outcome.status, outcome.root) == ("ok", None)
    assert outcome.steps[1].detail == "version 1, 2 key(s), signed by nobody"


def test_an_unsigned_trust_file_names_no_ledger_and_decides_nothing_about_a_bundle() -> None:
    outcome = check_bundle(GOOD, builders.trust(bundles.NEW_YEAR))

    assert step(outcome) == ("cannot decide", "heads")
    assert "signed by nobody; the bundle's own was not compared" in outcome.remarks[0]


def test_a_key_counts_in_its_own_role_only() -> None:
    """The ledger's key signs a report, and the report signer's a head: one key, one role."""
    by_log_key = bundles.bundle(envelope_key=builders.log_key())
    by_report_key = bundles.bundle(log_key=builders.signing_key())

    outcomes = [check_bundle(forged, TRUST) for forged in (by_log_key, by_report_key)]

    assert [step(outcome) for outcome in outcomes] == [("bad", "signature"), ("bad", "heads")]


def test_an_unsigned_own_trust_file_is_remarked_on_and_not_used() -> None:
    outcome = check_bundle({**GOOD, "trust.json": builders.trust(bundles.NEW_YEAR)}, TRUST)

    assert outcome.status == "ok"
    assert ["signed by nobody, and was not used" in remark for remark in outcome.remarks] == [True]


def test_a_reformatted_own_trust_file_is_refused() -> None:
    spaced = TRUST.replace(b'","', b'", "', 1)

    outcome = check_bundle({**GOOD, "trust.json": spaced}, TRUST)

    assert step(outcome) == ("bad", "trust")
