"""X.509 certificates for the printed report's signature: one issuer per installation, one document-signing leaf under it.

PDF readers know nothing of Ed25519 nor of our trust file, so the printed view is signed with ECDSA on P-256 under a
certificate (FIPS 186-5; RFC 5480). The issuer's certificate is handed to auditors inside the trust file and is believed
because the trust file's root signed it. It is self-made: no public authority vouches for the organisation's name in it,
and a reader program shows the signature as "unknown" until the auditor imports the issuer.

Refuses: a key on another curve. Holds no personal data: the subjects name the organisation, or say "rtbf installation".
Source: RFC 5280 §4.2 (extensions), RFC 9336 §3 (id-kp-documentSigning).
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

if TYPE_CHECKING:
    from datetime import datetime

DOCUMENT_SIGNING = "1.3.6.1.5.5.7.3.36"
"""id-kp-documentSigning of RFC 9336: the extended key usage that the leaf carries and the verification asks for."""
EMAIL_PROTECTION = ExtendedKeyUsageOID.EMAIL_PROTECTION.dotted_string
"""Beside it on the leaf, for readers built on NSS (poppler, Okular, LibreOffice): to them a document is signed mail, and
without this purpose they call the certificate corrupted. It lets nobody in: the issuer counts for reports alone."""
CA_VALID_DAYS = 3653
"""Ten years with their leap days."""
LEAF_VALID_DAYS = 730
"""Two years: a report's signature is judged at its signing time, so an old leaf keeps its reports good."""
UNNAMED = "rtbf installation"

_NAME_BYTES = 64
"""Upper bound of commonName and organizationName (RFC 5280, Appendix A.1, ub-common-name), which cryptography counts in bytes."""
_BACKDATED = timedelta(minutes=5)
"""A report may be signed by a clock that runs a little behind the one which made the certificate."""


def create_pdf_ca(key: ec.EllipticCurvePrivateKey, organisation: str | None, now: datetime) -> bytes:
    """Return a self-signed issuer's certificate for the key, DER, valid for ten years from `now`.

    It may sign certificates and revocation lists, and no issuer below it (path length 0). `organisation` stands in its
    subject, cut at 64 bytes (RFC 5280's bound); None gives "rtbf installation". Raises ValueError for a key that is
    not on P-256. Does not prove: that the organisation of that name made it.
    """
    _require_p256(key.public_key())
    name = _name(organisation, "PDF issuer")
    made = _builder(name, name, key.public_key(), now, CA_VALID_DAYS)
    made = made.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    made = made.add_extension(_usage(signs_documents=False), critical=True)
    made = made.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    return made.sign(key, SHA256()).public_bytes(Encoding.DER)


def create_pdf_certificate(
    ca_key: ec.EllipticCurvePrivateKey, ca: bytes, leaf_public_key: ec.EllipticCurvePublicKey, now: datetime
) -> bytes:
    """Return a document-signing certificate for the public key, issued by `ca` (DER), DER, valid for two years from `now`.

    Key usage: digital signature and content commitment (non-repudiation), critical; extended key usage: document signing,
    and e-mail protection for the readers that know no other. It never outlives its issuer. Raises ValueError when `ca`
    cannot be read, is not the certificate of `ca_key`, or has run out, and for a key that is not on P-256.
    """
    _require_p256(leaf_public_key)
    issuer = x509.load_der_x509_certificate(ca)
    if issuer.public_key() != ca_key.public_key():
        raise ValueError("the issuer's certificate is not for the issuer's key")
    if issuer.not_valid_after_utc <= now:
        raise ValueError(f"the issuer's certificate ran out on {issuer.not_valid_after_utc:%Y-%m-%d}")
    purposes = [x509.ObjectIdentifier(purpose) for purpose in (DOCUMENT_SIGNING, EMAIL_PROTECTION)]
    identifier = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    organisation = [str(entry.value) for entry in issuer.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)]
    subject = _name(organisation[0] if organisation else None, "report signature")
    made = _builder(subject, issuer.subject, leaf_public_key, now, LEAF_VALID_DAYS, issuer.not_valid_after_utc)
    made = made.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    made = made.add_extension(_usage(signs_documents=True), critical=True)
    made = made.add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
    made = made.add_extension(x509.SubjectKeyIdentifier.from_public_key(leaf_public_key), critical=False)
    made = made.add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier), critical=False)
    return made.sign(ca_key, SHA256()).public_bytes(Encoding.DER)


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePublicKey,
    now: datetime,
    days: int,
    latest: datetime | None = None,
) -> x509.CertificateBuilder:
    until = now + timedelta(days=days)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BACKDATED)
        .not_valid_after(until if latest is None else min(until, latest))
    )


def _name(organisation: str | None, role: str) -> x509.Name:
    """Return a subject of the organisation and the certificate's role, or of the neutral word when there is no name."""
    named = _cut(organisation or "", _NAME_BYTES)
    if not named:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"{UNNAMED} {role}")])
    common = f"{_cut(named, _NAME_BYTES - len(role) - 1)} {role}"
    return x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, named), x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _cut(text: str, size_bytes: int) -> str:
    """Return the text without its margins, and without what lies beyond so many bytes of UTF-8."""
    return text.strip().encode()[:size_bytes].decode(errors="ignore").strip()


def _usage(*, signs_documents: bool) -> x509.KeyUsage:
    """Return a leaf's usage (digital signature, content commitment) or an issuer's (certificates, revocation lists)."""
    return x509.KeyUsage(
        digital_signature=signs_documents,
        content_commitment=signs_documents,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=not signs_documents,
        crl_sign=not signs_documents,
        encipher_only=False,
        decipher_only=False,
    )


def _require_p256(key: ec.EllipticCurvePublicKey) -> None:
    if not isinstance(key.curve, ec.SECP256R1):
        raise ValueError(f"the key is on curve {key.curve.name}, expected secp256r1 (P-256)")
