"""Notes open as C2SP says, and nothing else opens. The samples are C2SP's, Go's, and a head of a public log with its witness."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from rtbf.evidence.signed_note import (
    COSIGNER_KIND,
    MAX_SIGNATURE_LINES,
    MAX_SIGNED_NOTE_BYTES,
    SIGNER_KIND,
    NoteKey,
    cosign_line,
    open_note,
    read_vkey,
    sign_note,
    vkey_text,
    with_signature,
)

if TYPE_CHECKING:
    from collections.abc import Callable

C2SP_KEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
C2SP_NOTE = """\
This is an example message.

— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=
"""
"""The example of C2SP signed-note, section on verifier keys."""
GO_KEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
GO_SEED = "YEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
GO_TEXT = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
GO_NOTE = f"{GO_TEXT}\n— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
"""The example of golang.org/x/mod/sumdb/note: its key pair and what it signs."""
PUBLIC_HEAD = """\
arche2025h1.staging.ct.transparency.dev
1432088532
U7WM79jrzyhGZ5/GUBTpM7NzwdyfFx61t3RovgcC4Ro=

— arche2025h1.staging.ct.transparency.dev zTM8sQAAAZ5W0WdjBAMARjBEAiBjW5IQf9pvsYLfQFX6hoGREPMHbdQ3urbllzalApkptQ\
IgIpwtEroeW2BXaHAI4kJXFbon5Ch9MNL5zRNZ55lvGt0=
— arche2025h1.staging.ct.transparency.dev ui8GwCF1+kWqZrxGdhj4aX3gcw7XUlXQQabg/27lefwhUkzbC3NygNI75MdhL1bfTW9g8Ei59RA23oHP7Ry1k3ZFWwQ=
— witness1.smartit.nu/witness1 pIyCDwAAAABqEiEghIp82KWebrw7/oHQwlTAm3g2RKS4+eebl8eO0WH+/iEcxZ75W3u5hNI7TOQtmJbqmNWVuE0tgh0XwzdZsDsUAQ==
— remora.n621.de 2net5wAAAABqEiEgPlfF3V06o0Y+fHM+J5J9s27wgxxcOVSpZ/2g/KSiXCg9DEZI+aVCIobWX9sXTynk5XeU/zZ0WBxtqB0DrAWfBw==
"""
"""A head of a public certificate log: an RFC 6962 signature (0x05), an Ed25519 one (0x01), two cosignatures (0x04)."""
PUBLIC_LOG = "arche2025h1.staging.ct.transparency.dev+ba2f06c0+AU0vHmlGCS/PdN8b2OaGmKprLI8HKM+dJ472xgFYh15f"
PUBLIC_WITNESS = "remora.n621.de+da77ade7+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2"
EACH_PUBLIC_KEY = [C2SP_KEY, GO_KEY, PUBLIC_LOG, PUBLIC_WITNESS]

LOG = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
WITNESS = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))
NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
LOG_KEY = NoteKey(name="log.example.org/a", kind=SIGNER_KIND, key=LOG.public_key())
WITNESS_KEY = NoteKey(name="witness.example.org/w", kind=COSIGNER_KIND, key=WITNESS.public_key())
TEXT = "first line\n\nthird line\n"
NOTE = sign_note(TEXT, LOG_KEY.name, LOG)
LINE = cosign_line(TEXT, WITNESS_KEY.name, WITNESS, NOON)
BASE64 = NOTE.rsplit(" ", 1)[1].removesuffix("\n")


def line(content: bytes, name: str = LOG_KEY.name) -> str:
    return f"— {name} {base64.standard_b64encode(content).decode()}\n"


def test_the_sample_of_c2sp_opens() -> None:
    opened = open_note(C2SP_NOTE, [read_vkey(C2SP_KEY)])

    assert opened.text == "This is an example message.\n"
    assert [key.name for key in opened.by] == ["example.com/foo"]
    assert opened.cosigned_at == ()


def test_we_sign_the_very_bytes_that_go_signs() -> None:
    # Go's key text is PRIVATE+KEY+PeterNeumann+c74f20a3+A and this: the kind byte 0x01 and the seed.
    seed = base64.b64decode(f"A{GO_SEED}")[1:]

    note = sign_note(GO_TEXT, "PeterNeumann", Ed25519PrivateKey.from_private_bytes(seed))

    assert note == GO_NOTE
    assert open_note(note, [read_vkey(GO_KEY)]).text == GO_TEXT


def test_a_public_logs_head_opens_with_its_witness_and_strangers_are_passed_over() -> None:
    opened = open_note(PUBLIC_HEAD, [read_vkey(PUBLIC_LOG), read_vkey(PUBLIC_WITNESS)])

    assert [key.kind for key in opened.by] == [0x01, 0x04]
    # The eight bytes after the key's hash are 0x6a122120 = 1 779 573 024 seconds after 1970.
    assert opened.cosigned_at == (("remora.n621.de", datetime(2026, 5, 23, 21, 50, 24, tzinfo=UTC)),)


@pytest.mark.parametrize("text", EACH_PUBLIC_KEY)
def test_a_key_text_is_read_and_written_alike(text: str) -> None:
    assert vkey_text(read_vkey(text)) == text


NO_KEYS: dict[str, str] = {
    "nothing": "",
    "a name": "example.com/foo",
    "no key": "example.com/foo+530d903a",
    "no name": C2SP_KEY.removeprefix("example.com/foo"),
    "another name": C2SP_KEY.replace("foo", "bar"),
    "another hash": C2SP_KEY.replace("530d903a", "530d903b"),
    "a hash in capitals": C2SP_KEY.replace("530d903a", "530D903A"),
    "a short hash": C2SP_KEY.replace("530d903a", "530d90"),
    "another key": C2SP_KEY.replace("AekyeRrm", "AekyeRrn"),
    "another kind": C2SP_KEY.replace("+Ae", "+Be"),
    "a short key": C2SP_KEY[:-4],
    "no base64": C2SP_KEY[:-1] + "!",
    "a newline after it": C2SP_KEY + "\n",
    "a name with a space": C2SP_KEY.replace("foo", "f o"),
}


@pytest.mark.parametrize("text", NO_KEYS.values(), ids=NO_KEYS.keys())
def test_what_is_no_key_text_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"key|base64"):
        read_vkey(text)


@pytest.mark.parametrize("name", ["", "a b", "a+b", "a\u00a0b", "a\u2028b", "a\nb", "a\x00b", "\ud800"])
def test_a_key_has_a_name_that_a_note_can_carry(name: str) -> None:
    with pytest.raises(ValueError, match=r"key name|not Unicode"):
        NoteKey(name=name, kind=SIGNER_KIND, key=LOG.public_key())


@pytest.mark.parametrize("kind", [0x00, 0x02, 0x03, 0x05, 0x06, 0xFF])
def test_a_kind_that_is_not_spoken_here_is_refused(kind: int) -> None:
    with pytest.raises(ValueError, match="kind"):
        NoteKey(name="a", kind=kind, key=LOG.public_key())


def test_a_note_with_a_witness_tells_when_it_cosigned() -> None:
    opened = open_note(with_signature(NOTE, LINE), [LOG_KEY, WITNESS_KEY])

    assert opened.text == TEXT
    assert opened.by == (LOG_KEY, WITNESS_KEY)
    assert opened.cosigned_at == (("witness.example.org/w", NOON),)


def test_sixteen_strange_signatures_do_not_disturb() -> None:
    strangers = "".join(line(bytes([number]) * 5000, f"stranger.example.org/{number}") for number in range(16))

    opened = open_note(NOTE + strangers, [LOG_KEY])

    assert opened.by == (LOG_KEY,)


def test_a_strange_key_of_the_same_name_or_hash_is_passed_over() -> None:
    other_hash = line(bytes(4) + bytes(64))
    other_name = line(LOG_KEY.key_hash + bytes(64), "log.example.org/b")

    assert open_note(NOTE + other_hash + other_name, [LOG_KEY]).by == (LOG_KEY,)


BAD_NOTES: dict[str, tuple[str, Callable[[], str]]] = {
    "nothing": ("empty line and signature lines", lambda: ""),
    "no signature": ("not dash, name and base64", lambda: TEXT),
    "no empty line": ("not dash, name and base64", lambda: NOTE.replace("\n\n—", "\n—")),
    "no signature lines": ("empty line and signature lines", lambda: f"{TEXT}\n"),
    "no newline at the end": ("empty line and signature lines", lambda: NOTE.removesuffix("\n")),
    "an empty line at the end": ("empty line and signature lines", lambda: NOTE + "\n"),
    "no text": ("empty line and signature lines", lambda: "\n" + NOTE.rsplit("\n\n", 1)[1]),
    "another text": ("does not fit the text", lambda: NOTE.replace("first", "worst")),
    "a line of text more": ("does not fit the text", lambda: NOTE.replace("third line\n", "third line\nfourth\n")),
    "an empty line of text fewer": ("does not fit the text", lambda: NOTE.replace("line\n\nthird", "line\nthird")),
    "a carriage return": ("control characters", lambda: NOTE.replace("\n", "\r\n")),
    "a tab": ("control characters", lambda: NOTE.replace("first ", "first\t")),
    "a null": ("control characters", lambda: NOTE.replace("first", "first\x00")),
    "half a character": ("not Unicode", lambda: NOTE.replace("first", "first\ud800")),
    "a hyphen for the dash": ("not dash, name and base64", lambda: NOTE.replace("—", "-")),
    "an en dash": ("not dash, name and base64", lambda: NOTE.replace("—", "–")),
    "two spaces": ("not dash, name and base64", lambda: NOTE.replace("— ", "—  ")),
    "a space at the end": ("not dash, name and base64", lambda: NOTE.removesuffix("\n") + " \n"),
    "a plus in a stranger's name": ("a key name that", lambda: NOTE + line(bytes(68), "a+b")),
    "a wide space in a stranger's name": ("a key name that", lambda: NOTE + line(bytes(68), "a\u3000b")),
    "a stranger's line without signature": ("without a signature", lambda: NOTE + line(bytes(4), "stranger")),
    "a stranger's line without base64": ("not standard base64", lambda: NOTE + "— stranger !!!!\n"),
    "an unfinished line": ("not dash, name and base64", lambda: NOTE + "— stranger\n"),
    "base64 without padding": ("not standard base64", lambda: NOTE.replace(BASE64, BASE64.rstrip("="))),
    "base64 with stray bits": ("not canonical base64", lambda: NOTE.replace(BASE64, stray_bits(BASE64))),
    "base64 for addresses": ("not standard base64", lambda: NOTE + "— stranger ____AAAA\n"),
    "a signature with a flipped bit": (
        "does not fit the text",
        lambda: TEXT + "\n" + line(LOG_KEY.key_hash + flipped(LOG.sign(TEXT.encode()))),
    ),
    "a short signature": ("does not fit the text", lambda: TEXT + "\n" + line(LOG_KEY.key_hash + LOG.sign(TEXT.encode())[:-1])),
    "a long signature": ("does not fit the text", lambda: TEXT + "\n" + line(LOG_KEY.key_hash + LOG.sign(TEXT.encode()) + b"\0")),
    "a good and a bad signature": ("does not fit the text", lambda: NOTE + line(WITNESS_KEY.key_hash + bytes(72), WITNESS_KEY.name)),
    "one signature twice": ("two signatures by one key", lambda: NOTE + NOTE.rsplit("\n\n", 1)[1]),
    "a cosignature twice": (
        "two signatures by one key",
        lambda: NOTE + LINE + cosign_line(TEXT, WITNESS_KEY.name, WITNESS, NOON.replace(hour=13)),
    ),
    "a cosignature under another time": ("does not fit the text", lambda: NOTE + at_another_time(LINE)),
    "a cosignature of another text": ("does not fit the text", lambda: NOTE + cosign_line("other\n", WITNESS_KEY.name, WITNESS, NOON)),
    "a cosignature without time": (
        "of another length",
        lambda: NOTE + line(WITNESS_KEY.key_hash + WITNESS.sign(TEXT.encode()), WITNESS_KEY.name),
    ),
    "a plain signature for a cosignature": (
        "does not fit the text",
        lambda: NOTE + line(WITNESS_KEY.key_hash + bytes(8) + WITNESS.sign(TEXT.encode()), WITNESS_KEY.name),
    ),
    "a time that is no date": ("no date", lambda: NOTE + cosigned_in((1 << 63) - 1)),
    "only strangers": ("none by a known key", lambda: TEXT + "\n" + line(bytes(68), "stranger")),
    "too many lines": ("65 signature lines", lambda: NOTE + line(bytes(68), "stranger") * MAX_SIGNATURE_LINES),
    "too many bytes": (
        "a note of more than",
        lambda: sign_note("a" * (MAX_SIGNED_NOTE_BYTES - 200) + "\n", LOG_KEY.name, LOG) + line(bytes(200), "stranger"),
    ),
    "too many bytes in few characters": ("a note of more than", lambda: "\u3042" * (MAX_SIGNED_NOTE_BYTES // 2) + NOTE),
}


def stray_bits(text: str) -> str:
    """The same bytes in another base64 text: the last character before the padding has unused bits."""
    body = text.rstrip("=")
    return body[:-1] + chr(ord(body[-1]) + 1) + text[len(body) :]


def flipped(signature: bytes) -> bytes:
    return bytes([signature[0] ^ 1]) + signature[1:]


def at_another_time(cosignature: str) -> str:
    content = base64.b64decode(cosignature.split(" ")[2])
    return line(content[:4] + (int.from_bytes(content[4:12]) + 1).to_bytes(8) + content[12:], WITNESS_KEY.name)


def cosigned_in(seconds: int) -> str:
    signature = WITNESS.sign(b"cosignature/v1\ntime %d\n%b" % (seconds, TEXT.encode()))
    return line(WITNESS_KEY.key_hash + seconds.to_bytes(8) + signature, WITNESS_KEY.name)


@pytest.mark.parametrize(("reason", "note"), BAD_NOTES.values(), ids=BAD_NOTES.keys())
def test_what_breaks_a_rule_is_refused_for_it(reason: str, note: Callable[[], str]) -> None:
    written = note()

    with pytest.raises(ValueError, match=reason) as refused:
        open_note(written, [LOG_KEY, WITNESS_KEY])

    assert type(refused.value) is ValueError


def test_a_witness_signature_is_made_as_c2sp_says() -> None:
    """The signed message is two lines and the text; 1 772 452 800 seconds are noon of 2 March 2026."""
    signature = WITNESS.sign(b"cosignature/v1\ntime 1772452800\n" + TEXT.encode())

    assert line(WITNESS_KEY.key_hash + (1772452800).to_bytes(8) + signature, WITNESS_KEY.name) == LINE


@pytest.mark.parametrize(
    "text", ["", "no newline", "line\n\nno newline", "a\x07\n", "a\r\n", "\ud800\n", "a" * MAX_SIGNED_NOTE_BYTES + "\n"]
)
def test_a_text_that_no_note_can_carry_is_not_signed(text: str) -> None:
    with pytest.raises(ValueError, match=r"text|note"):
        sign_note(text, LOG_KEY.name, LOG)


@pytest.mark.parametrize(
    "answer",
    ["", "\n", "hello\n", "\n" + LINE, LINE + "\n", LINE + LINE, LINE.removesuffix("\n"), "forged\n\n" + LINE, "— w\n", "— w AAAA\n"],
)
def test_a_witness_cannot_move_the_text_by_its_answer(answer: str) -> None:
    with pytest.raises(ValueError, match=r"cosignature|signature line|note|text"):
        with_signature(NOTE, answer)


def test_two_keys_that_a_note_cannot_tell_apart_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Four bytes collide after some 2^32 tries; a name and hash of two keys must not let either sign for the other."""
    monkeypatch.setattr(NoteKey, "key_hash", property(lambda _: bytes(4)))
    other = NoteKey(name=LOG_KEY.name, kind=SIGNER_KIND, key=WITNESS.public_key())

    with pytest.raises(ValueError, match="two known keys"):
        open_note(NOTE, [LOG_KEY, other])


@given(st.text(st.characters(exclude_categories=("Cc", "Cs"), include_characters="\n"), max_size=60))
def test_whatever_text_is_signed_comes_back_whole(text: str) -> None:
    assert open_note(sign_note(f"{text}\n", LOG_KEY.name, LOG), [LOG_KEY]).text == f"{text}\n"


@given(st.data())
def test_a_changed_character_never_leaves_a_note_as_it_was(data: st.DataObject) -> None:
    whole = with_signature(NOTE, LINE)
    at = data.draw(st.integers(0, len(whole) - 1))
    put = data.draw(st.characters(codec="utf-8").filter(lambda each: each != whole[at]))

    try:
        opened = open_note(whole[:at] + put + whole[at + 1 :], [LOG_KEY, WITNESS_KEY])
    except ValueError:
        return

    # Only a name or a key's hash can change unpunished: then that signature is a stranger's, and counts for nothing.
    assert (opened.text, len(opened.by)) == (TEXT, 1)
