"""After a ticket's key is destroyed nobody reads who it was about: not here, and from no backup that lacks the key store."""

from __future__ import annotations

import contextlib
import json
import shutil
import sqlite3
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select

from rtbf.errors import FourEyes, IllegalMove, KeyDestroyed, RTBFError, TicketShredded
from rtbf.evidence.ledger import verify_chain
from rtbf.installation import open_installation
from rtbf.pipeline import epochs
from rtbf.pipeline.closing import reopen_ticket
from rtbf.pipeline.epochs import is_rotation_due, next_rotation_at, resurrection_bound, rotate_epoch
from rtbf.pipeline.residuals import open_residual, settle_residual
from rtbf.pipeline.shredding import shred_ticket
from rtbf.pipeline.suppression import ORIGIN
from rtbf.store.actors import actor_id_for
from rtbf.store.engine import backup_sqlite
from rtbf.store.identifiers import open_identifiers, open_nonces
from rtbf.store.law_tables import NoticeRow, SealedTextRow
from rtbf.store.notices import QUEUED
from rtbf.store.residuals import residuals_of
from rtbf.store.sealed_texts import open_texts, seal_text
from rtbf.store.tables import IdentifierRow
from rtbf.store.ticket_keys import key_counts, ticket_key
from rtbf.store.vault_tables import TicketKeyRow
from rtbf.ticket_view import ticket_events, view_ticket
from rtbf.vault.secret import Secret
from tests import closing

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from rtbf.installation import Installation

COLLEAGUE = closing.COLLEAGUE


@pytest.fixture
def closed(installation: Installation) -> str:
    """A ticket that was closed at noon of 2 March 2026: its key is due on 31 May."""
    ticket_id = closing.submitted(installation)
    closing.partially_fulfilled(installation, ticket_id)
    return ticket_id


def names(installation: Installation, ticket_id: str) -> list[str]:
    with installation.transaction() as session:
        return [entry.value.reveal() for entry in open_identifiers(session, installation.kek, ticket_id)]


def wrapped(installation: Installation, ticket_id: str) -> bytes:
    with installation.transaction() as session:
        return session.get_one(TicketKeyRow, ticket_id).wrapped


def files_with(folder: Path, needle: bytes) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file() and needle in path.read_bytes())


@contextlib.contextmanager
def restored(installation: Installation, target: Path, backup: Path, keys: Path | None) -> Iterator[Installation]:
    """Yield the installation as somebody would restore it: a database's backup, today's key files, an old key store or none."""
    shutil.copytree(installation.home.path, target)
    for name in ("rtbf.db", "rtbf.db-wal", "rtbf.db-shm"):
        (target / name).unlink(missing_ok=True)
    (target / "keys" / "ticket-keys.db").unlink()
    shutil.copy(backup, target / "rtbf.db")
    if keys is not None:
        shutil.copy(keys, target / "keys" / "ticket-keys.db")
    else:
        with contextlib.closing(sqlite3.connect(target / "keys" / "ticket-keys.db")) as empty:
            empty.execute("CREATE TABLE ticket_key (ticket_id TEXT PRIMARY KEY, epoch INTEGER, wrapped BLOB, created_at TEXT)")
            empty.commit()
    opened = open_installation(target, None, installation.clock, policy=installation.policy)
    yield opened
    opened.engine.dispose()


def test_a_key_is_not_destroyed_before_its_day_and_is_on_it(installation: Installation, closed: str, clock: Any) -> None:
    clock.move(days=90, seconds=-1)
    with pytest.raises(IllegalMove, match="2026-05-31"):
        shred_ticket(installation, closed, COLLEAGUE, early=False)
    still = names(installation, closed)
    clock.move(seconds=1)

    done = shred_ticket(installation, closed, COLLEAGUE, early=False)

    assert still == [closing.NAME, closing.EMAIL]
    assert done.is_scrubbed
    assert view_ticket(installation, closed).shredded_at == datetime(2026, 5, 31, 12, tzinfo=UTC) == done.shredded_at


