"""The key store and the suppression list.

`ticket_key` lies in a schema of its own: on SQLite the attached file keys/ticket-keys.db, on PostgreSQL the schema
`rtbf_keys`. Ordinary backups leave it out, so a restored one cannot open a ticket whose key was destroyed.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from rtbf.store.tables import Base, UTCDateTime

KEY_SCHEMA = "rtbf_keys"


class TicketKeyRow(Base):
    """A ticket's data key, wrapped by the vault key of an epoch. No foreign key: it lies in another database file on SQLite."""

    __tablename__ = "ticket_key"
    __table_args__ = {"schema": KEY_SCHEMA}  # noqa: RUF012 - SQLAlchemy reads it from the class
    ticket_id: Mapped[str] = mapped_column(String(40), primary_key=True)
    epoch: Mapped[int]
    wrapped: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)


class SuppressionRow(Base):
    """One keyed token that keeps a person out of later ingests. `origin` is a random reference, unlinkable once the ticket is shredded.

    Times are no finer than a month and rows lie in the order of their tokens, so that the ledger's times and counts do not
    tell whose entry this is. How often an entry was hit is not counted: that would be one fact more about its person.
    """

    __tablename__ = "suppression"
    __table_args__ = {"sqlite_with_rowid": False}  # noqa: RUF012 - SQLAlchemy reads it from the class
    token: Mapped[str] = mapped_column(String(64), primary_key=True)
    origin: Mapped[str] = mapped_column(String(40), primary_key=True, index=True)
    kind: Mapped[str] = mapped_column(String(30))
    words: Mapped[int]
    effect: Mapped[str] = mapped_column(String(20))
    generation: Mapped[int]
    normaliser: Mapped[str] = mapped_column(String(30))
    is_temporary: Mapped[bool]
    """Restriction while the ticket is open (GDPR Art. 18); kept or lifted when it closes."""
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)
    review_at: Mapped[datetime] = mapped_column(UTCDateTime)
    lift_reason: Mapped[str | None] = mapped_column(String(40))
    """A code, when a first person asked to lift the entry; a second one does it, and the row is gone."""
    lift_asked_by: Mapped[str | None] = mapped_column(ForeignKey("actor.id"))
