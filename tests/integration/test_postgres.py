"""Laws of the store that only a real database can show, on SQLite and on PostgreSQL alike."""

from __future__ import annotations

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy
from alembic import command
from alembic.config import Config
from sqlalchemy.exc import DBAPIError

from rtbf.errors import TicketBusy
from rtbf.evidence.ledger import verify_chain
from rtbf.pipeline.intake import submit_ticket
from rtbf.store.actors import actor_id_for, create_token, new_id
from rtbf.store.engine import head_revision, schema_revision, upgrade_schema
from rtbf.store.events import append_event
from rtbf.store.leases import claim_lease, release_lease, this_process, tickets_ready_for_work
from rtbf.store.tables import APPEND_ONLY, ApprovalRow, Base, CorpusVersionRow, ModelRow
from rtbf.ticket.intake import read_submission
from rtbf.ticket_view import ticket_events, view_ticket

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from rtbf.installation import Installation

pytestmark = pytest.mark.enable_socket

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
WRITERS = 8
EVENTS_EACH = 25
ELSEWHERE = "another-machine/boot:17:4711"

CLAIM = """
import sys
from pathlib import Path
from rtbf.errors import TicketBusy
from rtbf.installation import open_installation
from rtbf.store.leases import claim_lease, this_process

home, url, ticket_id = sys.argv[1:]
installation = open_installation(Path(home), url)
print("ready", flush=True)
sys.stdin.readline()
try:
    with installation.transaction() as session:
        claim_lease(session, ticket_id, this_process(), installation.clock(), 60)
    print("won", flush=True)
except TicketBusy:
    print("busy", flush=True)
sys.stdin.readline()
"""


def url_of(engine: Engine) -> str:
    return engine.url.render_as_string(hide_password=False)