def test_afterwards_nothing_of_the_ticket_opens_and_its_record_and_chain_still_do(
    installation: Installation, closed: str, clock: Any
) -> None:
    with installation.transaction() as session:
        key = ticket_key(session, installation.kek, closed)
        seal_text(session, key, closed, "reasoning", Secret("because of Ines"), clock())
    before = view_ticket(installation, closed)
    clock.move(days=90)

    shred_ticket(installation, closed, COLLEAGUE, early=False)

    with installation.transaction() as session:
        for attempt in (
            lambda: ticket_key(session, installation.kek, closed),
            lambda: open_identifiers(session, installation.kek, closed),
            lambda: open_nonces(session, installation.kek, closed),
            lambda: open_texts(session, ticket_key(session, installation.kek, closed), closed, "reasoning"),
        ):
            with pytest.raises(TicketShredded):
                attempt()
        # Nor with the key itself, had somebody written it down: the ciphertext is gone as well.
        assert open_texts(session, key, closed, "reasoning") == open_texts(session, key, closed, ORIGIN) == {}
        assert {(row.value, row.nonce, row.index_token) for row in session.scalars(select(IdentifierRow))} == {(b"", b"", None)}
        assert list(session.scalars(select(NoticeRow.body))) == [None]
        assert list(session.scalars(select(SealedTextRow))) == []
    after = view_ticket(installation, closed)
    assert (after.ticket, after.footprint, after.decisions, after.outcome) == (
        before.ticket, before.footprint, before.decisions, before.outcome,
    )  # fmt: skip
    verify_chain(ticket_events(installation, closed))


def test_the_event_tells_until_when_a_backup_could_bring_the_key_back(installation: Installation, closed: str, clock: Any) -> None:
    clock.move(days=90)

    done = shred_ticket(installation, closed, COLLEAGUE, early=False)

    # 31 May + 30 days of an epoch + 30 days of key backups + 0 days of waiting = 30 July 2026.
    assert done.bound_at == datetime(2026, 7, 30, 12, tzinfo=UTC)
    event = json.loads(ticket_events(installation, closed)[-1])
    assert (event["type"], event["data"]) == ("key.destroyed", {"bound_at": "2026-07-30T12:00:00.000Z", "early": False})


def test_a_providers_waiting_period_is_part_of_the_bound(installation: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(installation.kek), "destruction_waits_days", 7)

    bound = resurrection_bound(installation, datetime(2026, 3, 2, tzinfo=UTC))

    # 2 March + 30 + 30 + 7 days = 8 May.
    assert bound == datetime(2026, 5, 8, tzinfo=UTC)


def test_destroying_twice_is_destroying_once(installation: Installation, closed: str, clock: Any) -> None:
    clock.move(days=90)
    first = shred_ticket(installation, closed, COLLEAGUE, early=False)
    events = ticket_events(installation, closed)
    clock.move(days=1)

    second = shred_ticket(installation, closed, COLLEAGUE, early=False)

    assert (second.shredded_at, second.bound_at) == (first.shredded_at, first.bound_at)
    assert ticket_events(installation, closed) == events


def test_early_destruction_needs_a_second_person_and_a_closed_ticket(installation: Installation, closed: str) -> None:
    with pytest.raises(FourEyes):
        shred_ticket(installation, closed, closing.SUBMITTER, early=True)
    with pytest.raises(IllegalMove, match="locating"):
        shred_ticket(installation, closing.submitted(installation), COLLEAGUE, early=True)
    still = names(installation, closed)

    shred_ticket(installation, closed, COLLEAGUE, early=True)

    assert still == [closing.NAME, closing.EMAIL]
    with pytest.raises(TicketShredded):
        names(installation, closed)


