"""The ledger under competing writers and sequencers, under kill -9, restored backups and restricted roles, on real databases."""

from __future__ import annotations

import json
import secrets
import signal
import subprocess
import sys
import textwrap
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from sqlalchemy import func, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from rtbf.errors import LedgerForked
from rtbf.evidence.ledger import verify_chain
from rtbf.evidence.log_state import read_state
from rtbf.evidence.tree_head import head_in
from rtbf.installation import create_installation
from rtbf.pipeline.ledger import seal_ledger, sequence_events, tree_size_of
from rtbf.pipeline.ledger_check import check_ledger
from rtbf.store.engine import open_engine
from rtbf.store.events import append_event
from rtbf.store.tables import EventRow, OutboxRow, PendingEventRow, TreeHeadRow
from rtbf.store.tree import tree_root
from tests.installed import POLICY, QUICK_VAULT
from tests.plain_tree import plain_root

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Engine

    from rtbf.installation import Installation

pytestmark = [pytest.mark.enable_socket]

WRITERS, EVENTS_EACH, SEQUENCERS = 8, 150, 2
NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
ROOT = Path(__file__).parents[2]


def append(session: Session, ticket_id: str | None, **data: Any) -> None:
    append_event(session, ticket_id=ticket_id, event_type="plan.frozen", actor_id="act_1", data=data, now=NOW)


def require_whole(installation: Installation) -> list[Any]:
    """No gap, no event without its outbox row, every chain and the tree whole by a reference; return the events."""
    with installation.transaction() as session:
        rows = session.scalars(select(EventRow).order_by(EventRow.idx)).all()
        outbox = list(session.scalars(select(OutboxRow.idx).order_by(OutboxRow.idx)))
        pending = session.scalar(select(func.count()).select_from(PendingEventRow))
        root = tree_root(session, len(rows))
    chains: dict[str, list[bytes]] = {}
    for row in rows:
        if row.ticket_id is not None:
            chains.setdefault(row.ticket_id, []).append(row.leaf)
    assert [row.idx for row in rows] == outbox == list(range(len(rows)))
    assert pending == 0
    assert all(verify_chain(chain)[0] == len(chain) for chain in chains.values())
    assert root == plain_root([row.leaf for row in rows])
    return [json.loads(row.leaf) for row in rows]


@pytest.fixture
def house(migrated_url: str, tmp_path: Path) -> Iterator[Installation]:
    made = create_installation(tmp_path / "home", migrated_url, policy=POLICY, vault_cost=QUICK_VAULT)
    yield made
    made.engine.dispose()


@pytest.mark.slow
def test_eight_writers_and_two_sequencers_leave_one_gapless_tree(house: Installation) -> None:
    is_over = threading.Event()

    def write(number: int) -> int:
        for turn in range(EVENTS_EACH):
            with house.transaction() as session:
                append(session, f"tkt_{turn % 5}", writer=number, turn=turn)
                if turn % 10 == 0:
                    append(session, None, writer=number, turn=turn, is_second=True)
        return number

    def sequence_on() -> int:
        count = 0
        while not is_over.is_set():
            count += sequence_events(house)
        return count + sequence_events(house)

    with ThreadPoolExecutor(WRITERS + SEQUENCERS) as pool:
        sequencers = [pool.submit(sequence_on) for _ in range(SEQUENCERS)]
        writers = [pool.submit(write, number) for number in range(WRITERS)]
        for writer in writers:
            writer.result()
        is_over.set()
        counts = [sequencer.result() for sequencer in sequencers]

    told = require_whole(house)
    # 150 turns of 8 writers, and a second event in each tenth of them.
    assert sum(counts) == len(told) == 8 * 150 + 8 * 15
    seen = Counter((event["data"]["writer"], event["data"]["turn"], event["data"].get("is_second", False)) for event in told)
    assert set(seen.values()) == {1}
    for number in range(WRITERS):
        turns = [event["data"]["turn"] for event in told if event["data"]["writer"] == number and "is_second" not in event["data"]]
        assert turns == list(range(EVENTS_EACH))


