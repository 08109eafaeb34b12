"""Keyed tokens: what may be compared after the value itself is gone.

A suppression token is HMAC-SHA256(K, kind ‖ 0x00 ‖ SHA-256(normal form)) (domain.md §7.4). The inner hash lets an intake
that only brings a SHA-256 (OpenDSR, DDRF) give the same token; it is never stored, because whoever has it can try all
phone numbers of a country in seconds. Keys come in generations: tokens are made under the last, checked under all living
ones, and destroying a generation's key makes its tokens mean nothing.
An index token links open tickets that may be the same person's. It has a key and a label of its own: neither list can
be joined with the other by whoever has both but no key.
A token proves equality of normal forms, nothing else. Whoever holds the key can test guesses: keep it out of the database.
Source: HMAC is RFC 2104; pseudonymisation with the secret kept apart is EDPB Guidelines 01/2025.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rtbf.clock import rfc3339
from rtbf.errors import BadInput, UnknownName, VaultBroken
from rtbf.files import create_secret_file
from rtbf.vault.kek import KEY_BYTES
from rtbf.vault.key_file import base64_bytes, base64_text, exactly, instant, one_writer, read_key_file, whole, write_key_file
from rtbf.vault.secret import Secret, SecretBytes

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

SUPPRESSION_SCHEMA = "rtbf.suppression-keys/1"
_INDEX_LABEL = b"rtbf.index/1\x00"
_DIGEST_LABEL = b"rtbf.keyed-digest/1\x00"
_MAX_GENERATIONS = 10_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Token:
    """A suppression token and the generation of the key it was made under."""

    generation: int
    value: bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class Generation:
    """One suppression key; `key` is None once it is destroyed."""

    number: int
    created_at: datetime
    destroyed_at: datetime | None
    key: SecretBytes | None


@dataclass(frozen=True, kw_only=True, slots=True)
class SuppressionKeys:
    """The generations by number, from 1. The last one lives."""

    generations: tuple[Generation, ...]

    def living_keys(self) -> dict[int, SecretBytes]:
        """Return the keys that tokens are checked under, by generation."""
        return {generation.number: generation.key for generation in self.generations if generation.key is not None}

    def token(self, kind: str, form: Secret) -> Token:
        """Return the token of a normal form under the last generation."""
        return self.token_of_digest(kind, inner_digest(form.reveal()))

    def token_of_digest(self, kind: str, digest: bytes) -> Token:
        """Return the token of the SHA-256 of a normal form under the last generation; the form must be by our normaliser."""
        return self.tokens_of_digest(kind, digest)[-1]

    def tokens_of_digest(self, kind: str, digest: bytes) -> tuple[Token, ...]:
        """Return the tokens to look for under all living generations, by generation. Raises ValueError unless `digest` has 32 bytes."""
        if len(digest) != hashlib.sha256().digest_size:
            raise ValueError("the SHA-256 of a normal form has 32 bytes")
        body = kind_prefix(kind) + digest
        return tuple(
            Token(generation=number, value=hmac.digest(key.reveal(), body, "sha256")) for number, key in self.living_keys().items()
        )


def inner_digest(form: str) -> bytes:
    """Return the unkeyed SHA-256 of a normal form. It must never be stored or shown: it can be guessed back."""
    return hashlib.sha256(form.encode()).digest()


def kind_prefix(kind: str) -> bytes:
    """Return what stands before the inner hash. Raises ValueError when the kind could blur the border to it."""
    if not kind or "\x00" in kind:
        raise ValueError("a token's kind is a word")
    return kind.encode() + b"\x00"


def create_suppression_keys(path: Path, now: datetime) -> None:
    """Write a file with generation 1, mode 0600; an existing file is never overwritten (FileExistsError)."""
    with one_writer(path):
        if path.exists():
            raise FileExistsError(path)
        _write(path, (_fresh(1, now),))


def load_suppression_keys(path: Path) -> SuppressionKeys:
    """Return the keys; raises VaultBroken when the file is missing, damaged or of an unknown version."""
    return read_key_file(path, SUPPRESSION_SCHEMA, _parsed)


def new_generation(path: Path, now: datetime) -> int:
    """Begin a generation and return its number; earlier tokens stay checkable."""
    with one_writer(path):
        known = load_suppression_keys(path).generations
        _write(path, (*known, _fresh(len(known) + 1, now)))
    return len(known) + 1


def destroy_generation(path: Path, number: int, now: datetime) -> None:
    """Destroy a generation's key: its tokens can be matched with nothing from then on. Twice changes nothing.

    Raises UnknownName, or BadInput for the last generation. Copies of the file in backups keep the key until they expire.
    """
    with one_writer(path):
        known = load_suppression_keys(path).generations
        if not 1 <= number <= len(known):
            raise UnknownName("key generation", str(number), (), "rtbf key list")
        if number == len(known):
            raise BadInput(
                found=f"generation {number} is the one that tokens are made under",
                expected="an earlier generation",
                remedy="begin a fresh generation first",
            )
        ended = known[number - 1]
        if ended.key is not None:
            gone = Generation(number=number, created_at=ended.created_at, destroyed_at=now, key=None)
            _write(path, tuple(gone if generation is ended else generation for generation in known))


@dataclass(frozen=True, kw_only=True, slots=True)
class IndexKey:
    """The key of links between open tickets and of keyed digests."""

    key: SecretBytes

    def token(self, kind: str, form: Secret) -> bytes:
        """Return HMAC-SHA256(K, label ‖ kind ‖ 0x00 ‖ normal form): equal for two tickets that name the same identifier."""
        return hmac.digest(self.key.reveal(), _INDEX_LABEL + kind_prefix(kind) + form.reveal().encode(), "sha256")

    def keyed_digest(self, body: bytes) -> bytes:
        """Return a digest of a request's body that cannot be guessed back without the key.

        A body holds little but a name and an address: its plain SHA-256 would tell whether a given person asked.
        """
        return hmac.digest(self.key.reveal(), _DIGEST_LABEL + body, "sha256")


def create_index_key(path: Path) -> None:
    """Create a random 256-bit index key file of mode 0600; an existing file is never overwritten (FileExistsError)."""
    create_secret_file(path, os.urandom(KEY_BYTES))


def load_index_key(path: Path) -> IndexKey:
    """Return the index key; raises VaultBroken when the file is missing or of another length."""
    try:
        key = path.read_bytes()
    except OSError as failed:
        raise VaultBroken(
            found=f"no readable index key at {path}", expected="the file that `rtbf init` made", remedy="restore it from the key backup"
        ) from failed
    if len(key) != KEY_BYTES:
        raise VaultBroken(found=f"an index key of {len(key)} bytes", expected=f"{KEY_BYTES} bytes", remedy="restore it from the key backup")
    return IndexKey(key=SecretBytes(key))


def _fresh(number: int, now: datetime) -> Generation:
    return Generation(number=number, created_at=now, destroyed_at=None, key=SecretBytes(os.urandom(KEY_BYTES)))


def _write(path: Path, generations: tuple[Generation, ...]) -> None:
    entries = [
        {
            "number": generation.number,
            "created_at": rfc3339(generation.created_at),
            "destroyed_at": None if generation.destroyed_at is None else rfc3339(generation.destroyed_at),
            "key": None if generation.key is None else base64_text(generation.key.reveal()),
        }
        for generation in generations
    ]
    write_key_file(path, SUPPRESSION_SCHEMA, {"generations": entries})


def _parsed(body: dict[str, Any]) -> SuppressionKeys:
    exactly(body, "schema", "generations")
    generations = tuple(_generation(entry) for entry in body["generations"])
    numbers = [generation.number for generation in generations]
    if not generations or numbers != list(range(1, len(generations) + 1)) or generations[-1].key is None:
        raise ValueError("generations out of order, or no living one at the end")
    return SuppressionKeys(generations=generations)


def _generation(entry: Any) -> Generation:  # noqa: ANN401 - untrusted JSON
    exactly(entry, "number", "created_at", "destroyed_at", "key")
    destroyed_at = None if entry["destroyed_at"] is None else instant(entry["destroyed_at"])
    key = None if entry["key"] is None else SecretBytes(base64_bytes(entry["key"], KEY_BYTES))
    if (destroyed_at is None) != (key is not None):
        raise ValueError("a destroyed generation with a key, or a living one without")
    number = whole(entry["number"], 1, _MAX_GENERATIONS)
    return Generation(number=number, created_at=instant(entry["created_at"]), destroyed_at=destroyed_at, key=key)
