"""A sealed field opens under its own key in its own place, and nowhere else."""

from __future__ import annotations

import hashlib

import pytest

from rtbf.errors import Fault
from rtbf.vault.envelope import commitment, seal, unseal
from rtbf.vault.secret import Secret

KEY = bytes(range(32))
PLACE = "tkt_1|identifier|value|1"


@pytest.mark.parametrize("plain", [b"", b"Ines Varga", "Łukasz".encode(), bytes(10_000)])
def test_what_was_sealed_opens_in_its_place(plain: bytes) -> None:
    assert unseal(KEY, PLACE, seal(KEY, PLACE, plain)) == plain


def test_equal_values_seal_to_different_bytes_without_the_value() -> None:
    first, second = seal(KEY, PLACE, b"Ines Varga"), seal(KEY, PLACE, b"Ines Varga")

    assert first != second
    assert b"Ines" not in first


@pytest.mark.parametrize("place", ["tkt_2|identifier|value|1", "tkt_1|identifier|nonce|1", "tkt_1|identifier|value|2", ""])
def test_a_field_moved_to_another_place_does_not_open(place: str) -> None:
    sealed = seal(KEY, PLACE, b"Ines Varga")

    with pytest.raises(Fault):
        unseal(KEY, place, sealed)


def test_a_field_does_not_open_under_another_key() -> None:
    sealed = seal(KEY, PLACE, b"Ines Varga")

    with pytest.raises(Fault):
        unseal(bytes(32), PLACE, sealed)


def test_no_changed_byte_opens() -> None:
    sealed = seal(KEY, PLACE, b"Ines Varga")

    for position in range(len(sealed)):
        changed = bytes([*sealed[:position], sealed[position] ^ 1, *sealed[position + 1 :]])
        with pytest.raises(Fault):
            unseal(KEY, PLACE, changed)


def test_no_truncation_opens_and_each_ends_in_the_named_error() -> None:
    sealed = seal(KEY, PLACE, b"Ines Varga")

    for length in range(len(sealed)):
        with pytest.raises(Fault):
            unseal(KEY, PLACE, sealed[:length])


def test_a_commitment_is_the_documented_hash() -> None:
    nonce = bytes(16)

    made = commitment(nonce, "email", Secret("ines@example.org"))

    assert made == "sha256:" + hashlib.sha256(nonce + b"email\x00ines@example.org").hexdigest()
    assert made != commitment(bytes([1] * 16), "email", Secret("ines@example.org"))
