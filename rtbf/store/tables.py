"""The tables. Rows end in `Row`; columns with personal data hold ciphertext only and are marked SEALED.

Append-only tables are guarded by triggers as well (see the first migration): a seat belt, not evidence.
"""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import BigInteger, DateTime, ForeignKey, Identity, Integer, LargeBinary, MetaData, String, Text, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeDecorator

NAMING = {
    "ix": "ix_%(column_0_label)s",
    "uq": "uq_%(table_name)s_%(column_0_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class UTCDateTime(TypeDecorator[datetime]):
    """An aware instant in UTC: `timestamptz` on PostgreSQL; SQLite, which has no zones, stores UTC and reads it back aware."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: object) -> datetime | None:  # noqa: ARG002
        """Return `value` in UTC; a naive instant is refused with ValueError because it names no moment."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a zone names no instant")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: object) -> datetime | None:  # noqa: ARG002
        """Return the instant aware, in UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Base(DeclarativeBase):
    """What all tables share: one naming convention for constraints."""

    metadata = MetaData(naming_convention=NAMING)


class ActorRow(Base):
    """A person or system that acts. The ledger and the records hold only the opaque id."""

    __tablename__ = "actor"
    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    name: Mapped[str] = mapped_column(String(80), unique=True)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)


class ActorKeyRow(Base):
    """A public key that an actor signs approvals with (DER SubjectPublicKeyInfo). The private key is never here."""

    __tablename__ = "actor_key"
    key_id: Mapped[str] = mapped_column(String(80), primary_key=True)
    actor_id: Mapped[str] = mapped_column(ForeignKey("actor.id"), index=True)
    spki: Mapped[bytes] = mapped_column(LargeBinary)
    registered_at: Mapped[datetime] = mapped_column(UTCDateTime)
    revoked_at: Mapped[datetime | None] = mapped_column(UTCDateTime)


class TicketRow(Base):
    """Where a ticket stands. `version` counts its changes: a writer that read an older one is refused. The lease says who works on it.

    `wake_at` is when time alone may change what it waits for: a grace period, an approval or an identity check that ends.
    `open_notices_from` is the moment since which notices count towards closing: the last reopening, or None for all of them.
    """

    __tablename__ = "ticket"
    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    state: Mapped[str] = mapped_column(String(20), index=True)
    reason: Mapped[str | None] = mapped_column(String(40))
    outcome: Mapped[str | None] = mapped_column(String(30))
    attempt: Mapped[int]
    version: Mapped[int] = mapped_column()
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)
    closed_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    lease_owner: Mapped[str | None] = mapped_column(String(200))
    lease_until: Mapped[datetime | None] = mapped_column(UTCDateTime)
    wake_at: Mapped[datetime | None] = mapped_column(UTCDateTime, index=True)
    open_notices_from: Mapped[datetime | None] = mapped_column(UTCDateTime)
    shred_due_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    shredded_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012 - SQLAlchemy reads it from the class


class IdentifierRow(Base):
    """One identifier of the person. SEALED: value, nonce. `index_token` links possible duplicates while the ticket's key lives."""

    __tablename__ = "identifier"
    ticket_id: Mapped[str] = mapped_column(ForeignKey("ticket.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(20))
    value: Mapped[bytes] = mapped_column(LargeBinary)
    nonce: Mapped[bytes] = mapped_column(LargeBinary)
    index_token: Mapped[str | None] = mapped_column(String(64), index=True)


class IdentityCheckRow(Base):
    """One check of who is asking: how, why (`doubt` is a code), by whom, and how it ended; never a document.

    `code_seal` is a keyed hash of the one-time code under the ticket's key; None for methods without a code.
    """

    __tablename__ = "identity_check"
    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    ticket_id: Mapped[str] = mapped_column(ForeignKey("ticket.id"), index=True)
    method: Mapped[str] = mapped_column(String(40))
    doubt: Mapped[str | None] = mapped_column(String(40))
    result: Mapped[str] = mapped_column(String(20))
    level: Mapped[str | None] = mapped_column(String(20))
    attempts: Mapped[int]
    actor_id: Mapped[str] = mapped_column(ForeignKey("actor.id"))
    asked_at: Mapped[datetime] = mapped_column(UTCDateTime)
    expires_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    answered_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    code_seal: Mapped[bytes | None] = mapped_column(LargeBinary)


class StageRecordRow(Base):
    """One frozen record of a stage: its canonical bytes as they were hashed. Append-only."""

    __tablename__ = "stage_record"
    ticket_id: Mapped[str] = mapped_column(ForeignKey("ticket.id"), primary_key=True)
    stage: Mapped[str] = mapped_column(String(20), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    digest: Mapped[str] = mapped_column(String(80), index=True)
    body: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)


class ApprovalRow(Base):
    """A person's yes or no to one plan digest, until when it counts, and its DSSE envelope when it is signed. Append-only."""

    __tablename__ = "approval"
    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    ticket_id: Mapped[str] = mapped_column(ForeignKey("ticket.id"), index=True)
    plan_digest: Mapped[str] = mapped_column(String(80))
    actor_id: Mapped[str] = mapped_column(ForeignKey("actor.id"))
    is_approval: Mapped[bool]
    given_at: Mapped[datetime] = mapped_column(UTCDateTime)
    expires_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    key_id: Mapped[str | None] = mapped_column(String(80))
    envelope: Mapped[bytes | None] = mapped_column(LargeBinary)


class EventRow(Base):
    """One ledger event: the exact leaf bytes. Append-only, gapless."""

    __tablename__ = "event"
    __table_args__ = (UniqueConstraint("ticket_id", "ticket_seq"),)
    idx: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    ticket_id: Mapped[str | None] = mapped_column(String(40))
    ticket_seq: Mapped[int | None]
    leaf: Mapped[bytes] = mapped_column(LargeBinary)
    leaf_hash: Mapped[str] = mapped_column(String(64))


class PendingEventRow(Base):
    """One event that has no place in the ledger yet: written with its move, taken by the sequencer. Never updated.

    `data` is canonical already. `id` orders the rows that the sequencer finds together, and means nothing else: a lower one may
    be committed later.
    """

    __tablename__ = "pending_event"
    # SQLite numbers only columns that are called INTEGER; an identity column needs no right on its sequence on PostgreSQL.
    id: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), Identity(), primary_key=True)
    ticket_id: Mapped[str | None] = mapped_column(String(40))
    event_type: Mapped[str] = mapped_column(String(60))
    actor_id: Mapped[str] = mapped_column(String(40))
    data: Mapped[bytes] = mapped_column(LargeBinary)
    at: Mapped[datetime] = mapped_column(UTCDateTime)
    nonce: Mapped[str] = mapped_column(String(32))


