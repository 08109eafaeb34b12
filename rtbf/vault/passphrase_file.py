"""KEKs in one file, wrapped under a passphrase that comes from another: the key keeper of an installation without KMS.

The passphrase lies in a file of its own (a container secret, a mounted volume), so that neither the key file nor a backup
of it opens anything alone. Whoever reads both files reads every ticket. Destroying an epoch removes its KEK from the
file; copies of the file in backups keep it until they expire, and nothing here can know of them: keep the key backup
apart from the database's, and short. The passphrase is stretched at first use and not before, once per object.
Format and sources: `rtbf.vault.kek_file`.
"""

from __future__ import annotations

import os
import secrets
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap_with_padding, aes_key_wrap_with_padding

from rtbf.errors import BadInput, KeyDestroyed, KeyUnknown, SealBroken, UnknownName, VaultBroken, VaultLocked
from rtbf.files import create_secret_file
from rtbf.vault.argon2 import SALT_BYTES, Argon2Cost
from rtbf.vault.kek import KEY_BYTES, Epoch, WrappedKey
from rtbf.vault.kek_file import (
    KekFile,
    PassphraseKeys,
    StoredEpoch,
    read_kek_file,
    require_untouched,
    sealed_kek_file,
    stretch,
    write_kek_file,
)
from rtbf.vault.key_file import one_writer
from rtbf.vault.secret import Secret, SecretBytes

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

MIN_PASSPHRASE_CHARACTERS = 15
"""NIST SP 800-63B-4 §3.1.1.2: what stands alone between a thief and the keys is at least this long."""
_MAX_PASSPHRASE_BYTES = 4096


def create_passphrase_file(path: Path) -> None:
    """Write a fresh random 256-bit passphrase (64 hexadecimal digits), mode 0600; an existing file is never overwritten."""
    create_secret_file(path, secrets.token_hex(KEY_BYTES).encode() + b"\n")


def read_passphrase(path: Path, opens: str = "the vault") -> Secret:
    """Return the file's text without line breaks at its end; raises VaultLocked when it is missing, too short, or no text.

    `opens` names in errors what the passphrase is for.
    """
    try:
        with path.open("rb") as file:
            content = file.read(_MAX_PASSPHRASE_BYTES + 1)
    except OSError as failed:
        raise VaultLocked(
            found=f"no readable passphrase file at {path}",
            expected=f"the file that holds the passphrase of {opens}",
            remedy=f"mount or restore it, or point to it; without it {opens} stays shut",
        ) from failed
    try:
        text = content.decode().rstrip("\r\n")
    except UnicodeDecodeError:
        text = ""
    if len(content) > _MAX_PASSPHRASE_BYTES or "\n" in text:
        text = ""
    return require_strong(Secret(text), path.name)


def require_strong(passphrase: Secret, where: str) -> Secret:
    """Return `passphrase`; raises VaultLocked when it is too short to protect a stolen key file."""
    if len(passphrase.reveal()) < MIN_PASSPHRASE_CHARACTERS:
        raise VaultLocked(
            found=f"a passphrase in {where} that is empty, too short, or not one line of UTF-8 text",
            expected=f"at least {MIN_PASSPHRASE_CHARACTERS} characters on one line of at most {_MAX_PASSPHRASE_BYTES} bytes",
            remedy="use a generated one",
        )
    return passphrase


def create_kek_file(path: Path, passphrase: Secret, now: datetime, cost: Argon2Cost | None = None) -> None:
    """Write a key file with epoch 1, mode 0600; an existing file is never overwritten (FileExistsError)."""
    require_strong(passphrase, "the new key file")
    with one_writer(path):
        if path.exists():
            raise FileExistsError(path)
        salt, chosen = os.urandom(SALT_BYTES), cost or Argon2Cost()
        keys = stretch(passphrase, salt, chosen)
        write_kek_file(path, sealed_kek_file(keys, salt, chosen, (_fresh_epoch(1, keys, now),)))


def change_passphrase(path: Path, old: Secret, new: Secret, cost: Argon2Cost | None = None) -> None:
    """Wrap every living KEK under `new` with a fresh salt; raises VaultLocked when `old` is wrong. Ticket keys stay as they are.

    `cost` None keeps the file's cost. Copies of the old file still open with the old passphrase: after a leak begin a
    fresh epoch, re-wrap the tickets' keys and destroy the old epoch as well.
    """
    require_strong(new, "the change")
    with one_writer(path):
        content = read_kek_file(path)
        old_keys = stretch(old, content.salt, content.cost)
        require_untouched(content, old_keys, path.name)
        salt, chosen = os.urandom(SALT_BYTES), cost or content.cost
        new_keys = stretch(new, salt, chosen)
        epochs = tuple(
            stored if stored.kek is None else StoredEpoch(epoch=stored.epoch, kek=_wrap(new_keys, _opened(stored, old_keys, path)))
            for stored in content.epochs
        )
        write_kek_file(path, sealed_kek_file(new_keys, salt, chosen, epochs))


