"""Stage 5: turn the frozen records into a signed envelope, its printed view, and the report's own record.

Entered by the executor only. Refuses (RecordBroken) to issue what the offline checker would refuse: a report that
fails its own check is a fault of ours, and must not reach an authority. A missing PDF extra is written down, not raised.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from rtbf.errors import ExtraMissing, RecordBroken
from rtbf.evidence.canonical import canonical_bytes, digest_of
from rtbf.evidence.dsse import sign_envelope
from rtbf.evidence.keys import key_id
from rtbf.files import create_secret_file, folder_in_one_piece
from rtbf.report.check.run import check_report
from rtbf.report.pdf.render import render_pdf
from rtbf.report.record import Report
from rtbf.report.statement import Case, build_statement

if TYPE_CHECKING:
    from pathlib import Path

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

ENVELOPE_NAME = "report.dsse.json"
PDF_NAME = "report.pdf"
TRUST_NAME = "trust.json"


def issue_report(case: Case, *, folder: Path, signing_key: Ed25519PrivateKey, trust: bytes) -> Report:
    """Write report.dsse.json, trust.json and, where it can be made, report.pdf into `folder`; return the report's record.

    The folder appears whole or not at all. The same case and key give the same bytes. `trust` is the installation's
    trust file; its copy in the folder is for convenience, an auditor uses the one that came by another path.
    """
    statement = build_statement(case)
    signer = key_id(signing_key.public_key())
    envelope = canonical_bytes(sign_envelope(signing_key, signer, canonical_bytes(statement)))
    _require_checkable(envelope, trust)
    pdf, pdf_missing_because = _printed(statement, envelope, signer)
    with folder_in_one_piece(folder) as unfinished:
        create_secret_file(unfinished / ENVELOPE_NAME, envelope)
        create_secret_file(unfinished / TRUST_NAME, trust)
        if pdf is not None:
            create_secret_file(unfinished / PDF_NAME, pdf)
    return Report(
        ticket_id=case.ticket.ticket_id,
        attempt=case.plan.attempt,
        report_id=case.report_id,
        verification_digest=digest_of(case.verification),
        envelope_sha256=hashlib.sha256(envelope).hexdigest(),
        pdf_sha256=None if pdf is None else hashlib.sha256(pdf).hexdigest(),
        pdf_missing_because=pdf_missing_because,
        signed_by=signer,
        issued_at=case.issued_at,
    )


def _require_checkable(envelope: bytes, trust: bytes) -> None:
    refusal = check_report(envelope, trust).refusal
    if refusal is not None:
        raise RecordBroken(
            found=f"a report that its own checker refuses at step '{refusal.step}': {refusal.found}",
            expected=refusal.expected,
            remedy="nothing was issued; report this fault with the ticket's id",
        )


def _printed(statement: dict[str, object], envelope: bytes, signer: str) -> tuple[bytes | None, str | None]:
    try:
        return render_pdf(statement, envelope, signer), None
    except ExtraMissing as missing:
        return None, str(missing)