def test_an_open_residual_that_needs_the_identifiers_keeps_the_key_alive(installation: Installation, closed: str, clock: Any) -> None:
    with installation.transaction() as session:
        owner = actor_id_for(session, "olga", clock())
        open_residual(session, installation, closed, "provider_no_api", "vendor", owner, clock(), needs_identifiers=True)
        (needing,) = (row.id for row in residuals_of(session, closed) if row.needs_identifiers)
    clock.move(days=90)

    with pytest.raises(IllegalMove, match=needing):
        shred_ticket(installation, closed, COLLEAGUE, early=False)
    settle_residual(installation, needing, "olga", owner=None, due_at=None)

    assert shred_ticket(installation, closed, COLLEAGUE, early=False).is_scrubbed


def test_a_letter_that_was_not_sent_keeps_the_key_alive(installation: Installation, closed: str, clock: Any) -> None:
    closing.write_letter(installation, closed, "partial", QUEUED)
    clock.move(days=90)

    with pytest.raises(IllegalMove, match="1 letter"):
        shred_ticket(installation, closed, COLLEAGUE, early=False)

    assert names(installation, closed) == [closing.NAME, closing.EMAIL]


def test_sealed_files_and_letters_go_with_the_key_and_the_residual_is_resolved(installation: Installation, clock: Any) -> None:
    ticket_id = closing.submitted(installation)
    log = installation.home.artefacts_of(ticket_id, 1) / "items.sealed"
    letter = installation.home.outbox / f"{closing.write_letter(installation, ticket_id, 'acknowledgement')}.eml"
    for path in (log, letter):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"sealed")
    closing.withdrawn(installation, ticket_id)
    clock.move(days=90)

    shred_ticket(installation, ticket_id, COLLEAGUE, early=False)

    assert (log.exists(), letter.exists()) == (False, False)
    with installation.transaction() as session:
        assert [(row.reason, row.resolved_at) for row in residuals_of(session, ticket_id)] == [("own_copies", clock())]


def test_a_shredded_ticket_is_not_opened_again(installation: Installation, closed: str) -> None:
    shred_ticket(installation, closed, COLLEAGUE, early=True)

    with pytest.raises(IllegalMove, match="key was destroyed"):
        reopen_ticket(installation, closed, "new_evidence", COLLEAGUE)


def test_the_bytes_of_the_key_and_of_the_index_tokens_are_in_no_file_of_the_home(installation: Installation, closed: str) -> None:
    other = closing.submitted(installation)
    blob, kept = wrapped(installation, closed), wrapped(installation, other)
    with installation.transaction() as session:
        rows = list(session.scalars(select(IdentifierRow).where(IdentifierRow.ticket_id == closed)))
    values = [row.value for row in rows]
    before = files_with(installation.home.path, blob)

    shred_ticket(installation, closed, COLLEAGUE, early=True)

    assert before == ["ticket-keys.db"]
    assert files_with(installation.home.path, blob) == []
    assert [files_with(installation.home.path, value) for value in values] == [[], []]
    assert files_with(installation.home.path, kept) == ["ticket-keys.db"]


def test_another_ticket_of_the_same_person_is_untouched(installation: Installation, closed: str) -> None:
    other = closing.submitted(installation)
    before = view_ticket(installation, other), ticket_events(installation, other)

    shred_ticket(installation, closed, COLLEAGUE, early=True)

    assert (view_ticket(installation, other), ticket_events(installation, other)) == before
    assert names(installation, other) == [closing.NAME, closing.EMAIL]


def test_a_restored_database_without_the_key_store_opens_nothing(installation: Installation, closed: str, tmp_path: Path) -> None:
    backup = backup_sqlite(installation.engine, installation.home.database, installation.clock())
    shred_ticket(installation, closed, COLLEAGUE, early=True)

    with restored(installation, tmp_path / "restored", backup, None) as again, pytest.raises(TicketShredded):
        names(again, closed)


