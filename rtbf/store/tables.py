"""The tables. Rows end in `Row`; columns with personal data hold ciphertext only and are marked SEALED.

Append-only tables are guarded by triggers as well (see the first migration): a seat belt, not evidence.
"""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import BigInteger, DateTime, ForeignKey, LargeBinary, MetaData, String, UniqueConstraint
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


class TicketRow(Base):
    """Where a ticket stands. `version` counts its moves (optimistic lock); the lease says who works on it."""

    __tablename__ = "ticket"
    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    state: Mapped[str] = mapped_column(String(20), index=True)
    reason: Mapped[str | None] = mapped_column(String(40))
    outcome: Mapped[str | None] = mapped_column(String(30))
    attempt: Mapped[int]
    version: Mapped[int]
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)
    closed_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    lease_owner: Mapped[str | None] = mapped_column(String(200))
    lease_until: Mapped[datetime | None] = mapped_column(UTCDateTime)


class TicketKeyRow(Base):
    """The ticket's data key, wrapped by the vault key that lies outside the database."""

    __tablename__ = "ticket_key"
    ticket_id: Mapped[str] = mapped_column(ForeignKey("ticket.id"), primary_key=True)
    wrapped: Mapped[bytes] = mapped_column(LargeBinary)


class IdentifierRow(Base):
    """One identifier of the person. SEALED: value, nonce."""

    __tablename__ = "identifier"
    ticket_id: Mapped[str] = mapped_column(ForeignKey("ticket.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(20))
    value: Mapped[bytes] = mapped_column(LargeBinary)
    nonce: Mapped[bytes] = mapped_column(LargeBinary)


class IdentityCheckRow(Base):
    """That somebody's identity was checked, how, and by whom; never a document."""

    __tablename__ = "identity_check"
    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    ticket_id: Mapped[str] = mapped_column(ForeignKey("ticket.id"), index=True)
    method: Mapped[str] = mapped_column(String(40))
    actor_id: Mapped[str] = mapped_column(ForeignKey("actor.id"))
    checked_at: Mapped[datetime] = mapped_column(UTCDateTime)


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
    """A person's yes or no to one plan digest. Append-only."""

    __tablename__ = "approval"
    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    ticket_id: Mapped[str] = mapped_column(ForeignKey("ticket.id"), index=True)
    plan_digest: Mapped[str] = mapped_column(String(80))
    actor_id: Mapped[str] = mapped_column(ForeignKey("actor.id"))
    is_approval: Mapped[bool]
    given_at: Mapped[datetime] = mapped_column(UTCDateTime)


class EventRow(Base):
    """One ledger event: the exact leaf bytes. Append-only, gapless."""

    __tablename__ = "event"
    __table_args__ = (UniqueConstraint("ticket_id", "ticket_seq"),)
    idx: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    ticket_id: Mapped[str | None] = mapped_column(String(40))
    ticket_seq: Mapped[int | None]
    leaf: Mapped[bytes] = mapped_column(LargeBinary)
    leaf_hash: Mapped[str] = mapped_column(String(64))


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
    """One set of weights. `status`: live (served), candidate (unlearned, not yet released), superseded, rejected."""

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


APPEND_ONLY = ("stage_record", "approval", "event", "identity_check")
