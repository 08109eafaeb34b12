"""Text with signature lines under it that a person can read: sign a note, and open one that strangers wrote.

A note is text that ends in a newline, an empty line, and one line for each signature: an em dash, the key's name, and
base64 of the key's four-byte hash and the signature. Two kinds of key are known: 0x01, Ed25519 over the text, and 0x04, a
witness's Ed25519 over the text under its own time. Lines by other keys are passed over, as the format promises; a line by a
known key that is wrong, or a second one by it, ends the whole note.
Proves that the holders of the keys signed this text (and, for a witness, that it says to have done so at a time). Does not
prove that the text is true, nor that there is no other note. Bad input is a ValueError that repeats none of it.
Source: C2SP signed-note, C2SP tlog-cosignature (cosignature/v1); RFC 8032 (Ed25519), RFC 4648 §4 (base64).
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from rtbf.evidence.strict_base64 import base64_text, read_base64

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

SIGNER_KIND = 0x01
COSIGNER_KIND = 0x04
MAX_SIGNED_NOTE_BYTES = 1 << 18
"""Room for the sixteen signatures that C2SP obliges us to accept, were each a post-quantum one of 5 kB."""
MAX_SIGNATURE_LINES = 64
_DASH = "\N{EM DASH}"
_KEY_HASH_BYTES = 4
_PUBLIC_KEY_BYTES = 32
_SIGNATURE_BYTES = 64
_TIME_BYTES = 8
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f]")  # every ASCII control character but the newline
_KEY_TEXT_PARTS = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class NoteKey:
    """A public key under a name, of one kind; ValueError for a name or a kind that a note cannot carry."""

    name: str
    kind: int
    key: Ed25519PublicKey

    def __post_init__(self) -> None:
        require_key_name(self.name)
        if self.kind not in {SIGNER_KIND, COSIGNER_KIND}:
            raise ValueError(f"a key of kind {self.kind}, which is neither {SIGNER_KIND} nor {COSIGNER_KIND}")

    @property
    def key_hash(self) -> bytes:
        """Return the four bytes that point to this key in a note. They only select; they are no proof of identity."""
        return hashlib.sha256(self.name.encode() + b"\n" + _typed_key(self)).digest()[:_KEY_HASH_BYTES]


@dataclass(frozen=True, kw_only=True, slots=True)
class VerifiedNote:
    """A note of which at least one signature by a known key holds. `by` has each such key once, in the note's order.

    `cosigned_at` has a (witness's name, the time it states in UTC) for each key of kind 0x04 among them.
    """

    text: str
    by: tuple[NoteKey, ...]
    cosigned_at: tuple[tuple[str, datetime], ...]


def vkey_text(key: NoteKey) -> str:
    """Return the key as C2SP's one-line text: name, key hash in hexadecimal, base64 of kind and key, joined by plus signs."""
    return f"{key.name}+{key.key_hash.hex()}+{base64_text(_typed_key(key))}"


def read_vkey(text: str) -> NoteKey:
    """Return the key in C2SP's one-line text; ValueError when it is none, or names another key hash than its own."""
    parts = text.split("+", _KEY_TEXT_PARTS - 1)
    if len(parts) != _KEY_TEXT_PARTS:
        raise ValueError("a key text that is not name+hash+key")
    name, key_hash, typed_text = parts
    typed = read_base64(typed_text)
    if len(typed) != 1 + _PUBLIC_KEY_BYTES:
        raise ValueError(f"a key of {len(typed)} bytes where kind and key take {1 + _PUBLIC_KEY_BYTES}")
    key = NoteKey(name=name, kind=typed[0], key=Ed25519PublicKey.from_public_bytes(typed[1:]))
    if key.key_hash.hex() != key_hash:
        raise ValueError("a key text whose hash is another key's")
    return key


def sign_note(text: str, name: str, key: Ed25519PrivateKey) -> str:
    """Return the whole note: `text` with one signature by `key` (kind 0x01) under `name`.

    ValueError when the text does not end in a newline, holds control characters, or is too long for a note.
    """
    signer = NoteKey(name=name, kind=SIGNER_KIND, key=key.public_key())
    note = f"{text}\n{_signature_line(signer, key.sign(_text_bytes(text)))}"
    if _split_note(note)[0] != text:
        raise ValueError("a text that does not end in a newline")
    return note


def cosign_line(text: str, name: str, key: Ed25519PrivateKey, at: datetime) -> str:
    """Return one signature line, newline included: a witness's cosignature (kind 0x04) over `text` at `at`, whole seconds."""
    cosigner = NoteKey(name=name, kind=COSIGNER_KIND, key=key.public_key())
    seconds = int(at.timestamp())
    return _signature_line(cosigner, seconds.to_bytes(_TIME_BYTES) + key.sign(_cosigned_bytes(text, seconds)))


def with_signature(note: str, line: str) -> str:
    """Return the note with one more signature line, as a witness sent it. Checks its form, not the signature.

    ValueError when `line` is anything but one line with its newline: a longer answer could move where the text ends.
    """
    text, lines = _split_note(note)
    longer = note + line
    if line.count("\n") != 1 or _split_note(longer) != (text, [*lines, line.removesuffix("\n")]):
        raise ValueError("a cosignature that is not one signature line")
    _read_line(line.removesuffix("\n"))
    return longer


def open_note(note: str, keys: Sequence[NoteKey]) -> VerifiedNote:
    """Return the text and who of `keys` signed it.

    ValueError when the note is malformed or too long, when a known key's signature is wrong or there twice, or when no
    known key signed.
    """
    known = _by_name_and_hash(keys)
    text, lines = _split_note(note)
    signed: dict[tuple[str, bytes], NoteKey] = {}
    cosigned_at: list[tuple[str, datetime]] = []
    for line in lines:
        name, key_hash, signature = _read_line(line)
        key = known.get((name, key_hash))
        if key is None:
            continue
        if (name, key_hash) in signed:
            raise ValueError("two signatures by one key")
        if key.kind == COSIGNER_KIND:
            cosigned_at.append((name, _verify_cosignature(key, text, signature)))
        else:
            _verify(key, signature, _text_bytes(text))
        signed[name, key_hash] = key
    if not signed:
        raise ValueError(f"{len(lines)} signatures, none by a known key")
    return VerifiedNote(text=text, by=tuple(signed.values()), cosigned_at=tuple(cosigned_at))


def require_key_name(name: str) -> None:
    """Return when C2SP lets a key have this name; ValueError when it is empty or has a space, a plus or a control character."""
    if not name or "+" in name or any(each.isspace() for each in name) or _CONTROL.search(name):
        raise ValueError("a key name that is empty or holds spaces, plus signs or control characters")
    _text_bytes(name)


def _typed_key(key: NoteKey) -> bytes:
    return bytes([key.kind]) + key.key.public_bytes_raw()


def _signature_line(key: NoteKey, signature: bytes) -> str:
    return f"{_DASH} {key.name} {base64_text(key.key_hash + signature)}\n"


def _by_name_and_hash(keys: Sequence[NoteKey]) -> dict[tuple[str, bytes], NoteKey]:
    known: dict[tuple[str, bytes], NoteKey] = {}
    for key in keys:
        there = known.setdefault((key.name, key.key_hash), key)
        # Four bytes collide when somebody wants them to: then nobody could say whose signature it was.
        if _typed_key(there) != _typed_key(key):
            raise ValueError("two known keys with one name and one hash")
    return known


def _split_note(note: str) -> tuple[str, list[str]]:
    """Return the text, its last newline included, and the signature lines without theirs."""
    if len(note) > MAX_SIGNED_NOTE_BYTES or len(_text_bytes(note)) > MAX_SIGNED_NOTE_BYTES:
        raise ValueError(f"a note of more than {MAX_SIGNED_NOTE_BYTES} bytes")
    if _CONTROL.search(note):
        raise ValueError("a note with control characters")
    text, parted, signatures = note.rpartition("\n\n")
    if not parted or not signatures.endswith("\n"):
        raise ValueError("not a text, an empty line and signature lines")
    lines = signatures.removesuffix("\n").split("\n")
    if len(lines) > MAX_SIGNATURE_LINES:
        raise ValueError(f"a note of {len(lines)} signature lines; {MAX_SIGNATURE_LINES} at most")
    return text + "\n", lines


def _read_line(line: str) -> tuple[str, bytes, bytes]:
    """Return a signature line's key name, key hash, and what the key made."""
    parts = line.split(" ")
    if len(parts) != 3 or parts[0] != _DASH:  # noqa: PLR2004 - dash, name, base64
        raise ValueError("a signature line that is not dash, name and base64")
    require_key_name(parts[1])
    content = read_base64(parts[2])
    if len(content) <= _KEY_HASH_BYTES:
        raise ValueError("a signature line without a signature")
    return parts[1], content[:_KEY_HASH_BYTES], content[_KEY_HASH_BYTES:]


def _verify_cosignature(key: NoteKey, text: str, signature: bytes) -> datetime:
    if len(signature) != _TIME_BYTES + _SIGNATURE_BYTES:
        raise ValueError("a cosignature of another length")
    seconds = int.from_bytes(signature[:_TIME_BYTES])
    _verify(key, signature[_TIME_BYTES:], _cosigned_bytes(text, seconds))
    try:
        return datetime.fromtimestamp(seconds, tz=UTC)
    except (OverflowError, OSError, ValueError):
        raise ValueError("a cosignature at a time that is no date") from None


def _cosigned_bytes(text: str, seconds: int) -> bytes:
    """Return what a witness signs: its own first line, so that no other kind of signature can pass for it, and its time."""
    return b"cosignature/v1\ntime %d\n%b" % (seconds, _text_bytes(text))


def _verify(key: NoteKey, signature: bytes, signed: bytes) -> None:
    try:
        key.key.verify(signature, signed)
    except InvalidSignature:
        raise ValueError("a known key's signature that does not fit the text") from None


def _text_bytes(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise ValueError("text that is not Unicode") from None
