"""The private keys that one installation signs with, opened when they are used and once.

Which file is in use follows from what auditors are told: a key that waits beside the old one (`.next`, made by a rotation)
signs as soon as the trust file, or the PDF certificate, names it. A key that the trust file does not name, has ended or
has revoked signs nothing.
Other processes' rotations are seen, because a file that changed is opened again. Opened keys stay in this process's memory.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import load_pem_x509_certificates

from rtbf.errors import SignatureRefused, VaultBroken
from rtbf.evidence.keys import LOG_SIGNER, PDF_ISSUER, PDF_SIGNER, REPORT_SIGNER, ROOT, key_id
from rtbf.evidence.sealed_key import is_plain, open_plain_key, open_sealed_key, read_header
from rtbf.vault.passphrase_file import read_passphrase

if TYPE_CHECKING:
    from pathlib import Path

    from rtbf.evidence.keys import PrivateKey
    from rtbf.evidence.trust_file import Trust
    from rtbf.home import Home


@dataclass(frozen=True, kw_only=True, slots=True)
class KeyPassphrases:
    """The files that hold the passphrases of the keys: of report and PDF, of the log, of root and PDF issuer."""

    signing: Path
    log: Path
    root: Path


@dataclass(frozen=True, kw_only=True, slots=True)
class KeySlot:
    """Where the key of a role lies, and the file with its passphrase."""

    role: str
    path: Path
    passphrase: Path

    @property
    def upcoming(self) -> Path:
        """Return where a rotation lays the next key until the trust file names it."""
        return self.path.with_name(self.path.name + ".next")


class KeyRing:
    """The keys of one home. Each is stretched at its first use, not before."""

    def __init__(self, home: Home, passphrases: KeyPassphrases) -> None:
        self.report_slot = KeySlot(role=REPORT_SIGNER, path=home.report_key, passphrase=passphrases.signing)
        self.log_slot = KeySlot(role=LOG_SIGNER, path=home.log_key, passphrase=passphrases.log)
        self.pdf_slot = KeySlot(role=PDF_SIGNER, path=home.pdf_key, passphrase=passphrases.signing)
        self.root_slot = KeySlot(role=ROOT, path=home.root_key, passphrase=passphrases.root)
        self.pdf_issuer_slot = KeySlot(role=PDF_ISSUER, path=home.pdf_ca_key, passphrase=passphrases.root)
        self._certificates = home.pdf_certificates
        self._opened: dict[Path, tuple[tuple[int, int, int], PrivateKey]] = {}

    def __repr__(self) -> str:
        return "<KeyRing>"

    def report_key(self, trust: Trust) -> Ed25519PrivateKey:
        """Return the key that signs reports; raises SignatureRefused, VaultLocked or VaultBroken."""
        return self._counting(self.report_slot, trust)

    def log_key(self, trust: Trust) -> Ed25519PrivateKey:
        """Return the key that signs tree heads; raises SignatureRefused, VaultLocked or VaultBroken."""
        return self._counting(self.log_slot, trust)

    def pdf_key(self) -> EllipticCurvePrivateKey:
        """Return the key that signs printed reports: the one that the certificate is for; raises VaultLocked or VaultBroken."""
        named = frozenset({_certificates_in(self._certificates)[0]})
        path = _file_in_use(self.pdf_slot, named)
        if read_header(path).id not in named:
            raise _unfit(self._certificates, f"another key than the one in {path.name}")
        return require_p256(self.opened(self.pdf_slot, path), path)

    def pdf_certificates(self) -> tuple[bytes, bytes]:
        """Return the certificate of the PDF key and its issuer's, DER; raises VaultBroken."""
        _, leaf, issuer = _certificates_in(self._certificates)
        return leaf, issuer

    def names(self, slot: KeySlot, trust: Trust) -> frozenset[str]:
        """Return the ids of the slot's role that count now: of the trust file, or of the PDF certificate; raises VaultBroken."""
        if slot.role == PDF_SIGNER:
            return frozenset({_certificates_in(self._certificates)[0]})
        return frozenset(
            entry.id for entry in trust.keys if entry.role == slot.role and entry.not_after is None and entry.revoked_at is None
        )

    def opened(self, slot: KeySlot, path: Path) -> PrivateKey:
        """Return the key in `path`, which is the slot's file or its upcoming one; raises VaultLocked or VaultBroken."""
        try:
            status = path.stat()
            stamp = (status.st_ino, status.st_mtime_ns, status.st_size)
        except OSError:
            stamp = (0, 0, 0)
        known = self._opened.get(path)
        if known is None or known[0] != stamp:
            is_old_form = slot.role == REPORT_SIGNER and is_plain(path)
            key = open_plain_key(path) if is_old_form else open_sealed_key(path, slot.role, read_passphrase(slot.passphrase, path.name))
            known = self._opened[path] = (stamp, key)
        return known[1]

    def _counting(self, slot: KeySlot, trust: Trust) -> Ed25519PrivateKey:
        """Return the slot's key that auditors believe now; a waiting one first."""
        living = self.names(slot, trust)
        path = _file_in_use(slot, living)
        key = require_ed25519(self.opened(slot, path), path)
        if key_id(key.public_key()) not in living:
            _refuse(slot)
        return key


def require_ed25519(key: PrivateKey, path: Path) -> Ed25519PrivateKey:
    """Return the key when it is an Ed25519 key; raises VaultBroken."""
    if not isinstance(key, Ed25519PrivateKey):
        raise _wrong_algorithm(path, "Ed25519")
    return key


def require_p256(key: PrivateKey, path: Path) -> EllipticCurvePrivateKey:
    """Return the key when it is an ECDSA key; raises VaultBroken."""
    if not isinstance(key, EllipticCurvePrivateKey):
        raise _wrong_algorithm(path, "ECDSA on P-256")
    return key


def _file_in_use(slot: KeySlot, named: frozenset[str]) -> Path:
    return slot.upcoming if slot.upcoming.exists() and read_header(slot.upcoming).id in named else slot.path


def _wrong_algorithm(path: Path, expected: str) -> VaultBroken:
    return VaultBroken(found=f"a key of another algorithm in {path.name}", expected=expected, remedy="restore it from the key backup")


def _refuse(slot: KeySlot) -> NoReturn:
    role = slot.role.partition("-")[0]
    raise SignatureRefused(
        found=f"a {slot.role} key that the trust file does not name, has ended or has revoked",
        expected="a key that auditors believe, because nothing that it signs could be checked otherwise",
        remedy=f"see `rtbf key list`; `rtbf key rotate --role {role}` makes another key",
    )


def _certificates_in(path: Path) -> tuple[str, bytes, bytes]:
    """Return (id of the leaf's key, leaf, issuer) of a PEM file; raises VaultBroken when it does not hold exactly these."""
    try:
        leaf, issuer = load_pem_x509_certificates(path.read_bytes())
    except (OSError, ValueError):
        raise _unfit(path, "no two certificates") from None
    key = leaf.public_key()
    if not isinstance(key, EllipticCurvePublicKey):
        raise _unfit(path, "a key of another algorithm")
    return key_id(key), leaf.public_bytes(Encoding.DER), issuer.public_bytes(Encoding.DER)


def _unfit(path: Path, found: str) -> VaultBroken:
    return VaultBroken(
        found=f"{found} in {path.name}",
        expected="the certificate of the PDF key, and its issuer's",
        remedy="restore both files from the key backup, or run `rtbf key rotate --role pdf`",
    )
