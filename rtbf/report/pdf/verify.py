"""Check a signed printed report against its envelope: signature, certificate, nothing changed, nothing added, same attachment.

The rules, in order; each fails closed:

1. The size is within bounds, and the file is read strictly.
2. There is one signature, it certifies the document and permits no change, and it lies in the last revision.
3. Its byte range begins at the first byte and ends at the last one, around nothing but the signature's container. pyHanko
   accepts appended bytes and a file cut back to an earlier revision; a PDF reader shows them as valid.
4. The signature is the certificate's, and the certificate leads to one of the given issuers, may sign documents
   (key usage and RFC 9336), and was valid at the signing time. A time-stamp inside, if there is one,
   holds as well and is not from before that time.
5. The container holds what the signature covers and nothing else: it is written anew from its parts and must be the same
   bytes, so that not one byte of the file can change unnoticed.
6. The attachment, read from the signed revision, is the envelope byte for byte, and there is no other.

Does not prove: that the pages say what the envelope says (the envelope counts); the signing time, without a time-stamp; that
the certificate was not revoked (its issuer publishes no list: the trust file tells). Bad input of any kind is a ValueError
that repeats none of it. Refuses with ExtraMissing when the pdf extra is not installed.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import TYPE_CHECKING, Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature

from rtbf.clock import rfc3339
from rtbf.errors import ExtraMissing
from rtbf.evidence.certificates import DOCUMENT_SIGNING

try:
    from asn1crypto import cms
    from asn1crypto import x509 as asn1_x509
    from pyhanko.pdf_utils.misc import PdfError
    from pyhanko.pdf_utils.reader import PdfFileReader
    from pyhanko.sign.fields import MDPPerm
    from pyhanko.sign.validation import validate_pdf_signature
    from pyhanko.sign.validation.errors import SignatureValidationError
    from pyhanko.sign.validation.pdf_embedded import EmbeddedPdfSignature, read_certification_data
    from pyhanko.sign.validation.settings import KeyUsageConstraints
    from pyhanko_certvalidator import ValidationContext
    from pyhanko_certvalidator.errors import PathError, ValidationError

    _THEIRS: tuple[type[Exception], ...] = (PdfError, SignatureValidationError, PathError, ValidationError, InvalidSignature)
    HAS_PYHANKO = True
except ModuleNotFoundError:  # The JSON path of the checker works without it.
    _THEIRS = ()
    HAS_PYHANKO = False

if TYPE_CHECKING:
    from collections.abc import Sequence

MAX_PDF_BYTES = 32 * 1024 * 1024
"""A report of ours has some hundred kilobytes."""
ATTACHMENT_NAME = "report.dsse.json"

# What the readers raise on hostile bytes, besides their own errors: seen under random changes. RuntimeError is the answer to
# deep nesting, and to features that no report of ours uses.
_TROUBLE: tuple[type[Exception], ...] = (
    *_THEIRS,
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    RuntimeError,
    TypeError,
    ValueError,
)
_CLOCK_SLACK = timedelta(minutes=5)
"""A time-stamp authority's clock and ours may differ by this much."""


