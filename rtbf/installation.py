"""One installation opened: its home, database, keys and clock together, handed to the stages' callers.

Opening checks the schema; it never changes it.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.orm import Session
from sqlalchemy.orm.exc import StaleDataError

from rtbf.clock import Clock, utc_now
from rtbf.errors import DatabaseUnreachable, RecordBroken, SchemaBehind, TicketChanged
from rtbf.evidence.first_keys import KeyMaking, create_keys, log_name, trust_in, upgrade_keys
from rtbf.evidence.key_ring import KeyPassphrases, KeyRing
from rtbf.files import disk_errors_named
from rtbf.home import Home, existing_home, new_home
from rtbf.notice.sender import OutboxSender, Sender
from rtbf.policy import Policy
from rtbf.store.engine import open_engine, require_current_schema, sqlite_url, upgrade_schema
from rtbf.vault.passphrase_file import PassphraseFile, create_kek_file, create_passphrase_file, read_passphrase
from rtbf.vault.tokens import create_index_key, create_suppression_keys, load_index_key, load_suppression_keys

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path

    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from sqlalchemy import Engine

    from rtbf.evidence.trust_file import Trust
    from rtbf.vault.argon2 import Argon2Cost
    from rtbf.vault.kek import KeyWrapper
    from rtbf.vault.tokens import IndexKey, SuppressionKeys


_OVERTAKEN = frozenset({"40001", "40P01"})
"""PostgreSQL's serialization_failure and deadlock_detected (manual, appendix A): undone as a whole, and worth another try."""


@dataclass(frozen=True, kw_only=True, slots=True)
class EvidencePlaces:
    """What of the evidence lies, or is asked for, outside of the home; None means inside, or not at all.

    `tsa_roots` are the time-stamp authority's root certificates, DER.
    """

    signing_passphrase: Path | None = None
    log_passphrase: Path | None = None
    root_passphrase: Path | None = None
    log_state: Path | None = None
    log_exports: Path | None = None
    tsa_url: str | None = None
    tsa_timeout_s: int = 20
    tsa_roots: tuple[bytes, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Installation:
    """What every command works on.

    No passphrase is stretched before its key is used, and then once: most commands use none.
    """

    home: Home
    engine: Engine
    kek: KeyWrapper
    keys: KeyRing
    clock: Clock
    policy: Policy
    sender: Sender
    log_state: Path
    log_exports: Path
    tsa_url: str | None
    tsa_timeout_s: int
    tsa_roots: tuple[bytes, ...]

    @property
    def index_key(self) -> IndexKey:
        """Return the key that links possible duplicates; raises VaultBroken."""
        return load_index_key(self.home.index_key)

    @property
    def suppression_keys(self) -> SuppressionKeys:
        """Return the keys of suppression tokens; raises VaultBroken, so that an ingest without them stops."""
        return load_suppression_keys(self.home.suppression_keys)

    @property
    def trust(self) -> Trust:
        """Return the trust file in force; raises RecordBroken. A change that waits for the root is not in it."""
        return trust_in(self.home.trust)

    @property
    def trust_bytes(self) -> bytes:
        """Return the trust file's bytes as auditors get them, after reading them; raises RecordBroken."""
        trust_in(self.home.trust)
        return self.home.trust.read_bytes()

    @property
    def log(self) -> str:
        """Return the origin of the ledger in use, which is in each of its events and heads; raises RecordBroken."""
        return log_name(self.trust)

    @property
    def signing_key(self) -> Ed25519PrivateKey:
        """Return the key that signs reports; raises SignatureRefused, VaultLocked or VaultBroken."""
        return self.keys.report_key(self.trust)

    @property
    def log_key(self) -> Ed25519PrivateKey:
        """Return the key that signs tree heads; raises SignatureRefused, VaultLocked or VaultBroken."""
        return self.keys.log_key(self.trust)

    @property
    def pdf_key(self) -> EllipticCurvePrivateKey:
        """Return the key that signs printed reports; raises VaultLocked or VaultBroken."""
        return self.keys.pdf_key()

    @property
    def pdf_certificate(self) -> bytes:
        """Return the certificate of the key that signs printed reports, DER; raises VaultBroken."""
        return self.keys.pdf_certificates()[0]

    @property
    def pdf_ca(self) -> bytes:
        """Return the certificate of the issuer of `pdf_certificate`, DER; raises VaultBroken."""
        return self.keys.pdf_certificates()[1]

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
    places: EvidencePlaces | None = None,
    vault_cost: Argon2Cost | None = None,
) -> Installation:
    """Make a home with keys, trust file and database at `path`; raises HomeExists. A failure leaves nothing behind.

    `passphrase` is the file that locks the vault, `places` may name those of the other keys; without one a random
    passphrase is written beside the keys, which protects a stolen key file but not a stolen home. `vault_cost` is what
    one guess at any of them costs; None means the recommended one (RFC 9106 section 4).
    """
    home = new_home(path)
    try:
        if passphrase is None:
            create_passphrase_file(home.vault_passphrase)
        create_kek_file(home.vault, read_passphrase(passphrase or home.vault_passphrase), clock(), vault_cost)
        create_suppression_keys(home.suppression_keys, clock())
        create_index_key(home.index_key)
        create_keys(home, _making(home, policy, places, vault_cost), clock())
        engine = open_engine(database_url or sqlite_url(home.database))
        upgrade_schema(engine, None, clock())
        engine.dispose()
    except BaseException:
        _remove(home.path)
        raise
    return open_installation(path, database_url, clock, policy=policy, passphrase=passphrase, places=places)


