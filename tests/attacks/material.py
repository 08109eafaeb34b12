"""The parts of a bundle that come out with other bytes each time: certificates, time-stamps and the signed PDF. Once a process."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rtbf.evidence.keys import key_id
from rtbf.report.pdf.render import render_pdf
from tests import builders, bundles
from tests.attacks.record import bundle, small, statement_of
from tests.authority import make_authority
from tests.pdf_signing import pdf_signer

if TYPE_CHECKING:
    from rtbf.report.statement import Case

_TIMES = {"good": "20260302120030Z", "again": "20260302130000Z", "early": "20260302110000Z", "late": "20260310120000Z"}
"""The report was issued on 2 March 2026 at 12:00."""


def printed_case() -> Case:
    """Return the case of the printed and stamped report."""
    return small(time_stamp="asked")


def full_case() -> Case:
    """Return the case of a printed and stamped report on all probes."""
    return builders.case(time_stamp="asked")


@cache
def envelope() -> bytes:
    """Return the envelope of the printed and stamped report."""
    return bundle(printed_case())["report.dsse.json"]


@cache
def printed_bundle() -> dict[str, bytes]:
    """Return the good bundle with a time-stamp and a PDF."""
    return bundle(printed_case(), token=lambda _: stamps()["good"], pdf=signed_pdf, trust=trust())


def full_bundle() -> dict[str, bytes]:
    """Return the good bundle of the report on all probes with a time-stamp and a PDF."""
    return bundle(full_case(), token=lambda _: stamps()["full"], pdf=signed_pdf, trust=trust())


def stamped_bundle(stamp: str, **changes: Any) -> dict[str, bytes]:
    """Return the bundle with one of the time-stamps and no PDF."""
    return bundle(printed_case(), token=lambda _: stamps()[stamp], trust=trust(), **changes)


def trust(**changes: Any) -> bytes:
    """Return the trust file that names the PDF's issuer and the time-stamping authority."""
    certificates = {"pdf_roots": (builders.base64_text(pdf_signer().ca),), "tsa_roots": (builders.base64_text(stamps()["root"]),)}
    return bundles.trust_bytes(**{**certificates, **changes})


@cache
def stamps() -> dict[str, bytes]:
    """Return time-stamps of `envelope()` by one authority at several times, one by a stranger, one of the full report; and the root."""
    full = bundle(full_case())["report.dsse.json"]
    with tempfile.TemporaryDirectory() as folder:
        own, other = make_authority(Path(folder) / "own"), make_authority(Path(folder) / "other", "Other TSA root")
        return {
            "root": own.roots[0],
            "stranger": other.by_hand(envelope(), at=_TIMES["good"]),
            "full": own.by_hand(full, at=_TIMES["good"]),
            **{name: own.by_hand(envelope(), at=at) for name, at in _TIMES.items()},
        }


@cache
def signed_pdf(envelope: bytes) -> bytes:
    """Return the report printed with the envelope attached, signed by the operator's PDF signer."""
    return pdf_signer().sign(unsigned_pdf(envelope))


def strangers_pdf(envelope: bytes) -> bytes:
    """Return the same pages signed by somebody whose issuer no trust file names."""
    return pdf_signer(77).sign(unsigned_pdf(envelope))


def unsigned_pdf(envelope: bytes) -> bytes:
    """Return the report printed with the envelope attached, unsigned."""
    return render_pdf(statement_of(envelope), envelope, key_id(builders.signing_key().public_key()))
