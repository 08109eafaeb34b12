"""Print a signed statement as a PDF with typst: the same statement gives the same bytes, on one release of typst.

The statement reaches the template as JSON through `sys.inputs` and never as template source, so no text of a record can
become markup. Only typst's own fonts are used. The PDF carries the envelope as an attachment; it is a view of it, and
its pages are not signed. Refuses with ExtraMissing when the pdf extra is not installed.
"""

from __future__ import annotations

import json
from importlib import resources
from typing import TYPE_CHECKING, Any

from rtbf.clock import parse_rfc3339
from rtbf.errors import ExtraMissing, RecordBroken
from rtbf.report.pdf.view import printed_view

try:
    import typst
except ImportError:  # The officer's and the auditor's core works without the renderer.
    typst = None  # type: ignore[assignment]

if TYPE_CHECKING:
    from collections.abc import Mapping

    from typst import PDFStandard

PDF_STANDARDS: tuple[PDFStandard, ...] = ("a-3a", "ua-1")
"""Archivable with an attachment, and readable aloud; the flags are set, conformance is claimed by no one."""


def render_pdf(statement: Mapping[str, Any], envelope: bytes, signer: str) -> bytes:
    """Return the PDF of a statement with its envelope attached; raises ExtraMissing without typst.

    Raises RecordBroken when the renderer cannot print the statement: that is a fault of the template or the renderer.
    """
    if typst is None:
        raise ExtraMissing(found="no typst package", expected="the pdf extra", remedy="pip install 'rtbf[pdf]' and issue the report again")
    template = resources.files("rtbf.report.pdf").joinpath("template.typ").read_bytes()
    inputs = {"view": json.dumps(printed_view(statement, envelope, signer)), "envelope": envelope.decode("ascii")}
    try:
        pdf: bytes = typst.compile(
            template,
            format="pdf",
            ignore_system_fonts=True,
            sys_inputs=inputs,
            pdf_standards=list(PDF_STANDARDS),
            timestamp=int(parse_rfc3339(statement["predicate"]["report"]["issued_at"]).timestamp()),
        )
    except typst.TypstError as refused:
        raise RecordBroken(
            found=f"the renderer refused the report ({refused.message})",
            expected="a statement that the template can print",
            remedy="the signed JSON is not touched by this; report this fault with the ticket's id",
        ) from refused
    return pdf
