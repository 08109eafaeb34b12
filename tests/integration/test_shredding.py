"""Shredding and epochs on both databases: what a restored backup opens, and that no writer loses a key to a rotation."""

from __future__ import annotations

import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import psycopg
import pytest
import sqlalchemy

from rtbf.errors import KeyDestroyed, TicketShredded
from rtbf.installation import Installation, open_installation
from rtbf.pipeline.epochs import rotate_epoch
from rtbf.pipeline.shredding import shred_ticket
from rtbf.pipeline.suppression import load_list
from rtbf.pipeline.upkeep import run_upkeep
from rtbf.store.identifiers import open_identifiers
from rtbf.store.ticket_keys import key_counts, ticket_key
from rtbf.store.vault_tables import TicketKeyRow
from rtbf.ticket_view import ticket_events, view_ticket
from tests import closing

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.enable_socket

WRITERS, EACH = 4, 10
PATIENCE_S = 120


def url_of(installation: Installation) -> str:
    return installation.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)


def names(installation: Installation, ticket_id: str) -> list[str]:
    with installation.transaction() as session:
        return [entry.value.reveal() for entry in open_identifiers(session, installation.kek, ticket_id)]


def dumped(installation: Installation, *options: str) -> str:
    return told("pg_dump", "--no-owner", *options, url_of(installation))


def loaded(url: str, *dumps: str) -> None:
    for dump in dumps:
        told("psql", "-q", "-v", "ON_ERROR_STOP=1", "-d", url, given=dump)


def told(*command: str, given: str = "") -> str:
    return subprocess.run(command, input=given, capture_output=True, check=True, text=True, timeout=PATIENCE_S).stdout


@pytest.fixture
def elsewhere(postgres_url: str) -> str:
    """The URL of a second empty database beside the test's own."""
    name = postgres_url.rpartition("/")[2] + "_restored"
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return postgres_url.rpartition("/")[0] + "/" + name


@pytest.fixture
def on_postgres(postgres_url: str, tmp_path: Path) -> Installation:
    from rtbf.installation import create_installation  # noqa: PLC0415 - beside the fixture that `either` makes

    return create_installation(tmp_path / "home", postgres_url)


def test_a_closed_ticket_is_shredded_and_nothing_opens_it(either: Installation) -> None:
    ticket_id, other = closing.submitted(either), closing.submitted(either)
    closing.partially_fulfilled(either, ticket_id)

    done = shred_ticket(either, ticket_id, closing.COLLEAGUE, early=True)

    with pytest.raises(TicketShredded):
        names(either, ticket_id)
    assert done.is_scrubbed
    assert names(either, other) == [closing.NAME, closing.EMAIL]
    assert view_ticket(either, ticket_id).shredded_at == done.shredded_at
    assert b'"key.destroyed"' in ticket_events(either, ticket_id)[-1]
    with either.transaction() as session:
        assert load_list(session, either).check_text(f"ask {closing.EMAIL}").effect == "drop"


def test_upkeep_runs_on_both_databases(either: Installation) -> None:
    closing.withdrawn(either, closing.submitted(either))

    done = run_upkeep(either)

    assert dict(done.failed) == {}


def test_a_dump_without_the_key_schema_opens_nothing_and_with_it_only_until_its_epoch_is_destroyed(
    on_postgres: Installation, elsewhere: str, tmp_path: Path
) -> None:
    ticket_id = closing.submitted(on_postgres)
    closing.partially_fulfilled(on_postgres, ticket_id)
    main = dumped(on_postgres, "--exclude-schema=rtbf_keys")
    keys_shape, keys = dumped(on_postgres, "--schema=rtbf_keys", "--schema-only"), dumped(on_postgres, "--schema=rtbf_keys", "--data-only")
    shred_ticket(on_postgres, ticket_id, closing.COLLEAGUE, early=True)
    loaded(elsewhere, main, keys_shape)
    restored = open_installation(on_postgres.home.path, elsewhere)

    with pytest.raises(TicketShredded):
        names(restored, ticket_id)
    loaded(elsewhere, keys)
    with_old_keys = names(restored, ticket_id)
    rotate_epoch(on_postgres, "upkeep")

    assert ticket_id in main
    assert with_old_keys == [closing.NAME, closing.EMAIL]
    with pytest.raises(KeyDestroyed):
        names(restored, ticket_id)
    restored.engine.dispose()
    on_postgres.engine.dispose()


