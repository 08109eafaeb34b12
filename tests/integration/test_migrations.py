"""Migrations up, down and up on both databases, with rows in every table: what survives, what goes, and what comes back."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy
from alembic import command
from alembic.config import Config
from sqlalchemy import LargeBinary, String, Table, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from rtbf.errors import BadInput
from rtbf.pipeline.ledger import sequence_events
from rtbf.store.engine import head_revision, key_store_of, open_engine, schema_revision, sqlite_url, upgrade_schema
from rtbf.store.events import append_event
from rtbf.store.identifiers import open_identifiers
from rtbf.store.tables import APPEND_ONLY, Base, EventRow, TreeNodeRow, UTCDateTime
from rtbf.store.ticket_keys import ticket_key
from rtbf.store.tree import tree_root
from rtbf.store.vault_tables import KEY_SCHEMA
from rtbf.ticket_view import view_ticket
from tests.plain_tree import plain_root

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from sqlalchemy import Engine

    from rtbf.installation import Installation

pytestmark = pytest.mark.enable_socket

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
FIRST = "0001"
FIRST_TABLES = {
    "actor", "ticket", "ticket_key", "identifier", "identity_check", "stage_record", "approval", "event", "corpus_version", "model",
    "api_token",
}  # fmt: skip
NEW_COLUMNS = {
    "ticket": {"wake_at", "open_notices_from", "shred_due_at", "shredded_at"},
    "identifier": {"index_token"},
    "identity_check": {"doubt", "result", "level", "attempts", "asked_at", "expires_at", "answered_at", "code_seal"},
    "approval": {"expires_at", "key_id", "envelope"},
    "ticket_key": {"epoch", "created_at"},
}
"""What the first release had no place for; `asked_at` was `checked_at` there."""


def config_of(engine: Engine) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parents[2] / "migrations"))
    config.attributes["engine"] = engine
    return config


def value_of(column: Any, ticket_id: str, actor_id: str) -> Any:
    """Return a value that fits the column: the ticket's or actor's id where one is meant, else the column's own name."""
    target = next(iter(column.foreign_keys)).target_fullname if column.foreign_keys else ""
    known = {"ticket.id": ticket_id, "actor.id": actor_id, "notice.id": "id", "recipient.id": "id"}
    if target in known:
        return known[target]
    if isinstance(column.type, LargeBinary):
        return b"{}"
    if isinstance(column.type, String):
        return column.name[: column.type.length]
    if isinstance(column.type, UTCDateTime):
        return NOW
    return {int: 7, bool: True}[column.type.python_type]


def fill_every_table(installation: Installation, ticket_id: str) -> None:
    """Put a row, with a value in each of its columns, into every table that has none."""
    with installation.engine.begin() as connection:
        actor_id = connection.scalar(text("SELECT id FROM actor LIMIT 1"))
        for table in Base.metadata.sorted_tables:
            if count_of(connection, table) == 0:
                connection.execute(table.insert().values({column.name: value_of(column, ticket_id, actor_id) for column in table.columns}))


def count_of(connection: Any, table: Table) -> int:
    return int(connection.scalar(sqlalchemy.select(sqlalchemy.func.count()).select_from(table)))


def counts(engine: Engine) -> dict[str, int]:
    with engine.connect() as connection:
        return {table.name: count_of(connection, table) for table in Base.metadata.sorted_tables}


def rows_of(engine: Engine, name: str, without: Collection[str] = ()) -> list[dict[str, Any]]:
    """Return a table's rows as the current schema reads them, less some columns."""
    table = next(table for table in Base.metadata.sorted_tables if table.name == name)
    columns = [column for column in table.columns if column.name not in without]
    with engine.connect() as connection:
        return [dict(row._mapping) for row in connection.execute(sqlalchemy.select(*columns).order_by(*table.primary_key.columns))]  # noqa: SLF001 - SQLAlchemy's public name for it


def schema_of(engine: Engine) -> dict[str, Any]:
    """Return every table's columns, indices and foreign keys, in both schemas, and the triggers: for comparing."""
    inspector = sqlalchemy.inspect(engine)
    tables = {
        (schema, table): (
            [(column["name"], str(column["type"]), column["nullable"]) for column in inspector.get_columns(table, schema)],
            sorted(str(index["name"]) for index in inspector.get_indexes(table, schema)),
            sorted(str(key["name"]) for key in inspector.get_foreign_keys(table, schema)),
        )
        for schema in (None, KEY_SCHEMA)
        for table in inspector.get_table_names(schema)
    }
    return {"tables": tables, "triggers": triggers_of(engine)}


