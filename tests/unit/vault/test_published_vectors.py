"""The primitives we build on give what their specifications print, in the installed versions."""

from __future__ import annotations

import hmac

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCMSIV
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from cryptography.hazmat.primitives.keywrap import aes_key_unwrap_with_padding, aes_key_wrap_with_padding

RFC_5649_KEK = bytes.fromhex("5840df6e29b02af1ab493b705bf16ea1ae8338f4dcc176a8")


@pytest.mark.parametrize(
    ("key", "wrapped"),
    [
        ("c37b7e6492584340bed12207808941155068f738", "138bdeaa9b8fa7fc61f97742e72248ee5ae6ae5360d1ae6a5f54f373fa543b6a"),
        ("466f7250617369", "afbeb0f07dfbf5419200f2ccb50bb24f"),
    ],
)
def test_aes_key_wrap_with_padding_gives_the_vectors_of_rfc_5649_section_6(key: str, wrapped: str) -> None:
    assert aes_key_wrap_with_padding(RFC_5649_KEK, bytes.fromhex(key)).hex() == wrapped
    assert aes_key_unwrap_with_padding(RFC_5649_KEK, bytes.fromhex(wrapped)).hex() == key


@pytest.mark.parametrize(
    ("key", "text", "code"),
    [
        (b"\x0b" * 20, b"Hi There", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"),
        (b"Jefe", b"what do ya want for nothing?", "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"),
        (b"\xaa" * 20, b"\xdd" * 50, "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"),
        (
            b"\xaa" * 131,
            b"Test Using Larger Than Block-Size Key - Hash Key First",
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
        ),
    ],
)
def test_hmac_sha256_gives_the_vectors_of_rfc_4231_section_4(key: bytes, text: bytes, code: str) -> None:
    assert hmac.digest(key, text, "sha256").hex() == code


@pytest.mark.parametrize(
    ("plain", "associated", "sealed"),
    [
        ("0100000000000000", "", "c2ef328e5c71c83b843122130f7364b761e0b97427e3df28"),
        ("0200000000000000", "01", "1de22967237a813291213f267e3b452f02d01ae33e4ec854"),
        ("020000000000000000000000", "01", "163d6f9cc1b346cd453a2e4cc1a4a19ae800941ccdc57cc8413c277f"),
    ],
)
def test_aes_256_gcm_siv_gives_the_vectors_of_rfc_8452_appendix_c2(plain: str, associated: str, sealed: str) -> None:
    cipher = AESGCMSIV(bytes([1, *[0] * 31]))

    made = cipher.encrypt(bytes([3, *[0] * 11]), bytes.fromhex(plain), bytes.fromhex(associated) or None)

    assert made.hex() == sealed


def test_argon2id_gives_the_vector_of_rfc_9106_section_5_3() -> None:
    argon2 = Argon2id(
        salt=b"\x02" * 16, length=32, iterations=3, lanes=4, memory_cost=32, ad=b"\x04" * 12, secret=b"\x03" * 8
    )  # fmt: skip

    assert argon2.derive(b"\x01" * 32).hex() == "0d640df58d78766c08c037a34a8b53c9d01ef0452d75b65eb52520e96b01e659"