def test_a_backup_of_a_home_opens_what_was_shredded_only_with_its_old_keys_folder(tmp_path: Path, postgres_url: str) -> None:
    """A whole home, database and keys together, is what no organisation should keep for long: it opens everything."""
    from rtbf.installation import create_installation  # noqa: PLC0415 - as above

    installation = create_installation(tmp_path / "home", None)
    ticket_id = closing.submitted(installation)
    closing.withdrawn(installation, ticket_id)
    shutil.copytree(installation.home.path, tmp_path / "backup")
    shred_ticket(installation, ticket_id, closing.COLLEAGUE, early=True)
    rotate_epoch(installation, "upkeep")

    backup = open_installation(tmp_path / "backup", None)
    opened = names(backup, ticket_id)
    shutil.copy(installation.home.vault, backup.home.vault)

    assert opened == [closing.NAME, closing.EMAIL]
    with pytest.raises(KeyDestroyed):
        names(backup, ticket_id)
    backup.engine.dispose()
    installation.engine.dispose()


def test_after_shredding_the_wrapped_key_lies_in_no_page_of_its_table(on_postgres: Installation, postgres: object) -> None:
    ticket_id = closing.submitted(on_postgres)
    closing.withdrawn(on_postgres, ticket_id)
    with on_postgres.transaction() as session:
        blob = session.get_one(TicketKeyRow, ticket_id).wrapped

    def pages() -> bytes:
        with on_postgres.engine.connect() as connection:
            connection.exec_driver_sql("CHECKPOINT")
            path = connection.exec_driver_sql("SELECT pg_relation_filepath('rtbf_keys.ticket_key')").scalar_one()
            found = connection.execute(sqlalchemy.text("SELECT pg_read_binary_file(:path)"), {"path": path}).scalar_one()
            return bytes(found)

    before = blob in pages()
    shred_ticket(on_postgres, ticket_id, closing.COLLEAGUE, early=True)

    assert before
    assert blob not in pages()
    on_postgres.engine.dispose()


def test_writers_at_work_during_rotations_lose_no_key(either: Installation) -> None:
    def write(_writer: int) -> list[str]:
        return [closing.submitted(either) for _ in range(EACH)]

    with ThreadPoolExecutor(WRITERS + 1) as pool:
        written = [pool.submit(write, writer) for writer in range(WRITERS)]
        rotated = [pool.submit(lambda: [rotate_epoch(either, "upkeep") for _ in range(5)])]
        tickets = [ticket_id for batch in written for ticket_id in batch.result(PATIENCE_S)]
        assert len(rotated[0].result(PATIENCE_S)) == 5
    rotate_epoch(either, "upkeep")

    with either.transaction() as session:
        keys = [ticket_key(session, either.kek, ticket_id) for ticket_id in tickets]
        counts = key_counts(session)
    epochs = either.kek.epochs()
    assert len({*keys}) == WRITERS * EACH
    assert counts == {epochs[-1].number: WRITERS * EACH}
    assert [epoch.destroyed_at is None for epoch in epochs] == [False] * (len(epochs) - 1) + [True]


def test_two_rotations_at_once_leave_one_living_epoch_and_every_key_open(either: Installation) -> None:
    tickets = [closing.submitted(either) for _ in range(10)]

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda _: rotate_epoch(either, "upkeep"), range(2)))
    rotate_epoch(either, "upkeep")

    assert [names(either, ticket_id) for ticket_id in tickets] == [[closing.NAME, closing.EMAIL]] * 10
    assert sum(epoch.destroyed_at is None for epoch in either.kek.epochs()) == 1
