"""The frozen record of one issued report: which bytes were signed, and which files went out."""

from __future__ import annotations

from dataclasses import dataclass

SCHEMA = "rtbf.report/1"


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """One signed statement on one attempt. Digests are over whole files; the PDF is a view of the envelope."""

    ticket_id: str
    attempt: int
    report_id: str
    verification_digest: str
    envelope_sha256: str
    pdf_sha256: str | None
    pdf_missing_because: str | None
    signed_by: str
    issued_at: str
    schema: str = SCHEMA
