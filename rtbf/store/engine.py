"""Open the database and keep its schema: SQLite inside the home, or PostgreSQL by URL. One engine per process.

SQLite runs in WAL mode with foreign keys on, full synchronisation, and BEGIN IMMEDIATE for every transaction: a
deferred one may fail half-way with "database is locked" when it turns from reading to writing.

The wrapped ticket keys lie apart: on SQLite in a file of their own that is attached as `rtbf_keys`, on PostgreSQL in the
schema of that name. What is deleted is overwritten in both files (secure_delete), and the key file's journal is no
write-ahead log; `rtbf.store.scrubbing` empties the main file's.
A crash while both files are committed can leave a ticket without its key, which says so when it is opened, or a key
without its ticket, which harms nobody and is not deleted unasked: after an older database was restored it may be a
living ticket's. SQLite is atomic over several files only without a write-ahead log.
"""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, create_engine, event
from sqlalchemy.exc import OperationalError

import rtbf
from rtbf.errors import DatabaseUnreachable, SchemaBehind, SchemaTooNew
from rtbf.files import disk_errors_named, make_private_folder

if TYPE_CHECKING:
    from datetime import datetime
    from sqlite3 import Connection as SQLiteConnection

_BUSY_TIMEOUT_S = 30


def open_engine(url: str) -> Engine:
    """Return an engine for a SQLAlchemy URL. Does not touch the schema."""
    parsed = sqlalchemy.make_url(url)
    if parsed.get_backend_name() == "sqlite":
        # SQLite gives its -wal and -shm files the mode of the database file, so that one is made first.
        database = Path(parsed.database or "")
        database.touch(mode=0o600)
        key_store = key_store_of(database)
        make_private_folder(key_store.parent)
        key_store.touch(mode=0o600)
        engine = create_engine(parsed, connect_args={"timeout": _BUSY_TIMEOUT_S}, hide_parameters=True)
        event.listen(engine, "connect", lambda connection, _record: _prepare_sqlite(connection, key_store))
        event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
        return engine
    # Parameters are hidden because SQLAlchemy would print them in its exceptions.
    return create_engine(parsed.set(drivername="postgresql+psycopg"), pool_pre_ping=True, hide_parameters=True)


def key_store_of(database: Path) -> Path:
    """Return the file of wrapped ticket keys that belongs to a SQLite file: in a folder that its backups leave out."""
    return database.parent / "keys" / "ticket-keys.db"


def sqlite_url(path: Path) -> str:
    """Return the URL of a SQLite file."""
    return f"sqlite:///{path}"


def require_current_schema(engine: Engine) -> None:
    """Return when the schema is this release's; raises SchemaBehind, SchemaTooNew or DatabaseUnreachable."""
    current, head = schema_revision(engine), head_revision()
    if current == head:
        return
    if current is not None and current not in _known_revisions():
        raise SchemaTooNew(
            found=f"a database of schema {current}",
            expected=f"{head} or older",
            remedy="install the release that wrote it, or restore the backup made before that upgrade",
        )
    raise SchemaBehind(
        found=f"a database of schema {current or 'none'}", expected=head, remedy="run `rtbf db upgrade` (it makes a backup first)"
    )


def upgrade_schema(engine: Engine, database: Path | None, now: datetime) -> Path | None:
    """Bring the schema to this release's; return the backup made first, or None when there was nothing to save.

    `database` is the SQLite file; on PostgreSQL it is None and the operator's own backup is expected.
    Raises SchemaTooNew when a newer release wrote the database; nothing is changed then.
    """
    current = schema_revision(engine)
    if current is not None and current not in _known_revisions():
        require_current_schema(engine)
    backup = None
    if database is not None and current is not None and current != head_revision():
        backup = backup_sqlite(engine, database, now)
    with disk_errors_named("the database"):
        command.upgrade(_alembic_config(engine), "head")
    return backup


def backup_sqlite(engine: Engine, database: Path, now: datetime) -> Path:
    """Write a consistent copy beside the database, mode 0600, and return its path; a failed copy leaves no file."""
    target = database.with_name(f"{database.stem}-{now:%Y%m%dT%H%M%S}.backup.db")
    target.touch(mode=0o600)
    # SQLite's own backup reads through the write-ahead log; copying the file alone would miss what is only there.
    source = engine.raw_connection()
    try:
        with disk_errors_named(target.name), contextlib.closing(sqlite3.connect(target)) as copy:
            driver: SQLiteConnection = source.driver_connection  # type: ignore[assignment]  # SQLAlchemy types it as any driver's
            driver.backup(copy)
    except BaseException:
        target.unlink(missing_ok=True)
        raise
    finally:
        source.close()
    return target


def schema_revision(engine: Engine) -> str | None:
    """Return the revision stamped in the database, or None for an empty one; raises DatabaseUnreachable."""
    try:
        with engine.connect() as connection:
            return MigrationContext.configure(connection).get_current_revision()
    except OperationalError as failed:
        # The driver's text may repeat the URL with its password, so it is not passed on.
        raise DatabaseUnreachable(
            found=f"no answer from the {engine.dialect.name} database",
            expected="a running database at RTBF_DATABASE_URL, or a readable rtbf.db",
            remedy="start it (`make up`) or check the address; nothing was lost",
        ) from failed


def head_revision() -> str:
    """Return the newest revision this release knows."""
    head = ScriptDirectory(str(_migrations_folder())).get_current_head()
    if head is None:
        raise RuntimeError("the release was built without migrations")
    return head


def _known_revisions() -> set[str]:
    return {script.revision for script in ScriptDirectory(str(_migrations_folder())).walk_revisions()}


def _alembic_config(engine: Engine) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_migrations_folder()).replace("%", "%%"))
    config.attributes["engine"] = engine
    return config


def _migrations_folder() -> Path:
    """Return the migrations: inside the package when installed from a wheel, at the tree's root in a checkout."""
    installed = Path(__file__).parent / "migrations"
    return installed if installed.is_dir() else Path(rtbf.__file__).parents[1] / "migrations"


def _prepare_sqlite(connection: SQLiteConnection, key_store: Path) -> None:
    connection.isolation_level = None
    connection.execute("ATTACH DATABASE ? AS rtbf_keys", (str(key_store),))
    for pragma in (
        "main.journal_mode=WAL", "foreign_keys=ON", "main.synchronous=FULL", "main.secure_delete=ON",
        "rtbf_keys.journal_mode=DELETE", "rtbf_keys.secure_delete=ON", "rtbf_keys.synchronous=FULL",
    ):  # fmt: skip
        connection.execute(f"PRAGMA {pragma}")
