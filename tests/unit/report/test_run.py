"""Issuing a report: which files appear, that they check, and that a report which does not check is never issued."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from rtbf.errors import RecordBroken
from rtbf.evidence.canonical import digest_of
from rtbf.evidence.keys import key_id
from rtbf.report.check.run import check_report
from rtbf.report.pdf import render
from rtbf.report.run import issue_report
from tests import builders

if TYPE_CHECKING:
    from pathlib import Path


def test_an_issued_report_checks_and_its_record_names_its_files(tmp_path: Path, good_trust: bytes) -> None:
    made, folder = builders.case(), tmp_path / "reports" / "1"

    report = issue_report(made, folder=folder, signing_key=builders.signing_key(), trust=good_trust)

    envelope, pdf = (folder / "report.dsse.json").read_bytes(), (folder / "report.pdf").read_bytes()
    assert check_report(envelope, (folder / "trust.json").read_bytes(), pdf=pdf).status == "ok"
    assert report.envelope_sha256 == hashlib.sha256(envelope).hexdigest()
    assert report.pdf_sha256 == hashlib.sha256(pdf).hexdigest()
    assert report.verification_digest == digest_of(made.verification)
    assert report.signed_by == key_id(builders.signing_key().public_key())
    assert (report.ticket_id, report.attempt, report.issued_at) == ("tkt_01test", 1, "2026-03-02T12:00:00.000Z")


def test_a_report_is_issued_without_the_pdf_extra(tmp_path: Path, good_trust: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(render, "typst", None)

    report = issue_report(builders.case(), folder=tmp_path / "1", signing_key=builders.signing_key(), trust=good_trust)

    assert sorted(path.name for path in (tmp_path / "1").iterdir()) == ["report.dsse.json", "trust.json"]
    assert report.pdf_sha256 is None
    assert report.pdf_missing_because is not None
    assert "typst" in report.pdf_missing_because


def test_issuing_again_gives_the_same_record(tmp_path: Path, good_trust: bytes) -> None:
    issue = {"folder": tmp_path / "1", "signing_key": builders.signing_key(), "trust": good_trust}
    first = issue_report(builders.case(), **issue)

    second = issue_report(builders.case(), **issue)

    assert first == second


def test_a_report_that_its_own_checker_refuses_is_not_issued(tmp_path: Path, good_trust: bytes) -> None:
    self_approved = builders.case()
    approval = builders.approval(digest_of(self_approved.plan), builders.PLANNER)

    with pytest.raises(RecordBroken, match="own checker refuses at step 'approvals'"):
        issue_report(
            replace(self_approved, approvals=(approval,)), folder=tmp_path / "1", signing_key=builders.signing_key(), trust=good_trust
        )

    assert list(tmp_path.iterdir()) == []
