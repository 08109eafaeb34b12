"""A report issued as the executor issues it, for a ticket on the desk: without a model, and without measuring one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rtbf.pipeline.reporting import case_of
from rtbf.pipeline.work import finish_superseding, finish_verification
from rtbf.report.predicate import SupersededPart
from rtbf.report.run import Signers, issue_report
from rtbf.store.records import newest_record
from rtbf.unlearn.record import Unlearned
from tests import builders

if TYPE_CHECKING:
    from rtbf.report.record import Report
    from rtbf.verify.record import Verification
    from tests.desk import Desk


def issue(desk: Desk) -> Report:
    """Issue the report of an attempt that was carried out, and seal it."""
    verification = _verification(desk)
    report = _report(desk, verification, None)
    finish_verification(desk.installation, verification, report, "worker")
    return report


def issue_anew(desk: Desk) -> Report:
    """Issue a report that stands in for the newest one."""
    earlier = desk.view.report
    assert earlier is not None
    report = _report(desk, _verification(desk), earlier)
    finish_superseding(desk.installation, report, "worker")
    return report


def _verification(desk: Desk) -> Verification:
    with desk.installation.transaction() as session:
        done = newest_record(session, desk.ticket_id, Unlearned)
    assert done is not None
    return builders.verification(
        ticket_id=desk.ticket_id,
        attempt=desk.view.attempt,
        plan_digest=desk.view.plan_digest,
        unlearned_digest=builders.digest_of(done),
    )


def _report(desk: Desk, verification: Verification, earlier: Report | None) -> Report:
    at = desk.installation
    supersedes = None if earlier is None else SupersededPart(report_id=earlier.report_id, envelope_sha256=earlier.envelope_sha256)
    case = case_of(at, verification, "worker", supersedes=supersedes)
    return issue_report(
        case,
        folder=at.home.report_of(desk.ticket_id, case.report_id),
        signers=Signers(envelope=at.signing_key, pdf=at.pdf_key, pdf_certificate=at.pdf_certificate, pdf_ca=at.pdf_ca),
        trust=at.trust_bytes,
    )
