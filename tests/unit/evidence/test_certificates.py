"""The certificates of the printed report: what they allow, whom they name, and how long they last."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from rtbf.evidence.certificates import create_pdf_ca, create_pdf_certificate

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
CA_KEY, LEAF_KEY = (ec.derive_private_key(number, ec.SECP256R1()) for number in (11, 12))


def _pair(organisation: str | None = "Example Ltd", now: datetime = NOW) -> tuple[x509.Certificate, x509.Certificate]:
    ca = create_pdf_ca(CA_KEY, organisation, NOW)
    leaf = create_pdf_certificate(CA_KEY, ca, LEAF_KEY.public_key(), now)
    return x509.load_der_x509_certificate(ca), x509.load_der_x509_certificate(leaf)


def _names(certificate: x509.Certificate, oid: x509.ObjectIdentifier) -> list[str]:
    return [str(entry.value) for entry in certificate.subject.get_attributes_for_oid(oid)]


def test_issuer_may_sign_certificates_and_no_issuer_below_it() -> None:
    ca, _ = _pair()

    constraints = ca.extensions.get_extension_for_class(x509.BasicConstraints)
    usage = ca.extensions.get_extension_for_class(x509.KeyUsage)

    assert (constraints.critical, constraints.value.ca, constraints.value.path_length) == (True, True, 0)
    assert (usage.critical, usage.value.key_cert_sign, usage.value.crl_sign) == (True, True, True)
    assert (usage.value.digital_signature, usage.value.content_commitment) == (False, False)
    ca.verify_directly_issued_by(ca)


def test_leaf_may_sign_documents_and_what_readers_take_for_them() -> None:
    ca, leaf = _pair()

    usage = leaf.extensions.get_extension_for_class(x509.KeyUsage)
    purposes = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value

    assert (usage.critical, usage.value.digital_signature, usage.value.content_commitment) == (True, True, True)
    assert (usage.value.key_cert_sign, usage.value.key_encipherment) == (False, False)
    assert [purpose.dotted_string for purpose in purposes] == ["1.3.6.1.5.5.7.3.36", "1.3.6.1.5.5.7.3.4"]  # RFC 9336; e-mail, for NSS
    assert leaf.extensions.get_extension_for_class(x509.BasicConstraints).value.ca is False
    leaf.verify_directly_issued_by(ca)


def test_leaf_names_its_issuer_by_key_identifier() -> None:
    ca, leaf = _pair()

    named = leaf.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier

    assert named == ca.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
    assert leaf.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest != named


def test_openssl_builds_the_same_chain(tmp_path: Path) -> None:
    ca, leaf = _pair()
    for name, certificate in (("ca.pem", ca), ("leaf.pem", leaf)):
        (tmp_path / name).write_bytes(certificate.public_bytes(Encoding.PEM))

    command = ["openssl", "verify", "-x509_strict", "-attime", str(int(NOW.timestamp())), "-CAfile", "ca.pem", "leaf.pem"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, check=False, text=True)

    assert done.stdout.strip() == "leaf.pem: OK", done.stderr


def test_issuer_lasts_ten_years_and_leaf_two() -> None:
    ca, leaf = _pair()

    assert ca.not_valid_after_utc == datetime(2036, 3, 2, 12, 0, tzinfo=UTC)  # 10 × 365 + 3 leap days (2028, 2032, 2036)
    assert leaf.not_valid_after_utc == datetime(2028, 3, 1, 12, 0, tzinfo=UTC)  # 730 days, 2028 has a 29 February
    assert ca.not_valid_before_utc < NOW
    assert leaf.not_valid_before_utc < NOW


def test_leaf_never_outlives_its_issuer() -> None:
    ca, leaf = _pair(now=NOW + timedelta(days=3600))

    assert leaf.not_valid_after_utc == ca.not_valid_after_utc


def test_issuer_that_has_run_out_issues_nothing() -> None:
    ca = create_pdf_ca(CA_KEY, None, NOW)

    with pytest.raises(ValueError, match="ran out on 2036-03-02"):
        create_pdf_certificate(CA_KEY, ca, LEAF_KEY.public_key(), NOW + timedelta(days=3653))


def test_issuer_of_another_key_issues_nothing() -> None:
    ca = create_pdf_ca(CA_KEY, None, NOW)

    with pytest.raises(ValueError, match="not for the issuer's key"):
        create_pdf_certificate(LEAF_KEY, ca, LEAF_KEY.public_key(), NOW)


def test_key_on_another_curve_is_refused() -> None:
    other = ec.derive_private_key(5, ec.SECP384R1())

    with pytest.raises(ValueError, match="secp384r1"):
        create_pdf_ca(other, None, NOW)
    with pytest.raises(ValueError, match="secp384r1"):
        create_pdf_certificate(CA_KEY, create_pdf_ca(CA_KEY, None, NOW), other.public_key(), NOW)


@pytest.mark.parametrize("organisation", [None, "", "   "])
def test_installation_without_a_name_is_called_an_installation(organisation: str | None) -> None:
    ca, leaf = _pair(organisation)

    assert _names(ca, NameOID.COMMON_NAME) == ["rtbf installation PDF issuer"]
    assert _names(leaf, NameOID.COMMON_NAME) == ["rtbf installation report signature"]
    assert _names(leaf, NameOID.ORGANIZATION_NAME) == []


@given(st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=200))
def test_any_name_of_an_organisation_gives_a_certificate_within_the_bounds(organisation: str) -> None:
    ca, leaf = _pair(organisation)

    names = [*_names(ca, NameOID.COMMON_NAME), *_names(leaf, NameOID.COMMON_NAME), *_names(leaf, NameOID.ORGANIZATION_NAME)]

    assert all(1 <= len(name.encode()) <= 64 for name in names)
    assert leaf.issuer == ca.subject


def test_two_certificates_never_share_a_serial_number() -> None:
    serials = {certificate.serial_number for _ in range(8) for certificate in _pair()}

    assert len(serials) == 16
    assert all(serial.bit_length() >= 64 for serial in serials)