def test_a_late_commit_with_a_lower_number_is_not_lost_and_holds_nobody_up(house: Installation) -> None:
    with Session(house.engine) as slow:
        append(slow, "tkt_1", who="slow")
        slow.flush()
        with house.transaction() as session:
            append(session, "tkt_1", who="quick")

        first = sequence_events(house)
        slow.commit()
    second = sequence_events(house)

    told = require_whole(house)
    assert (first, second) == (1, 1)
    assert [event["data"]["who"] for event in told] == ["quick", "slow"]


def test_a_writer_waits_neither_for_a_sequencer_nor_for_another_writer(house: Installation) -> None:
    with house.transaction() as session:
        append(session, "tkt_1", number=0)
    with psycopg.connect(house.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)) as other:
        other.execute("SELECT pg_advisory_xact_lock(%s)", (0x72746266,))

        with house.transaction() as session:
            session.connection().exec_driver_sql("SET LOCAL lock_timeout = '100ms'")
            append(session, "tkt_1", number=1)

    assert sequence_events(house) == 2


KILLS = {
    "sequencer takes": ("rtbf.store.sequencer._take", "after"),
    "sequencer places": ("rtbf.store.sequencer._placed", "after"),
    "sequencer grows the tree": ("rtbf.store.sequencer.extend", "after"),
    "sequencer writes events": ("rtbf.store.sequencer._write", "after"),
    "sequencer writes the outbox": ("rtbf.store.sequencer._write", "after 3"),
    "signer reads its state": ("rtbf.evidence.log_signer.read_state", "after"),
    "signer reads leaves": ("rtbf.evidence.log_signer._grown", "after"),
    "signer signs": ("rtbf.evidence.log_signer.sign_head", "after"),
    "signer's state is half written": ("rtbf.evidence.log_state.replace_file", "before"),
    "signer's state is written": ("rtbf.evidence.log_signer.write_state", "after"),
    "head is stored": ("rtbf.pipeline.ledger.add_head", "after"),
    "head is about to be exported": ("rtbf.pipeline.ledger.export_head", "before"),
    "head is half exported": ("rtbf.evidence.head_exports.os.fsync", "before"),
    "head is exported": ("rtbf.pipeline.ledger.export_head", "after"),
}
KILLED = """
    import importlib, os, signal, sys
    from pathlib import Path
    from rtbf.installation import open_installation
    from rtbf.pipeline.ledger import seal_ledger

    home, url, place, when = sys.argv[1:]
    where, _, name = place.rpartition(".")
    parts = where.split(".")
    owner = importlib.import_module(".".join(parts[:3]))
    for part in parts[3:]:
        owner = getattr(owner, part)
    real, left = getattr(owner, name), [int(when.partition(" ")[2] or 1)]

    def kill(*given, **named):
        left[0] -= 1
        if left[0] == 0 and when.startswith("before"):
            os.kill(os.getpid(), signal.SIGKILL)
        result = real(*given, **named)
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    installation = open_installation(Path(home), url or None)
    setattr(owner, name, kill)
    seal_ledger(installation)
"""


def url_of(installation: Installation) -> str:
    url = installation.engine.url
    return "" if url.get_backend_name() == "sqlite" else url.set(drivername="postgresql").render_as_string(hide_password=False)


