"""Checking the signed PDF: every attack is refused with its reason, and no changed byte passes.

The attacks are made with pyHanko's own writer, with cryptography's certificates, or on the bytes.
"""

from __future__ import annotations

import asyncio
import random
import re
from datetime import timedelta
from io import BytesIO
from typing import TYPE_CHECKING, Any

import pytest
from asn1crypto import x509 as asn1_x509
from asn1crypto.keys import PrivateKeyInfo
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from pyhanko.pdf_utils.generic import ArrayObject, NameObject, StreamObject
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign.fields import MDPPerm, SigSeedSubFilter
from pyhanko.sign.signers import PdfSignatureMetadata, PdfSigner, SimpleSigner
from pyhanko.sign.signers.pdf_cms import PdfCMSSignedAttributes
from pyhanko_certvalidator.registry import SimpleCertificateStore

from rtbf.errors import ExtraMissing
from rtbf.report.pdf import verify
from rtbf.report.pdf.verify import verify_pdf
from tests.pdf_signing import ISSUED_AT, PDFSigner, later, pdf_signer, printed_report, signed_report

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

MUTANTS = 300


def refusal(pdf: bytes, **changes: Any) -> str:
    """Return why the PDF is refused, with the signer's root and the right envelope unless changed."""
    signer, envelope, _ = signed_report()
    arguments: dict[str, Any] = {"envelope": envelope, "roots": [signer.ca], "issued_at": ISSUED_AT, **changes}
    with pytest.raises(ValueError, match=r".") as refused:
        verify_pdf(pdf, **arguments)
    return str(refused.value)


def test_signed_report_is_told_with_signer_time_and_what_was_seen() -> None:
    signer, envelope, pdf = signed_report()

    line = verify_pdf(pdf, envelope=envelope, roots=[signer.ca], issued_at=ISSUED_AT)

    assert line == (
        "certified by CN=Example Ltd report signature,O=Example Ltd at 2026-03-02T12:00:00.000Z, without a time-stamp; "
        "nothing changed or added since; carries the envelope byte for byte"
    )


@pytest.mark.parametrize("tail", [b"\n", b" ", b"junk", b"%%EOF\n", b"\x00"])
def test_anything_appended_is_refused(tail: bytes) -> None:
    _, _, pdf = signed_report()

    reason = refusal(pdf + tail)

    assert "something was added or cut off" in reason or reason == "the PDF or its signature cannot be read (PdfReadError)"


def test_file_cut_back_to_its_unsigned_revision_is_refused() -> None:
    _, unsigned = printed_report()

    assert refusal(unsigned) == "the PDF carries no signature"


