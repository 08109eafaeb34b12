"""One installation opened: its home, database, keys and clock together, handed to the stages' callers.

Opening checks the schema; it never changes it.
"""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.orm import Session

from rtbf.clock import Clock, utc_now
from rtbf.errors import DatabaseUnreachable
from rtbf.evidence.keys import create_signing_key, key_id, load_signing_key, trust_file
from rtbf.files import disk_errors_named, replace_file
from rtbf.home import Home, existing_home, new_home
from rtbf.store.engine import open_engine, require_current_schema, sqlite_url, upgrade_schema
from rtbf.vault.keys import create_kek, load_kek

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from sqlalchemy import Engine


@dataclass(frozen=True, kw_only=True, slots=True)
class Installation:
    """What every command works on. `log` names this installation's ledger inside each event."""

    home: Home
    engine: Engine
    kek: bytes
    signing_key: Ed25519PrivateKey
    clock: Clock

    @property
    def log(self) -> str:
        """Return the ledger's name: it follows the report key made at `rtbf init`."""
        return "rtbf/" + key_id(self.signing_key.public_key()).removeprefix("sha256:")[:16]

    @contextlib.contextmanager
    def transaction(self) -> Iterator[Session]:
        """Yield a session whose work is committed as one when the block ends well, and undone when it does not."""
        try:
            with disk_errors_named("the database"), Session(self.engine, expire_on_commit=False) as session, session.begin():
                yield session
        except OperationalError as failed:
            if not failed.connection_invalidated and not _is_connection_trouble(failed):
                raise
            raise DatabaseUnreachable(
                found="the database stopped answering", expected="a running database", remedy="start it and run the same command again"
            ) from failed


def create_installation(path: Path, database_url: str | None, clock: Clock = utc_now) -> Installation:
    """Make a home with keys, trust file and database at `path`; raises HomeExists. A failure leaves nothing behind."""
    home = new_home(path)
    try:
        create_kek(home.vault_key)
        create_signing_key(home.report_key)
        key = load_signing_key(home.report_key)
        replace_file(home.trust, json.dumps(trust_file(key.public_key(), clock()), indent=2).encode() + b"\n")
        engine = open_engine(database_url or sqlite_url(home.database))
        upgrade_schema(engine, None, clock())
    except BaseException:
        _remove(home.path)
        raise
    return Installation(home=home, engine=engine, kek=load_kek(home.vault_key), signing_key=key, clock=clock)


def open_installation(path: Path, database_url: str | None, clock: Clock = utc_now) -> Installation:
    """Open the home at `path`; raises HomeMissing, SchemaBehind, SchemaTooNew or DatabaseUnreachable."""
    home = existing_home(path)
    engine = open_engine(database_url or sqlite_url(home.database))
    require_current_schema(engine)
    return Installation(home=home, engine=engine, kek=load_kek(home.vault_key), signing_key=load_signing_key(home.report_key), clock=clock)


def _is_connection_trouble(failed: DBAPIError) -> bool:
    return "connection" in str(failed.orig).lower()


def _remove(folder: Path) -> None:
    import shutil  # noqa: PLC0415 - only on this failing path

    shutil.rmtree(folder, ignore_errors=True)
