"""The tables of a ticket's lawful life: clock, notices, recipients, holds, residuals, and what links one ticket to another.

Columns with free text about a case are SEALED under the ticket's key; the others hold codes, ids, dates and counts.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from rtbf.store.tables import Base, UTCDateTime


class RegimePackRow(Base):
    """A regime pack as it was when a ticket came in, by its digest: a later release's pack moves no old deadline."""

    __tablename__ = "regime_pack"
    digest: Mapped[str] = mapped_column(String(80), primary_key=True)
    name: Mapped[str] = mapped_column(String(40))
    body: Mapped[bytes] = mapped_column(LargeBinary)


class ClockEventRow(Base):
    """One step of the legal clock (start, suspend, resume, extend, stop, reopen). Append-only; deadlines are folded from these."""

    __tablename__ = "clock_event"
    ticket_id: Mapped[str] = mapped_column(ForeignKey("ticket.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(20))
    at: Mapped[datetime] = mapped_column(UTCDateTime)
    code: Mapped[str | None] = mapped_column(String(80))
    notice_id: Mapped[str | None] = mapped_column(ForeignKey("notice.id"))
    actor_id: Mapped[str] = mapped_column(ForeignKey("actor.id"))


class NoticeRow(Base):
    """One letter: what kind, in which words (template digest), to whom, and how far it came. SEALED: body (subject and text)."""

    __tablename__ = "notice"
    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    ticket_id: Mapped[str] = mapped_column(ForeignKey("ticket.id"), index=True)
    kind: Mapped[str] = mapped_column(String(30))
    locale: Mapped[str] = mapped_column(String(35))
    template_digest: Mapped[str] = mapped_column(String(80))
    channel: Mapped[str] = mapped_column(String(20))
    to: Mapped[str] = mapped_column(String(40))
    """"requester", or a recipient's id."""
    code: Mapped[str | None] = mapped_column(String(80))
    basis: Mapped[str | None] = mapped_column(String(80))
    """What the letter says is true of: a digest over the ticket's records, an identity check's id, or None when it rests on neither."""
    body: Mapped[bytes | None] = mapped_column(LargeBinary)
    state: Mapped[str] = mapped_column(String(20))
    """queued, sent (handed to a mail server), written (into the outbox folder, or printed for the post), failed (the address
    was refused for good), dropped (it had stopped being true before it left)."""
    actor_id: Mapped[str] = mapped_column(ForeignKey("actor.id"))
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)
    sent_at: Mapped[datetime | None] = mapped_column(UTCDateTime)


class RecipientRow(Base):
    """An organisation that received data or models (GDPR Art. 19). `artefacts`: corpus and model names, canonical JSON."""

    __tablename__ = "recipient"
    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    name: Mapped[str] = mapped_column(String(200), unique=True)
    contact: Mapped[str] = mapped_column(String(320))
    artefacts: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)
    retired_at: Mapped[datetime | None] = mapped_column(UTCDateTime)


class RecipientDutyRow(Base):
    """That a recipient must be told of a ticket's erasure. SEALED: justification (of a duty waived as disproportionate)."""

    __tablename__ = "recipient_duty"
    ticket_id: Mapped[str] = mapped_column(ForeignKey("ticket.id"), primary_key=True)
    recipient_id: Mapped[str] = mapped_column(ForeignKey("recipient.id"), primary_key=True)
    state: Mapped[str] = mapped_column(String(20))
    """due, told, acknowledged, waived."""
    notice_id: Mapped[str | None] = mapped_column(ForeignKey("notice.id"))
    justification: Mapped[bytes | None] = mapped_column(LargeBinary)
    changed_by: Mapped[str] = mapped_column(ForeignKey("actor.id"))
    changed_at: Mapped[datetime] = mapped_column(UTCDateTime)


class HoldRow(Base):
    """A legal hold on a scope: what must not be erased, on which ground, by which authority's reference, until when."""

    __tablename__ = "hold"
    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    scope_kind: Mapped[str] = mapped_column(String(20))
    scope: Mapped[str] = mapped_column(String(300), index=True)
    ground: Mapped[str] = mapped_column(String(80))
    authority_ref: Mapped[str] = mapped_column(String(200))
    since: Mapped[datetime] = mapped_column(UTCDateTime)
    until: Mapped[datetime | None] = mapped_column(UTCDateTime)
    placed_by: Mapped[str] = mapped_column(ForeignKey("actor.id"))
    released_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    released_by: Mapped[str | None] = mapped_column(ForeignKey("actor.id"))


class ResidualRow(Base):
    """Something that remains after a ticket, with its reason, its owner and the date it is due."""

    __tablename__ = "residual"
    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    ticket_id: Mapped[str] = mapped_column(ForeignKey("ticket.id"), index=True)
    reason: Mapped[str] = mapped_column(String(40))
    name: Mapped[str] = mapped_column(String(300))
    owner_id: Mapped[str | None] = mapped_column(ForeignKey("actor.id"))
    due_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    needs_identifiers: Mapped[bool]
    opened_at: Mapped[datetime] = mapped_column(UTCDateTime)
    resolved_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    resolved_by: Mapped[str | None] = mapped_column(ForeignKey("actor.id"))


class SealedTextRow(Base):
    """A reasoning or explanation about one case. SEALED: body. Records hold its commitment only."""

    __tablename__ = "sealed_text"
    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    ticket_id: Mapped[str] = mapped_column(ForeignKey("ticket.id"), index=True)
    purpose: Mapped[str] = mapped_column(String(40))
    body: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)


class TicketLinkRow(Base):
    """That two tickets may be about the same person, seen when the later one came in. Never acted on by itself."""

    __tablename__ = "ticket_link"
    ticket_id: Mapped[str] = mapped_column(ForeignKey("ticket.id"), primary_key=True)
    earlier_id: Mapped[str] = mapped_column(ForeignKey("ticket.id"), primary_key=True)
    matched: Mapped[int]
    """How many identifiers of the two are the same."""
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)


class IdempotencyRow(Base):
    """What a submission with an idempotency key was answered with. Key and body are kept as keyed hashes only."""

    __tablename__ = "idempotency"
    actor_id: Mapped[str] = mapped_column(ForeignKey("actor.id"), primary_key=True)
    key_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    request_digest: Mapped[str] = mapped_column(String(64))
    ticket_id: Mapped[str] = mapped_column(ForeignKey("ticket.id"))
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)
    expires_at: Mapped[datetime] = mapped_column(UTCDateTime)
