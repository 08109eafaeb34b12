"""Sign a printed report so that any PDF reader shows whether a page was changed after its issue.

Level made: PAdES B-B (ETSI EN 319 142-1), and B-T where a time-stamp authority is asked. A certifying signature that permits
no change (ISO 32000-1 §12.8.2.2), in a field without an appearance, by ECDSA on P-256 with SHA-256. The signature is
deterministic (RFC 6979), so no bad random number can give the key away; the file is not: its second /ID is random.

Does not prove more than the envelope inside does: the pages are a view. Without a time-stamp the signing time is the
signer's word. No revocation list or OCSP answer is embedded: the issuer is an installation's own and publishes none; a leaf
that was stolen is dealt with by the trust file. Refuses with ExtraMissing when the pdf extra is not installed.
"""

from __future__ import annotations

import asyncio
from io import BytesIO
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256

from rtbf.clock import rfc3339
from rtbf.errors import CertificateUnfit, ExtraMissing, RecordBroken

try:
    from asn1crypto import tsp
    from asn1crypto import x509 as asn1_x509
    from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
    from pyhanko.pdf_utils.misc import PdfError
    from pyhanko.sign.fields import MDPPerm, SigFieldSpec, SigSeedSubFilter
    from pyhanko.sign.general import SigningError
    from pyhanko.sign.signers import PdfSignatureMetadata, PdfSigner
    from pyhanko.sign.signers.pdf_cms import PdfCMSSignedAttributes, Signer
    from pyhanko.sign.timestamps import TimeStamper, TimestampRequestError
    from pyhanko_certvalidator.registry import SimpleCertificateStore

    HAS_PYHANKO = True
except ModuleNotFoundError:  # The officer's and the auditor's core works without it.
    HAS_PYHANKO = False
    Signer = TimeStamper = object  # type: ignore[assignment,misc]

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

FIELD_NAME = "rtbf-report"
_DIGEST = "sha256"
_CONTAINER_BYTES = 4096
"""Room for the signature and two certificates, whose names are bounded: about 2 KiB are used."""
_TOKEN_BYTES = 16384
"""More room for a time-stamp token with its authority's chain."""


def sign_pdf(
    pdf: bytes,
    *,
    key: ec.EllipticCurvePrivateKey,
    certificate: bytes,
    chain: Sequence[bytes],
    at: datetime,
    time_stamp: Callable[[bytes], bytes] | None = None,
) -> bytes:
    """Return the PDF with a certifying signature over the whole of it, made `at` (aware; written to the second).

    certificate  the signer's own, DER; chain: its issuers, DER, carried along for readers that want them
    time_stamp   takes a DER TimeStampReq and returns the authority's DER TimeStampResp (RFC 3161), or raises its own
                 error, which passes through; None makes B-B. It is asked once. What it answers is not judged here but by
                 `verify_pdf` with the authority's roots.

    raises  ExtraMissing without pyHanko; CertificateUnfit when the certificate is not the key's or not valid `at`;
            RecordBroken when the PDF cannot be signed, or the authority's answer cannot be used.
    Not to be called from a running event loop: pyHanko needs one of its own.
    """
    if not HAS_PYHANKO:
        raise ExtraMissing(
            found="no pyHanko package", expected="the pdf extra", remedy="pip install 'rtbf[pdf]' and issue the report again"
        )
    _require_fit(key, certificate, at)
    signer = _KeySigner(key, certificate, chain)
    stamper = None if time_stamp is None else _AskedAuthority(time_stamp)
    try:
        return asyncio.run(_sign(pdf, signer, stamper, at, _certifying()))
    except (PdfError, SigningError, TimestampRequestError) as refused:
        raise RecordBroken(
            found=f"the report's PDF could not be signed ({refused})",
            expected="an unsigned PDF as the renderer makes it, and a usable answer of the time-stamp authority, if one is asked",
            remedy="nothing was issued; issue the report again, and report this fault with the ticket's id if it stays",
        ) from refused


def _certifying() -> PdfSignatureMetadata:
    return PdfSignatureMetadata(
        field_name=FIELD_NAME,
        md_algorithm=_DIGEST,
        subfilter=SigSeedSubFilter.PADES,
        certify=True,
        docmdp_permissions=MDPPerm.NO_CHANGES,
    )


async def _sign(pdf: bytes, signer: _KeySigner, stamper: _AskedAuthority | None, at: datetime, metadata: PdfSignatureMetadata) -> bytes:
    """Run pyHanko's signing steps one by one: its short form takes the machine's clock for the signing time."""
    pdf_signer = PdfSigner(metadata, signer, timestamper=stamper, new_field_spec=SigFieldSpec(str(metadata.field_name)))
    session = pdf_signer.init_signing_session(IncrementalPdfFileWriter(BytesIO(pdf)))
    session.system_time = at.replace(microsecond=0)
    reserved = 2 * (_CONTAINER_BYTES + (0 if stamper is None else _TOKEN_BYTES))
    document = session.prepare_tbs_document(validation_info=None, bytes_reserved=reserved)
    output = BytesIO()
    prepared, _ = document.digest_tbs_document(output=output)
    await document.perform_signature(prepared.document_digest, PdfCMSSignedAttributes())
    return output.getvalue()


class _KeySigner(Signer):
    """Signs with a key object, so that the private key is never written out as bytes."""

    def __init__(self, key: ec.EllipticCurvePrivateKey, certificate: bytes, chain: Sequence[bytes]) -> None:
        self._key = key
        registry = SimpleCertificateStore()
        registry.register_multiple([asn1_x509.Certificate.load(issuer) for issuer in chain])
        super().__init__(signing_cert=asn1_x509.Certificate.load(certificate), cert_registry=registry)

    async def async_sign_raw(self, data: bytes, digest_algorithm: str, dry_run: bool = False) -> bytes:  # noqa: ARG002, FBT001, FBT002 - theirs
        """Return the DER signature (RFC 3279 §2.2.3) over the bytes, hashed with SHA-256."""
        assert digest_algorithm == _DIGEST
        return self._key.sign(data, ec.ECDSA(SHA256(), deterministic_signing=True))


class _AskedAuthority(TimeStamper):
    """Asks the time-stamp authority through a function of ours, so that no other client opens a connection."""

    def __init__(self, ask: Callable[[bytes], bytes]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # pyHanko leaves it unannotated
        self._ask = ask

    async def async_request_tsa_response(self, req: tsp.TimeStampReq) -> tsp.TimeStampResp:
        """Return the authority's answer; pyHanko checks its status and nonce."""
        answer = self._ask(req.dump())
        try:
            read = tsp.TimeStampResp.load(answer, strict=True)
            # asn1crypto reads lazily: a look at the whole of it brings any trouble up here.
            _ = read.native
        except (ValueError, TypeError) as unreadable:
            raise TimestampRequestError("the time-stamp authority's answer cannot be read, or holds no token") from unreadable
        return read


def _require_fit(key: ec.EllipticCurvePrivateKey, certificate: bytes, at: datetime) -> None:
    found = x509.load_der_x509_certificate(certificate)
    if found.public_key() != key.public_key():
        raise CertificateUnfit(
            found="a PDF certificate that is not for the PDF key", expected="the certificate made with the key", remedy="see `rtbf key`"
        )
    if not found.not_valid_before_utc <= at <= found.not_valid_after_utc:
        span = f"from {rfc3339(found.not_valid_before_utc)} to {rfc3339(found.not_valid_after_utc)}"
        raise CertificateUnfit(
            found=f"a PDF certificate that is not valid at {rfc3339(at)}", expected=f"a time {span}", remedy="renew it, see `rtbf key`"
        )
