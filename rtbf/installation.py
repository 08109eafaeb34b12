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
from sqlalchemy.orm.exc import StaleDataError

from rtbf.clock import Clock, utc_now
from rtbf.errors import DatabaseUnreachable, TicketChanged
from rtbf.evidence.keys import create_signing_key, key_id, load_signing_key, trust_file
from rtbf.files import disk_errors_named, replace_file
from rtbf.home import Home, existing_home, new_home
from rtbf.notice.sender import OutboxSender, Sender
from rtbf.policy import Policy
from rtbf.store.engine import open_engine, require_current_schema, sqlite_url, upgrade_schema
from rtbf.vault.passphrase_file import PassphraseFile, create_kek_file, create_passphrase_file, read_passphrase
from rtbf.vault.tokens import create_index_key, create_suppression_keys, load_index_key, load_suppression_keys

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from sqlalchemy import Engine

    from rtbf.vault.kek import KeyWrapper
    from rtbf.vault.kek_file import Argon2Cost
    from rtbf.vault.tokens import IndexKey, SuppressionKeys


_OVERTAKEN = frozenset({"40001", "40P01"})
"""PostgreSQL's serialization_failure and deadlock_detected (manual, appendix A): undone as a whole, and worth another try."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Installation:
    """What every command works on. `log` names this installation's ledger inside each event.

    The vault's passphrase is stretched when a ticket is opened or sealed, not before: most commands open none.
    """

    home: Home
    engine: Engine
    kek: KeyWrapper
    signing_key: Ed25519PrivateKey
    clock: Clock
    policy: Policy
    sender: Sender

    @property
    def index_key(self) -> IndexKey:
        """Return the key that links possible duplicates; raises VaultBroken."""
        return load_index_key(self.home.index_key)

    @property
    def suppression_keys(self) -> SuppressionKeys:
        """Return the keys of suppression tokens; raises VaultBroken, so that an ingest without them stops."""
        return load_suppression_keys(self.home.suppression_keys)

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
        except StaleDataError as overtaken:
            raise TicketChanged(
                found="a ticket that somebody else changed in the same moment",
                expected="its newest version",
                remedy="read it and try again",
            ) from overtaken
        except OperationalError as failed:
            if getattr(failed.orig, "sqlstate", None) in _OVERTAKEN:
                raise TicketChanged(
                    found="a change that met another one in the same moment, and was undone",
                    expected="one of them after the other",
                    remedy="read the ticket and try again",
                ) from failed
            if not failed.connection_invalidated and not _is_connection_trouble(failed):
                raise
            raise DatabaseUnreachable(
                found="the database stopped answering", expected="a running database", remedy="start it and run the same command again"
            ) from failed


def create_installation(
    path: Path,
    database_url: str | None,
    clock: Clock = utc_now,
    *,
    policy: Policy | None = None,
    passphrase: Path | None = None,
    vault_cost: Argon2Cost | None = None,
) -> Installation:
    """Make a home with keys, trust file and database at `path`; raises HomeExists. A failure leaves nothing behind.

    `passphrase` is the file that locks the vault; without one a random passphrase is written beside the vault, which
    protects a stolen key file but not a stolen home. `vault_cost` None means the recommended one (RFC 9106 section 4).
    """
    home = new_home(path)
    try:
        if passphrase is None:
            create_passphrase_file(home.vault_passphrase)
        create_kek_file(home.vault, read_passphrase(passphrase or home.vault_passphrase), clock(), vault_cost)
        create_suppression_keys(home.suppression_keys, clock())
        create_index_key(home.index_key)
        create_signing_key(home.report_key)
        key = load_signing_key(home.report_key)
        replace_file(home.trust, json.dumps(trust_file(key.public_key(), clock()), indent=2).encode() + b"\n")
        engine = open_engine(database_url or sqlite_url(home.database))
        upgrade_schema(engine, None, clock())
        engine.dispose()
    except BaseException:
        _remove(home.path)
        raise
    return open_installation(path, database_url, clock, policy=policy, passphrase=passphrase)


def open_installation(
    path: Path,
    database_url: str | None,
    clock: Clock = utc_now,
    *,
    policy: Policy | None = None,
    passphrase: Path | None = None,
    sender: Sender | None = None,
) -> Installation:
    """Open the home at `path`; raises HomeMissing, SchemaBehind, SchemaTooNew or DatabaseUnreachable.

    Without a `sender`, letters are written into the home's outbox folder.
    """
    home = existing_home(path)
    engine = open_engine(database_url or sqlite_url(home.database))
    require_current_schema(engine)
    policy = policy or Policy()
    return Installation(
        home=home,
        engine=engine,
        kek=PassphraseFile(home.vault, passphrase or home.vault_passphrase),
        signing_key=load_signing_key(home.report_key),
        clock=clock,
        policy=policy,
        sender=sender or OutboxSender(folder=home.outbox, from_address=policy.letters_from, from_name=policy.controller_name or "rtbf"),
    )


def _is_connection_trouble(failed: DBAPIError) -> bool:
    return "connection" in str(failed.orig).lower()


def _remove(folder: Path) -> None:
    import shutil  # noqa: PLC0415 - only on this failing path

    shutil.rmtree(folder, ignore_errors=True)
