"""A home of the release before: it keeps its ledger's name, its keys and what was said of them, and gains a root."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rtbf.errors import RecordBroken, VaultLocked
from rtbf.evidence.first_keys import log_name, trust_in
from rtbf.evidence.keys import key_id
from rtbf.evidence.sealed_key import is_plain, read_header
from rtbf.evidence.trust_file import read_trust
from rtbf.home import existing_home
from rtbf.installation import EvidencePlaces, open_installation, upgrade_home
from rtbf.report.check.run import check_report
from tests import builders
from tests.installed import NOON, QUICK_VAULT
from tests.older import REVOKED_AT, make_older

if TYPE_CHECKING:
    from pathlib import Path

    from rtbf.home import Home
    from rtbf.installation import Installation

KEY = builders.signing_key().public_key()


@pytest.fixture
def older(installation: Installation, home_path: Path) -> Home:
    installation.engine.dispose()
    make_older(home_path)
    return existing_home(home_path)


def test_the_upgrade_keeps_the_ledgers_name_and_every_key_as_it_stood(older: Home) -> None:
    before = trust_in(older.trust)

    is_done = upgrade_home(older, NOON, cost=QUICK_VAULT)

    after = read_trust(older.trust.read_bytes())
    assert is_done
    assert (before.version, after.version, before.root) == (1, 2, None)
    # The name that the release before gave: the first sixteen digits of the report key's id.
    assert log_name(before) == log_name(after) == "rtbf/" + key_id(KEY).removeprefix("sha256:")[:16]
    assert [(entry.role, entry.revoked_at) for entry in after.keys] == [
        ("root", None), ("report-signer", None), ("approver", REVOKED_AT), ("log-signer", None),
    ]  # fmt: skip
    assert after.keys[1:3] == before.keys
    assert after.logs[0].key_ids == (after.keys[3].id,)
    assert is_plain(older.report_key)


def test_the_upgraded_home_opens_with_all_its_keys(older: Home) -> None:
    upgrade_home(older, NOON, cost=QUICK_VAULT)

    opened = open_installation(older.path, None)

    assert opened.signing_key.public_key() == KEY
    assert key_id(opened.log_key.public_key()) == opened.trust.keys[-1].id
    assert opened.pdf_key.public_key()
    assert opened.home.log.is_dir()
    opened.engine.dispose()


def test_reports_of_the_release_before_stay_good_under_the_new_trust_file(older: Home) -> None:
    upgrade_home(older, NOON, cost=QUICK_VAULT)
    report = builders.envelope()

    outcome = check_report(report, older.trust.read_bytes())

    assert (outcome.status, outcome.signed_by) == ("ok", key_id(KEY))


def test_a_second_upgrade_changes_nothing(older: Home) -> None:
    upgrade_home(older, NOON, cost=QUICK_VAULT)
    files = {path.name: path.read_bytes() for path in (older.path / "keys").iterdir() if path.is_file()}
    trust = older.trust.read_bytes()

    assert not upgrade_home(older, NOON, cost=QUICK_VAULT)

    assert {path.name: path.read_bytes() for path in (older.path / "keys").iterdir() if path.is_file()} == files
    assert older.trust.read_bytes() == trust


@pytest.mark.parametrize("number", range(6))
def test_a_killed_upgrade_is_run_again_and_keeps_the_keys_that_were_made(number: int, older: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """Four keys are sealed (the report key is there); the certificates and the trust file follow."""
    seal_count = 4
    name = "seal_key" if number < seal_count else "replace_file"
    real = getattr(__import__("rtbf.evidence.first_keys", fromlist=[name]), name)
    left = [number if number < seal_count else number - seal_count]

    def killed(*arguments: object) -> None:
        if left[0] == 0:
            raise KeyboardInterrupt
        left[0] -= 1
        real(*arguments)

    monkeypatch.setattr(f"rtbf.evidence.first_keys.{name}", killed)
    with pytest.raises(KeyboardInterrupt):
        upgrade_home(older, NOON, cost=QUICK_VAULT)
    monkeypatch.undo()
    made = {path: read_header(path).id for path in (older.root_key, older.log_key, older.pdf_key) if path.exists()}
    before = trust_in(older.trust).version

    upgrade_home(older, NOON, cost=QUICK_VAULT)

    assert before == 1
    assert {path: read_header(path).id for path in made} == made
    assert trust_in(older.trust).version == 2


def test_a_passphrase_file_that_is_named_elsewhere_is_never_made_up(older: Home, tmp_path: Path) -> None:
    with pytest.raises(VaultLocked, match=r"root\.key"):
        upgrade_home(older, NOON, cost=QUICK_VAULT, places=EvidencePlaces(root_passphrase=tmp_path / "none"))

    assert not (tmp_path / "none").exists()
    assert trust_in(older.trust).version == 1


def test_a_named_passphrase_locks_the_root_and_nothing_is_written_beside(older: Home, tmp_path: Path) -> None:
    named = tmp_path / "root.passphrase"
    named.write_text("orbit kettle maple prune\n")

    upgrade_home(older, NOON, cost=QUICK_VAULT, places=EvidencePlaces(root_passphrase=named))

    assert not older.root_passphrase.exists()
    assert read_header(older.root_key).role == "root"


@pytest.mark.parametrize("content", [None, b"", b"{}"])
def test_a_trust_file_that_cannot_be_used_is_a_named_fault(content: bytes | None, installation: Installation) -> None:
    installation.home.trust.unlink()
    if content is not None:
        installation.home.trust.write_bytes(content)

    with pytest.raises(RecordBroken, match=r"trust\.json cannot be used"):
        _ = installation.trust_bytes
    with pytest.raises(RecordBroken):
        _ = installation.signing_key
