"""Which reports were issued for a ticket, which of them time has overtaken, and what a crash left beside them."""

from __future__ import annotations

import contextlib
import shutil
from typing import TYPE_CHECKING

from rtbf.clock import parse_rfc3339
from rtbf.report.record import Report
from rtbf.store.records import newest_record, records_of
from rtbf.store.tickets import find_ticket, list_tickets
from rtbf.ticket.lifecycle import CLOSED

if TYPE_CHECKING:
    from rtbf.installation import Installation

REPORT_ID_PREFIX = "rep_"


def outdated_reports(installation: Installation, ticket_id: str | None = None) -> tuple[str, ...]:
    """Return the closed tickets whose newest report on the last attempt was issued before they closed; of one ticket, or of all."""
    with installation.transaction() as session:
        rows = list_tickets(session) if ticket_id is None else [find_ticket(session, ticket_id)]
        found = []
        for row in rows:
            if row.state != CLOSED or row.closed_at is None:
                continue
            report = newest_record(session, row.id, Report)
            if report is not None and report.attempt == row.attempt and parse_rfc3339(report.issued_at) < row.closed_at:
                found.append(row.id)
    return tuple(found)


def drop_unrecorded_reports(installation: Installation, ticket_id: str) -> None:
    """Delete report folders of the ticket that no record names: they were never issued, a crash came between folder and record.

    Earlier releases named the folder by the attempt; those stay.
    """
    folder = installation.home.reports_of(ticket_id)
    if not folder.is_dir():
        return
    with installation.transaction() as session:
        recorded = {report.report_id for report in records_of(session, ticket_id, Report)}
    for path in folder.iterdir():
        if path.name.startswith(REPORT_ID_PREFIX) and path.name not in recorded:
            with contextlib.suppress(FileNotFoundError):
                shutil.rmtree(path)
