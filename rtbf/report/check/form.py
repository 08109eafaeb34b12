"""Step 1: bounded sizes, strict UTF-8 JSON, no duplicate keys, no floats, the envelope in canonical form; a bundle is whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rtbf.evidence.canonical import canonical_bytes
from rtbf.evidence.dsse import open_envelope
from rtbf.evidence.strict_json import read_strict_json
from rtbf.report.bundle import MAX_ENVELOPE_BYTES, require_whole
from rtbf.report.check.handed import Seen

if TYPE_CHECKING:
    from rtbf.report.check.handed import Found, Handed

EXPECTED = "a DSSE envelope as rtbf issues it, or a whole bundle around one"


def check(handed: Handed, found: Found) -> Seen:
    """Open the envelope, not yet believing it; raises ValueError when it takes a freedom that two readers could use differently."""
    around = ""
    if handed.bundle is not None:
        require_whole(handed.bundle)
        around = f"a bundle of {len(handed.bundle)} files around "
    raw = handed.envelope
    if raw.startswith(b"%PDF-"):
        raise ValueError("a PDF: check report.dsse.json, which it carries, and hand the PDF over with --pdf")
    envelope = read_strict_json(raw, MAX_ENVELOPE_BYTES)
    found.opened_envelope = open_envelope(envelope)
    if canonical_bytes(envelope) != raw:
        raise ValueError("an envelope that is not in canonical form: it was reformatted after it was issued")
    return Seen(is_decided=True, detail=f"{around}strict JSON of {len(raw)} bytes")
