"""The KEK file opens under its passphrase, says plainly why when it does not, and keeps no destroyed key."""

from __future__ import annotations

import base64
import json
import re
import stat
import threading
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from cryptography.hazmat.primitives.keywrap import aes_key_unwrap_with_padding, aes_key_wrap_with_padding

from rtbf.errors import KeyDestroyed, RTBFError, VaultBroken, VaultLocked
from rtbf.vault import passphrase_file
from rtbf.vault.argon2 import Argon2Cost
from rtbf.vault.passphrase_file import PassphraseFile, change_passphrase, create_kek_file, create_passphrase_file, read_passphrase
from rtbf.vault.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

NOON = datetime(2026, 3, 2, 12, 0, 0, tzinfo=UTC)
LATER = NOON + timedelta(days=30)
KEY = bytes(range(32))
QUICK = Argon2Cost(memory_kib=8, iterations=1, lanes=1)
PASSPHRASE = "correct horse battery staple"
OTHER = "incorrect horse battery staple"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "passphrase").write_text(PASSPHRASE + "\n", encoding="utf-8")
    create_kek_file(tmp_path / "vault.json", Secret(PASSPHRASE), NOON, QUICK)
    return tmp_path


def opened(folder: Path) -> PassphraseFile:
    return PassphraseFile(folder / "vault.json", folder / "passphrase")


def body_of(folder: Path) -> dict[str, Any]:
    body: dict[str, Any] = json.loads((folder / "vault.json").read_bytes())
    return body


def test_the_default_cost_is_the_second_recommended_option_of_rfc_9106() -> None:
    assert Argon2Cost() == Argon2Cost(memory_kib=64 * 1024, iterations=3, lanes=4)


@pytest.mark.parametrize(
    "cost",
    [
        {"lanes": 4, "memory_kib": 31},
        {"lanes": 0},
        {"iterations": 0},
        {"memory_kib": 1 << 23},
        {"iterations": 10**9},
        {"lanes": 65},
        {"lanes": True},
    ],
)
def test_a_cost_that_is_no_cost_or_takes_all_memory_is_refused(cost: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="bounds"):
        Argon2Cost(**cost)


def test_the_file_is_what_its_format_says(folder: Path) -> None:
    """An independent reader needs the passphrase, Argon2id and AES-KWP, and nothing of ours."""
    wrapped = opened(folder).wrap(KEY)
    body = body_of(folder)

    argon2 = Argon2id(salt=base64.b64decode(body["salt"]), length=64, iterations=1, lanes=1, memory_cost=8)
    kek = aes_key_unwrap_with_padding(argon2.derive(PASSPHRASE.encode())[:32], base64.b64decode(body["epochs"][0]["kek"]))

    assert aes_key_unwrap_with_padding(kek, wrapped.blob) == KEY
    assert body["schema"] == "rtbf.kek-file/1"
    assert body["argon2"] == {"memory_kib": 8, "iterations": 1, "lanes": 1}
    assert body["epochs"][0]["created_at"] == "2026-03-02T12:00:00.000Z"
    assert stat.S_IMODE((folder / "vault.json").stat().st_mode) == 0o600


def test_two_files_of_one_passphrase_share_neither_salt_nor_key(tmp_path: Path) -> None:
    for name in ("a", "b"):
        create_kek_file(tmp_path / name, Secret(PASSPHRASE), NOON, QUICK)

    first, second = (json.loads((tmp_path / name).read_bytes()) for name in ("a", "b"))

    assert first["salt"] != second["salt"]
    assert first["check"] != second["check"]


def test_an_existing_file_is_never_overwritten(folder: Path) -> None:
    before = (folder / "vault.json").read_bytes()

    with pytest.raises(FileExistsError):
        create_kek_file(folder / "vault.json", Secret(PASSPHRASE), NOON, QUICK)
    with pytest.raises(FileExistsError):
        create_passphrase_file(folder / "passphrase")

    assert (folder / "vault.json").read_bytes() == before


def test_a_generated_passphrase_is_256_random_bits_in_a_private_file(tmp_path: Path) -> None:
    create_passphrase_file(tmp_path / "a")
    create_passphrase_file(tmp_path / "b")

    assert re.fullmatch(r"[0-9a-f]{64}", read_passphrase(tmp_path / "a").reveal())
    assert read_passphrase(tmp_path / "a").reveal() != read_passphrase(tmp_path / "b").reveal()
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o600


@pytest.mark.parametrize("ending", ["", "\n", "\r\n", "\n\n"])
def test_line_breaks_at_the_end_are_no_part_of_the_passphrase(folder: Path, ending: str) -> None:
    (folder / "passphrase").write_bytes((PASSPHRASE + ending).encode())

    assert len(opened(folder).wrap(KEY).blob) == 40  # 32 bytes and AES-KWP's 8


