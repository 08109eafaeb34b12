"""A sealed field opens under its own key in its own place, and nowhere else."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtbf.errors import SealBroken
from rtbf.vault.envelope import Place, commitment, place_of, seal, unseal
from rtbf.vault.secret import Secret

KEY = bytes(range(32))
PLACE = place_of("tkt_1", "identifier", "value", 1)

part = st.text("ab1|.:_-\x00/ ", max_size=4)


@pytest.mark.parametrize("plain", [b"", b"Ines Varga", "Łukasz".encode(), bytes(10_000)])
def test_what_was_sealed_opens_in_its_place(plain: bytes) -> None:
    assert unseal(KEY, PLACE, seal(KEY, PLACE, plain)) == plain


def test_equal_values_seal_to_different_bytes_without_the_value() -> None:
    first, second = seal(KEY, PLACE, b"Ines Varga"), seal(KEY, PLACE, b"Ines Varga")

    assert first != second
    assert b"Ines" not in first


@pytest.mark.parametrize(
    "elsewhere",
    [
        place_of("tkt_2", "identifier", "value", 1),
        place_of("tkt_1", "identity_check", "value", 1),
        place_of("tkt_1", "identifier", "nonce", 1),
        place_of("tkt_1", "identifier", "value", 2),
        place_of("tkt_1", "identifier", "value", 11),
        Place(""),
    ],
    ids=["ticket", "table", "column", "row", "longer row", "none"],
)
def test_a_field_moved_to_another_place_does_not_open(elsewhere: Place) -> None:
    sealed = seal(KEY, PLACE, b"Ines Varga")

    with pytest.raises(SealBroken):
        unseal(KEY, elsewhere, sealed)


def test_places_sealed_before_there_was_a_constructor_still_open() -> None:
    sealed = seal(KEY, Place("tkt_1|identifier|value|1"), b"Ines Varga")

    assert unseal(KEY, PLACE, sealed) == b"Ines Varga"


@pytest.mark.parametrize(
    "parts",
    [
        ("tkt_1|identifier", "value", "x", 1),
        ("tkt_1", "a|b", "value", 1),
        ("tkt_1", "identifier", "", 1),
        ("", "identifier", "value", 1),
        ("tkt_1", "identifier", "value", ""),
        ("tkt_1", "identifier", "value", "1\n"),
        ("tkt 1", "identifier", "value", 1),
    ],
)
def test_a_part_that_could_blur_the_border_is_refused(parts: tuple[str, str, str, int | str]) -> None:
    with pytest.raises(ValueError, match="four parts"):
        place_of(*parts)


@given(st.tuples(part, part, part, part), st.tuples(part, part, part, part))
def test_two_places_never_share_a_text(first: tuple[str, str, str, str], second: tuple[str, str, str, str]) -> None:
    places = []
    for parts in (first, second):
        try:
            places.append(place_of(*parts))
        except ValueError:
            places.append(Place(repr(parts)))

    assert (places[0] == places[1]) == (first == second)


def test_a_field_does_not_open_under_another_key() -> None:
    sealed = seal(KEY, PLACE, b"Ines Varga")

    for other in (bytes(32), b"", bytes(5)):
        with pytest.raises(SealBroken):
            unseal(other, PLACE, sealed)


def test_no_changed_byte_opens() -> None:
    sealed = seal(KEY, PLACE, b"Ines Varga")

    for position in range(len(sealed)):
        changed = bytes([*sealed[:position], sealed[position] ^ 1, *sealed[position + 1 :]])
        with pytest.raises(SealBroken):
            unseal(KEY, PLACE, changed)


def test_no_truncation_opens_and_each_ends_in_the_named_error() -> None:
    sealed = seal(KEY, PLACE, b"Ines Varga")

    for length in range(len(sealed)):
        with pytest.raises(SealBroken):
            unseal(KEY, PLACE, sealed[:length])


def test_a_commitment_is_the_documented_hash() -> None:
    nonce = bytes(16)

    made = commitment(nonce, "email", Secret("ines@example.org"))

    assert made == "sha256:" + hashlib.sha256(nonce + b"email\x00ines@example.org").hexdigest()
    assert made != commitment(bytes([1] * 16), "email", Secret("ines@example.org"))
