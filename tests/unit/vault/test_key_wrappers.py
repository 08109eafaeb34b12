"""What every keeper of key-encryption keys must do, whatever it is made of. A provider that is added joins the list."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap_with_padding, aes_key_wrap_with_padding

from rtbf.errors import BadInput, KeyDestroyed, KeyUnknown, SealBroken, UnknownName
from rtbf.vault.argon2 import Argon2Cost
from rtbf.vault.kek import Epoch, KeyWrapper, WrappedKey
from rtbf.vault.passphrase_file import PassphraseFile, create_kek_file, create_passphrase_file, read_passphrase

if TYPE_CHECKING:
    from pathlib import Path

NOON = datetime(2026, 3, 2, 12, 0, 0, tzinfo=UTC)
LATER = NOON + timedelta(days=30)
KEY = bytes(range(32))
QUICK = Argon2Cost(memory_kib=8, iterations=1, lanes=1)


class MemoryWrapper:
    """The in-memory twin: the contract in the fewest lines."""

    destruction_waits_days = 0

    def __init__(self) -> None:
        self._keks: list[bytes | None] = []
        self._epochs: list[Epoch] = []
        self.new_epoch(NOON)

    def current_epoch(self) -> int:
        return len(self._epochs)

    def epochs(self) -> tuple[Epoch, ...]:
        return tuple(self._epochs)

    def new_epoch(self, now: datetime) -> int:
        self._keks.append(os.urandom(32))
        self._epochs.append(Epoch(number=len(self._keks), created_at=now, destroyed_at=None))
        return len(self._keks)

    def wrap(self, key: bytes) -> WrappedKey:
        if len(key) != 32:
            raise ValueError("length")
        kek = self._keks[-1]
        assert kek is not None
        return WrappedKey(epoch=self.current_epoch(), blob=aes_key_wrap_with_padding(kek, key))

    def unwrap(self, wrapped: WrappedKey) -> bytes:
        if not 1 <= wrapped.epoch <= len(self._keks):
            raise KeyUnknown(found="?", expected="?", remedy="?")
        kek = self._keks[wrapped.epoch - 1]
        if kek is None:
            raise KeyDestroyed(found="?", expected="?", remedy="?")
        try:
            return aes_key_unwrap_with_padding(kek, wrapped.blob)
        except InvalidUnwrap as refused:
            raise SealBroken(found="?", expected="?", remedy="?") from refused

    def destroy_epoch(self, number: int, now: datetime) -> None:
        if not 1 <= number <= len(self._keks):
            raise UnknownName("key epoch", str(number), (), "?")
        if number == self.current_epoch():
            raise BadInput(found="?", expected="?", remedy="?")
        if self._keks[number - 1] is not None:
            self._keks[number - 1] = None
            self._epochs[number - 1] = Epoch(number=number, created_at=self._epochs[number - 1].created_at, destroyed_at=now)


def memory_wrapper(folder: Path) -> KeyWrapper:
    return MemoryWrapper()


def passphrase_wrapper(folder: Path) -> KeyWrapper:
    create_passphrase_file(folder / "vault.passphrase")
    create_kek_file(folder / "vault.json", read_passphrase(folder / "vault.passphrase"), NOON, QUICK)
    return PassphraseFile(folder / "vault.json", folder / "vault.passphrase")


@pytest.fixture(params=[memory_wrapper, passphrase_wrapper], ids=["memory", "passphrase file"])
def wrapper(request: pytest.FixtureRequest, tmp_path: Path) -> KeyWrapper:
    made: KeyWrapper = request.param(tmp_path)
    return made


def test_it_begins_with_one_living_epoch(wrapper: KeyWrapper) -> None:
    assert wrapper.epochs() == (Epoch(number=1, created_at=NOON, destroyed_at=None),)
    assert wrapper.current_epoch() == 1
    assert wrapper.destruction_waits_days >= 0


def test_a_wrapped_key_opens_and_does_not_show_the_key(wrapper: KeyWrapper) -> None:
    wrapped = wrapper.wrap(KEY)

    assert wrapper.unwrap(wrapped) == KEY
    assert wrapped.epoch == 1
    assert KEY not in wrapped.blob


def test_a_key_of_another_length_is_refused(wrapper: KeyWrapper) -> None:
    for key in (b"", KEY[:-1], KEY + b"x"):
        with pytest.raises(ValueError, match=r"."):
            wrapper.wrap(key)


def test_no_changed_or_shortened_blob_opens(wrapper: KeyWrapper) -> None:
    blob = wrapper.wrap(KEY).blob
    changed = [bytes([*blob[:place], blob[place] ^ 1, *blob[place + 1 :]]) for place in range(len(blob))]

    for body in (*changed, *(blob[:length] for length in range(len(blob))), blob + b"x", blob + bytes(8)):
        with pytest.raises(SealBroken):
            wrapper.unwrap(WrappedKey(epoch=1, blob=body))


def test_a_key_opens_under_its_own_epoch_only(wrapper: KeyWrapper) -> None:
    wrapped = wrapper.wrap(KEY)
    wrapper.new_epoch(LATER)

    with pytest.raises(SealBroken):
        wrapper.unwrap(WrappedKey(epoch=2, blob=wrapped.blob))


def test_an_epoch_that_was_never_held_is_named(wrapper: KeyWrapper) -> None:
    for epoch in (0, 2, -1):
        with pytest.raises(KeyUnknown):
            wrapper.unwrap(WrappedKey(epoch=epoch, blob=bytes(40)))


def test_a_fresh_epoch_takes_over_and_the_earlier_one_stays_readable(wrapper: KeyWrapper) -> None:
    before = wrapper.wrap(KEY)

    number = wrapper.new_epoch(LATER)

    assert number == wrapper.current_epoch() == wrapper.wrap(KEY).epoch == 2
    assert wrapper.unwrap(before) == KEY
    assert [epoch.created_at for epoch in wrapper.epochs()] == [NOON, LATER]


def test_after_its_epoch_is_destroyed_no_key_opens_and_rewrapped_ones_do(wrapper: KeyWrapper) -> None:
    old = wrapper.wrap(KEY)
    wrapper.new_epoch(NOON)
    rewrapped = wrapper.wrap(wrapper.unwrap(old))

    wrapper.destroy_epoch(1, LATER)

    with pytest.raises(KeyDestroyed):
        wrapper.unwrap(old)
    assert wrapper.unwrap(rewrapped) == KEY
    assert wrapper.epochs()[0] == Epoch(number=1, created_at=NOON, destroyed_at=LATER)


def test_destroying_twice_keeps_the_first_time(wrapper: KeyWrapper) -> None:
    wrapper.new_epoch(NOON)
    wrapper.destroy_epoch(1, NOON)

    wrapper.destroy_epoch(1, LATER)

    assert wrapper.epochs()[0].destroyed_at == NOON


def test_the_current_epoch_and_one_that_never_was_cannot_be_destroyed(wrapper: KeyWrapper) -> None:
    with pytest.raises(BadInput):
        wrapper.destroy_epoch(1, NOON)
    for number in (0, 2):
        with pytest.raises(UnknownName):
            wrapper.destroy_epoch(number, NOON)

    assert wrapper.unwrap(wrapper.wrap(KEY)) == KEY


def test_numbers_are_never_used_again(wrapper: KeyWrapper) -> None:
    wrapper.new_epoch(NOON)
    wrapper.destroy_epoch(1, NOON)

    assert wrapper.new_epoch(LATER) == 3
    assert [epoch.number for epoch in wrapper.epochs()] == [1, 2, 3]
