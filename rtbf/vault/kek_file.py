"""The KEK file's format: how its epochs are written, unlocked and guarded against change.

    schema, argon2 {memory_kib, iterations, lanes}, salt, check, mac,
    epochs [{number, created_at, destroyed_at|null, kek|null}]

Argon2id(passphrase, salt) gives 64 bytes: the first half wraps each KEK with AES-KWP, the second half makes two HMACs.
`check` tells a wrong passphrase from damage; `mac` covers everything else in the file, so that an epoch cannot be marked
destroyed, brought back or exchanged without the passphrase. An older file put back as a whole is a lawful file: that is
what a backup is, and its age is the operator's to bound.
Sources: RFC 9106 §4 (Argon2id, second recommended option); RFC 5649 (AES-KWP); RFC 2104 (HMAC); RFC 8785 (the bytes under `mac`).
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import rfc8785

from rtbf.clock import rfc3339
from rtbf.errors import VaultBroken, VaultLocked
from rtbf.vault.argon2 import SALT_BYTES, Argon2Cost, cost_body, read_cost, stretched
from rtbf.vault.kek import KEY_BYTES, Epoch
from rtbf.vault.key_file import base64_bytes, base64_text, exactly, instant, read_key_file, whole, write_key_file
from rtbf.vault.secret import Secret, SecretBytes

if TYPE_CHECKING:
    from pathlib import Path

SCHEMA = "rtbf.kek-file/1"
_CHECK_LABEL = b"rtbf.kek-file/1 passphrase"
_MAC_LABEL = b"rtbf.kek-file/1 content\x00"
_MAX_EPOCHS = 100_000


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredEpoch:
    """An epoch and its KEK wrapped under the passphrase; None once it is destroyed."""

    epoch: Epoch
    kek: bytes | None


@dataclass(frozen=True, kw_only=True, slots=True)
class KekFile:
    """The file's content. Its epochs are numbered from 1 without gaps, and the last one lives."""

    cost: Argon2Cost
    salt: bytes
    check: bytes
    mac: bytes
    epochs: tuple[StoredEpoch, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class PassphraseKeys:
    """What Argon2id made of the passphrase."""

    wrapping: SecretBytes
    mac: SecretBytes


def stretch(passphrase: Secret, salt: bytes, cost: Argon2Cost) -> PassphraseKeys:
    """Return the keys of a passphrase; takes the time and memory that `cost` says."""
    derived = stretched(passphrase, salt, cost, 2 * KEY_BYTES).reveal()
    return PassphraseKeys(wrapping=SecretBytes(derived[:KEY_BYTES]), mac=SecretBytes(derived[KEY_BYTES:]))


def require_untouched(content: KekFile, keys: PassphraseKeys, name: str) -> None:
    """Raise VaultLocked when `keys` come from another passphrase, VaultBroken when the file `name` was changed without it."""
    if not hmac.compare_digest(content.check, _check_of(keys)):
        raise VaultLocked(
            found=f"a passphrase that does not open {name}",
            expected="the passphrase that the file was made or last changed with",
            remedy="point to the right passphrase file; a passphrase with a stray space or line break is another one",
        )
    if not hmac.compare_digest(content.mac, _mac_of(content, keys)):
        raise VaultBroken(
            found=f"{name} was changed by something that did not know the passphrase",
            expected="the file as this program wrote it",
            remedy="restore it from the key backup, and find out who changed it",
        )


def sealed_kek_file(keys: PassphraseKeys, salt: bytes, cost: Argon2Cost, epochs: tuple[StoredEpoch, ...]) -> KekFile:
    """Return the content with its check and MAC made anew."""
    bare = KekFile(cost=cost, salt=salt, check=_check_of(keys), mac=b"", epochs=epochs)
    return KekFile(cost=cost, salt=salt, check=bare.check, mac=_mac_of(bare, keys), epochs=epochs)


def read_kek_file(path: Path) -> KekFile:
    """Return the file's content, well-formed but not yet checked against the passphrase; raises VaultBroken."""
    return read_key_file(path, SCHEMA, _parsed)


def write_kek_file(path: Path, content: KekFile) -> None:
    """Write the file anew, in one piece."""
    write_key_file(path, SCHEMA, {**_body(content), "mac": base64_text(content.mac)})


def _check_of(keys: PassphraseKeys) -> bytes:
    return hmac.digest(keys.mac.reveal(), _CHECK_LABEL, "sha256")


def _mac_of(content: KekFile, keys: PassphraseKeys) -> bytes:
    return hmac.digest(keys.mac.reveal(), _MAC_LABEL + rfc8785.dumps(_body(content)), "sha256")


def _body(content: KekFile) -> dict[str, Any]:
    return {
        "argon2": cost_body(content.cost),
        "salt": base64_text(content.salt),
        "check": base64_text(content.check),
        "epochs": [
            {
                "number": stored.epoch.number,
                "created_at": rfc3339(stored.epoch.created_at),
                "destroyed_at": None if stored.epoch.destroyed_at is None else rfc3339(stored.epoch.destroyed_at),
                "kek": None if stored.kek is None else base64_text(stored.kek),
            }
            for stored in content.epochs
        ],
    }


def _parsed(body: dict[str, Any]) -> KekFile:
    exactly(body, "schema", "argon2", "salt", "check", "mac", "epochs")
    epochs = tuple(_epoch(entry) for entry in body["epochs"])
    if not epochs or [stored.epoch.number for stored in epochs] != list(range(1, len(epochs) + 1)) or epochs[-1].kek is None:
        raise ValueError("epochs out of order, or no living one at the end")
    return KekFile(
        cost=read_cost(body["argon2"]),
        salt=base64_bytes(body["salt"], SALT_BYTES),
        check=base64_bytes(body["check"], KEY_BYTES),
        mac=base64_bytes(body["mac"], KEY_BYTES),
        epochs=epochs,
    )


def _epoch(entry: Any) -> StoredEpoch:  # noqa: ANN401 - untrusted JSON
    exactly(entry, "number", "created_at", "destroyed_at", "kek")
    destroyed_at = None if entry["destroyed_at"] is None else instant(entry["destroyed_at"])
    kek = None if entry["kek"] is None else base64_bytes(entry["kek"])
    if (destroyed_at is None) != (kek is not None):
        raise ValueError("a destroyed epoch with a KEK, or a living one without")
    epoch = Epoch(number=whole(entry["number"], 1, _MAX_EPOCHS), created_at=instant(entry["created_at"]), destroyed_at=destroyed_at)
    return StoredEpoch(epoch=epoch, kek=kek)