@pytest.mark.slow
@pytest.mark.parametrize(("place", "when"), KILLS.values(), ids=KILLS)
def test_killed_at_any_step_the_next_run_goes_on_without_fork_or_gap(either: Installation, place: str, when: str) -> None:
    with either.transaction() as session:
        for number in range(3):
            append(session, "tkt_1", number=number)
    before = seal_ledger(either)
    with either.transaction() as session:
        for number in range(3, 7):
            append(session, "tkt_1", number=number)
    either.engine.dispose()

    command = [sys.executable, "-W", "ignore", "-c", textwrap.dedent(KILLED), str(either.home.path), url_of(either), place, when]
    died = subprocess.run(command, cwd=ROOT, capture_output=True, check=False, timeout=120)
    signed = read_state(either.log_state)
    with either.transaction() as session:
        append(session, "tkt_1", number=7)
    after = seal_ledger(either)

    assert died.returncode == -signal.SIGKILL, died.stderr.decode()
    assert [event["data"]["number"] for event in require_whole(either)] == list(range(8))
    assert (before.head.size, after.head.size) == (3, 8)
    assert signed is not None
    # What was signed when it died is a head that everybody has by now; a state of three events means that nothing was.
    sizes = {3, signed.size, 8}
    assert {int(path.name.partition(".")[0]) for path in either.log_exports.iterdir()} == sizes
    with either.transaction() as session:
        stored = {row.size: head_in(row.note).root for row in session.scalars(select(TreeHeadRow))}
        assert stored == {size: tree_root(session, size) for size in sizes}
    assert check_ledger(either).findings == ()


def test_a_restored_postgresql_backup_is_not_signed(house: Installation, postgres: Any, migrated_url: str) -> None:
    with house.transaction() as session:
        append(session, "tkt_1", number=0)
    seal_ledger(house)
    house.engine.dispose()
    name = f"backup_{secrets.token_hex(6)}"
    with psycopg.connect(postgres.url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {migrated_url.rpartition('/')[2]}")
    with house.transaction() as session:
        append(session, "tkt_1", number=1)
    seal_ledger(house)
    restored = replace(house, engine=open_engine(f"{postgres.url.rpartition('/')[0]}/{name}"))
    try:
        with pytest.raises(LedgerForked, match="a database of 1 events"):
            seal_ledger(restored)
        with restored.transaction() as session:
            append(session, "tkt_1", number=2)
            append(session, "tkt_1", number=3)
        with pytest.raises(LedgerForked, match="other events among its first 2"):
            seal_ledger(restored)

        assert tree_size_of(restored) == 3
    finally:
        restored.engine.dispose()
        with psycopg.connect(postgres.url, autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def writer_only(house: Installation, migrated_url: str) -> Iterator[Engine]:
    """A connection under a role that may insert into `pending_event`, and nothing else."""
    role, password = f"app_{secrets.token_hex(4)}", secrets.token_hex(8)
    with psycopg.connect(migrated_url, autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {role} LOGIN PASSWORD '{password}'")
        connection.execute(f"GRANT INSERT ON pending_event TO {role}")
    engine = open_engine(migrated_url.replace(migrated_url.split("//")[1].split("@", maxsplit=1)[0], f"{role}:{password}"))
    yield engine
    engine.dispose()
    with psycopg.connect(migrated_url, autocommit=True) as connection:
        connection.execute(f"DROP OWNED BY {role}")
        connection.execute(f"DROP ROLE {role}")


def test_a_role_that_may_only_insert_pending_events_writes_events_and_touches_no_ledger(house: Installation, writer_only: Engine) -> None:
    with Session(writer_only) as session, session.begin():
        append(session, "tkt_1", number=0)

    refusals = []
    for statement in (
        "SELECT * FROM event", "INSERT INTO event VALUES (0, NULL, NULL, '', '')", "UPDATE event SET leaf = ''", "DELETE FROM event",
        "DELETE FROM pending_event", "INSERT INTO tree_node VALUES (1, 0, '')", "INSERT INTO tree_head VALUES ('o', 1, 'n', now())",
        "TRUNCATE event", "DROP TRIGGER event_append_only ON event",
    ):  # fmt: skip
        with pytest.raises(DBAPIError) as refused, writer_only.begin() as connection:
            connection.exec_driver_sql(statement)
        refusals.append(str(refused.value.orig))

    assert all("permission denied" in refusal or "must be owner" in refusal for refusal in refusals), refusals
    assert sequence_events(house) == 1
    assert [event["data"] for event in require_whole(house)] == [{"number": 0}]