class TreeNodeRow(Base):
    """The hash over one complete subtree of the ledger's tree, of level 1 or higher (RFC 9162 §2.1). Append-only."""

    __tablename__ = "tree_node"
    level: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    pos: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    hash: Mapped[bytes] = mapped_column(LargeBinary)


class TreeHeadRow(Base):
    """One signed tree head: the note as it was signed, with its witnesses' lines. Append-only."""

    __tablename__ = "tree_head"
    origin: Mapped[str] = mapped_column(String(120), primary_key=True)
    size: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    note: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)


class CorpusVersionRow(Base):
    """One version of a corpus: its manifest in canonical bytes. The latest `number` of a name is the current one."""

    __tablename__ = "corpus_version"
    __table_args__ = (UniqueConstraint("name", "number"),)
    digest: Mapped[str] = mapped_column(String(80), primary_key=True)
    name: Mapped[str] = mapped_column(String(80), index=True)
    number: Mapped[int]
    body: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)


class ModelRow(Base):
    """One set of weights. `status`: live (served), candidate (unlearned, not yet released), superseded, rejected, purged (files gone)."""

    __tablename__ = "model"
    __table_args__ = (UniqueConstraint("name", "revision"),)
    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    name: Mapped[str] = mapped_column(String(80), index=True)
    revision: Mapped[int]
    digest: Mapped[str] = mapped_column(String(80), index=True)
    path: Mapped[str] = mapped_column(String(1000))
    status: Mapped[str] = mapped_column(String(20))
    body: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)


class TokenRow(Base):
    """An API token: only its hash is kept."""

    __tablename__ = "api_token"
    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    name: Mapped[str] = mapped_column(String(80))
    actor_id: Mapped[str] = mapped_column(ForeignKey("actor.id"))
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)
    revoked_at: Mapped[datetime | None] = mapped_column(UTCDateTime)


class OutboxRow(Base):
    """One event for the outside, written with its place in the ledger: thin JSON of ids, states and codes. `delivered_at` when it left."""

    __tablename__ = "outbox"
    idx: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    ticket_id: Mapped[str | None] = mapped_column(String(40), index=True)
    event_type: Mapped[str] = mapped_column(String(60))
    body: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)
    delivered_at: Mapped[datetime | None] = mapped_column(UTCDateTime)


APPEND_ONLY = ("stage_record", "approval", "event", "clock_event", "tree_node", "tree_head")
