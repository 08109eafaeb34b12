"""Signing the printed report: what the signature is made of, its time-stamp, and what the signer refuses."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import TYPE_CHECKING

import pytest
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.fields import MDPPerm

from rtbf.errors import CertificateUnfit, ExtraMissing, RecordBroken
from rtbf.report.pdf import sign
from rtbf.report.pdf.verify import verify_pdf
from tests.authority import URL, Authority, make_authority
from tests.pdf_signing import ISSUED_AT, later, pdf_signer, printed_report, signed_report

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import tzinfo
    from pathlib import Path


def test_signed_file_begins_with_the_unsigned_one() -> None:
    """The pages are not touched by signing: the signature is an increment."""
    _, unsigned = printed_report()
    _, _, pdf = signed_report()

    assert pdf[: len(unsigned)] == unsigned


def test_signature_is_an_invisible_certifying_one_that_permits_no_change() -> None:
    _, _, pdf = signed_report()

    (signature,) = PdfFileReader(BytesIO(pdf)).embedded_signatures

    assert signature.docmdp_level == MDPPerm.NO_CHANGES
    assert [int(number) for number in signature.sig_field["/Rect"]] == [0, 0, 0, 0]
    assert signature.sig_object["/SubFilter"] == "/ETSI.CAdES.detached"
    assert signature.signer_info["signature_algorithm"]["algorithm"].native == "sha256_ecdsa"


class _StillClock(datetime):
    """The clock from which pyHanko takes a file's ModifyDate, which it writes to the second."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> _StillClock:
        return cls(2026, 3, 2, 12, tzinfo=tz)


def test_signing_needs_no_luck(monkeypatch: pytest.MonkeyPatch) -> None:
    """RFC 6979: with the file's random /ID and its date held still, signing twice gives the same bytes; an ECDSA nonce would not."""
    signer = pdf_signer()
    _, unsigned = printed_report()
    monkeypatch.setattr(os, "urandom", bytes)
    monkeypatch.setattr("pyhanko.pdf_utils.metadata.xmp_xml.datetime", _StillClock)

    first, second = (signer.sign(unsigned) for _ in range(2))

    assert first == second


def test_signer_refuses_a_certificate_of_another_key() -> None:
    signer, other = pdf_signer(), pdf_signer(77)
    _, unsigned = printed_report()

    with pytest.raises(CertificateUnfit, match="not for the PDF key"):
        sign.sign_pdf(unsigned, key=signer.key, certificate=other.certificate, chain=[other.ca], at=ISSUED_AT)


def test_signer_refuses_a_certificate_that_has_run_out() -> None:
    signer = pdf_signer()
    _, unsigned = printed_report()

    with pytest.raises(CertificateUnfit, match="not valid at 2028-05-10"):
        signer.sign(unsigned, at=later(800))


@pytest.mark.parametrize("pdf", [b"", b"no PDF at all", b"%PDF-1.7\n%%EOF\n"])
def test_signer_refuses_what_is_no_report(pdf: bytes) -> None:
    with pytest.raises(RecordBroken, match="could not be signed"):
        pdf_signer().sign(pdf)


def test_time_stamped_signature_is_read_with_the_authoritys_root(authority: Authority) -> None:
    """PAdES B-T. The authority stamps with the machine's time, so the report is signed at that time too."""
    at = datetime.now(UTC)
    signer = pdf_signer(made_at=at - timedelta(days=1))
    envelope, unsigned = printed_report()
    pdf = signer.sign(unsigned, at=at, time_stamp=asking(authority))

    judged = verify_pdf(pdf, envelope=envelope, roots=[signer.ca], tsa_roots=authority.roots)
    unjudged = verify_pdf(pdf, envelope=envelope, roots=[signer.ca])

    assert len(authority.asked) == 1
    assert f", time-stamped {at:%Y-%m-%d}T" in judged
    assert "with a time-stamp that was not judged, for want of its authority's root" in unjudged


def test_time_stamp_of_another_authority_is_refused(authority: Authority) -> None:
    at = datetime.now(UTC)
    signer = pdf_signer(made_at=at - timedelta(days=1))
    envelope, unsigned = printed_report()
    pdf = signer.sign(unsigned, at=at, time_stamp=asking(authority))

    with pytest.raises(ValueError, match=r"^the time-stamp inside the signature does not hold$"):
        verify_pdf(pdf, envelope=envelope, roots=[signer.ca], tsa_roots=[signer.ca])


def test_time_stamp_from_before_the_signing_time_is_refused(authority: Authority) -> None:
    """A signer that claims a later time than the authority saw."""
    at = datetime.now(UTC)
    signer = pdf_signer(made_at=at - timedelta(days=1))
    envelope, unsigned = printed_report()
    pdf = signer.sign(unsigned, at=at + timedelta(days=3), time_stamp=asking(authority))

    with pytest.raises(ValueError, match="before the signing time"):
        verify_pdf(pdf, envelope=envelope, roots=[signer.ca], tsa_roots=authority.roots)


@pytest.mark.parametrize("answer", [b"", b"\x30\x03\x02\x01\x02", b"<html>503</html>"])
def test_unusable_answer_of_the_authority_is_a_fault_with_its_reason(answer: bytes) -> None:
    _, unsigned = printed_report()

    with pytest.raises(RecordBroken, match="could not be signed"):
        pdf_signer().sign(unsigned, time_stamp=lambda _: answer)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """A local time-stamp authority by `openssl ts`, whose clock is the machine's."""
    return make_authority(tmp_path / "tsa")


def asking(authority: Authority) -> Callable[[bytes], bytes]:
    """Return the function that asks the authority, as the service's own client is handed to `sign_pdf`."""
    return lambda request: authority.post(URL, request, 5)


def test_without_the_extra_the_signers_refusal_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    _, unsigned = printed_report()
    monkeypatch.setattr(sign, "HAS_PYHANKO", False)

    with pytest.raises(ExtraMissing, match=r"rtbf\[pdf\]"):
        pdf_signer().sign(unsigned)
