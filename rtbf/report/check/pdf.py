"""Step 8: the printed view carries this very envelope. Needs --pdf. Its pages are not compared with the statement."""

from __future__ import annotations

import re
import zlib
from typing import TYPE_CHECKING

from rtbf.report.check.handed import Misfit, Seen

if TYPE_CHECKING:
    from rtbf.report.check.handed import Found, Handed

EXPECTED = "the PDF that was issued with this envelope"
MAX_PDF_BYTES = 64 << 20
_STREAM = re.compile(rb"stream\r?\n")


def check(handed: Handed, _found: Found) -> Seen:
    """Look for the envelope among the PDF's streams; raises Misfit when none is it."""
    if handed.pdf is None:
        return Seen(is_decided=False, detail="not asked for: hand over --pdf FILE")
    if len(handed.pdf) > MAX_PDF_BYTES:
        raise Misfit(f"a PDF larger than {MAX_PDF_BYTES} bytes", "the report's own PDF")
    if not carries(handed.pdf, handed.envelope):
        raise Misfit("a PDF that does not carry this envelope", "the PDF that was issued with it")
    return Seen(is_decided=True, detail="the PDF carries this envelope; its pages are a view and are not signed")


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
