"""`rtbf key` and `rtbf upkeep`: what people read of the keys, and that nothing is destroyed by accident."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from rtbf.cli import upkeep as upkeep_page
from rtbf.cli.context import CliContext
from rtbf.cli.key import key
from rtbf.cli.upkeep import WORDS, upkeep
from rtbf.config import Settings
from rtbf.errors import IllegalMove, VaultLocked
from rtbf.pipeline.upkeep import STEPS, UpkeepDone
from rtbf.store.identifiers import open_identifiers
from rtbf.ticket_view import view_ticket
from rtbf.vault.passphrase_file import PassphraseFile, create_passphrase_file
from tests import closing

if TYPE_CHECKING:
    from pathlib import Path

    from click import Command
    from click.testing import Result

    from rtbf.installation import Installation


@pytest.fixture
def run(installation: Installation, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr("rtbf.startup.open_home", lambda settings, home: installation)

    def invoke(command: Command, *arguments: str, is_json: bool = False, given: str = "") -> Result:
        context = CliContext(home=installation.home.path, actor=closing.COLLEAGUE, is_json=is_json, settings=Settings())
        return CliRunner().invoke(command, arguments, obj=context, input=given, standalone_mode=False)

    return invoke


def test_status_tells_ages_the_next_date_and_the_bound_as_a_sum(run: Any, installation: Installation, clock: Any) -> None:
    closing.submitted(installation)
    clock.move(days=10)

    shape = json.loads(run(key, "status", is_json=True).stdout)
    text = run(key, "status").stdout

    assert shape["epochs"] == [
        {"epoch": 1, "created_at": "2026-03-02T12:00:00.000Z", "age_days": 10, "destroyed_at": None, "ticket_keys": 1}
    ]
    # 2 March + 30 days = 1 April; 12 March + 30 + 30 + 0 days = 11 May.
    assert shape["next_rotation_at"] == "2026-04-01T12:00:00.000Z"
    assert (shape["bound"]["days"], shape["bound"]["if_shredded_now"]) == (60, "2026-05-11T12:00:00.000Z")
    assert "30 days of an epoch + 30 of key backups + 0 of the provider" in text
    assert "LATE" not in text


def test_a_late_rotation_is_said(run: Any, clock: Any) -> None:
    clock.move(days=31)

    assert "LATE: run `rtbf upkeep`" in run(key, "status").stdout


def test_rotate_tells_what_it_did(run: Any, installation: Installation) -> None:
    closing.submitted(installation)

    result = run(key, "rotate", is_json=True)

    assert json.loads(result.stdout) == {"epoch": 2, "rewrapped": 1, "destroyed": [1]}
    assert "destroyed 2026-03-02" in run(key, "status").stdout


def test_a_new_passphrase_opens_the_tickets_and_the_old_one_no_more(run: Any, installation: Installation, tmp_path: Path) -> None:
    ticket_id = closing.submitted(installation)
    new = tmp_path / "new.passphrase"
    create_passphrase_file(new)

    said = run(key, "passphrase", "--new", str(new))

    assert said.exit_code == 0
    assert str(new) in said.stdout
    home = installation.home
    by_new, by_old = (replace(installation, kek=PassphraseFile(home.vault, path)) for path in (new, home.vault_passphrase))
    with by_new.transaction() as session:
        assert len(open_identifiers(session, by_new.kek, ticket_id)) == 2
    with pytest.raises(VaultLocked), by_old.transaction() as session:
        open_identifiers(session, by_old.kek, ticket_id)


def test_a_key_is_destroyed_only_when_somebody_says_yes(run: Any, installation: Installation) -> None:
    ticket_id = closing.submitted(installation)
    closing.withdrawn(installation, ticket_id)

    run(key, "shred", ticket_id, "--early", given="n\n")
    after_no = view_ticket(installation, ticket_id).shredded_at
    told = run(key, "shred", ticket_id, "--early", given="y\n").stdout

    assert after_no is None
    assert view_ticket(installation, ticket_id).shredded_at == installation.clock()
    # 2 March + 60 days = 1 May.
    assert "could bring it back until 2026-05-01" in told
    assert closing.NAME not in told


def test_without_early_the_window_counts(run: Any, installation: Installation) -> None:
    ticket_id = closing.submitted(installation)
    closing.withdrawn(installation, ticket_id)

    result = run(key, "shred", ticket_id, "--yes")

    assert isinstance(result.exception, IllegalMove)


def test_upkeep_tells_what_was_due_and_fails_loudly(run: Any, installation: Installation, clock: Any) -> None:
    ticket_id = closing.submitted(installation)
    closing.withdrawn(installation, ticket_id)
    run(upkeep)
    quiet = run(upkeep)
    clock.move(days=90)
    busy = run(upkeep)
    installation.home.suppression_keys.unlink()
    failed = run(upkeep)

    assert quiet.stdout == "nothing was due\n"
    assert busy.stdout.splitlines() == ["1 ticket key(s) destroyed", "1 vault key(s) replaced"]
    # What was destroyed and what was begun stand under the next head.
    assert failed.stdout.splitlines() == ["3 event(s) put under a signed tree head", "FAILED: generations (suppression-key-unavailable)"]
    assert [result.return_value for result in (quiet, busy, failed)] == [0, 0, 5]


def test_every_step_of_upkeep_has_its_words() -> None:
    # The executor's step comes before the pipeline's own.
    assert set(WORDS) == {"reports", *STEPS}
    assert upkeep_page.told(UpkeepDone(counts=dict.fromkeys(STEPS, 1), failed={})).count("\n") == len(STEPS) - 1
