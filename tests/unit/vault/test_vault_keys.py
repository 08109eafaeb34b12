"""Ticket keys open under the vault key that wrapped them."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING

import pytest

from rtbf.errors import Fault, HomeMissing
from rtbf.vault.keys import create_kek, load_kek, new_wrapped_key, unwrap

if TYPE_CHECKING:
    from pathlib import Path


def test_a_vault_key_is_32_private_bytes_and_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "vault.key"
    create_kek(path)
    before = load_kek(path)

    with pytest.raises(FileExistsError):
        create_kek(path)

    assert len(before) == 32
    assert load_kek(path) == before
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_missing_or_short_vault_key_is_named(tmp_path: Path) -> None:
    path = tmp_path / "vault.key"

    with pytest.raises(HomeMissing):
        load_kek(path)
    path.write_bytes(b"short")
    with pytest.raises(Fault, match="5 bytes"):
        load_kek(path)


def test_a_ticket_key_unwraps_only_under_its_own_vault_key() -> None:
    mine, other = bytes(range(32)), bytes(32)
    wrapped = new_wrapped_key(mine)

    assert len(unwrap(mine, wrapped)) == 32
    assert unwrap(mine, wrapped) not in wrapped
    for kek, body in ((other, wrapped), (mine, wrapped[:-1]), (mine, b""), (mine, bytes(len(wrapped)))):
        with pytest.raises(Fault):
            unwrap(kek, body)


def test_every_ticket_gets_a_key_of_its_own() -> None:
    kek = bytes(range(32))

    assert unwrap(kek, new_wrapped_key(kek)) != unwrap(kek, new_wrapped_key(kek))
