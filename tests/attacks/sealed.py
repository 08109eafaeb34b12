"""Attacks on the files that a report is handed out as: swapped envelopes, tokens and PDFs, and PDFs tampered with. Steps 10, 11."""

from __future__ import annotations

import re
from io import BytesIO
from typing import TYPE_CHECKING, Any

from pyhanko.pdf_utils.generic import NameObject, StreamObject
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter

from rtbf.report.bundle import ENVELOPE_NAME, PDF_NAME, TOKEN_NAME
from rtbf.report.predicate import SupersededPart
from tests import builders, bundles
from tests.attacks import material
from tests.attacks.heads import FIRST, other_story
from tests.attacks.record import (
    COPY,
    OPERATOR,
    PDF_KEY,
    REPORT_KEY,
    Attack,
    Laid,
    around,
    bundle,
    good,
    laid,
    replaced,
    small,
    tale,
    without,
)
from tests.bundles import Told, packed
from tests.pdf_signing import pdf_signer

if TYPE_CHECKING:
    from collections.abc import Callable

RERUN = b"%PDF-1.7\nanother rendering\n%%EOF\n"


def _printed(name: str, content: bytes) -> Laid:
    return laid(replaced(name, content, material.printed_bundle()), trust=material.trust())


def _stamped(files: dict[str, bytes]) -> Laid:
    return laid(files, trust=material.trust())


def _named_pdf(tamper: Callable[[bytes], bytes]) -> Laid:
    """Return a bundle whose ledger names the tampered PDF itself, so that nothing but the PDF can tell."""
    files = bundle(material.printed_case(), token=lambda _: material.stamps()["good"], pdf=tamper, trust=material.trust())
    return laid(files, trust=material.trust())


def _good_pdf() -> bytes:
    return material.printed_bundle()[PDF_NAME]


def _page_replaced(envelope: bytes) -> bytes:
    """Return the signed PDF with another first page by incremental update: `pdfsig` calls its signature valid."""
    writer = IncrementalPdfFileWriter(BytesIO(material.signed_pdf(envelope)))
    page = writer.root["/Pages"]["/Kids"][0]
    while "/Kids" in page:
        page = page["/Kids"][0]
    page[NameObject("/Contents")] = writer.add_object(StreamObject(stream_data=b"0 0 100 100 re f"))
    writer.update_container(page)
    written = BytesIO()
    writer.write(written)
    return written.getvalue()


def _byte_changed(envelope: bytes) -> bytes:
    """Return the signed PDF with one bit of its first page's content changed in place."""
    raw = bytearray(material.signed_pdf(envelope))
    found = re.search(rb"stream\r?\n", raw)
    assert found is not None
    raw[found.end() + 40] ^= 1
    return bytes(raw)


def _cut_back(envelope: bytes) -> bytes:
    """Return the signed PDF up to the end of its first revision, which was not signed yet."""
    signed = material.signed_pdf(envelope)
    end = signed.index(b"%%EOF", 0) + len(b"%%EOF\n")
    assert end < len(signed)
    return signed[:end]


def _of_another_report(_envelope: bytes) -> bytes:
    """Return a PDF by the operator's own PDF signer that carries another report."""
    return pdf_signer().sign(material.unsigned_pdf(good()[ENVELOPE_NAME]))


def _resigned() -> Laid:
    """Another statement on the same ticket and tree, signed by the report signer, which the ledger never sealed."""
    quiet = bundle(small(software=(("python", "3.11.9"), ("rtbf", "9.9.9"))))
    return laid(replaced(ENVELOPE_NAME, quiet[ENVELOPE_NAME]))


def _sealed_twice() -> Laid:
    rerun = bundles.sealing(small(), b"another envelope", None, None)
    return laid(bundle(after=[rerun]))


def _unsealed() -> Laid:
    return laid(around(good(), packed([*tale(), *other_story(FIRST + 1)[FIRST:]], FIRST)))


def _sealed_before(*, report: str = "rep_00test", supersedes: str | None = None) -> Told:
    """Return the sealing of an earlier report on the same attempt, one that failed."""
    data = {"attempt": 1, "report": report, "envelope": "ab" * 32, "pdf": None, "token": None, "supersedes": supersedes}
    return Told(type="report.sealed", time="2026-03-01T16:00:00.000Z", data=data)


def _older_superseded() -> Laid:
    """The report names the first of two earlier ones, so that the second, which failed, seems to stand beside it."""
    made = small(supersedes=SupersededPart(report_id="rep_00test", envelope_sha256="ab" * 32))
    between = _sealed_before(report="rep_005test", supersedes="rep_00test")
    return laid(bundle(made, before=[*tale(), _sealed_before(), between]))


def _superseding(named: dict[str, Any] | None = None, digest: str = "ab" * 32) -> Laid:
    made = small(supersedes=SupersededPart(report_id="rep_00test", envelope_sha256=digest))
    return laid(bundle(made, seal=named or {}))


