"""A person's own signing key: a sealed file that only they can open, and a public half that is registered for them.

The file is a sealed key (`rtbf.evidence.sealed_key`: Argon2id, AES-256-GCM-SIV). Earlier releases wrote encrypted PKCS#8 PEM,
which stretches a passphrase by 2 048 rounds of PBKDF2 only; it still opens. A short passphrase is refused all the same.
The private key is never written to the home or the database. What a signature proves: somebody with this file and its
passphrase signed. It does not prove who that was; registering a key for the wrong person is a fault no mathematics sees.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
from typing import TYPE_CHECKING

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from rtbf.errors import BadInput, SignatureRefused, VaultBroken, VaultLocked
from rtbf.evidence.keys import APPROVER, key_id
from rtbf.evidence.sealed_key import PEM_MARK, open_sealed_key, sealed_bytes
from rtbf.files import create_secret_file
from rtbf.vault.secret import Secret

if TYPE_CHECKING:
    from pathlib import Path

    from rtbf.vault.argon2 import Argon2Cost

MIN_PASSPHRASE_CHARACTERS = 15
"""NIST SP 800-63B-4 §3.1.1.2: the least length of a password that stands alone."""
_MAX_FILE_BYTES = 1 << 16


def create_actor_key(path: Path, passphrase: str, cost: Argon2Cost | None = None) -> Ed25519PublicKey:
    """Write a fresh Ed25519 private key, sealed, mode 0600; return its public half. `cost` None means the recommended one.

    Raises BadInput when the passphrase is too short, the file exists already, or its folder cannot be written.
    """
    require_long_passphrase(passphrase)
    key = Ed25519PrivateKey.generate()
    try:
        create_secret_file(path, sealed_bytes(APPROVER, key, Secret(passphrase), cost))
    except FileExistsError:
        raise BadInput(
            found=f"a file that is already at {path.name}", expected="a path where nothing is", remedy="choose another --out"
        ) from None
    except OSError as failed:
        raise BadInput(
            found=f"a place for the key file that cannot be written ({type(failed).__name__})",
            expected="a folder that exists and is yours",
            remedy="choose another --out",
        ) from failed
    return key.public_key()


def load_actor_key(path: Path, passphrase: str) -> Ed25519PrivateKey:
    """Return the private key in `path`; raises SignatureRefused when it cannot be read, opened, or is none of this kind."""
    try:
        with path.open("rb") as file:
            content = file.read(_MAX_FILE_BYTES)
    except OSError as failed:
        raise _refused(f"no readable key file ({type(failed).__name__})", "the file that `rtbf key actor` wrote") from failed
    key = _key_in_pem(content, passphrase) if content.startswith(PEM_MARK) else _sealed_key_in(path, passphrase)
    if not isinstance(key, Ed25519PrivateKey):
        raise _refused("a key of another algorithm", "Ed25519")
    return key


def require_long_passphrase(passphrase: str) -> None:
    """Return when the passphrase is long enough; raises BadInput naming its length only."""
    if len(passphrase) < MIN_PASSPHRASE_CHARACTERS:
        raise BadInput(
            found=f"a passphrase of {len(passphrase)} characters",
            expected=f"at least {MIN_PASSPHRASE_CHARACTERS}",
            remedy="use four or more random words",
        )


def read_public_key(spki: bytes) -> Ed25519PublicKey:
    """Return the Ed25519 key in a DER SubjectPublicKeyInfo; raises SignatureRefused when it is none."""
    try:
        key = serialization.load_der_public_key(spki)
    except (UnsupportedAlgorithm, ValueError):
        raise _refused("a public key that cannot be read", "an Ed25519 SubjectPublicKeyInfo") from None
    if not isinstance(key, Ed25519PublicKey):
        raise _refused("a public key of another algorithm", "Ed25519")
    return key


def read_public_text(spki: str, stated_id: str) -> Ed25519PublicKey:
    """Return the key in base64 text; raises SignatureRefused when it is none, or not the one that `stated_id` names."""
    try:
        key = read_public_key(base64.b64decode(spki, validate=True))
    except (binascii.Error, ValueError):
        raise _refused("a public key that is not base64", "an Ed25519 SubjectPublicKeyInfo") from None
    if key_id(key) != stated_id:
        raise _refused("a public key under another key's id", "the SHA-256 of the key itself")
    return key


def _sealed_key_in(path: Path, passphrase: str) -> object:
    key: object = None
    # The vault's own words may tell a wrong passphrase from a damaged file; a thief need not know.
    with contextlib.suppress(VaultBroken, VaultLocked):
        key = open_sealed_key(path, APPROVER, Secret(passphrase))
    if key is None:
        raise _unopened()
    return key


def _key_in_pem(content: bytes, passphrase: str) -> object:
    try:
        return serialization.load_pem_private_key(content, password=passphrase.encode())
    except TypeError:
        # cryptography's word for "a passphrase was given for a key that is not encrypted".
        raise _refused("a key file that is not encrypted", "one that `rtbf key actor` wrote: anyone could copy this one") from None
    except (ValueError, UnsupportedAlgorithm):
        raise _unopened() from None


def _unopened() -> SignatureRefused:
    return _refused("a key file that this passphrase does not open", "the file and its own passphrase")


def _refused(found: str, expected: str) -> SignatureRefused:
    return SignatureRefused(found=found, expected=expected, remedy="use the approver's own key")