def triggers_of(engine: Engine) -> list[str]:
    query = "SELECT name FROM sqlite_master WHERE type = 'trigger'" if engine.dialect.name == "sqlite" else "SELECT tgname FROM pg_trigger"
    with engine.connect() as connection:
        return sorted(name for (name,) in connection.exec_driver_sql(query) if "append" in name or "_no_" in name)


def rows_of_nodes(size: int) -> int:
    """Return how many complete subtrees of two leaves or more a tree of that size has: of 2, of 4, of 8 leaves, and so on."""
    return sum(size >> level for level in range(1, 40))


def guarded_tables(engine: Engine) -> set[str]:
    return {name.rsplit("_append_only", 1)[0].rsplit("_no_", 1)[0] for name in triggers_of(engine)}


def test_rows_in_every_table_go_down_to_the_first_release_and_up_again(either: Installation, ready_ticket: str) -> None:
    sequence_events(either)
    fill_every_table(either, ready_ticket)
    schema, filled = schema_of(either.engine), counts(either.engine)
    sequence_events(either)  # the older release knows no event that waits
    kept = {name: rows_of(either.engine, name, NEW_COLUMNS.get(name, ())) for name in FIRST_TABLES}
    checks = rows_of(either.engine, "identity_check")

    command.downgrade(config_of(either.engine), FIRST)
    below, guarded = set(sqlalchemy.inspect(either.engine).get_table_names()), guarded_tables(either.engine)
    upgrade_schema(either.engine, None, NOW)

    assert 0 not in filled.values()
    assert below == {*FIRST_TABLES, "alembic_version"}
    assert guarded == {"stage_record", "approval", "event", "identity_check"}
    assert schema_of(either.engine) == schema
    assert guarded_tables(either.engine) == {*APPEND_ONLY, "pending_event"}
    assert {name: rows_of(either.engine, name, NEW_COLUMNS.get(name, ())) for name in FIRST_TABLES} == kept
    risen = {**filled, "event": filled["event"] + 1, "tree_node": rows_of_nodes(filled["event"] + 1)}
    assert counts(either.engine) == {name: count if name in (*FIRST_TABLES, "tree_node") else 0 for name, count in risen.items()}
    assert rows_of(either.engine, "identity_check") == checks
    with either.transaction() as session:
        (person,) = open_identifiers(session, either.kek, ready_ticket)
    assert person.value.reveal() == "Jo Quillfeather"


def test_everything_goes_down_to_nothing_and_comes_back_the_same(either: Installation, ready_ticket: str) -> None:
    sequence_events(either)
    fill_every_table(either, ready_ticket)
    sequence_events(either)
    schema = schema_of(either.engine)

    command.downgrade(config_of(either.engine), "base")
    emptied = set(sqlalchemy.inspect(either.engine).get_table_names())
    upgrade_schema(either.engine, None, NOW)

    assert emptied == {"alembic_version"}
    assert schema_revision(either.engine) == head_revision()
    assert schema_of(either.engine) == schema


def test_a_check_that_was_not_passed_never_becomes_one_by_going_down_and_up(either: Installation, ready_ticket: str) -> None:
    with either.engine.begin() as connection:
        actor_id = connection.scalar(text("SELECT id FROM actor LIMIT 1"))
        for result in ("open", "failed", "expired"):
            table = next(table for table in Base.metadata.sorted_tables if table.name == "identity_check")
            values = {column.name: value_of(column, ready_ticket, actor_id) for column in table.columns}
            connection.execute(table.insert().values({**values, "id": f"idc_{result}", "result": result}))
    sequence_events(either)

    command.downgrade(config_of(either.engine), FIRST)
    upgrade_schema(either.engine, None, NOW)

    assert [row["result"] for row in rows_of(either.engine, "identity_check")] == ["passed"]


def test_going_down_is_refused_with_keys_that_the_first_release_could_not_open(either: Installation, ready_ticket: str) -> None:
    with either.engine.begin() as connection:
        connection.execute(text(f"UPDATE {KEY_SCHEMA}.ticket_key SET epoch = 2"))  # noqa: S608 - a constant
    sequence_events(either)
    command.downgrade(config_of(either.engine), "0002")
    schema = schema_of(either.engine)

    with pytest.raises(BadInput, match="later epoch"):
        command.downgrade(config_of(either.engine), FIRST)

    assert schema_of(either.engine) == schema
    assert view_ticket(either, ready_ticket).state == "locating"


