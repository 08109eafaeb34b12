"""A head is three lines signed by its own log, and nothing else is one."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from rtbf.evidence.merkle import EMPTY_ROOT
from rtbf.evidence.signed_note import COSIGNER_KIND, SIGNER_KIND, NoteKey, cosign_line, read_vkey, sign_note, with_signature
from rtbf.evidence.tree_head import TreeHead, head_text, open_head, read_head_text, sign_head

LOG = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
WITNESS = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))
ORIGIN = "log.example.org/a"
LOG_KEY = NoteKey(name=ORIGIN, kind=SIGNER_KIND, key=LOG.public_key())
WITNESS_KEY = NoteKey(name="witness.example.org/w", kind=COSIGNER_KIND, key=WITNESS.public_key())
NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
HEAD = TreeHead(origin=ORIGIN, size=20852163, root=bytes(range(32)))
# base64 of the bytes 0 to 31
TEXT = "log.example.org/a\n20852163\nAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n"


def test_a_head_is_three_lines() -> None:
    assert head_text(HEAD) == TEXT
    assert read_head_text(TEXT) == HEAD


def test_the_sample_of_c2sp_is_a_head() -> None:
    head = read_head_text("example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n")

    assert (head.origin, head.size) == ("example.com/behind-the-sofa", 20852163)
    assert head.root.hex() == "0ac5186a91863e8e1d90c808014aa89bf5da8e3ee1d9f07630f0378f68f1ab62"


def test_an_empty_tree_has_a_head() -> None:
    empty = TreeHead(origin=ORIGIN, size=0, root=EMPTY_ROOT)

    assert read_head_text(head_text(empty)) == empty


def test_a_signed_head_opens_with_its_logs_key() -> None:
    note = sign_head(HEAD, LOG)

    head, opened = open_head(note, [LOG_KEY])

    assert head == HEAD
    assert opened.by == (LOG_KEY,)


def test_a_cosigned_head_names_its_witness() -> None:
    note = with_signature(sign_head(HEAD, LOG), cosign_line(TEXT, WITNESS_KEY.name, WITNESS, NOON))

    head, opened = open_head(note, [LOG_KEY, WITNESS_KEY])

    assert head == HEAD
    assert opened.cosigned_at == ((WITNESS_KEY.name, NOON),)


BAD_TEXTS = {
    "nothing": "",
    "two lines": TEXT.split("AAEC", maxsplit=1)[0],
    "no newline at the end": TEXT.removesuffix("\n"),
    "a fourth line": TEXT + "extension\n",
    "an empty fourth line": TEXT + "\n",
    "an empty origin": TEXT.replace(ORIGIN, ""),
    "a space in the origin": TEXT.replace(ORIGIN, "log example"),
    "a plus in the origin": TEXT.replace(ORIGIN, "log+example"),
    "a size with leading zero": TEXT.replace("20852163", "020852163"),
    "a size with sign": TEXT.replace("20852163", "+20852163"),
    "a size below nothing": TEXT.replace("20852163", "-1"),
    "a size with space": TEXT.replace("20852163", "20852163 "),
    "a size with underscore": TEXT.replace("20852163", "20_852_163"),
    "a size in other digits": TEXT.replace("20852163", "\u0662\u0660"),
    "a size in hexadecimal": TEXT.replace("20852163", "0x10"),
    "no size": TEXT.replace("20852163", ""),
    "a size of 2^63": TEXT.replace("20852163", "9223372036854775808"),
    "a size of 20 digits": TEXT.replace("20852163", "10000000000000000000"),
    "a size that takes long to read": TEXT.replace("20852163", "9" * 100_000),
    "a size of none with a root of leaves": TEXT.replace("20852163", "0"),
    "leaves under the empty root": head_text(TreeHead(origin=ORIGIN, size=0, root=EMPTY_ROOT)).replace("\n0\n", "\n1\n"),
    "a short root": TEXT.replace("Hh8=", "Hg=="),
    "a long root": TEXT.replace("Hh8=", "Hh8g"),
    "a root in hexadecimal": TEXT.replace("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", "00" * 32),
    "a root with stray bits": TEXT.replace("Hh8=", "Hh9="),
    "a root without padding": TEXT.replace("Hh8=", "Hh8"),
    "a root with a space": TEXT.replace("AAEC", "AAE C"),
}


@pytest.mark.parametrize("text", BAD_TEXTS.values(), ids=BAD_TEXTS.keys())
def test_what_is_no_head_is_refused_signed_or_not(text: str) -> None:
    with pytest.raises(ValueError, match=r"head|name|number|size|root|tree|base64"):
        read_head_text(text)

    if text.endswith("\n"):
        with pytest.raises(ValueError, match=r"head|name|number|size|root|tree|base64"):
            open_head(sign_note(text, ORIGIN, LOG), [LOG_KEY])


def test_a_size_of_the_largest_number_is_a_size() -> None:
    assert read_head_text(TEXT.replace("20852163", "9223372036854775807")).size == 2**63 - 1


def test_a_head_that_only_a_witness_signed_is_refused() -> None:
    note = f"{TEXT}\n{cosign_line(TEXT, WITNESS_KEY.name, WITNESS, NOON)}"

    with pytest.raises(ValueError, match="its own log did not sign"):
        open_head(note, [LOG_KEY, WITNESS_KEY])


def test_a_log_cannot_sign_anothers_head() -> None:
    other = NoteKey(name="log.example.org/b", kind=SIGNER_KIND, key=WITNESS.public_key())
    note = sign_note(TEXT, other.name, WITNESS)

    with pytest.raises(ValueError, match="its own log did not sign"):
        open_head(note, [LOG_KEY, other])


def test_a_logs_key_as_a_witness_does_not_sign_for_the_log() -> None:
    """One secret key under both kinds: a cosignature says less than the log's word, and must not pass for it."""
    cosigner = NoteKey(name=ORIGIN, kind=COSIGNER_KIND, key=LOG.public_key())
    note = f"{TEXT}\n{cosign_line(TEXT, ORIGIN, LOG, NOON)}"

    with pytest.raises(ValueError, match="its own log did not sign"):
        open_head(note, [LOG_KEY, cosigner])


def test_a_head_by_an_unknown_key_is_refused() -> None:
    stranger = read_vkey("example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k")

    with pytest.raises(ValueError, match="none by a known key"):
        open_head(sign_head(HEAD, LOG), [stranger])


@pytest.mark.parametrize(("size", "root"), [(-1, bytes(32)), (1 << 63, bytes(32)), (1, bytes(31)), (0, bytes(32)), (1, EMPTY_ROOT)])
def test_no_head_is_made_that_could_not_be_read(size: int, root: bytes) -> None:
    with pytest.raises(ValueError, match=r"size|root"):
        TreeHead(origin=ORIGIN, size=size, root=root)
