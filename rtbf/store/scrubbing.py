"""After rows were deleted: see to it that their bytes go from the database's files as well.

SQLite overwrites deleted content in place (secure_delete, see `rtbf.store.engine`); what is left lies in the write-ahead
log, which is emptied here. PostgreSQL keeps deleted rows until they are vacuumed: the key table is rewritten as a whole,
the others are vacuumed, after which their pages are reused but not wiped.
Not reached from here: PostgreSQL's own write-ahead log, its replicas and archives, snapshots of the disk, and blocks that
the file system or the drive has freed. For keys, destroying their epoch bounds all of these (`rtbf.vault.kek`).
Sources: SQLite, "PRAGMA secure_delete" and "PRAGMA wal_checkpoint"; PostgreSQL, "VACUUM".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from rtbf.store.vault_tables import KEY_SCHEMA, TicketKeyRow

if TYPE_CHECKING:
    from sqlite3 import Connection as SQLiteConnection

    from sqlalchemy import Engine

_VACUUMED = ("identifier", "identity_check", "sealed_text", "notice", "recipient_duty", "suppression")
_LOCK_TIMEOUT = "5s"
_LOCK_NOT_AVAILABLE = "55P03"
"""PostgreSQL's code for a lock that did not come in time."""


def scrub_deleted(engine: Engine) -> bool:
    """Drop what deleted rows left in the database's files; return False when a reader stood in the way and it must be tried again.

    To be called outside of any transaction.
    """
    if engine.dialect.name == "sqlite":
        return _empty_sqlite_log(engine)
    try:
        _vacuum(engine)
    except OperationalError as failed:
        if getattr(failed.orig, "sqlstate", None) != _LOCK_NOT_AVAILABLE:
            raise
        return False
    return True


def _vacuum(engine: Engine) -> None:
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text(f"SET lock_timeout = '{_LOCK_TIMEOUT}'"))
        # Small (80 bytes a ticket), and the only table where a left-over row could open anything.
        connection.execute(text(f"VACUUM FULL {KEY_SCHEMA}.{TicketKeyRow.__tablename__}"))
        for table in _VACUUMED:
            connection.execute(text(f"VACUUM {table}"))
        connection.execute(text("RESET lock_timeout"))


def _empty_sqlite_log(engine: Engine) -> bool:
    # The engine begins a transaction around everything it executes, and a checkpoint cannot run inside one.
    raw = engine.raw_connection()
    try:
        driver: SQLiteConnection = raw.driver_connection  # type: ignore[assignment]  # SQLAlchemy types it as any driver's
        is_busy, _, _ = driver.execute("PRAGMA main.wal_checkpoint(TRUNCATE)").fetchone()
        return not is_busy
    finally:
        raw.close()
