"""Step 11: the printed view. Decided with pyHanko and a named certificate; else only looked for, and said so."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from rtbf.evidence.trust_change import first_trust, with_certificates, with_unsigned
from rtbf.evidence.trust_file import read_trust, sign_trust
from rtbf.report.check.run import check_bundle, check_report
from rtbf.report.pdf import verify
from tests import builders, bundles
from tests.pdf_signing import PDFSigner, pdf_signer, signed_report

if TYPE_CHECKING:
    from rtbf.report.check.outcome import CheckOutcome

NOW = datetime(2026, 6, 1, tzinfo=UTC)
GOLDEN = Path(__file__).parents[2] / "golden"


def trust(*signers: PDFSigner) -> bytes:
    return bundles.trust_bytes(pdf_roots=tuple(builders.base64_text(signer.ca) for signer in signers))


def step(outcome: CheckOutcome) -> tuple[str, str]:
    return outcome.status, outcome.steps[10].status


def test_a_signed_pdf_is_verified() -> None:
    _, envelope, pdf = signed_report()

    outcome = check_report(envelope, trust(pdf_signer()), pdf=pdf)

    assert step(outcome) == ("ok", "ok")
    assert "carries the envelope byte for byte" in outcome.steps[10].detail


def test_a_signed_pdf_that_was_changed_or_added_to_is_refused() -> None:
    """A page replaced, junk at the end, cut back: what viewers call valid."""
    _, envelope, pdf = signed_report()
    bad = [pdf + b"\n", pdf[:-1], pdf.replace(b"/Type /Page", b"/Type /Pagf", 1), b"%PDF-1.7", b"", b"\0" * 100]

    outcomes = [check_report(envelope, trust(pdf_signer()), pdf=each) for each in bad]

    assert [step(outcome) for outcome in outcomes] == [("bad", "failed")] * len(bad)


def test_a_pdf_by_another_signer_is_refused() -> None:
    _, envelope, pdf = signed_report()

    outcome = check_report(envelope, trust(pdf_signer(12)), pdf=pdf)

    assert step(outcome) == ("bad", "failed")


def test_a_signed_pdf_of_another_envelope_is_refused() -> None:
    _, _, pdf = signed_report()
    other = builders.envelope(builders.case(report_id="rep_02test"))

    outcome = check_report(other, trust(pdf_signer()), pdf=pdf)

    assert step(outcome) == ("bad", "failed")


@pytest.mark.parametrize("why", ["no certificate", "no extra"])
def test_what_cannot_be_verified_is_looked_for_and_not_decided(why: str, monkeypatch: pytest.MonkeyPatch) -> None:
    _, envelope, pdf = signed_report()
    if why == "no extra":
        monkeypatch.setattr(verify, "HAS_PYHANKO", False)
    known = trust() if why == "no certificate" else trust(pdf_signer())

    good, bad = check_report(envelope, known, pdf=pdf), check_report(envelope, known, pdf=b"%PDF-1.7 of something else")

    assert step(good) == ("ok", "not decided")
    assert "its signature was not judged" in good.steps[10].detail
    assert step(bad) == ("bad", "failed")


@pytest.mark.parametrize("version", ["report-v1", "report-v2"])
def test_an_unsigned_pdf_of_an_earlier_version_stays_good_under_a_trust_file_of_today(version: str) -> None:
    """Those versions never promised a signature: a later trust file must not make them bad."""
    envelope = (GOLDEN / version / "report.dsse.json").read_bytes()
    unsigned = read_trust((GOLDEN / version / "trust.json").read_bytes())
    taken_over = with_certificates(with_unsigned(first_trust(builders.root_key().public_key(), NOW), unsigned), pdf_roots=[pdf_signer().ca])

    outcome = check_report(envelope, sign_trust(taken_over, builders.root_key()), pdf=b"%PDF-1.7 stream\n" + envelope + b" endstream")

    assert step(outcome) == ("ok", "not decided")


def test_a_bundles_own_pdf_is_held_against_its_own_envelope() -> None:
    known = trust(pdf_signer())
    # The bundle's envelope is another than `signed_report`'s: its trail is that of the bundle's ledger.
    from_other: dict[str, Any] = {"pdf": lambda _: signed_report()[2]}

    outcome = check_bundle(bundles.bundle(**from_other, trust=known), known)

    assert step(outcome) == ("bad", "failed")
    assert outcome.refusal is not None
    assert outcome.refusal.step == "pdf"
