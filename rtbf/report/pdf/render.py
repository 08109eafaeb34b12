"""Print a signed statement as a PDF with typst: the same statement gives the same bytes, on one release of typst.

The statement reaches the template as JSON through `sys.inputs` and never as template source, so no text of a record can
become markup. Only the fonts in `fonts` are used: neither the machine's nor typst's own. The PDF carries the envelope as an
attachment and is a view of it; `sign` signs it. Refuses with ExtraMissing when the pdf extra is not installed.
"""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path
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
    folder = Path(str(resources.files("rtbf.report.pdf")))
    inputs = {"view": json.dumps(printed_view(statement, envelope, signer)), "envelope": envelope.decode("ascii")}
    fonts = typst.Fonts(include_system_fonts=False, include_embedded_fonts=False, font_paths=[folder / "fonts"])
    try:
        pdf = typst.Compiler(folder / "template.typ", root=folder, font_paths=fonts, sys_inputs=inputs).compile(
            format="pdf",
            pdf_standards=list(PDF_STANDARDS),
            timestamp=int(parse_rfc3339(statement["predicate"]["report"]["issued_at"]).timestamp()),
        )
    except typst.TypstError as refused:
        raise RecordBroken(
            found=f"the renderer refused the report ({refused.message})",
            expected="a statement that the template can print",
            remedy="the signed JSON is not touched by this; report this fault with the ticket's id",
        ) from refused
    assert isinstance(pdf, bytes)
    return pdf