def open_installation(
    path: Path,
    database_url: str | None,
    clock: Clock = utc_now,
    *,
    policy: Policy | None = None,
    passphrase: Path | None = None,
    places: EvidencePlaces | None = None,
    sender: Sender | None = None,
) -> Installation:
    """Open the home at `path`; raises HomeMissing, SchemaBehind, SchemaTooNew or DatabaseUnreachable.

    Without a `sender`, letters are written into the home's outbox folder.
    """
    home, places = existing_home(path), places or EvidencePlaces()
    engine = open_engine(database_url or sqlite_url(home.database))
    require_current_schema(engine)
    _require_signed_trust(home)
    policy = policy or Policy()
    return Installation(
        home=home,
        engine=engine,
        kek=PassphraseFile(home.vault, passphrase or home.vault_passphrase),
        keys=KeyRing(home, _passphrases(home, places)),
        clock=clock,
        policy=policy,
        sender=sender or OutboxSender(folder=home.outbox, from_address=policy.letters_from, from_name=policy.controller_name or "rtbf"),
        log_state=places.log_state or home.log_state,
        log_exports=places.log_exports or home.heads,
        tsa_url=places.tsa_url,
        tsa_timeout_s=places.tsa_timeout_s,
        tsa_roots=places.tsa_roots,
    )


def upgrade_home(
    home: Home, now: datetime, *, policy: Policy | None = None, places: EvidencePlaces | None = None, cost: Argon2Cost | None = None
) -> bool:
    """Add the keys and the signed trust file that a home of an earlier release lacks; return whether it lacked any.

    Raises as `upgrade_keys`. Killed midway, it is run again.
    """
    return upgrade_keys(home, _making(home, policy, places, cost), now)


def _making(home: Home, policy: Policy | None, places: EvidencePlaces | None, cost: Argon2Cost | None) -> KeyMaking:
    named = places or EvidencePlaces()
    return KeyMaking(
        passphrases=_passphrases(home, named),
        cost=cost,
        organisation=None if policy is None else policy.controller_name,
        tsa_roots=named.tsa_roots,
    )


def _passphrases(home: Home, places: EvidencePlaces) -> KeyPassphrases:
    return KeyPassphrases(
        signing=places.signing_passphrase or home.signing_passphrase,
        log=places.log_passphrase or home.log_passphrase,
        root=places.root_passphrase or home.root_passphrase,
    )


def _require_signed_trust(home: Home) -> None:
    """Raise SchemaBehind for a home whose keys an earlier release made; a trust file that is damaged is met where it is used."""
    is_unsigned = False
    with contextlib.suppress(RecordBroken):
        is_unsigned = trust_in(home.trust).root is None
    if is_unsigned:
        raise SchemaBehind(
            found="a home whose trust file nobody signed, made by an earlier release",
            expected="a root, a log key, and a trust file signed by the root",
            remedy="run `rtbf db upgrade`, which makes them and keeps what is there",
        )


def _is_connection_trouble(failed: DBAPIError) -> bool:
    return "connection" in str(failed.orig).lower()


def _remove(folder: Path) -> None:
    import shutil  # noqa: PLC0415 - only on this failing path

    shutil.rmtree(folder, ignore_errors=True)
