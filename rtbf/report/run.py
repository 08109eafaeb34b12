"""Stage 5: turn the frozen records into a signed envelope, its time-stamp, its signed printed view, and the report's own record.

Entered by the executor only. Refuses (RecordBroken) to issue what the offline checker would refuse: a report that
fails its own check is a fault of ours, and must not reach an authority. A missing PDF extra and an authority that does not
answer are written down, not raised: the signed statement is the report, and a token can be asked for again.
"""

from __future__ import annotations

import functools
import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rtbf.clock import parse_rfc3339
from rtbf.errors import ExtraMissing, RecordBroken, TimeStampUnavailable
from rtbf.evidence.canonical import canonical_bytes, digest_of
from rtbf.evidence.dsse import sign_envelope
from rtbf.evidence.keys import key_id
from rtbf.files import create_secret_file, folder_in_one_piece
from rtbf.report.bundle import ENVELOPE_NAME, PDF_NAME, TOKEN_NAME, TRUST_NAME
from rtbf.report.check.run import check_report
from rtbf.report.pdf.render import render_pdf
from rtbf.report.pdf.sign import sign_pdf
from rtbf.report.pdf.verify import verify_pdf
from rtbf.report.record import Report
from rtbf.report.statement import Case, build_statement

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime
    from pathlib import Path

    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey


@dataclass(frozen=True, kw_only=True, slots=True)
class Signers:
    """The keys that one report is signed with: Ed25519 for the envelope, ECDSA P-256 with its certificates (DER) for the PDF."""

    envelope: Ed25519PrivateKey
    pdf: EllipticCurvePrivateKey
    pdf_certificate: bytes
    pdf_ca: bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class Authority:
    """An outside time-stamping authority: a token for bytes, an answer to a raw RFC 3161 request, and its roots (DER).

    Without known roots nobody could check a token inside the PDF, so none is put there.
    """

    stamp: Callable[[bytes], bytes]
    answer: Callable[[bytes], bytes]
    roots: Sequence[bytes]


def issue_report(case: Case, *, folder: Path, signers: Signers, trust: bytes, authority: Authority | None = None) -> Report:
    """Write envelope, trust file and, where they can be made, token and PDF into `folder`; return the report's record.

    The folder appears whole or not at all. The same case and key give the same envelope; the PDF's bytes differ each time.
    `trust` is the installation's trust file; its copy in the folder is for convenience, an auditor uses the one that came
    by another path. `authority` is None when the installation has none.
    """
    statement = build_statement(case)
    signer = key_id(signers.envelope.public_key())
    envelope = canonical_bytes(sign_envelope(signers.envelope, signer, canonical_bytes(statement)))
    _require_checkable(envelope, trust)
    token, token_missing_because = _stamped(envelope, authority)
    pdf, pdf_missing_because = _printed(statement, envelope, signer, signers, authority)
    with folder_in_one_piece(folder) as unfinished:
        create_secret_file(unfinished / ENVELOPE_NAME, envelope)
        create_secret_file(unfinished / TRUST_NAME, trust)
        if token is not None:
            create_secret_file(unfinished / TOKEN_NAME, token)
        if pdf is not None:
            create_secret_file(unfinished / PDF_NAME, pdf)
    return Report(
        ticket_id=case.ticket.ticket_id,
        attempt=case.plan.attempt,
        report_id=case.report_id,
        verification_digest=digest_of(case.verification),
        envelope_sha256=hashlib.sha256(envelope).hexdigest(),
        token_sha256=None if token is None else hashlib.sha256(token).hexdigest(),
        token_missing_because=token_missing_because,
        pdf_sha256=None if pdf is None else hashlib.sha256(pdf).hexdigest(),
        pdf_missing_because=pdf_missing_because,
        signed_by=signer,
        issued_at=case.issued_at,
        supersedes=None if case.supersedes is None else case.supersedes.report_id,
    )


def _require_checkable(envelope: bytes, trust: bytes) -> None:
    refusal = check_report(envelope, trust).refusal
    if refusal is not None:
        raise RecordBroken(
            found=f"a report that its own checker refuses at step '{refusal.step}': {refusal.found}",
            expected=refusal.expected,
            remedy="nothing was issued; report this fault with the ticket's id",
        )


def _stamped(envelope: bytes, authority: Authority | None) -> tuple[bytes | None, str | None]:
    if authority is None:
        return None, "no time-stamping authority is set (RTBF_TSA_URL)"
    try:
        return authority.stamp(envelope), None
    except (ExtraMissing, TimeStampUnavailable) as missing:
        return None, str(missing)


def _printed(
    statement: dict[str, Any], envelope: bytes, signer: str, signers: Signers, authority: Authority | None
) -> tuple[bytes | None, str | None]:
    """Return the signed PDF, or why there is none; raises RecordBroken when it does not pass its own check."""
    issued_at = parse_rfc3339(statement["predicate"]["report"]["issued_at"])
    tsa_roots = () if authority is None else authority.roots
    try:
        unsigned = render_pdf(statement, envelope, signer)
        pdf = _signed(unsigned, signers, issued_at, authority.answer if authority is not None and tsa_roots else None)
        verify_pdf(pdf, envelope=envelope, roots=(signers.pdf_ca,), tsa_roots=tsa_roots, issued_at=issued_at)
    except ExtraMissing as missing:
        return None, str(missing)
    except ValueError as refused:
        raise RecordBroken(
            found=f"a PDF that its own check refuses: {refused}",
            expected="the printed report, signed and whole",
            remedy="nothing was issued; report this fault with the ticket's id",
        ) from None
    return pdf, None


def _signed(unsigned: bytes, signers: Signers, at: datetime, answer: Callable[[bytes], bytes] | None) -> bytes:
    """Return the PDF signed, with the authority's time where it answers (PAdES B-T, else B-B)."""
    sign = functools.partial(sign_pdf, unsigned, key=signers.pdf, certificate=signers.pdf_certificate, chain=(signers.pdf_ca,), at=at)
    if answer is None:
        return sign()
    try:
        return sign(time_stamp=answer)
    except TimeStampUnavailable:
        return sign()
