"""Step 11: the printed view. With the pdf extra and a root certificate: signed, unchanged, and carrying this very envelope.

Without them only the attachment is looked for, which shows little: the step is then not decided. Its pages are never
compared with the statement; the envelope counts.
"""

from __future__ import annotations

import base64
import re
import zlib
from typing import TYPE_CHECKING

from rtbf.errors import ExtraMissing
from rtbf.report.approvals import exact_instant
from rtbf.report.bundle import MAX_PDF_BYTES, PDF_NAME
from rtbf.report.check.handed import Misfit, Seen
from rtbf.report.check.versions import InTreeBody

if TYPE_CHECKING:
    from rtbf.report.check.handed import Found, Handed

EXPECTED = "the PDF that was issued with this envelope"
_STREAM = re.compile(rb"stream\r?\n")


def check(handed: Handed, found: Found) -> Seen:
    """Verify the PDF as far as it can be; raises Misfit when it is not the one of this envelope."""
    pdf = handed.pdf if handed.bundle is None else handed.bundle.get(PDF_NAME)
    if pdf is None:
        where = "not asked for: hand over --pdf FILE" if handed.bundle is None else "this bundle has no PDF, and its ledger names none"
        return Seen(is_decided=False, detail=where)
    if len(pdf) > MAX_PDF_BYTES:
        raise Misfit(f"a PDF larger than {MAX_PDF_BYTES} bytes", "the report's own PDF")
    if not isinstance(found.body, InTreeBody):
        return _carried(pdf, handed.envelope, "PDFs of this version of reports were not signed")
    if not found.trust.pdf_roots:
        return _carried(pdf, handed.envelope, "the trust file names no certificate for it")
    try:
        return Seen(is_decided=True, detail=_verified(pdf, handed, found, found.body))
    except ExtraMissing as missing:
        return _carried(pdf, handed.envelope, missing.remedy)


def _verified(pdf: bytes, handed: Handed, found: Found, body: InTreeBody) -> str:
    # pyHanko takes longer to load than all other steps together: woken only for a PDF.
    from rtbf.report.pdf.verify import verify_pdf  # noqa: PLC0415 - as said

    try:
        return verify_pdf(
            pdf,
            envelope=handed.envelope,
            roots=[base64.b64decode(root) for root in found.trust.pdf_roots],
            tsa_roots=[base64.b64decode(root) for root in found.trust.tsa_roots],
            issued_at=exact_instant(body.predicate.report.issued_at),
        )
    except ValueError as refused:
        raise Misfit(f"a PDF that does not hold ({refused})", EXPECTED) from None


def _carried(pdf: bytes, envelope: bytes, why: str) -> Seen:
    if not carries(pdf, envelope):
        raise Misfit("a PDF that does not carry this envelope", EXPECTED)
    return Seen(is_decided=False, detail=f"it carries this envelope; its signature was not judged: {why}")


def carries(pdf: bytes, content: bytes) -> bool:
    """Return whether one of the PDF's streams, plain or deflated, is exactly `content`.

    Shows that the attachment is there; does not show that it is the attachment a viewer opens, nor what the pages say.
    """
    for found in _STREAM.finditer(pdf):
        start = found.end()
        if pdf.startswith(content, start):
            return True
        inflater = zlib.decompressobj()
        try:
            # One byte more than wanted tells a longer stream apart, and bounds a bomb.
            if inflater.decompress(pdf[start : start + len(content) + 4096], len(content) + 1) == content:
                return True
        except zlib.error:
            continue
    return False