def start_claimer(installation: Installation, ticket_id: str) -> subprocess.Popen[str]:
    """Start a process that claims the ticket's lease when it is told to, and lives until it is told to end."""
    return subprocess.Popen(
        [sys.executable, "-c", CLAIM, str(installation.home.path), url_of(installation.engine), ticket_id],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def tell(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


def said(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def end(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate()


def fill_every_table(installation: Installation, ticket_id: str) -> None:
    """Put a row into the tables that a submitted ticket has not touched."""
    with installation.transaction() as session:
        actor_id = actor_id_for(session, "olga", NOW)
        create_token(session, "jira", actor_id, NOW)
        session.add(CorpusVersionRow(digest="sha256:01", name="letters", number=1, body=b"{}", created_at=NOW))
        session.add(
            ModelRow(id="mdl_1", name="tiny", revision=1, digest="sha256:02", path="tiny", status="live", body=b"{}", created_at=NOW)
        )
        session.add(
            ApprovalRow(id=new_id("apr"), ticket_id=ticket_id, plan_digest="sha256:03", actor_id=actor_id, is_approval=True, given_at=NOW)
        )


def schema_of(engine: Engine) -> dict[str, Any]:
    """Return every table's columns, indexes, constraints and the triggers, for comparing."""
    inspector = sqlalchemy.inspect(engine)
    tables = {
        table: (
            [(column["name"], str(column["type"]), column["nullable"]) for column in inspector.get_columns(table)],
            sorted(str(index["name"]) for index in inspector.get_indexes(table)),
            sorted(str(key["name"]) for key in inspector.get_foreign_keys(table)),
        )
        for table in inspector.get_table_names()
    }
    query = "SELECT name FROM sqlite_master WHERE type = 'trigger'" if engine.dialect.name == "sqlite" else "SELECT tgname FROM pg_trigger"
    with engine.connect() as connection:
        triggers = sorted(name for (name,) in connection.exec_driver_sql(query) if "append" in name or "_no_" in name)
    return {"tables": tables, "triggers": triggers}


def test_migrations_go_up_down_and_up_again_with_rows_in_every_table(either: Installation, ready_ticket: str) -> None:
    fill_every_table(either, ready_ticket)
    before = schema_of(either.engine)
    with either.engine.connect() as connection:
        counts = [connection.scalar(sqlalchemy.select(sqlalchemy.func.count()).select_from(table)) for table in Base.metadata.sorted_tables]
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parents[2] / "migrations"))
    config.attributes["engine"] = either.engine

    command.downgrade(config, "base")
    emptied = set(sqlalchemy.inspect(either.engine).get_table_names())
    upgrade_schema(either.engine, None, NOW)

    assert 0 not in counts
    assert emptied == {"alembic_version"}
    assert schema_revision(either.engine) == head_revision()
    assert schema_of(either.engine) == before
    assert len(before["triggers"]) == 2 * len(APPEND_ONLY)


def test_the_migrated_schema_has_the_columns_that_the_code_uses(either: Installation) -> None:
    inspector = sqlalchemy.inspect(either.engine)

    found = {table: {column["name"] for column in inspector.get_columns(table)} for table in inspector.get_table_names()}

    assert found.pop("alembic_version") == {"version_num"}
    assert found == {table.name: {column.name for column in table.columns} for table in Base.metadata.sorted_tables}


@pytest.mark.parametrize("table", APPEND_ONLY)
def test_what_is_append_only_can_be_neither_changed_nor_deleted(either: Installation, ready_ticket: str, table: str) -> None:
    fill_every_table(either, ready_ticket)
    statements = [f"UPDATE {table} SET ticket_id = 'tkt_other'", f"DELETE FROM {table}"]  # noqa: S608 - the tables' own names
    if either.engine.dialect.name == "postgresql":
        statements.append(f"TRUNCATE {table} CASCADE")

    refusals = []
    for statement in statements:
        with pytest.raises(DBAPIError) as refused, either.engine.begin() as connection:
            connection.exec_driver_sql(statement)
        refusals.append(str(refused.value.orig))

    assert all(f"{table} is append-only" in refusal for refusal in refusals)
    assert view_ticket(either, ready_ticket).state == "locating"


def test_eight_writers_at_once_leave_no_gap_and_no_broken_chain(either: Installation) -> None:
    tickets = [submit_ticket(either, read_submission({"subject": [{"kind": "name", "value": "Jo"}]}, NOW), "olga") for _ in range(3)]

    def write(writer: int) -> None:
        for number in range(EVENTS_EACH):
            with either.transaction() as session:
                append_event(
                    session, log=either.log, ticket_id=tickets[(writer + number) % 3], event_type="test.written",
                    actor_id=actor_id_for(session, f"writer {number}", NOW), data={"writer": writer, "number": number}, now=NOW,
                )  # fmt: skip

    with ThreadPoolExecutor(WRITERS) as pool:
        list(pool.map(write, range(WRITERS)))

    with either.engine.connect() as connection:
        idxs = [idx for (idx,) in connection.exec_driver_sql("SELECT idx FROM event ORDER BY idx")]
    chains = [ticket_events(either, ticket_id) for ticket_id in tickets]
    counts = [verify_chain(chain)[0] for chain in chains]
    written = [event["data"] for chain in chains for event in map(json.loads, chain) if event["type"] == "test.written"]
    assert idxs == list(range(3 + 200))  # three submissions, then 8 writers * 25 events
    assert sum(counts) == 203
    assert sorted((data["writer"], data["number"]) for data in written) == [(w, n) for w in range(8) for n in range(25)]


def test_of_two_processes_that_claim_a_lease_exactly_one_wins(either: Installation, ready_ticket: str) -> None:
    claimers = [start_claimer(either, ready_ticket) for _ in range(2)]
    assert [said(claimer) for claimer in claimers] == ["ready", "ready"]

    for claimer in claimers:
        tell(claimer)
    answers = sorted(said(claimer) for claimer in claimers)

    for claimer in claimers:
        end(claimer)
    assert answers == ["busy", "won"]


def test_a_lease_is_taken_over_when_it_has_run_out_and_not_before(either: Installation, ready_ticket: str) -> None:
    with either.transaction() as session:
        claim_lease(session, ready_ticket, ELSEWHERE, NOW, 60)

    with pytest.raises(TicketBusy), either.transaction() as session:
        claim_lease(session, ready_ticket, this_process(), NOW + timedelta(seconds=59), 60)
    with either.transaction() as session:
        claim_lease(session, ready_ticket, this_process(), NOW + timedelta(seconds=61), 60)

    with pytest.raises(TicketBusy), either.transaction() as session:
        claim_lease(session, ready_ticket, ELSEWHERE, NOW + timedelta(seconds=62), 60)


def test_the_lease_of_a_dead_process_is_taken_at_once_and_that_of_a_living_one_is_not(either: Installation, ready_ticket: str) -> None:
    claimer = start_claimer(either, ready_ticket)
    assert said(claimer) == "ready"
    tell(claimer)
    assert said(claimer) == "won"
    with pytest.raises(TicketBusy), either.transaction() as session:
        claim_lease(session, ready_ticket, this_process(), either.clock(), 60)

    with either.transaction() as session:
        ready_while_it_lived = tickets_ready_for_work(session, either.clock())

    end(claimer)  # SIGKILL: no chance to give the lease back

    with either.transaction() as session:
        assert (ready_while_it_lived, tickets_ready_for_work(session, either.clock())) == ([], [ready_ticket])
    with either.transaction() as session:
        claim_lease(session, ready_ticket, this_process(), either.clock(), 60)


def test_giving_back_a_lease_that_passed_to_somebody_else_changes_nothing(either: Installation, ready_ticket: str) -> None:
    with either.transaction() as session:
        claim_lease(session, ready_ticket, ELSEWHERE, NOW, 60)

    with either.transaction() as session:
        release_lease(session, ready_ticket, this_process())

    with pytest.raises(TicketBusy), either.transaction() as session:
        claim_lease(session, ready_ticket, this_process(), NOW, 60)
