"""One private key in one file, sealed under a passphrase: JSON with a header in clear and the key's PKCS#8 form sealed.

    schema "rtbf.sealed-key/1", role, alg "ed25519"|"ecdsa-p256", id, argon2 {memory_kib, iterations, lanes}, salt, nonce, sealed

Argon2id(passphrase, salt) gives an AES-256 key; AES-256-GCM-SIV seals the PKCS#8 bytes with the header as associated
data, so that no file passes for another role's and no cost can be lowered. Opening signs and verifies once: a key that
computes wrongly must not sign evidence. What it does not do: a file and its passphrase together are the key.
Earlier releases wrote the report key as plain PKCS#8 PEM; `open_plain_key` still reads that, and nothing writes it.
Sources: RFC 9106 §4 (Argon2id), RFC 8452 (AES-GCM-SIV), RFC 8785 (the header's bytes), RFC 5958 (PKCS#8).
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import rfc8785
from cryptography.exceptions import InvalidSignature, InvalidTag, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, EllipticCurvePrivateKey, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCMSIV
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
    load_pem_private_key,
)

from rtbf.errors import VaultBroken, VaultLocked
from rtbf.evidence.keys import PrivateKey, PublicKey, key_id
from rtbf.files import replace_file
from rtbf.vault.argon2 import SALT_BYTES, Argon2Cost, cost_body, read_cost, stretched
from rtbf.vault.key_file import base64_bytes, base64_text, exactly, read_key_file
from rtbf.vault.passphrase_file import require_strong

if TYPE_CHECKING:
    from pathlib import Path

    from rtbf.vault.secret import Secret

SCHEMA = "rtbf.sealed-key/1"
Algorithm = Literal["ed25519", "ecdsa-p256"]
_ROLE = re.compile(r"[a-z][a-z-]{0,39}")
_ID = re.compile(r"sha256:[0-9a-f]{64}")
_NONCE_BYTES = 12
_AES_BYTES = 32
_SELF_TEST = b"rtbf.sealed-key/1 self-test"
PEM_MARK = b"-----BEGIN "


@dataclass(frozen=True, kw_only=True, slots=True)
class KeyHeader:
    """What a key file says of itself in clear. Believed only after the key was opened."""

    role: str
    alg: str
    id: str
    cost: Argon2Cost


@dataclass(frozen=True, kw_only=True, slots=True)
class _SealedKey:
    header: KeyHeader
    salt: bytes
    nonce: bytes
    sealed: bytes


def new_private_key(alg: Algorithm = "ed25519") -> PrivateKey:
    """Return a fresh private key, in memory only."""
    return Ed25519PrivateKey.generate() if alg == "ed25519" else generate_private_key(SECP256R1())


def create_sealed_key(path: Path, role: str, passphrase: Secret, cost: Argon2Cost | None = None, alg: Algorithm = "ed25519") -> PublicKey:
    """Write a fresh private key for `role`, mode 0600, in one piece; return its public half.

    An existing file is never overwritten (FileExistsError). `cost` None means the recommended one. Raises VaultLocked
    for a weak passphrase.
    """
    if path.exists():
        raise FileExistsError(path)
    key = new_private_key(alg)
    seal_key(path, role, key, passphrase, cost)
    return key.public_key()


def seal_key(path: Path, role: str, key: PrivateKey, passphrase: Secret, cost: Argon2Cost | None = None) -> None:
    """Write the private key sealed, mode 0600, in one piece; a file that is there is replaced. Raises VaultLocked."""
    replace_file(path, sealed_bytes(role, key, passphrase, cost))


def sealed_bytes(role: str, key: PrivateKey, passphrase: Secret, cost: Argon2Cost | None = None) -> bytes:
    """Return the content of a key file; raises VaultLocked for a weak passphrase."""
    require_strong(passphrase, f"the new {role} key")
    alg = "ed25519" if isinstance(key, Ed25519PrivateKey) else "ecdsa-p256"
    header = KeyHeader(role=role, alg=alg, id=key_id(key.public_key()), cost=cost or Argon2Cost())
    salt, nonce = os.urandom(SALT_BYTES), os.urandom(_NONCE_BYTES)
    body = _clear_part(header, salt, nonce)
    plain = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    cipher = AESGCMSIV(stretched(passphrase, salt, header.cost, _AES_BYTES).reveal())
    sealed = cipher.encrypt(nonce, plain, rfc8785.dumps(body))
    return json.dumps({**body, "sealed": base64_text(sealed)}, indent=2).encode() + b"\n"


def open_sealed_key(path: Path, role: str, passphrase: Secret) -> PrivateKey:
    """Return the private key of `role` in the file.

    Raises VaultLocked when the passphrase does not open it, VaultBroken when the file is missing, damaged, of another
    role, or holds a key that is not the one it names or does not sign.
    """
    found = read_key_file(path, SCHEMA, _parsed)
    if found.header.role != role:
        raise VaultBroken(
            found=f"{path.name} holds the key of a {found.header.role}",
            expected=f"the key of a {role}",
            remedy="restore the file that belongs there from the key backup",
        )
    body = _clear_part(found.header, found.salt, found.nonce)
    plain: bytes | None
    try:
        cipher = AESGCMSIV(stretched(passphrase, found.salt, found.header.cost, _AES_BYTES).reveal())
        plain = cipher.decrypt(found.nonce, found.sealed, rfc8785.dumps(body))
    except InvalidTag:
        plain = None
    if plain is None:
        # The mathematics cannot tell which of the two it is.
        raise VaultLocked(
            found=f"a passphrase that does not open {path.name}, or a file that was changed",
            expected="the passphrase that the key was sealed with, and the file as this program wrote it",
            remedy="point to the right passphrase file, or restore the key from its backup",
        )
    return _required(_key_in(plain), path, found.header)


def read_header(path: Path) -> KeyHeader:
    """Return what the file says of its key; needs no passphrase, so it is the file's own word. Raises VaultBroken."""
    return read_key_file(path, SCHEMA, _parsed).header