def test_with_an_old_key_store_it_opens_until_the_epoch_is_destroyed_and_never_after(
    installation: Installation, closed: str, tmp_path: Path, clock: Any
) -> None:
    backup = backup_sqlite(installation.engine, installation.home.database, installation.clock())
    keys = tmp_path / "old-keys.db"
    shutil.copy(installation.home.path / "keys" / "ticket-keys.db", keys)
    shred_ticket(installation, closed, COLLEAGUE, early=True)

    with restored(installation, tmp_path / "before", backup, keys) as again:
        opened = names(again, closed)
    clock.move(days=30)
    rotate_epoch(installation, "upkeep")

    assert opened == [closing.NAME, closing.EMAIL]
    with restored(installation, tmp_path / "after", backup, keys) as again, pytest.raises(KeyDestroyed):
        names(again, closed)


def test_a_rotation_wraps_every_key_anew_and_destroys_the_epoch_before(installation: Installation, clock: Any) -> None:
    tickets = [closing.submitted(installation) for _ in range(3)]
    blobs = [wrapped(installation, ticket_id) for ticket_id in tickets]
    clock.move(days=30)

    done = rotate_epoch(installation, "upkeep")

    assert (done.epoch, done.rewrapped, done.destroyed) == (2, 3, (1,))
    assert [(epoch.number, epoch.destroyed_at) for epoch in installation.kek.epochs()] == [(1, clock()), (2, None)]
    with installation.transaction() as session:
        assert key_counts(session) == {2: 3}
    assert all(names(installation, ticket_id) == [closing.NAME, closing.EMAIL] for ticket_id in tickets)
    assert [files_with(installation.home.path, blob) for blob in blobs] == [[], [], []]


@pytest.mark.parametrize("survived", [0, 1, 2])
def test_a_rotation_that_is_killed_begins_no_second_epoch_and_loses_no_key(
    installation: Installation, monkeypatch: pytest.MonkeyPatch, clock: Any, survived: int
) -> None:
    tickets = [closing.submitted(installation) for _ in range(3)]
    whole, calls = epochs.rewrap_keys, []

    def dying(*arguments: Any) -> Any:
        if len(calls) == survived:
            raise KeyboardInterrupt
        calls.append(1)
        return whole(*arguments)

    monkeypatch.setattr(epochs, "_BATCH", 1)
    monkeypatch.setattr(epochs, "rewrap_keys", dying)
    with pytest.raises(KeyboardInterrupt):
        rotate_epoch(installation, "upkeep")
    between = [names(installation, ticket_id) for ticket_id in tickets]
    monkeypatch.undo()

    done = rotate_epoch(installation, "upkeep")

    assert between == [[closing.NAME, closing.EMAIL]] * 3
    assert (done.epoch, done.rewrapped, done.destroyed) == (2, 3 - survived, (1,))
    assert [names(installation, ticket_id) for ticket_id in tickets] == between


def test_an_epoch_is_not_destroyed_while_a_key_does_not_open_under_it(installation: Installation) -> None:
    ticket_id = closing.submitted(installation)
    with installation.transaction() as session:
        row = session.get_one(TicketKeyRow, ticket_id)
        row.wrapped = row.wrapped[:-1] + bytes([row.wrapped[-1] ^ 1])

    with pytest.raises(RTBFError, match="epoch 1"):
        rotate_epoch(installation, "upkeep")

    assert all(epoch.destroyed_at is None for epoch in installation.kek.epochs())


def test_a_rotation_is_due_after_the_policys_days_and_while_one_is_unfinished(installation: Installation, clock: Any) -> None:
    assert next_rotation_at(installation) == clock() + timedelta(days=30)

    seen = []
    for seconds in (0, 30 * 86_400 - 1, 1):
        clock.move(seconds=seconds)
        seen.append(is_rotation_due(installation))
    rotate_epoch(installation, "upkeep")
    seen.append(is_rotation_due(installation))
    installation.kek.new_epoch(clock())
    seen.append(is_rotation_due(installation))

    assert seen == [False, False, True, False, True]
