"""A home: private, movable, made whole or not at all, and never opened by a release that does not know its schema."""

from __future__ import annotations

import errno
import json
import os
import shutil
import sqlite3
import stat
from collections import Counter
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import event, select, text
from sqlalchemy.exc import OperationalError

from rtbf.errors import DatabaseUnreachable, DiskFull, HomeExists, HomeMissing, SchemaBehind, SchemaTooNew, TicketChanged
from rtbf.home import existing_home
from rtbf.installation import create_installation, open_installation
from rtbf.pipeline.intake import submit_ticket
from rtbf.pipeline.ledger import sequence_events
from rtbf.store.engine import head_revision, open_engine, schema_revision, sqlite_url, upgrade_schema
from rtbf.store.identifiers import open_identifiers
from rtbf.store.tables import EventRow
from rtbf.store.tickets import list_tickets
from rtbf.ticket.intake import read_submission
from rtbf.ticket_view import view_ticket

if TYPE_CHECKING:
    from rtbf.clock import Clock
    from rtbf.installation import Installation

SUBMISSION = {"subject": [{"kind": "name", "value": "Ines Varga"}]}


def submit(installation: Installation) -> str:
    return submit_ticket(installation, read_submission(SUBMISSION, installation.clock()), "olga")


def stamp(database: Path, revision: str) -> None:
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = ?", (revision,))
        connection.commit()


def test_everything_in_a_home_is_private_to_its_user(installation: Installation) -> None:
    # A transaction is open, so that SQLite's companions of the database exist as well.
    with installation.transaction() as session:
        session.execute(text("CREATE TABLE probe (x)"))
        paths = [installation.home.path, *installation.home.path.rglob("*")]
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in paths}

    home = installation.home
    secrets = {path.name for path in (home.vault, home.vault_passphrase, home.index_key, home.suppression_keys, home.report_key)}
    assert {"rtbf.db", "rtbf.db-wal", "rtbf.db-shm", "ticket-keys.db", "trust.json", *secrets} <= set(modes)
    assert {name: oct(mode) for name, mode in modes.items() if mode & 0o077} == {}


def test_modes_do_not_follow_a_careless_umask(tmp_path: Path, clock: Clock) -> None:
    before = os.umask(0)
    try:
        made = create_installation(tmp_path / "deep" / "home", None, clock)
        submit(made)
        modes = {path: stat.S_IMODE(path.stat().st_mode) for path in [made.home.path, *made.home.path.rglob("*")]}
        made.engine.dispose()
    finally:
        os.umask(before)

    assert {str(path): oct(mode) for path, mode in modes.items() if mode & 0o077} == {}


def test_a_moved_home_keeps_working_and_its_ledger_keeps_its_name(installation: Installation, tmp_path: Path, clock: Clock) -> None:
    ticket_id, name = submit(installation), installation.log
    installation.engine.dispose()
    shutil.move(installation.home.path, tmp_path / "elsewhere")

    moved = open_installation(tmp_path / "elsewhere", None, clock)
    with moved.transaction() as session:
        (opened,) = open_identifiers(session, moved.kek, ticket_id)
    moved.engine.dispose()

    assert opened.value.reveal() == "Ines Varga"
    assert moved.log == name


def test_paths_inside_the_home_are_stored_so_that_it_can_move(installation: Installation, tmp_path: Path) -> None:
    home = installation.home

    inside, outside = home.stored_form(home.models / "chat"), home.stored_form(tmp_path / "data.jsonl")

    assert (inside, outside) == ("models/chat", str(tmp_path / "data.jsonl"))
    assert home.resolved(inside) == home.path / "models" / "chat"
    assert home.resolved(outside) == tmp_path / "data.jsonl"


def test_a_second_init_is_refused_and_changes_nothing(installation: Installation, home_path: Path) -> None:
    keys = {path.name: path.read_bytes() for path in (home_path / "keys").iterdir()}

    with pytest.raises(HomeExists):
        create_installation(home_path, None)

    assert {path.name: path.read_bytes() for path in (home_path / "keys").iterdir()} == keys


@pytest.mark.parametrize("occupied_by", ["a file", "other files"])
def test_a_place_that_is_taken_is_refused_and_left_alone(tmp_path: Path, occupied_by: str) -> None:
    path = tmp_path / "home"
    if occupied_by == "a file":
        path.write_text("mine")
    else:
        path.mkdir()
        (path / "mine.txt").write_text("mine")

    with pytest.raises(HomeExists):
        create_installation(path, None)

    assert (path if occupied_by == "a file" else path / "mine.txt").read_text() == "mine"


@pytest.mark.parametrize("exists", [True, False])
def test_a_folder_without_a_home_is_named_and_not_made(tmp_path: Path, *, exists: bool) -> None:
    path = tmp_path / "home"
    if exists:
        path.mkdir()

    with pytest.raises(HomeMissing, match="rtbf --home"):
        open_installation(path, None)

    assert path.exists() == exists
    assert not (path / "rtbf.db").exists()


