"""Make the keys of a home and its first signed trust file; or add what a home of an earlier release lacks.

Order: passphrases, root, PDF issuer, report, log, PDF with its certificates, trust file. The trust file comes last and in
one piece, so a run that was killed is run again: keys that are there are opened and kept, and nothing signs in between.
The root and the PDF issuer share a passphrase and are to be moved away together; until then whoever reads the home can
say whom auditors believe.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import load_der_x509_certificate

from rtbf.errors import RecordBroken
from rtbf.evidence.certificates import create_pdf_ca, create_pdf_certificate
from rtbf.evidence.key_ring import KeyPassphrases, KeyRing, KeySlot, require_ed25519, require_p256
from rtbf.evidence.keys import LOG_SIGNER, REPORT_SIGNER, key_id
from rtbf.evidence.sealed_key import Algorithm, new_private_key, seal_key
from rtbf.evidence.trust_change import first_trust, with_certificates, with_key, with_log, with_unsigned
from rtbf.evidence.trust_file import Trust, read_trust, sign_trust
from rtbf.files import make_private_folder, replace_file
from rtbf.vault.passphrase_file import create_passphrase_file, read_passphrase

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from pathlib import Path

    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from rtbf.evidence.keys import PrivateKey
    from rtbf.home import Home
    from rtbf.vault.argon2 import Argon2Cost

_NAME_DIGITS = 16


@dataclass(frozen=True, kw_only=True, slots=True)
class KeyMaking:
    """What keys are made with: the passphrases' files, the cost of a guess, whose name the PDF certificates carry.

    `cost` None means the recommended one (RFC 9106 section 4). `tsa_roots` are DER certificates that auditors are to believe.
    """

    passphrases: KeyPassphrases
    cost: Argon2Cost | None = None
    organisation: str | None = None
    tsa_roots: Sequence[bytes] = ()


def create_keys(home: Home, making: KeyMaking, now: datetime) -> None:
    """Make every signing key of a fresh home, and its trust file; raises VaultLocked for a passphrase that cannot be used."""
    _write_first_trust(home, making, now, None)


def upgrade_keys(home: Home, making: KeyMaking, now: datetime) -> bool:
    """Give a home of an earlier release what it lacks and sign its trust file; return whether anything was to be done.

    The ledger keeps its name, every key keeps its window and revocation, and the report key stays the file that it is.
    Raises RecordBroken when the trust file cannot be read, VaultLocked and VaultBroken for the keys.
    """
    trust = trust_in(home.trust)
    if trust.root is not None:
        return False
    make_private_folder(home.log)
    _write_first_trust(home, making, now, trust)
    return True


def trust_in(path: Path) -> Trust:
    """Return the installation's own trust file; raises RecordBroken when it is missing or unusable."""
    try:
        return read_trust(path.read_bytes())
    except (OSError, ValueError) as refused:
        why = type(refused).__name__ if isinstance(refused, OSError) else str(refused)
        raise RecordBroken(
            found=f"{path.name} cannot be used ({why})",
            expected="the trust file as this program wrote it",
            remedy="restore it from a backup, or from an auditor: it is no secret",
        ) from None


def log_name(trust: Trust) -> str:
    """Return the origin of the ledger in use. An unsigned trust file names none: the ledger follows its first report key."""
    if trust.logs:
        return trust.logs[-1].origin
    return _origin(next(entry.id for entry in trust.keys if entry.role == REPORT_SIGNER))


def certificate_chain(key: EllipticCurvePrivateKey, ca_key: EllipticCurvePrivateKey, ca: bytes, now: datetime) -> bytes:
    """Return the PEM text of a fresh certificate for the PDF key, followed by its issuer's."""
    leaf = create_pdf_certificate(ca_key, ca, key.public_key(), now)
    return b"".join(load_der_x509_certificate(der).public_bytes(Encoding.PEM) for der in (leaf, ca))


def _write_first_trust(home: Home, making: KeyMaking, now: datetime, unsigned: Trust | None) -> None:
    defaults = (home.signing_passphrase, home.log_passphrase, home.root_passphrase)
    for path in (making.passphrases.signing, making.passphrases.log, making.passphrases.root):
        # A file that somebody names elsewhere is theirs to make: a wrong path must not become a passphrase nobody keeps.
        if path in defaults and not path.exists():
            create_passphrase_file(path)
    ring = KeyRing(home, making.passphrases)
    root = _ed25519(ring, ring.root_slot, making)
    ca_key = require_p256(_kept(ring, ring.pdf_issuer_slot, making, "ecdsa-p256"), home.pdf_ca_key)
    report, log = _ed25519(ring, ring.report_slot, making), _ed25519(ring, ring.log_slot, making)
    pdf = require_p256(_kept(ring, ring.pdf_slot, making, "ecdsa-p256"), home.pdf_key)
    ca = create_pdf_ca(ca_key, making.organisation, now)
    replace_file(home.pdf_certificates, certificate_chain(pdf, ca_key, ca, now))
    trust = first_trust(root.public_key(), now)
    trust = with_key(trust, report.public_key(), REPORT_SIGNER, now) if unsigned is None else with_unsigned(trust, unsigned)
    trust = with_key(trust, log.public_key(), LOG_SIGNER, now)
    log_id = key_id(log.public_key())
    trust = with_log(trust, _origin(log_id) if unsigned is None else log_name(unsigned), log_id)
    trust = with_certificates(trust, pdf_roots=(ca,), tsa_roots=making.tsa_roots)
    replace_file(home.trust, sign_trust(trust, root))


def _ed25519(ring: KeyRing, slot: KeySlot, making: KeyMaking) -> Ed25519PrivateKey:
    return require_ed25519(_kept(ring, slot, making, "ed25519"), slot.path)


def _kept(ring: KeyRing, slot: KeySlot, making: KeyMaking, alg: Algorithm) -> PrivateKey:
    """Return the slot's key, which is made when there is none."""
    if slot.path.exists():
        return ring.opened(slot, slot.path)
    key = new_private_key(alg)
    seal_key(slot.path, slot.role, key, read_passphrase(slot.passphrase, slot.path.name), making.cost)
    return key


def _origin(key: str) -> str:
    return "rtbf/" + key.removeprefix("sha256:")[:_NAME_DIGITS]
