"""The frozen record of one issued report: which bytes were signed, and which files went out."""

from __future__ import annotations

from dataclasses import dataclass

SCHEMA = "rtbf.report/2"


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """One signed statement on one attempt. Digests are over whole files; the PDF is a signed view of the envelope.

    `supersedes` is the id of the earlier report on the same attempt that this one stands in for. A missing PDF or token has
    its reason beside it; records of the first schema had neither tokens nor successors.
    """

    ticket_id: str
    attempt: int
    report_id: str
    verification_digest: str
    envelope_sha256: str
    pdf_sha256: str | None
    pdf_missing_because: str | None
    signed_by: str
    issued_at: str
    token_sha256: str | None = None
    token_missing_because: str | None = None
    supersedes: str | None = None
    schema: str = SCHEMA