class PassphraseFile:
    """The `KeyWrapper` over a key file and a passphrase file. It follows what other processes change in the key file."""

    destruction_waits_days = 0

    def __init__(self, path: Path, passphrase_path: Path) -> None:
        self._path = path
        self._passphrase_path = passphrase_path
        self._stamp: tuple[int, int, int] | None = None
        self._content: KekFile | None = None
        self._keys: PassphraseKeys | None = None
        self._keys_salt = b""
        self._keks: dict[int, SecretBytes] = {}

    def __repr__(self) -> str:
        return "<PassphraseFile>"

    def current_epoch(self) -> int:
        """Return the number of the last epoch; needs no passphrase."""
        return self._read().epochs[-1].epoch.number

    def epochs(self) -> tuple[Epoch, ...]:
        """Return all epochs by number; needs no passphrase, so it trusts the file's own word."""
        return tuple(stored.epoch for stored in self._read().epochs)

    def wrap(self, key: bytes) -> WrappedKey:
        """Return `key` wrapped under the current epoch; raises ValueError unless it is 32 bytes long."""
        if len(key) != KEY_BYTES:
            raise ValueError("a ticket's key has 32 bytes")
        number = self.current_epoch()
        return WrappedKey(epoch=number, blob=aes_key_wrap_with_padding(self._kek(number).reveal(), key))

    def unwrap(self, wrapped: WrappedKey) -> bytes:
        """Return the key; raises KeyDestroyed, KeyUnknown, SealBroken, VaultLocked or VaultBroken."""
        kek = self._kek(wrapped.epoch)
        try:
            return aes_key_unwrap_with_padding(kek.reveal(), wrapped.blob)
        except InvalidUnwrap as refused:
            raise SealBroken(
                found=f"a ticket key that the vault's epoch {wrapped.epoch} does not open",
                expected="a key wrapped under this epoch of this key file",
                remedy="restore the key file that belongs to this database",
            ) from refused

    def new_epoch(self, now: datetime) -> int:
        """Begin an epoch and return its number."""
        with one_writer(self._path):
            content, keys = self._unlocked()
            number = len(content.epochs) + 1
            epochs = (*content.epochs, _fresh_epoch(number, keys, now))
            write_kek_file(self._path, sealed_kek_file(keys, content.salt, content.cost, epochs))
        return number

    def destroy_epoch(self, number: int, now: datetime) -> None:
        """Remove an epoch's KEK from the file; its number and times stay."""
        with one_writer(self._path):
            content, keys = self._unlocked()
            stored = _find(content, number)
            if stored is None:
                raise UnknownName("key epoch", str(number), (), "rtbf key list")
            if stored is content.epochs[-1]:
                raise BadInput(
                    found=f"epoch {number} is the one that keys are wrapped under",
                    expected="an earlier epoch",
                    remedy="begin a fresh epoch and re-wrap the tickets' keys first",
                )
            if stored.kek is None:
                return
            ended = Epoch(number=number, created_at=stored.epoch.created_at, destroyed_at=now)
            epochs = tuple(StoredEpoch(epoch=ended, kek=None) if entry is stored else entry for entry in content.epochs)
            write_kek_file(self._path, sealed_kek_file(keys, content.salt, content.cost, epochs))
            self._keks.pop(number, None)

    def _kek(self, number: int) -> SecretBytes:
        stored = _find(self._read(), number)
        if stored is None:
            raise KeyUnknown(
                found=f"a key wrapped under epoch {number}, which {self._path.name} has never held",
                expected=f"an epoch from 1 to {self.current_epoch()}",
                remedy="restore the key file that belongs to this database; this one may be an older backup",
            )
        if stored.kek is None:
            raise KeyDestroyed(
                found=f"a key wrapped under epoch {number}, which was destroyed",
                expected="a living epoch",
                remedy="nothing can open it; that is what destroying the epoch was for",
            )
        if number not in self._keks:
            _, keys = self._unlocked()
            self._keks[number] = SecretBytes(_opened(stored, keys, self._path))
        return self._keks[number]

    def _unlocked(self) -> tuple[KekFile, PassphraseKeys]:
        """Return the file's content, checked against the passphrase, which is stretched when that has not been done yet."""
        content = self._read()
        # Another salt means that the passphrase was changed since.
        if self._keys is None or self._keys_salt != content.salt:
            self._keys, self._keys_salt = stretch(read_passphrase(self._passphrase_path), content.salt, content.cost), content.salt
        try:
            require_untouched(content, self._keys, self._path.name)
        except VaultLocked:
            self._keys = None
            raise
        return content, self._keys

    def _read(self) -> KekFile:
        """Return the file's content, read again when the file is another one than last time."""
        try:
            status = self._path.stat()
            stamp = (status.st_ino, status.st_mtime_ns, status.st_size)
        except OSError:
            stamp = None
        if self._content is None or stamp is None or stamp != self._stamp:
            self._content, self._stamp = read_kek_file(self._path), stamp
            # A KEK that another process destroyed or exchanged must not live on here.
            self._keks.clear()
        return self._content


def _find(content: KekFile, number: int) -> StoredEpoch | None:
    return next((stored for stored in content.epochs if stored.epoch.number == number), None)


def _fresh_epoch(number: int, keys: PassphraseKeys, now: datetime) -> StoredEpoch:
    epoch = Epoch(number=number, created_at=now, destroyed_at=None)
    return StoredEpoch(epoch=epoch, kek=_wrap(keys, os.urandom(KEY_BYTES)))


def _wrap(keys: PassphraseKeys, kek: bytes) -> bytes:
    return aes_key_wrap_with_padding(keys.wrapping.reveal(), kek)


def _opened(stored: StoredEpoch, keys: PassphraseKeys, path: Path) -> bytes:
    """Return an epoch's KEK in clear."""
    try:
        kek = aes_key_unwrap_with_padding(keys.wrapping.reveal(), stored.kek or b"")
    except InvalidUnwrap:
        kek = b""
    if len(kek) != KEY_BYTES:
        raise VaultBroken(
            found=f"epoch {stored.epoch.number} of {path.name} does not open under the right passphrase",
            expected="the file as this program wrote it",
            remedy="restore it from the key backup",
        )
    return kek
