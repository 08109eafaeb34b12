"""A person's key file: encrypted, never overwritten, and every way in which it cannot be opened is one named refusal."""

from __future__ import annotations

import json
import stat
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from rtbf.errors import BadInput, SignatureRefused
from rtbf.evidence.actor_key import create_actor_key, load_actor_key, read_public_key, read_public_text
from rtbf.evidence.keys import key_id, public_der, spki_text
from rtbf.evidence.sealed_key import create_sealed_key
from rtbf.vault.secret import Secret
from tests.installed import QUICK_VAULT

if TYPE_CHECKING:
    from pathlib import Path

    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

PASSPHRASE = "orbit kettle maple prune"


def _pem(key: PrivateKeyTypes, encryption: serialization.KeySerializationEncryption) -> bytes:
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)


def test_a_key_file_opens_with_its_passphrase_and_is_readable_by_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "mine.pem"

    public = create_actor_key(path, PASSPHRASE, QUICK_VAULT)

    assert key_id(load_actor_key(path, PASSPHRASE).public_key()) == key_id(public)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert json.loads(path.read_text())["role"] == "approver"


def test_a_file_of_an_earlier_release_still_opens(tmp_path: Path) -> None:
    key = Ed25519PrivateKey.generate()
    path = tmp_path / "mine.pem"
    path.write_bytes(_pem(key, serialization.BestAvailableEncryption(PASSPHRASE.encode())))

    assert load_actor_key(path, PASSPHRASE).public_key() == key.public_key()


def test_the_services_own_key_is_nobodys_to_approve_with(tmp_path: Path) -> None:
    path = tmp_path / "report.key"
    create_sealed_key(path, "report-signer", Secret(PASSPHRASE), QUICK_VAULT)

    with pytest.raises(SignatureRefused, match="does not open"):
        load_actor_key(path, PASSPHRASE)


def test_two_keys_are_never_the_same(tmp_path: Path) -> None:
    first, second = (create_actor_key(tmp_path / name, PASSPHRASE, QUICK_VAULT) for name in ("a.pem", "b.pem"))

    assert key_id(first) != key_id(second)


def test_an_existing_file_is_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "mine.pem"
    path.write_bytes(b"something else")

    with pytest.raises(BadInput, match="already at"):
        create_actor_key(path, PASSPHRASE)

    assert path.read_bytes() == b"something else"


def test_a_short_passphrase_is_refused_by_its_length_and_makes_no_file(tmp_path: Path) -> None:
    with pytest.raises(BadInput) as refused:
        create_actor_key(tmp_path / "mine.pem", "hunter2")

    assert "7 characters" in str(refused.value)
    assert "hunter2" not in str(refused.value)
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="cannot be written"):
        create_actor_key(tmp_path / "nowhere" / "mine.pem", PASSPHRASE)


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (None, "no readable key file"),
        (b"", "does not open"),
        (b"-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n", "does not open"),
        (_pem(Ed25519PrivateKey.generate(), serialization.NoEncryption()), "not encrypted"),
        (_pem(Ed25519PrivateKey.generate(), serialization.BestAvailableEncryption(b"another passphrase")), "does not open"),
        (_pem(generate_private_key(SECP256R1()), serialization.BestAvailableEncryption(PASSPHRASE.encode())), "another algorithm"),
    ],
    ids=["absent", "empty", "damaged", "plain", "wrong passphrase", "another algorithm"],
)
def test_a_key_that_cannot_be_used_is_refused(content: bytes | None, found: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.pem"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(SignatureRefused, match=found) as refused:
        load_actor_key(path, PASSPHRASE)

    assert PASSPHRASE not in str(refused.value)


def test_a_public_key_is_read_only_under_its_own_id() -> None:
    key = Ed25519PrivateKey.from_private_bytes(bytes(32)).public_key()
    other = Ed25519PrivateKey.from_private_bytes(bytes(range(32))).public_key()

    assert key_id(read_public_text(spki_text(key), key_id(key))) == key_id(key)

    with pytest.raises(SignatureRefused, match="another key's id"):
        read_public_text(spki_text(key), key_id(other))


@pytest.mark.parametrize("text", ["", "é", "AAAA", "not base64!"])
def test_a_text_that_is_no_public_key_is_refused(text: str) -> None:
    with pytest.raises(SignatureRefused):
        read_public_text(text, "sha256:00")


def test_a_public_key_of_another_algorithm_is_refused() -> None:
    other = generate_private_key(SECP256R1()).public_key()
    der = other.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)

    with pytest.raises(SignatureRefused, match="another algorithm"):
        read_public_key(der)

    assert read_public_key(public_der(Ed25519PrivateKey.from_private_bytes(bytes(32)).public_key())) is not None