def verify_pdf(
    pdf: bytes,
    *,
    envelope: bytes,
    roots: Sequence[bytes],
    tsa_roots: Sequence[bytes] = (),
    issued_at: datetime | None = None,
) -> str:
    """Return one line that says who signed when and what was seen; raises ValueError when any rule above does not hold.

    roots      the issuers' certificates that count, DER (`pdf_roots` of the trust file); none means that nothing passes
    tsa_roots  the time-stamp authorities' certificates that count, DER. Without one a time-stamp inside is told of, not judged
    issued_at  the report's time of issue, to the second, which the signing time must be; None compares nothing
    """
    if not HAS_PYHANKO:
        raise ExtraMissing(found="no pyHanko package", expected="the pdf extra", remedy="pip install 'rtbf[pdf]' and check again")
    if len(pdf) > MAX_PDF_BYTES:
        raise ValueError(f"the PDF has {len(pdf)} bytes, at most {MAX_PDF_BYTES} are read")
    # pyHanko writes what it finds, with its own traceback, to the log as well as into the result.
    for name in ("pyhanko", "pyhanko_certvalidator"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    try:
        return _verify(pdf, envelope, roots, tsa_roots, issued_at)
    except _Unsound:
        raise
    except _TROUBLE as refused:
        raise ValueError(f"the PDF or its signature cannot be read ({type(refused).__name__})") from refused


class _Unsound(ValueError):
    """A rule that does not hold, in words of ours."""


def _verify(pdf: bytes, envelope: bytes, roots: Sequence[bytes], tsa_roots: Sequence[bytes], issued_at: datetime | None) -> str:
    reader = PdfFileReader(BytesIO(pdf), strict=True)
    signature = _the_signature(reader)
    _require_whole(pdf, signature)
    signed_at = _signing_time(signature, issued_at)
    stamped_at = _require_valid(signature, signed_at, roots, tsa_roots)
    _require_nothing_else(signature, roots)
    _require_attachment(reader, signature, envelope)
    signer = x509.load_der_x509_certificate(signature.signer_cert.dump())
    stamp = "without a time-stamp"
    if stamped_at is not None:
        stamp = f"time-stamped {rfc3339(stamped_at)}"
    elif signature.signer_info["unsigned_attrs"].native:
        stamp = "with a time-stamp that was not judged, for want of its authority's root"
    return (
        f"certified by {signer.subject.rfc4514_string()} at {rfc3339(signed_at)}, {stamp}; "
        f"nothing changed or added since; carries the envelope byte for byte"
    )


def _the_signature(reader: PdfFileReader) -> EmbeddedPdfSignature:
    """Rule 2: return the one signature, which certifies the document, permits no change, and lies in the last revision."""
    found = list(reader.embedded_signatures)
    if not found:
        raise _Unsound("the PDF carries no signature")
    if len(found) > 1:
        raise _Unsound(f"the PDF carries {len(found)} signatures, expected one")
    certified = read_certification_data(reader)
    if certified is None or certified.author_sig.get_container_ref() != found[0].sig_object.get_container_ref():
        raise _Unsound("the signature does not certify the document")
    if certified.permission != MDPPerm.NO_CHANGES:
        raise _Unsound("the signature permits changes of the document")
    if found[0].sig_object["/SubFilter"] != "/ETSI.CAdES.detached":
        raise _Unsound("the signature is not of the PAdES kind")
    if found[0].signed_revision != reader.total_revisions - 1:
        raise _Unsound("the PDF was changed after it was signed (a later revision follows)")
    signature: EmbeddedPdfSignature = found[0]
    return signature


def _require_whole(pdf: bytes, signature: EmbeddedPdfSignature) -> None:
    """Rule 3: the byte range covers every byte but the container, which stands in the gap as upper-case hexadecimal."""
    ranges = [int(number) for number in signature.byte_range]
    if len(ranges) != len((0, "before", "after", "length")) or ranges[0] != 0:
        raise _Unsound("the signature's byte range does not begin at the file's first byte, in two parts")
    gap_from, gap_to, rest = ranges[1], ranges[2], ranges[3]
    if gap_to + rest != len(pdf):
        raise _Unsound(f"the signature covers {gap_to + rest} bytes of a file of {len(pdf)}: something was added or cut off")
    if pdf[gap_from:gap_to] != b"<" + signature.pkcs7_content.hex().upper().encode() + b">":
        raise _Unsound("the gap in the signature's byte range holds more than the signature")
    if not pdf.endswith(b"%%EOF\n"):
        raise _Unsound("the file does not end where a PDF ends")


def _signing_time(signature: EmbeddedPdfSignature, issued_at: datetime | None) -> datetime:
    """Return the time in the signature's dictionary, which the signature covers; it must be the report's time of issue."""
    signed_at = signature.self_reported_timestamp
    if not isinstance(signed_at, datetime) or signed_at.tzinfo is None:
        raise _Unsound("the signature states no signing time")
    if issued_at is not None and signed_at != issued_at.replace(microsecond=0):
        raise _Unsound(f"the PDF was signed at {rfc3339(signed_at)}, the report issued at {rfc3339(issued_at)}")
    return signed_at.astimezone(UTC)


def _require_valid(
    signature: EmbeddedPdfSignature, signed_at: datetime, roots: Sequence[bytes], tsa_roots: Sequence[bytes]
) -> datetime | None:
    """Rule 4; return the time in the time-stamp that counts, or None."""
    usage = KeyUsageConstraints(key_usage={"digital_signature", "non_repudiation"}, extd_key_usage={DOCUMENT_SIGNING})
    status = validate_pdf_signature(
        signature,
        signer_validation_context=_context(roots, signed_at),
        ts_validation_context=_context(tsa_roots, signed_at),
        key_usage_settings=usage,
    )
    if not status.intact:
        raise _Unsound("the PDF is not the one that was signed: its digest differs")
    if not status.valid:
        raise _Unsound("the signature is not by the key of its certificate")
    _require_document_signer(signature, signed_at)
    if not status.trusted:
        raise _Unsound("the signer's certificate does not count (no issuer that counts made it)")
    stamp = status.timestamp_validity
    if stamp is None or not tsa_roots:
        return None
    if not (stamp.intact and stamp.valid and stamp.trusted):
        raise _Unsound("the time-stamp inside the signature does not hold")
    if stamp.timestamp < signed_at - _CLOCK_SLACK:
        raise _Unsound(f"the time-stamp inside the signature is of {rfc3339(stamp.timestamp)}, before the signing time")
    return stamp.timestamp.astimezone(UTC)


def _context(roots: Sequence[bytes], at: datetime) -> ValidationContext:
    return ValidationContext(
        trust_roots=[asn1_x509.Certificate.load(root) for root in roots], moment=at, allow_fetching=False, revocation_mode="soft-fail"
    )


def _require_document_signer(signature: EmbeddedPdfSignature, signed_at: datetime) -> None:
    """Refuse a certificate that may not sign documents or was not valid then.

    pyHanko 0.38 takes any one of the key usages asked for, and none at all from a certificate that is itself a root.
    """
    leaf = x509.load_der_x509_certificate(signature.signer_cert.dump())
    if not leaf.not_valid_before_utc <= signed_at <= leaf.not_valid_after_utc:
        span = f"valid from {rfc3339(leaf.not_valid_before_utc)} to {rfc3339(leaf.not_valid_after_utc)}"
        raise _Unsound(f"the signer's certificate does not count ({span}, not at {rfc3339(signed_at)})")
    try:
        usage = leaf.extensions.get_extension_for_class(x509.KeyUsage).value
        purposes = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        raise _Unsound("the signer's certificate does not count (it does not say that it may sign documents)") from None
    allowed = {purpose.dotted_string for purpose in purposes}
    if not (usage.digital_signature and usage.content_commitment and DOCUMENT_SIGNING in allowed):
        raise _Unsound("the signer's certificate does not count (it may not sign documents)")


def _require_nothing_else(signature: EmbeddedPdfSignature, roots: Sequence[bytes]) -> None:
    """Rule 5: written anew from what is signed, the container is the same bytes, padded with zeros.

    Certificates that come along are the signer's and those of the given roots; a time-stamp's token is the only unsigned
    attribute, and is taken as it is.
    """
    info, leaf = signature.signer_info, signature.signer_cert
    carried = [chosen.chosen for chosen in signature.signed_data["certificates"]]
    if any(certificate.dump() not in {leaf.dump(), *roots} for certificate in carried):
        raise _Unsound("the signature brings a certificate that is neither the signer's nor an issuer's that counts")
    parts: dict[str, Any] = {
        "version": "v1",
        "sid": {"issuer_and_serial_number": {"issuer": leaf.issuer, "serial_number": leaf.serial_number}},
        "digest_algorithm": {"algorithm": "sha256"},
        "signed_attrs": info["signed_attrs"],
        "signature_algorithm": {"algorithm": "sha256_ecdsa"},
        "signature": info["signature"].native,
    }
    unsigned = info["unsigned_attrs"]
    if unsigned.native:
        if [attribute["type"].native for attribute in unsigned] != ["signature_time_stamp_token"]:
            raise _Unsound("the signature has unsigned attributes other than one time-stamp")
        # Read anew and not looked into: asn1crypto writes what was looked into value by value, again for every level above.
        read = cms.ContentInfo.load(signature.pkcs7_content)["content"]["signer_infos"][0]["unsigned_attrs"]
        parts["unsigned_attrs"] = cms.CMSAttributes(contents=read.contents)
    anew = cms.ContentInfo(
        {
            "content_type": "signed_data",
            "content": {
                "version": "v1",
                "digest_algorithms": [{"algorithm": "sha256"}],
                "encap_content_info": {"content_type": "data"},
                "certificates": carried,
                "signer_infos": [parts],
            },
        }
    ).dump()
    if signature.pkcs7_content.rstrip(b"\x00") != anew.rstrip(b"\x00"):
        raise _Unsound("the signature's container holds something that the signature does not cover")


def _require_attachment(reader: PdfFileReader, signature: EmbeddedPdfSignature, envelope: bytes) -> None:
    """Rule 6: in the signed revision there is one attachment, under our name, and it is the envelope."""
    catalog = reader.get_historical_root(signature.signed_revision)
    names = catalog["/Names"]["/EmbeddedFiles"]["/Names"]
    if len(names) != len(("name", "file")) or names[0] != ATTACHMENT_NAME:
        raise _Unsound(f"the PDF does not carry exactly one attachment called {ATTACHMENT_NAME}")
    files = names[1]["/EF"]
    for kind in files:
        if files[kind].data != envelope:
            raise _Unsound("the PDF's attachment is not the report's envelope")
    if not files:
        raise _Unsound("the PDF's attachment has no content")
