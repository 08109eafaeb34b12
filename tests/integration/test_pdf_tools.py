"""The signed report under other people's programs: poppler, NSS and qpdf.

Their absence fails these tests, as everywhere here: a green run must mean that they ran. TEST_ALLOW_SKIP=1 skips them.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from tests import builders
from tests.pdf_signing import PDFSigner, signed_report

PROGRAMS = ("pdfsig", "pdftotext", "pdffonts", "pdfdetach", "qpdf", "certutil")


@pytest.fixture(autouse=True)
def programs() -> None:
    """Refuse, or skip when that is allowed, on a machine without the programs."""
    missing = [name for name in PROGRAMS if shutil.which(name) is None]
    if missing:
        words = f"missing {', '.join(missing)}: apt-get install poppler-utils qpdf libnss3-tools"
        pytest.skip(words) if os.environ.get("TEST_ALLOW_SKIP") == "1" else pytest.fail(words)


@pytest.fixture
def report(tmp_path: Path) -> Path:
    """A signed report on disk."""
    path = tmp_path / "report.pdf"
    path.write_bytes(signed_report()[2])
    return path


def test_pdfsig_finds_the_signature_valid_and_the_whole_file_signed(report: Path) -> None:
    said = _run("pdfsig", "-nocert", report)

    assert "Signature is Valid." in said
    assert "Total document signed" in said
    assert "Signature Type: ETSI.CAdES.detached" in said
    assert "Signing Hash Algorithm: SHA-256" in said
    assert "Signer Certificate Common Name: Example Ltd report signature" in said


def test_pdfsig_trusts_the_certificate_once_nss_knows_the_issuer(report: Path, tmp_path: Path) -> None:
    """What an auditor's PDF reader shows before and after the issuer is imported."""
    signer, _, _ = signed_report()
    knowing, ignorant = (_nss(tmp_path / name, issuer) for name, issuer in (("knowing", signer), ("ignorant", None)))

    trusted, unknown = (_run("pdfsig", "-nssdir", f"sql:{folder}", report) for folder in (knowing, ignorant))

    assert "Certificate is Trusted." in trusted
    assert "Certificate is Trusted." not in unknown
    assert "Signature is Valid." in unknown


def test_pdfsig_notices_a_changed_byte(report: Path) -> None:
    content = bytearray(report.read_bytes())
    content[len(content) // 2] ^= 1
    report.write_bytes(bytes(content))

    said = _run("pdfsig", "-nocert", report)

    assert "Signature is Valid." not in said


def test_qpdf_finds_no_fault_in_the_file(report: Path) -> None:
    said = _run("qpdf", "--check", report)

    assert "No syntax or stream encoding errors found" in said
    assert "WARNING" not in said


def test_attachment_is_the_envelope_byte_for_byte(report: Path, tmp_path: Path) -> None:
    _, envelope, _ = signed_report()

    _run("pdfdetach", "-savefile", "report.dsse.json", "-o", tmp_path / "taken.json", report)

    assert (tmp_path / "taken.json").read_bytes() == envelope


def test_every_font_is_one_of_ours_and_embedded(report: Path) -> None:
    rows = [line.split() for line in _run("pdffonts", report).splitlines()[2:]]

    names = {re.sub(r"^[A-Z]{6}\+|-Identity-H$", "", row[0]) for row in rows}

    assert names <= {path.stem for path in (Path(__file__).parents[2] / "rtbf/report/pdf/fonts").glob("*.otf")}
    assert len(names) >= 5
    # The columns "emb sub uni", counted from the right, where the object's two numbers stand last.
    assert all(row[-5:-2] == ["yes", "yes", "yes"] for row in rows)


def test_page_one_says_what_an_officer_looks_for(report: Path) -> None:
    page = " ".join(_run("pdftotext", "-f", "1", "-l", "1", report, "-").split())

    for words in (
        "PASS",
        "Class awarded.",
        "What may be said",
        "DEADLINE",
        "RUNNING",
        builders.TICKET_ID,
        "rep_01test",
        "self-attested",
        "rtbf-check",
    ):
        assert words in page
    assert re.search(r"page 1 of \d+$", page)


def test_no_heading_stands_last_on_a_page(report: Path) -> None:
    """Sections are numbered; a number with its title must not be the last thing above the footer."""
    pages = _run("pdftotext", "-layout", report, "-").split("\f")[:-1]

    last = [[line.strip() for line in page.splitlines() if line.strip()][-2] for page in pages]

    assert len(last) >= 7
    assert [line for line in last if re.match(r"^\d+ [A-Z]", line)] == []


def _nss(folder: Path, issuer: PDFSigner | None) -> Path:
    """Return the folder of a new NSS database, which trusts the issuer if one is given."""
    folder.mkdir()
    _run("certutil", "-N", "-d", f"sql:{folder}", "--empty-password")
    if issuer is not None:
        certificate = folder / "issuer.pem"
        certificate.write_bytes(x509.load_der_x509_certificate(issuer.ca).public_bytes(Encoding.PEM))
        _run("certutil", "-A", "-d", f"sql:{folder}", "-n", "issuer", "-t", "CT,C,C", "-i", certificate)
    return folder


def _run(*command: str | Path) -> str:
    """Return what the program says; pdfsig ends with 0 whatever it thinks of a signature."""
    done = subprocess.run(command, capture_output=True, check=False, text=True)
    return done.stdout + done.stderr
