"""A private key in a file: it opens with its own passphrase, as what it says it is, or not at all; and nothing of it is told."""

from __future__ import annotations

import json
import stat
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, SECP384R1, EllipticCurvePrivateKey, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from rtbf.errors import VaultBroken, VaultLocked
from rtbf.evidence.keys import key_id
from rtbf.evidence.sealed_key import create_sealed_key, is_plain, open_plain_key, open_sealed_key, read_header, seal_key, sealed_bytes
from rtbf.vault.argon2 import Argon2Cost
from rtbf.vault.secret import Secret
from tests.installed import QUICK_VAULT

if TYPE_CHECKING:
    from pathlib import Path

PASSPHRASE = Secret("orbit kettle maple prune")
ROLE = "report-signer"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the key goes."""
    return tmp_path / "report.key"


def changed(path: Path, **changes: Any) -> None:
    """Write the file anew with fields changed by somebody without the passphrase."""
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_a_key_opens_as_what_was_made_and_only_its_owner_may_read_the_file(path: Path) -> None:
    public = create_sealed_key(path, ROLE, PASSPHRASE, QUICK_VAULT)

    opened = open_sealed_key(path, ROLE, PASSPHRASE)

    assert isinstance(opened, Ed25519PrivateKey)
    assert opened.public_key() == public
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    header = read_header(path)
    assert (header.role, header.alg, header.id, header.cost) == (ROLE, "ed25519", key_id(public), QUICK_VAULT)


def test_an_ecdsa_key_opens_and_signs(path: Path) -> None:
    public = create_sealed_key(path, "pdf-signer", PASSPHRASE, QUICK_VAULT, "ecdsa-p256")

    opened = open_sealed_key(path, "pdf-signer", PASSPHRASE)

    assert isinstance(opened, EllipticCurvePrivateKey)
    assert opened.public_key() == public
    opened.public_key().verify(opened.sign(b"x", ECDSA(SHA256())), b"x", ECDSA(SHA256()))


def test_the_recommended_cost_is_the_default(path: Path) -> None:
    create_sealed_key(path, ROLE, PASSPHRASE)

    # RFC 9106 section 4, second recommended option: 2^16 KiB, 3 passes, 4 lanes.
    assert json.loads(path.read_text())["argon2"] == {"memory_kib": 65536, "iterations": 3, "lanes": 4}


def test_nothing_private_lies_in_the_file_nor_in_any_error(path: Path) -> None:
    create_sealed_key(path, ROLE, PASSPHRASE, QUICK_VAULT)
    opened = open_sealed_key(path, ROLE, PASSPHRASE)
    assert isinstance(opened, Ed25519PrivateKey)

    with pytest.raises(VaultLocked) as refused:
        open_sealed_key(path, ROLE, Secret("another passphrase, wrong"))

    told = f"{refused.value!r} {refused.value} {refused.value.__context__!r}"
    assert "kettle" not in told
    assert "another passphrase" not in told
    assert opened.private_bytes_raw() not in path.read_bytes()
    assert opened.private_bytes_raw().hex() not in path.read_text()


def test_an_existing_file_is_never_overwritten_by_a_fresh_key(path: Path) -> None:
    path.write_bytes(b"something else")

    with pytest.raises(FileExistsError):
        create_sealed_key(path, ROLE, PASSPHRASE, QUICK_VAULT)

    assert path.read_bytes() == b"something else"


def test_a_weak_passphrase_makes_no_file(path: Path) -> None:
    with pytest.raises(VaultLocked, match="too short"):
        create_sealed_key(path, ROLE, Secret("fourteen chars"), QUICK_VAULT)

    assert not path.exists()


def test_a_key_of_another_role_does_not_open(path: Path) -> None:
    create_sealed_key(path, "log-signer", PASSPHRASE, QUICK_VAULT)

    with pytest.raises(VaultBroken, match="the key of a log-signer"):
        open_sealed_key(path, ROLE, PASSPHRASE)


@pytest.mark.parametrize(
    "changes",
    [
        {"role": ROLE},
        {"argon2": {"memory_kib": 16, "iterations": 1, "lanes": 1}},
        {"id": "sha256:" + "0" * 64},
        {"alg": "ecdsa-p256"},
        {"salt": "AAAAAAAAAAAAAAAAAAAAAA=="},
        {"nonce": "AAAAAAAAAAAAAAAA"},
        {"sealed": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_a_changed_header_or_body_does_not_open(changes: dict[str, Any], path: Path) -> None:
    create_sealed_key(path, "log-signer", PASSPHRASE, QUICK_VAULT)
    changed(path, **changes)

    with pytest.raises(VaultLocked, match="a file that was changed"):
        open_sealed_key(path, changes.get("role", "log-signer"), PASSPHRASE)


@pytest.mark.parametrize(
    "changes",
    [
        {"schema": "rtbf.sealed-key/2"},
        {"role": "Report Signer"},
        {"role": 1},
        {"alg": "rsa"},
        {"id": "sha256:00"},
        {"argon2": {"memory_kib": 1 << 23, "iterations": 1, "lanes": 1}},
        {"argon2": {"memory_kib": 8, "iterations": 0, "lanes": 1}},
        {"salt": "AAAA"},
        {"nonce": "AAAA"},
        {"sealed": "é"},
        {"extra": 1},
    ],
)
def test_a_file_of_another_form_is_broken(changes: dict[str, Any], path: Path) -> None:
    create_sealed_key(path, ROLE, PASSPHRASE, QUICK_VAULT)
    changed(path, **changes)

    with pytest.raises(VaultBroken):
        open_sealed_key(path, ROLE, PASSPHRASE)


@pytest.mark.parametrize("content", [None, b"", b"{", b"[]", b"\xff", b"[" * 5000])
def test_an_absent_or_damaged_file_is_broken(content: bytes | None, path: Path) -> None:
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(VaultBroken):
        open_sealed_key(path, ROLE, PASSPHRASE)
    with pytest.raises(VaultBroken):
        read_header(path)


def test_a_key_that_does_not_sign_is_not_handed_out(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    create_sealed_key(path, ROLE, PASSPHRASE, QUICK_VAULT)
    monkeypatch.setattr("rtbf.evidence.sealed_key._signs", lambda _key: False)

    with pytest.raises(VaultBroken, match="does not sign"):
        open_sealed_key(path, ROLE, PASSPHRASE)


def test_a_sealed_key_on_another_curve_is_not_handed_out(path: Path) -> None:
    """Nobody writes such a file here; the header would say P-256 of it."""
    path.write_bytes(sealed_bytes("pdf-signer", generate_private_key(SECP384R1()), PASSPHRASE, QUICK_VAULT))

    with pytest.raises(VaultBroken, match="not the one it names"):
        open_sealed_key(path, "pdf-signer", PASSPHRASE)


def test_the_same_key_is_never_sealed_to_the_same_bytes() -> None:
    key = Ed25519PrivateKey.from_private_bytes(bytes(32))

    assert sealed_bytes(ROLE, key, PASSPHRASE, QUICK_VAULT) != sealed_bytes(ROLE, key, PASSPHRASE, QUICK_VAULT)


def test_a_plain_file_of_an_earlier_release_opens_and_can_be_sealed(path: Path) -> None:
    key = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    assert is_plain(path)

    seal_key(path, ROLE, open_plain_key(path), PASSPHRASE, QUICK_VAULT)

    assert not is_plain(path)
    assert open_sealed_key(path, ROLE, PASSPHRASE).public_key() == key.public_key()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
        generate_private_key(SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
    ],
    ids=["empty", "damaged", "another algorithm"],
)
def test_a_plain_file_that_holds_no_key_of_ours_is_broken(content: bytes, path: Path) -> None:
    path.write_bytes(content)

    with pytest.raises(VaultBroken, match="no usable private key"):
        open_plain_key(path)


def test_an_absent_file_is_not_plain(path: Path) -> None:
    assert not is_plain(path)


@pytest.mark.parametrize("cost", [{"lanes": 0}, {"iterations": 1001}, {"memory_kib": 7, "lanes": 1}])
def test_a_cost_beyond_the_bounds_is_no_cost(cost: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="within the bounds"):
        Argon2Cost(**cost)
