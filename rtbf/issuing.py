"""Issue a ticket's report: sign the ledger's head and a report that names it, and again when time has overtaken the last one.

Belongs to the executor: `issued` and `reissue` want the ticket's lease held, the rest take it. torch is not needed: a
report says what was measured, and measures nothing.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from rtbf.errors import IllegalMove, TicketBusy
from rtbf.evidence.timestamp import http_post
from rtbf.pipeline.ledger import newest_sealed
from rtbf.pipeline.reporting import case_of
from rtbf.pipeline.reports import drop_unrecorded_reports, outdated_reports
from rtbf.pipeline.stamping import ask_time_stamp
from rtbf.pipeline.upkeep import run_upkeep
from rtbf.pipeline.work import finish_superseding
from rtbf.progress import silent
from rtbf.report.predicate import SupersededPart
from rtbf.report.run import Authority, Signers, issue_report
from rtbf.ticket_view import view_ticket
from rtbf.work_lease import leased

if TYPE_CHECKING:
    from rtbf.installation import Installation
    from rtbf.pipeline.upkeep import UpkeepDone
    from rtbf.report.record import Report
    from rtbf.verify.record import Verification
    from rtbf.work_lease import WorkSettings


def issued(installation: Installation, verification: Verification, actor: str, earlier: Report | None) -> Report:
    """Sign the ledger's head, then a report that names it; leftovers of an issue that a crash cut short go first."""
    ticket_id = verification.ticket_id
    supersedes = None if earlier is None else SupersededPart(report_id=earlier.report_id, envelope_sha256=earlier.envelope_sha256)
    case = case_of(installation, verification, actor, supersedes=supersedes)
    drop_unrecorded_reports(installation, ticket_id)
    return issue_report(
        case,
        folder=installation.home.report_of(ticket_id, case.report_id),
        signers=Signers(
            envelope=installation.signing_key,
            pdf=installation.pdf_key,
            pdf_certificate=installation.pdf_certificate,
            pdf_ca=installation.pdf_ca,
        ),
        trust=installation.trust_bytes,
        authority=_authority(installation),
    )


def reissue(installation: Installation, ticket_id: str, actor: str) -> Report:
    """Issue a report as `reissue_report` does, for the one who holds the ticket's lease already."""
    view = view_ticket(installation, ticket_id)
    if view.report is None or view.verification is None or view.report.attempt != view.attempt:
        raise IllegalMove(
            found=f"no report on attempt {view.attempt} of {ticket_id} (state '{view.state}')",
            expected="a ticket whose present attempt was verified",
            remedy=f"`rtbf run {ticket_id}` and see what it waits for",
        )
    report = issued(installation, view.verification, actor, view.report)
    finish_superseding(installation, report, actor)
    # The event that seals the report comes under a head at once, where the log key is.
    newest_sealed(installation)
    return report


def reissue_report(installation: Installation, ticket_id: str, actor: str, *, work: WorkSettings) -> Report:
    """Issue a report on the ticket's newest verdict as things stand now; it names the one it stands in for, and both stay.

    Raises IllegalMove when the present attempt has no report yet, TicketBusy while another process works on it.
    """
    with leased(installation, ticket_id, silent, work):
        return reissue(installation, ticket_id, actor)


def renew_reports(installation: Installation, actor: str, *, work: WorkSettings) -> int:
    """Issue anew the report of every closed ticket whose newest one was issued before it closed; return how many those were.

    The report that leads to the closing letter cannot name that letter, nor the day the clock stopped. Tickets that are
    being worked on have their turn next time.
    """
    renewed = 0
    for ticket_id in outdated_reports(installation):
        with contextlib.suppress(TicketBusy):
            reissue_report(installation, ticket_id, actor, work=work)
            renewed += 1
    return renewed


def keep_up(installation: Installation, actor: str, *, work: WorkSettings) -> UpkeepDone:
    """Take every step of upkeep once, after the reports that time has overtaken were issued anew."""
    return run_upkeep(installation, actor, {"reports": lambda _installation, by: renew_reports(installation, by, work=work)})


def _authority(installation: Installation) -> Authority | None:
    url = installation.tsa_url
    if url is None:
        return None
    return Authority(
        stamp=lambda content: ask_time_stamp(installation, content),
        answer=lambda request: http_post(url, request, installation.tsa_timeout_s),
        roots=installation.tsa_roots,
    )
