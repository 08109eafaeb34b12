"""A made-up organisation's PDF issuer and signer, with fixed keys, and a printed report signed by it.

The signed report is made once per test process: printing and signing take a second, reading it takes none.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric import ec

from rtbf.clock import parse_rfc3339
from rtbf.evidence.certificates import create_pdf_ca, create_pdf_certificate
from rtbf.evidence.keys import key_id
from rtbf.report.pdf.render import render_pdf
from rtbf.report.pdf.sign import sign_pdf
from rtbf.report.statement import build_statement
from tests import builders

if TYPE_CHECKING:
    from collections.abc import Callable

ISSUED_AT = parse_rfc3339(builders.ISSUED_AT)
ORGANISATION = "Example Ltd"


@dataclass(frozen=True, kw_only=True, slots=True)
class PDFSigner:
    """An issuer's and a signer's key with their certificates, DER."""

    ca_key: ec.EllipticCurvePrivateKey
    ca: bytes
    key: ec.EllipticCurvePrivateKey
    certificate: bytes

    def sign(self, pdf: bytes, at: datetime = ISSUED_AT, time_stamp: Callable[[bytes], bytes] | None = None) -> bytes:
        """Return the PDF signed by this signer."""
        return sign_pdf(pdf, key=self.key, certificate=self.certificate, chain=[self.ca], at=at, time_stamp=time_stamp)


@lru_cache(maxsize=8)
def pdf_signer(number: int = 11, made_at: datetime = datetime(2026, 1, 2, tzinfo=UTC)) -> PDFSigner:
    """Return a signer made from a number, its certificates made on 2 January 2026; the same one each time."""
    ca_key, key = (ec.derive_private_key(seed, ec.SECP256R1()) for seed in (number, number + 1_000_000))
    ca = create_pdf_ca(ca_key, ORGANISATION, made_at)
    return PDFSigner(ca_key=ca_key, ca=ca, key=key, certificate=create_pdf_certificate(ca_key, ca, key.public_key(), made_at))


def print_report() -> tuple[bytes, bytes]:
    """Return the envelope of `builders.case()` and its unsigned PDF, printed anew."""
    made = builders.case()
    envelope = builders.envelope(made)
    return envelope, render_pdf(build_statement(made), envelope, key_id(builders.signing_key().public_key()))


@lru_cache(maxsize=1)
def printed_report() -> tuple[bytes, bytes]:
    """Return what `print_report` gives, once for all."""
    return print_report()


@lru_cache(maxsize=1)
def signed_report() -> tuple[PDFSigner, bytes, bytes]:
    """Return a signer, the envelope of `builders.case()`, and its PDF signed at the report's time of issue."""
    signer = pdf_signer()
    envelope, pdf = printed_report()
    return signer, envelope, signer.sign(pdf)


def later(days: int) -> datetime:
    """Return the time so many days after the report's issue."""
    return ISSUED_AT + timedelta(days=days)