@pytest.fixture(params=["sqlite", "postgresql"])
def first_release(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """A database of the first release, still empty."""
    url = request.getfixturevalue("postgres_url") if request.param == "postgresql" else sqlite_url(tmp_path / "rtbf.db")
    engine = open_engine(url)
    command.upgrade(config_of(engine), FIRST)
    yield engine
    engine.dispose()


ROWS = (
    "INSERT INTO actor VALUES ('act_1', 'olga', :now)",
    "INSERT INTO ticket VALUES ('tkt_1', 'locating', 'awaiting_worker', NULL, 0, 1, :now, NULL, NULL, NULL)",
    "INSERT INTO ticket_key VALUES ('tkt_1', :wrapped)",
    "INSERT INTO identifier VALUES ('tkt_1', 1, 'name', :blob, :blob)",
    "INSERT INTO identity_check VALUES ('idc_1', 'tkt_1', 'account_login', 'act_1', :now)",
    "INSERT INTO identity_check VALUES ('idc_2', 'tkt_1', 'document_viewed', 'act_1', :now)",
    "INSERT INTO identity_check VALUES ('idc_3', 'tkt_1', 'email_code', 'act_1', :now)",
    "INSERT INTO stage_record VALUES ('tkt_1', 'ticket', 1, 'sha256:01', :blob, :now)",
    "INSERT INTO approval VALUES ('apr_1', 'tkt_1', 'sha256:02', 'act_1', :yes, :now)",
    "INSERT INTO event VALUES (0, 'tkt_1', 1, :blob, 'aa')",
    "INSERT INTO corpus_version VALUES ('sha256:03', 'letters', 1, :blob, :now)",
    "INSERT INTO model VALUES ('mdl_1', 'tiny', 1, 'sha256:04', 'tiny', 'live', :blob, :now)",
    "INSERT INTO api_token VALUES ('tok_1', 'jira', 'act_1', 'bb', :now, NULL)",
)


def test_the_first_releases_rows_rise_whole_and_its_keys_open(first_release: Engine, either: Installation) -> None:
    key = os.urandom(32)
    values = {"now": NOW, "wrapped": either.kek.wrap(key).blob, "blob": b"sealed", "yes": True}
    with first_release.begin() as connection:
        for row in ROWS:
            given = {name: value for name, value in values.items() if f":{name}" in row}
            instants = [sqlalchemy.bindparam(name, type_=UTCDateTime) for name in given if name == "now"]
            connection.execute(text(row).bindparams(*instants), given)

    upgrade_schema(first_release, None, NOW)

    filled = counts(first_release)
    assert {name: filled[name] for name in FIRST_TABLES} == dict.fromkeys(FIRST_TABLES, 1) | {"identity_check": 3}
    assert sum(filled.values()) == 13
    checks = rows_of(first_release, "identity_check")
    assert [(check["result"], check["level"], check["attempts"]) for check in checks] == [
        ("passed", "substantial", 0),
        ("passed", "high", 0),
        ("passed", "low", 0),
    ]
    assert {(check["asked_at"], check["answered_at"]) for check in checks} == {(NOW, NOW)}
    (approval,) = rows_of(first_release, "approval")
    assert (approval["expires_at"], approval["key_id"], approval["envelope"]) == (None, None, None)
    with Session(first_release) as session:
        assert ticket_key(session, either.kek, "tkt_1") == key


def test_the_tree_over_the_events_of_an_older_release_is_the_one_that_a_reference_makes(either: Installation) -> None:
    command.downgrade(config_of(either.engine), "0002")
    leaves = [b'{"idx":%d,"log":"rtbf/test"}' % number for number in range(11)]
    with either.engine.begin() as connection:
        for number, leaf in enumerate(leaves):
            values = {"idx": number, "leaf": leaf, "hash": sha256(b"\x00" + leaf).hexdigest()}
            connection.execute(text("INSERT INTO event VALUES (:idx, NULL, NULL, :leaf, :hash)"), values)

    upgrade_schema(either.engine, None, NOW)

    with either.transaction() as session:
        append_event(session, ticket_id=None, event_type="model.added", actor_id="act_1", data={}, now=NOW)
    sequence_events(either)
    with either.transaction() as session:
        leaves.append(session.scalars(sqlalchemy.select(EventRow.leaf).where(EventRow.idx == 11)).one())
        assert [tree_root(session, size) for size in range(13)] == [plain_root(leaves[:size]) for size in range(13)]
        assert session.scalar(sqlalchemy.select(sqlalchemy.func.count()).select_from(TreeNodeRow)) == 6 + 3 + 1


def test_an_older_ledger_with_a_gap_does_not_rise(either: Installation) -> None:
    command.downgrade(config_of(either.engine), "0002")
    with either.engine.begin() as connection:
        for number in (0, 2):
            connection.execute(text("INSERT INTO event VALUES (:idx, NULL, NULL, :leaf, 'aa')"), {"idx": number, "leaf": b"{}"})

    with pytest.raises(BadInput, match=r"2 event.s. of which the last is number 2"):
        upgrade_schema(either.engine, None, NOW)


def test_going_down_is_refused_while_events_wait_for_their_places(either: Installation, ready_ticket: str) -> None:
    schema = schema_of(either.engine)

    with pytest.raises(BadInput, match="have no place in the ledger yet"):
        command.downgrade(config_of(either.engine), "0002")

    assert schema_of(either.engine) == schema
    assert sequence_events(either) > 0


def test_what_waits_for_its_place_can_be_taken_but_not_changed(either: Installation, ready_ticket: str) -> None:
    statements = ["UPDATE pending_event SET actor_id = actor_id"]
    if either.engine.dialect.name == "postgresql":
        statements.append("TRUNCATE pending_event")

    for statement in statements:
        with pytest.raises(DBAPIError, match="pending_event is append-only"), either.engine.begin() as connection:
            connection.exec_driver_sql(statement)

    assert sequence_events(either) > 0


def test_a_forgotten_value_makes_no_check_a_passed_one(either: Installation, ready_ticket: str) -> None:
    with either.engine.begin() as connection:
        actor_id = connection.scalar(text("SELECT id FROM actor LIMIT 1"))
        statement = text(
            "INSERT INTO identity_check (id, ticket_id, method, actor_id, asked_at) "
            "VALUES ('idc_x', :ticket, 'email_code', :actor, '2026-03-02')"
        )
        connection.execute(statement, {"ticket": ready_ticket, "actor": actor_id})

        assert connection.scalar(text("SELECT result FROM identity_check WHERE id = 'idc_x'")) == "expired"


def test_wrapped_keys_that_moved_leave_no_copy_in_the_main_file(tmp_path: Path) -> None:
    engine = open_engine(sqlite_url(tmp_path / "rtbf.db"))
    command.upgrade(config_of(engine), FIRST)
    wrapped = {f"tkt_{number}": os.urandom(40) for number in range(300)}  # some pages of them, so that not each is used again
    with engine.begin() as connection:
        for ticket_id, key in wrapped.items():
            values = {"id": ticket_id, "key": key, "now": "2026-03-02"}
            connection.execute(text("INSERT INTO ticket VALUES (:id, 'locating', NULL, NULL, 0, 1, :now, NULL, NULL, NULL)"), values)
            connection.execute(text("INSERT INTO ticket_key VALUES (:id, :key)"), values)

    upgrade_schema(engine, None, NOW)

    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("COMMIT")
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    engine.dispose()
    main, keys = (tmp_path / "rtbf.db").read_bytes(), key_store_of(tmp_path / "rtbf.db").read_bytes()
    assert sum(key in main for key in wrapped.values()) == 0
    assert sum(key in keys for key in wrapped.values()) == 300


def test_the_migrated_schema_is_the_one_that_the_code_uses(either: Installation) -> None:
    """Columns with their nullability, and indices, by schema."""
    found = schema_of(either.engine)["tables"]

    declared = {
        (table.schema, table.name): (
            [(column.name, column.nullable) for column in table.columns],
            sorted(str(index.name) for index in table.indexes),
            sorted(str(key.name) for key in table.foreign_key_constraints),
        )
        for table in Base.metadata.sorted_tables
    }
    migrated = {
        place: ([(name, is_nullable) for name, _, is_nullable in columns], [name for name in indices if name.startswith("ix_")], keys)
        for place, (columns, indices, keys) in found.items()
    }
    assert migrated.pop((None, "alembic_version"))[0] == [("version_num", False)]
    assert {place: (sorted(columns), *rest) for place, (columns, *rest) in migrated.items()} == {
        place: (sorted(columns), *rest) for place, (columns, *rest) in declared.items()
    }


@pytest.mark.parametrize("table", APPEND_ONLY)
def test_what_is_append_only_can_be_neither_changed_nor_deleted(either: Installation, ready_ticket: str, table: str) -> None:
    fill_every_table(either, ready_ticket)
    column = next(each for each in Base.metadata.sorted_tables if each.name == table).columns.keys()[0]
    statements = [f"UPDATE {table} SET {column} = {column}", f"DELETE FROM {table}"]  # noqa: S608 - the tables' own names
    if either.engine.dialect.name == "postgresql":
        statements.append(f"TRUNCATE {table} CASCADE")

    refusals = []
    for statement in statements:
        with pytest.raises(DBAPIError) as refused, either.engine.begin() as connection:
            connection.exec_driver_sql(statement)
        refusals.append(str(refused.value.orig))

    assert all(f"{table} is append-only" in refusal for refusal in refusals)
    assert set(APPEND_ONLY) == {"stage_record", "approval", "event", "clock_event", "tree_node", "tree_head"}
    assert view_ticket(either, ready_ticket).state == "locating"