def is_plain(path: Path) -> bool:
    """Return whether the file is a PEM of an earlier release, which protects nothing; False when it cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(len(PEM_MARK)) == PEM_MARK
    except OSError:
        return False


def open_plain_key(path: Path) -> Ed25519PrivateKey:
    """Return the private key in an unencrypted PEM file; raises VaultBroken when it holds none of ours."""
    key: object = None
    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except (OSError, TypeError, ValueError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise VaultBroken(
            found=f"no usable private key in {path.name}",
            expected="an Ed25519 key as an earlier release wrote it",
            remedy="restore keys/ from its backup",
        )
    return key


def _clear_part(header: KeyHeader, salt: bytes, nonce: bytes) -> dict[str, Any]:
    return {
        "schema": SCHEMA, "role": header.role, "alg": header.alg, "id": header.id, "argon2": cost_body(header.cost),
        "salt": base64_text(salt), "nonce": base64_text(nonce),
    }  # fmt: skip


def _parsed(body: dict[str, Any]) -> _SealedKey:
    exactly(body, "schema", "role", "alg", "id", "argon2", "salt", "nonce", "sealed")
    if not _ROLE.fullmatch(body["role"]) or body["alg"] not in {"ed25519", "ecdsa-p256"} or not _ID.fullmatch(body["id"]):
        raise ValueError("a header that names no key")
    return _SealedKey(
        header=KeyHeader(role=body["role"], alg=body["alg"], id=body["id"], cost=read_cost(body["argon2"])),
        salt=base64_bytes(body["salt"], SALT_BYTES),
        nonce=base64_bytes(body["nonce"], _NONCE_BYTES),
        sealed=base64_bytes(body["sealed"]),
    )


def _key_in(plain: bytes) -> PrivateKey | None:
    try:
        key = load_der_private_key(plain, password=None)
    except (TypeError, ValueError, UnsupportedAlgorithm):
        return None
    if isinstance(key, Ed25519PrivateKey):
        return key
    return key if isinstance(key, EllipticCurvePrivateKey) and isinstance(key.curve, SECP256R1) else None


def _required(key: PrivateKey | None, path: Path, header: KeyHeader) -> PrivateKey:
    """Return the key after its self-test; raises VaultBroken."""
    kind = Ed25519PrivateKey if header.alg == "ed25519" else EllipticCurvePrivateKey
    if not isinstance(key, kind) or key_id(key.public_key()) != header.id or not _signs(key):
        raise VaultBroken(
            found=f"{path.name} holds a key that is not the one it names, or that does not sign",
            expected=f"the key {header.id}",
            remedy="restore it from the key backup",
        )
    return key


def _signs(key: PrivateKey) -> bool:
    try:
        if isinstance(key, Ed25519PrivateKey):
            key.public_key().verify(key.sign(_SELF_TEST), _SELF_TEST)
        else:
            key.public_key().verify(key.sign(_SELF_TEST, ECDSA(SHA256())), _SELF_TEST, ECDSA(SHA256()))
    except InvalidSignature:
        return False
    return True
