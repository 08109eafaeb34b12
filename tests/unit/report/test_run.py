"""Issuing a report: which files appear, that they check, and that a report which does not check is never issued."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from rtbf.errors import RecordBroken, TimeStampUnavailable
from rtbf.evidence.canonical import digest_of
from rtbf.evidence.keys import key_id
from rtbf.evidence.timestamp import read_time_stamp, request_time_stamp
from rtbf.report.check.run import check_report
from rtbf.report.pdf import render
from rtbf.report.pdf.verify import verify_pdf
from rtbf.report.run import Authority, Signers, issue_report
from tests import builders
from tests.authority import URL, make_authority
from tests.pdf_signing import pdf_signer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def _signers() -> Signers:
    printed = pdf_signer()
    return Signers(envelope=builders.signing_key(), pdf=printed.key, pdf_certificate=printed.certificate, pdf_ca=printed.ca)


def _authority(stamp: Callable[[bytes], bytes]) -> Authority:
    return Authority(stamp=stamp, answer=stamp, roots=())


def test_an_issued_report_checks_and_its_record_names_its_files(tmp_path: Path, good_trust: bytes) -> None:
    made, folder = builders.case(), tmp_path / "reports" / "1"

    report = issue_report(made, folder=folder, signers=_signers(), trust=good_trust)

    envelope, pdf = (folder / "report.dsse.json").read_bytes(), (folder / "report.pdf").read_bytes()
    assert check_report(envelope, (folder / "trust.json").read_bytes(), pdf=pdf).status == "ok"
    assert report.envelope_sha256 == hashlib.sha256(envelope).hexdigest()
    assert report.pdf_sha256 == hashlib.sha256(pdf).hexdigest()
    assert report.verification_digest == digest_of(made.verification)
    assert report.signed_by == key_id(builders.signing_key().public_key())
    assert (report.ticket_id, report.attempt, report.issued_at) == ("tkt_01test", 1, "2026-03-02T12:00:00.000Z")


def test_a_report_is_issued_without_the_pdf_extra(tmp_path: Path, good_trust: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(render, "typst", None)

    report = issue_report(builders.case(), folder=tmp_path / "1", signers=_signers(), trust=good_trust)

    assert sorted(path.name for path in (tmp_path / "1").iterdir()) == ["report.dsse.json", "trust.json"]
    assert report.pdf_sha256 is None
    assert report.pdf_missing_because is not None
    assert "typst" in report.pdf_missing_because


def test_issuing_again_gives_the_same_envelope(tmp_path: Path, good_trust: bytes) -> None:
    first = issue_report(builders.case(), folder=tmp_path / "1", signers=_signers(), trust=good_trust)

    second = issue_report(builders.case(), folder=tmp_path / "2", signers=_signers(), trust=good_trust)

    assert first.envelope_sha256 == second.envelope_sha256
    # ECDSA draws a random number for every signature (FIPS 186-5 section 6.4).
    assert first.pdf_sha256 != second.pdf_sha256


def test_a_token_of_the_authority_lies_beside_the_envelope_and_is_named(tmp_path: Path, good_trust: bytes) -> None:
    stamped = []

    def stamp(content: bytes) -> bytes:
        stamped.append(content)
        return b"token"

    made = builders.case(time_stamp="asked")
    report = issue_report(made, folder=tmp_path / "1", signers=_signers(), trust=good_trust, authority=_authority(stamp))

    assert stamped == [(tmp_path / "1" / "report.dsse.json").read_bytes()]
    assert (tmp_path / "1" / "report.dsse.json.tsr").read_bytes() == b"token"
    assert report.token_sha256 == hashlib.sha256(b"token").hexdigest()
    assert report.token_missing_because is None


def test_an_authority_that_does_not_answer_stops_no_report(tmp_path: Path, good_trust: bytes) -> None:
    def stamp(_content: bytes) -> bytes:
        raise TimeStampUnavailable(found="no answer", expected="a token", remedy="wait")

    made = builders.case(time_stamp="asked")
    report = issue_report(made, folder=tmp_path / "1", signers=_signers(), trust=good_trust, authority=_authority(stamp))

    assert report.token_sha256 is None
    assert report.token_missing_because is not None
    assert "no answer" in report.token_missing_because
    assert not (tmp_path / "1" / "report.dsse.json.tsr").exists()


def test_a_report_that_its_own_checker_refuses_is_not_issued(tmp_path: Path, good_trust: bytes) -> None:
    self_approved = builders.case()
    approval = builders.approval(digest_of(self_approved.plan), builders.PLANNER)

    with pytest.raises(RecordBroken, match="own checker refuses at step 'approvals'"):
        issue_report(replace(self_approved, approvals=(approval,)), folder=tmp_path / "1", signers=_signers(), trust=good_trust)

    assert list(tmp_path.iterdir()) == []


def test_an_authority_stamps_the_printed_report_too(tmp_path: Path, good_trust: bytes) -> None:
    tsa = make_authority(tmp_path / "tsa")
    authority = Authority(
        stamp=lambda content: request_time_stamp(content, URL, 5, tsa.post), answer=lambda query: tsa.post(URL, query, 5), roots=tsa.roots
    )

    issue_report(builders.case(time_stamp="asked"), folder=tmp_path / "1", signers=_signers(), trust=good_trust, authority=authority)

    envelope, pdf = (tmp_path / "1" / "report.dsse.json").read_bytes(), (tmp_path / "1" / "report.pdf").read_bytes()
    assert read_time_stamp((tmp_path / "1" / "report.dsse.json.tsr").read_bytes(), envelope, tsa.roots).year >= 2026
    assert "time-stamped" in verify_pdf(pdf, envelope=envelope, roots=[pdf_signer().ca], tsa_roots=tsa.roots)


def test_a_pdf_that_does_not_pass_its_own_check_is_not_issued(tmp_path: Path, good_trust: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rtbf.report.run.sign_pdf", lambda unsigned, **_keys: unsigned)

    with pytest.raises(RecordBroken, match="PDF that its own check refuses"):
        issue_report(builders.case(), folder=tmp_path / "1", signers=_signers(), trust=good_trust)

    assert list(tmp_path.iterdir()) == []