def test_listing_needs_no_passphrase_and_stretches_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "passphrase").unlink()
    monkeypatch.setattr(passphrase_file, "stretch", lambda *_: pytest.fail("stretched"))

    keeper = opened(folder)

    assert keeper.current_epoch() == 1
    assert len(keeper.epochs()) == 1


def test_the_passphrase_is_stretched_once_whatever_is_asked(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stretched: list[int] = []
    real = passphrase_file.stretch
    monkeypatch.setattr(passphrase_file, "stretch", lambda *all_: stretched.append(1) or real(*all_))  # type: ignore[func-returns-value]
    keeper = opened(folder)

    first = keeper.wrap(KEY)
    keeper.new_epoch(LATER)
    second = keeper.wrap(KEY)

    assert keeper.unwrap(first) == keeper.unwrap(second) == KEY
    assert len(stretched) == 1


def test_a_wrong_passphrase_is_named_and_not_shown(folder: Path) -> None:
    wrapped = opened(folder).wrap(KEY)
    (folder / "passphrase").write_text(OTHER, encoding="utf-8")

    with pytest.raises(VaultLocked, match=r"does not open vault\.json") as refused:
        opened(folder).unwrap(wrapped)

    assert "horse" not in str(refused.value)


def test_after_a_wrong_passphrase_the_right_one_is_read_again(folder: Path) -> None:
    (folder / "passphrase").write_text(OTHER, encoding="utf-8")
    keeper = opened(folder)
    with pytest.raises(VaultLocked):
        keeper.wrap(KEY)

    (folder / "passphrase").write_text(PASSPHRASE, encoding="utf-8")

    assert keeper.unwrap(keeper.wrap(KEY)) == KEY


@pytest.mark.parametrize("content", [b"", b"\n", b"short", b"\xff" * 40, b"x" * 5000, b"two lines\nof a passphrase"])
def test_a_passphrase_file_without_a_strong_line_of_text_is_refused(folder: Path, content: bytes) -> None:
    (folder / "passphrase").write_bytes(content)

    with pytest.raises(VaultLocked, match="at least 15 characters") as refused:
        opened(folder).wrap(KEY)

    assert "of a passphrase" not in str(refused.value)


def test_a_missing_passphrase_file_is_named(folder: Path) -> None:
    (folder / "passphrase").unlink()

    with pytest.raises(VaultLocked, match="no readable passphrase file"):
        opened(folder).wrap(KEY)


def test_a_short_passphrase_protects_no_file(tmp_path: Path) -> None:
    with pytest.raises(VaultLocked, match="15 characters"):
        create_kek_file(tmp_path / "vault.json", Secret("fourteen chars"), NOON, QUICK)

    assert not (tmp_path / "vault.json").exists()


def test_a_missing_key_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(VaultBroken, match="no key file"):
        opened(tmp_path).epochs()


def test_every_half_written_file_ends_in_one_clear_error(folder: Path) -> None:
    whole = (folder / "vault.json").read_bytes()

    for length in range(len(whole) - 2):
        (folder / "vault.json").write_bytes(whole[:length])
        with pytest.raises(VaultBroken, match=r"damaged or half-written|schema"):
            opened(folder).epochs()


def _exchange_epochs(body: dict[str, Any]) -> None:
    first, second = body["epochs"]
    first["kek"], second["kek"] = second["kek"], first["kek"]


def _own_key(body: dict[str, Any]) -> None:
    body["epochs"][1]["kek"] = base64.b64encode(aes_key_wrap_with_padding(bytes(32), bytes(32))).decode()


DAMAGES: dict[str, Callable[[dict[str, Any]], object]] = {
    "unknown version": lambda body: body.update(schema="rtbf.kek-file/2"),
    "no version": lambda body: body.pop("schema"),
    "no epochs": lambda body: body.update(epochs=[]),
    "epochs of another kind": lambda body: body.update(epochs=7),
    "an epoch of another kind": lambda body: body["epochs"].append("x"),
    "a surplus key": lambda body: body.update(comment="x"),
    "epochs out of order": lambda body: body["epochs"].reverse(),
    "an epoch missing": lambda body: body["epochs"].pop(0),
    "the last epoch cut off": lambda body: body["epochs"].pop(),
    "an epoch without its KEK": lambda body: body["epochs"][0].update(kek=None),
    "an epoch marked destroyed": lambda body: body["epochs"][0].update(kek=None, destroyed_at="2026-03-02T12:00:00.000Z"),
    "a destroyed epoch with its KEK": lambda body: body["epochs"][0].update(destroyed_at="2026-03-02T12:00:00.000Z"),
    "two KEKs exchanged": _exchange_epochs,
    "a KEK of somebody's own": _own_key,
    "an earlier birth": lambda body: body["epochs"][0].update(created_at="2020-01-01T00:00:00.000Z"),
    "a time without offset": lambda body: body["epochs"][0].update(created_at="2026-03-02T12:00:00"),
    "a number as text": lambda body: body["epochs"][0].update(number="1"),
    "another MAC": lambda body: body.update(mac=base64.b64encode(bytes(32)).decode()),
    "a short salt": lambda body: body.update(salt="AAAA"),
    "a salt that is no Base64": lambda body: body.update(salt="!"),
    "a cost that takes all memory": lambda body: body["argon2"].update(memory_kib=1 << 40),
    "a cost of another kind": lambda body: body["argon2"].update(iterations="3"),
    "a cost below the bound": lambda body: body["argon2"].update(lanes=4),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
def test_a_damaged_or_forged_file_opens_nothing_and_is_left_as_it_is(folder: Path, damage: Callable[[dict[str, Any]], object]) -> None:
    opened(folder).new_epoch(NOON)
    body = body_of(folder)
    damage(body)
    (folder / "vault.json").write_text(json.dumps(body), encoding="utf-8")
    before = (folder / "vault.json").read_bytes()

    for ask in (lambda: opened(folder).wrap(KEY), lambda: opened(folder).new_epoch(LATER)):
        with pytest.raises(VaultBroken):
            ask()

    assert (folder / "vault.json").read_bytes() == before


@pytest.mark.parametrize("content", [b"[]", b"7", b"null", b"\xff", b"[" * 100_000, b"{" * 10, b" " * (5 << 20)])
def test_a_file_that_is_no_object_is_named(folder: Path, content: bytes) -> None:
    (folder / "vault.json").write_bytes(content)

    with pytest.raises(VaultBroken, match="damaged"):
        opened(folder).epochs()


def test_no_error_carries_the_files_text_along(folder: Path) -> None:
    """A JSON error keeps the whole document as its attribute; one that is chained would go into a crash report with it."""
    (folder / "vault.json").write_text('{"schema": "rtbf.kek-file/1", "canary', encoding="utf-8")

    with pytest.raises(RTBFError) as refused:
        opened(folder).epochs()

    assert refused.value.__cause__ is None
    assert refused.value.__context__ is None


def test_a_destroyed_epoch_leaves_no_key_in_the_file(folder: Path) -> None:
    keeper = opened(folder)
    keeper.new_epoch(NOON)
    kek = body_of(folder)["epochs"][0]["kek"]

    keeper.destroy_epoch(1, LATER)

    assert kek not in (folder / "vault.json").read_text(encoding="utf-8")
    assert body_of(folder)["epochs"][0] == {
        "number": 1,
        "created_at": "2026-03-02T12:00:00.000Z",
        "destroyed_at": "2026-04-01T12:00:00.000Z",
        "kek": None,
    }


def test_another_process_sees_at_once_what_this_one_destroyed(folder: Path) -> None:
    here, there = opened(folder), opened(folder)
    wrapped = there.wrap(KEY)

    here.new_epoch(NOON)
    here.destroy_epoch(1, NOON)

    with pytest.raises(KeyDestroyed):
        there.unwrap(wrapped)
    assert there.wrap(KEY).epoch == 2


def test_epochs_begun_at_once_by_many_are_all_kept(folder: Path) -> None:
    keepers = [opened(folder) for _ in range(8)]
    threads = [threading.Thread(target=keeper.new_epoch, args=(NOON,)) for keeper in keepers]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [epoch.number for epoch in opened(folder).epochs()] == [*range(1, 10)]


def test_a_changed_passphrase_opens_every_living_epoch_and_the_old_one_none(folder: Path) -> None:
    keeper = opened(folder)
    first = keeper.wrap(KEY)
    keeper.new_epoch(NOON)
    keeper.new_epoch(NOON)
    keeper.destroy_epoch(2, NOON)
    last = keeper.wrap(KEY)

    change_passphrase(folder / "vault.json", Secret(PASSPHRASE), Secret(OTHER))

    with pytest.raises(VaultLocked):
        keeper.unwrap(first)
    (folder / "passphrase").write_text(OTHER, encoding="utf-8")
    assert keeper.unwrap(first) == keeper.unwrap(last) == KEY
    assert [epoch.destroyed_at for epoch in keeper.epochs()] == [None, NOON, None]


def test_a_change_under_a_wrong_or_towards_a_weak_passphrase_changes_nothing(folder: Path) -> None:
    before = (folder / "vault.json").read_bytes()

    for old, new in ((OTHER, PASSPHRASE), (PASSPHRASE, "short")):
        with pytest.raises(VaultLocked):
            change_passphrase(folder / "vault.json", Secret(old), Secret(new))

    assert (folder / "vault.json").read_bytes() == before


def test_the_cost_can_be_raised_with_the_passphrase(folder: Path) -> None:
    change_passphrase(folder / "vault.json", Secret(PASSPHRASE), Secret(PASSPHRASE), Argon2Cost(memory_kib=16, iterations=2, lanes=2))

    assert body_of(folder)["argon2"] == {"memory_kib": 16, "iterations": 2, "lanes": 2}
    assert opened(folder).unwrap(opened(folder).wrap(KEY)) == KEY