def test_a_newer_schema_is_refused_by_opening_and_by_upgrading(installation: Installation, home_path: Path, clock: Clock) -> None:
    submit(installation)
    installation.engine.dispose()
    stamp(home_path / "rtbf.db", "9999")
    content = (home_path / "rtbf.db").read_bytes()

    with pytest.raises(SchemaTooNew, match="9999"):
        open_installation(home_path, None)
    with pytest.raises(SchemaTooNew, match="install the release"):
        upgrade_schema(open_engine(sqlite_url(home_path / "rtbf.db")), home_path / "rtbf.db", clock())

    assert (home_path / "rtbf.db").read_bytes() == content
    assert list(home_path.glob("*.backup.db")) == []


def test_an_empty_database_is_behind_and_the_upgrade_needs_no_backup_of_nothing(tmp_path: Path, clock: Clock) -> None:
    path = tmp_path / "rtbf.db"
    engine = open_engine(sqlite_url(path))

    backup = upgrade_schema(engine, path, clock())

    assert backup is None
    assert schema_revision(engine) == head_revision()
    engine.dispose()


def test_a_home_whose_database_is_gone_is_behind_not_silently_new(installation: Installation, home_path: Path) -> None:
    installation.engine.dispose()
    for path in home_path.glob("rtbf.db*"):
        path.unlink()

    with pytest.raises(SchemaBehind, match="rtbf db upgrade"):
        open_installation(home_path, None)


def test_an_upgrade_backs_up_first_and_the_backup_is_whole_and_private(installation: Installation, home_path: Path, clock: Clock) -> None:
    ticket_id = submit(installation)
    sequence_events(installation)
    database = home_path / "rtbf.db"
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parents[2] / "migrations"))
    config.attributes["engine"] = installation.engine
    command.downgrade(config, "0001")

    backup = upgrade_schema(installation.engine, database, clock())

    assert backup == home_path / "rtbf-20260302T120000.backup.db"
    assert stat.S_IMODE(backup.stat().st_mode) == 0o600
    with closing(sqlite3.connect(backup)) as connection:
        assert connection.execute("SELECT id FROM ticket").fetchall() == [(ticket_id,)]
        assert connection.execute("SELECT version_num FROM alembic_version").fetchone() == ("0001",)
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert schema_revision(installation.engine) == head_revision()


def test_a_database_that_cannot_be_opened_is_an_outage(tmp_path: Path) -> None:
    path = tmp_path / "rtbf.db"
    path.mkdir()

    with pytest.raises(DatabaseUnreachable):
        schema_revision(open_engine(sqlite_url(path)))


def test_an_unreachable_server_is_named_without_its_password() -> None:
    engine = open_engine("postgresql://rtbf:Quillfeather@127.0.0.1:1/rtbf?connect_timeout=1")

    with pytest.raises(DatabaseUnreachable) as refused:
        schema_revision(engine)

    assert "Quillfeather" not in f"{refused.value} {engine!r}"


@pytest.mark.parametrize("step", ["create_kek_file", "create_keys", "upgrade_schema"])
def test_an_init_that_fails_half_way_leaves_nothing(home_path: Path, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(f"rtbf.installation.{step}", fail)
    with pytest.raises((OSError, DiskFull)):
        create_installation(home_path, None)
    monkeypatch.undo()

    assert not home_path.exists()
    create_installation(home_path, None).engine.dispose()
    assert existing_home(home_path).vault.is_file()


def test_a_full_disk_undoes_the_transaction_and_is_an_outage(installation: Installation) -> None:
    """SQLite's own page limit stands for the disk: it gives the same error, and no tmpfs is needed."""
    ticket_id = submit(installation)

    with installation.engine.connect() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
    limited = open_engine(sqlite_url(installation.home.database))
    event.listen(limited, "connect", lambda connection, _: connection.execute(f"PRAGMA max_page_count = {pages}"))

    with pytest.raises(DiskFull, match="run the same command again"):
        _ = [submit(replace(installation, engine=limited)) for _ in range(200)]
    limited.dispose()

    tickets = Counter(json.loads(leaf)["type"] for leaf in all_leaves(installation))
    assert set(tickets) == {"ticket.received"}
    assert tickets["ticket.received"] == count_tickets(installation)
    assert view_ticket(installation, ticket_id).state == "received"
    assert view_ticket(installation, submit(installation)).state == "received"


def all_leaves(installation: Installation) -> list[bytes]:
    sequence_events(installation)
    with installation.transaction() as session:
        return list(session.scalars(select(EventRow.leaf)))


def count_tickets(installation: Installation) -> int:
    with installation.transaction() as session:
        return len(list_tickets(session))


class _Deadlock(Exception):
    sqlstate = "40P01"


def test_a_change_that_another_one_met_is_undone_and_asks_for_another_try(installation: Installation) -> None:
    """PostgreSQL ends one of two transactions that wait for each other; that is nobody's fault and loses nothing."""
    ticket_id = submit(installation)
    before = all_leaves(installation)

    def closed_in_a_deadlock() -> None:
        with installation.transaction() as session:
            session.execute(text("UPDATE ticket SET state = 'closed'"))
            raise OperationalError("SELECT 1", {}, _Deadlock())

    with pytest.raises(TicketChanged, match="try again"):
        closed_in_a_deadlock()

    assert view_ticket(installation, ticket_id).state == "received"
    assert all_leaves(installation) == before