_SEALING = (
    Attack(name="envelope-quietly-replaced", numbers=(16, 9), holds=REPORT_KEY, done="another report signed in the sealed one's place",
           step="sealing", make=_resigned),
    Attack(name="sealing-hidden", numbers=(13, 16), holds=COPY, done="the ledger's tail with the sealing left out", step="sealing",
           make=_unsealed),
    Attack(name="sealed-twice", numbers=(16,), holds=OPERATOR, done="one report id sealed twice, with two envelopes", step="sealing",
           make=_sealed_twice),
    Attack(name="sealing-of-another-envelope", numbers=(16,), holds=OPERATOR, done="a sealing event that names another envelope",
           step="sealing", make=lambda: laid(bundle(seal={"envelope": "ab" * 32}))),
    Attack(name="sealing-of-another-attempt", numbers=(16,), holds=OPERATOR, done="a sealing event of another attempt", step="sealing",
           make=lambda: laid(bundle(seal={"attempt": 2}))),
    Attack(name="dated-after-its-sealing", numbers=(9,), holds=OPERATOR, done="a report dated a day after the ledger sealed it",
           step="sealing",
           make=lambda: laid(bundle(small(issued_at="2026-03-03T12:00:00.000Z", clock=builders.clock_part(as_of_on="2026-03-03"))))),
    Attack(name="superseding-denied", numbers=(16, 21), holds=OPERATOR, done="a report that supersedes one, and a ledger that says none",
           step="sealing", make=lambda: _superseding({"supersedes": None})),
    Attack(name="superseding-invented", numbers=(16, 21), holds=OPERATOR, done="a report that supersedes one the ledger never sealed",
           step="sealing", make=_superseding),
    Attack(name="rerun-until-it-passes", numbers=(16,), holds=OPERATOR,
           done="measured again after a failed report, and handed out as if it were the first", step="sealing",
           make=lambda: laid(bundle(before=[*tale(), _sealed_before()]))),
    Attack(name="superseding-of-an-older-report", numbers=(16, 21), holds=OPERATOR,
           done="a report that supersedes the one before the last, and keeps quiet about the last", step="sealing",
           make=_older_superseded),
    Attack(name="token-swapped", numbers=(16,), holds=OPERATOR, done="a second, later time-stamp in the sealed one's place",
           step="sealing",
           make=lambda: _stamped(replaced(TOKEN_NAME, material.stamps()["again"], material.stamped_bundle("good")))),
    Attack(name="token-taken-away", numbers=(16,), holds=COPY, done="the sealed time-stamp left out", step="sealing",
           make=lambda: _stamped(without(TOKEN_NAME, files=material.stamped_bundle("good")))),
    Attack(name="pdf-replaced", numbers=(16, 17), holds=PDF_KEY, done="a new rendering in the sealed PDF's place", step="sealing",
           make=lambda: _printed(PDF_NAME, RERUN)),
    Attack(name="pdf-appended-to", numbers=(18,), holds=COPY, done="bytes behind the sealed PDF's end", step="sealing",
           make=lambda: _printed(PDF_NAME, _good_pdf() + b"\n")),
    Attack(name="pdf-cut-back", numbers=(18,), holds=COPY, done="the sealed PDF cut back to the revision before its signature",
           step="sealing", make=lambda: _printed(PDF_NAME, _cut_back(material.envelope()))),
    Attack(name="pdf-taken-away", numbers=(16,), holds=COPY, done="the sealed PDF left out", step="sealing",
           make=lambda: _stamped(without(PDF_NAME, files=material.printed_bundle()))),
    Attack(name="pdf-slipped-in", numbers=(16, 17), holds=COPY, done="a PDF in a bundle whose ledger names none", step="sealing",
           make=lambda: laid(replaced(PDF_NAME, RERUN))),
    Attack(name="pdf-copy-differs", numbers=(17,), holds=COPY, done="another PDF by mail than the one in the bundle", step="sealing",
           make=lambda: laid(good(), pdf=RERUN)),
)  # fmt: skip
_PDF = (
    Attack(name="pdf-page-replaced-and-sealed", numbers=(17,), holds=OPERATOR, done="a page replaced by incremental update, then sealed",
           step="pdf", make=lambda: _named_pdf(_page_replaced)),
    Attack(name="pdf-byte-changed-and-sealed", numbers=(17,), holds=OPERATOR, done="a page changed in place, then sealed", step="pdf",
           make=lambda: _named_pdf(_byte_changed)),
    Attack(name="pdf-appended-to-and-sealed", numbers=(18,), holds=OPERATOR, done="junk behind the signed PDF, then sealed", step="pdf",
           make=lambda: _named_pdf(lambda envelope: material.signed_pdf(envelope) + b"junk")),
    Attack(name="pdf-cut-back-and-sealed", numbers=(18,), holds=OPERATOR, done="the unsigned revision of the PDF, sealed", step="pdf",
           make=lambda: _named_pdf(_cut_back)),
    Attack(name="pdf-by-another-issuer", numbers=(17,), holds="a PDF signer of its own", done="the pages signed under another issuer",
           step="pdf", make=lambda: _named_pdf(material.strangers_pdf)),
    Attack(name="pdf-of-another-report", numbers=(8, 17), holds=OPERATOR, done="a good PDF that carries another envelope, sealed",
           step="pdf", make=lambda: _named_pdf(_of_another_report)),
)  # fmt: skip
ATTACKS = (*_SEALING, *_PDF)