def test_file_cut_off_anywhere_is_refused() -> None:
    _, _, pdf = signed_report()

    reasons = [refusal(pdf[:size]) for size in range(0, len(pdf), len(pdf) // 40)]

    assert all(reasons)


def test_replaced_attachment_is_refused() -> None:
    """An incremental update: `pdfsig` says "Signature is Valid" and hands out the forged file."""
    _, _, pdf = signed_report()

    def replace(writer: IncrementalPdfFileWriter) -> None:
        filespec = writer.root["/Names"]["/EmbeddedFiles"]["/Names"][1]
        filespec["/EF"][NameObject("/F")] = writer.add_object(StreamObject(stream_data=b'{"forged":1}'))
        writer.update_container(filespec["/EF"])

    assert "a later revision follows" in refusal(_updated(pdf, replace))


def test_replaced_page_is_refused() -> None:
    _, _, pdf = signed_report()

    def replace(writer: IncrementalPdfFileWriter) -> None:
        page = writer.root["/Pages"]["/Kids"][0]
        while "/Kids" in page:
            page = page["/Kids"][0]
        page[NameObject("/Contents")] = writer.add_object(StreamObject(stream_data=b"0 0 100 100 re f"))
        writer.update_container(page)

    assert "a later revision follows" in refusal(_updated(pdf, replace))


def test_signature_that_was_stripped_is_refused() -> None:
    """The reader finds no field any more; the bytes of the old signature still lie in the file."""
    _, _, pdf = signed_report()

    def strip(writer: IncrementalPdfFileWriter) -> None:
        writer.root["/AcroForm"][NameObject("/Fields")] = ArrayObject()
        writer.update_root()
        writer.update_container(writer.root["/AcroForm"])

    assert refusal(_updated(pdf, strip)) == "the PDF carries no signature"


def test_second_signature_is_refused() -> None:
    signer = pdf_signer()
    _, unsigned = printed_report()
    once = _signed_with(signer, signer.certificate, unsigned, ISSUED_AT, certify=False)

    twice = _signed_with(signer, signer.certificate, once, ISSUED_AT, certify=False, field_name="second")

    assert refusal(twice) == "the PDF carries 2 signatures, expected one"


def test_other_envelope_is_refused() -> None:
    _, envelope, pdf = signed_report()

    assert refusal(pdf, envelope=envelope + b" ") == "the PDF's attachment is not the report's envelope"


def test_other_installations_signature_is_refused() -> None:
    _, unsigned = printed_report()
    stranger = pdf_signer(77)

    reason = refusal(stranger.sign(unsigned))

    assert reason == "the signer's certificate does not count (no issuer that counts made it)"


def test_no_root_lets_nothing_pass() -> None:
    _, _, pdf = signed_report()

    assert "does not count" in refusal(pdf, roots=[])


def test_signature_made_after_the_certificate_ran_out_is_refused() -> None:
    signer = pdf_signer()
    _, unsigned = printed_report()
    expired = _signed_with(signer, signer.certificate, unsigned, later(800))

    reason = refusal(expired, issued_at=None)

    # Made on 2 January 2026 for 730 days.
    assert reason == (
        "the signer's certificate does not count "
        "(valid from 2026-01-01T23:55:00.000Z to 2028-01-02T00:00:00.000Z, not at 2028-05-10T12:00:00.000Z)"
    )


@pytest.mark.parametrize(
    ("purposes", "usage"),
    [
        ([], {"digital_signature": True, "content_commitment": True}),
        (["1.3.6.1.5.5.7.3.2"], {"digital_signature": True, "content_commitment": True}),
        (["2.5.29.37.0"], {"digital_signature": True, "content_commitment": True}),
        (["1.3.6.1.5.5.7.3.36"], {"digital_signature": True, "content_commitment": False}),
        (["1.3.6.1.5.5.7.3.36"], {"digital_signature": False, "content_commitment": True}),
    ],
)
def test_certificate_that_may_not_sign_documents_is_refused(purposes: list[str], usage: dict[str, bool]) -> None:
    signer = pdf_signer()
    _, unsigned = printed_report()
    leaf = _certificate(signer, purposes, usage)

    reason = refusal(_signed_with(signer, leaf, unsigned, ISSUED_AT))

    assert reason.startswith("the signer's certificate does not count (it ")


def test_signature_that_permits_changes_is_refused() -> None:
    signer = pdf_signer()
    _, unsigned = printed_report()

    lax = _signed_with(signer, signer.certificate, unsigned, ISSUED_AT, docmdp_permissions=MDPPerm.FILL_FORMS)

    assert refusal(lax) == "the signature permits changes of the document"


def test_signature_that_does_not_certify_is_refused() -> None:
    signer = pdf_signer()
    _, unsigned = printed_report()

    approving = _signed_with(signer, signer.certificate, unsigned, ISSUED_AT, certify=False)

    assert refusal(approving) == "the signature does not certify the document"


def test_signature_of_another_kind_is_refused() -> None:
    signer = pdf_signer()
    _, unsigned = printed_report()

    old = _signed_with(signer, signer.certificate, unsigned, ISSUED_AT, subfilter=SigSeedSubFilter.ADOBE_PKCS7_DETACHED)

    assert refusal(old) == "the signature is not of the PAdES kind"


def test_signing_time_other_than_the_reports_is_refused() -> None:
    signer = pdf_signer()
    _, unsigned = printed_report()

    reason = refusal(signer.sign(unsigned, at=later(1)))

    assert reason == "the PDF was signed at 2026-03-03T12:00:00.000Z, the report issued at 2026-03-02T12:00:00.000Z"


def test_no_changed_byte_passes() -> None:
    """Random single-bit changes everywhere, as many in the signature's own increment, as many in its container."""
    _, unsigned = printed_report()
    signer, envelope, pdf = signed_report()
    dice = random.Random(20260302)
    gap_from, gap_to = (found.start() for found in (re.search(rb"<3082", pdf), re.search(rb">\n/ByteRange", pdf)) if found)
    regions = ((0, len(pdf)), (len(unsigned), len(pdf)), (gap_from, gap_from + 2900), (gap_from, gap_to))
    spots = [dice.randrange(*region) for region in regions for _ in range(MUTANTS // len(regions))]

    passed = []
    for spot in spots:
        changed = bytearray(pdf)
        changed[spot] ^= 1 << dice.randrange(8)
        try:
            verify_pdf(bytes(changed), envelope=envelope, roots=[signer.ca])
        except ValueError:
            continue
        passed.append(spot)

    assert len(spots) == MUTANTS
    assert passed == []


def test_random_bytes_and_nested_junk_are_refused_in_words() -> None:
    dice = random.Random(7)
    nested = b"%PDF-1.7\n1 0 obj\n" + b"[" * 20_000 + b"\nendobj\ntrailer\n<</Root 1 0 R>>\nstartxref\n9\n%%EOF\n"

    reasons = [refusal(junk) for junk in (b"", b"%PDF-1.7", b"\x00" * 5000, dice.randbytes(5000), nested)]

    assert all(reason.startswith("the PDF or its signature cannot be read (") for reason in reasons)


def test_file_beyond_the_bound_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    _, _, pdf = signed_report()
    monkeypatch.setattr(verify, "MAX_PDF_BYTES", len(pdf) - 1)

    assert refusal(pdf) == f"the PDF has {len(pdf)} bytes, at most {len(pdf) - 1} are read"


def test_refusal_writes_no_traceback_to_the_log(caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> None:
    """Its library logs the failed chain with its traceback, which a terminal without logging set up would show."""
    _, unsigned = printed_report()

    refusal(pdf_signer(77).sign(unsigned))

    assert caplog.records == []
    assert capfd.readouterr() == ("", "")


def test_without_the_extra_the_refusal_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    signer, envelope, pdf = signed_report()
    monkeypatch.setattr(verify, "HAS_PYHANKO", False)

    with pytest.raises(ExtraMissing, match=r"rtbf\[pdf\]"):
        verify_pdf(pdf, envelope=envelope, roots=[signer.ca])


def _updated(pdf: bytes, change: Callable[[IncrementalPdfFileWriter], None]) -> bytes:
    """Return the PDF with an incremental update, as any editor could append it."""
    writer = IncrementalPdfFileWriter(BytesIO(pdf))
    change(writer)
    output = BytesIO()
    writer.write(output)
    return output.getvalue()


def _signed_with(signer: PDFSigner, leaf: bytes, pdf: bytes, at: datetime, **settings: Any) -> bytes:
    """Return the PDF signed as anybody with pyHanko can, with any certificate and settings; by default as ours are."""
    registry = SimpleCertificateStore()
    registry.register(asn1_x509.Certificate.load(signer.ca))
    key = PrivateKeyInfo.load(signer.key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()))
    made = SimpleSigner(signing_cert=asn1_x509.Certificate.load(leaf), signing_key=key, cert_registry=registry)
    wished: dict[str, Any] = {
        "field_name": "rtbf-report",
        "md_algorithm": "sha256",
        "subfilter": SigSeedSubFilter.PADES,
        "certify": True,
        "docmdp_permissions": MDPPerm.NO_CHANGES,
        **settings,
    }

    async def sign_now() -> bytes:
        session = PdfSigner(PdfSignatureMetadata(**wished), made).init_signing_session(IncrementalPdfFileWriter(BytesIO(pdf)))
        session.system_time = at
        document = session.prepare_tbs_document(validation_info=None, bytes_reserved=8192)
        output = BytesIO()
        prepared, _ = document.digest_tbs_document(output=output)
        await document.perform_signature(prepared.document_digest, PdfCMSSignedAttributes())
        return output.getvalue()

    return asyncio.run(sign_now())


def _certificate(signer: PDFSigner, purposes: list[str], usage: dict[str, bool]) -> bytes:
    """Return a leaf by the signer's own issuer with other purposes and usage, DER."""
    usages = dict.fromkeys(
        ("key_encipherment", "data_encipherment", "key_agreement", "key_cert_sign", "crl_sign", "encipher_only", "decipher_only"), False
    )
    issuer = x509.load_der_x509_certificate(signer.ca)
    builder = (
        x509.CertificateBuilder()
        .subject_name(issuer.subject)
        .issuer_name(issuer.subject)
        .public_key(signer.key.public_key())
        .serial_number(4711)
        .not_valid_before(ISSUED_AT - timedelta(days=1))
        .not_valid_after(ISSUED_AT + timedelta(days=1))
        .add_extension(x509.KeyUsage(**usage, **usages), critical=True)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    )
    if purposes:
        builder = builder.add_extension(x509.ExtendedKeyUsage([x509.ObjectIdentifier(purpose) for purpose in purposes]), critical=False)
    return builder.sign(signer.ca_key, SHA256()).public_bytes(Encoding.DER)
