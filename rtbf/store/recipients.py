"""Recipients of data and models (GDPR Art. 19): the registry, and who must still be told of a ticket's erasure."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from sqlalchemy import select

from rtbf.errors import UnknownName
from rtbf.store.law_tables import RecipientDutyRow, RecipientRow

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from sqlalchemy.orm import Session

DUE, TOLD, ACKNOWLEDGED, WAIVED = "due", "told", "acknowledged", "waived"


def add_recipient(session: Session, recipient: RecipientRow) -> None:
    """Store one recipient."""
    session.add(recipient)
    session.flush()


def all_recipients(session: Session) -> Sequence[RecipientRow]:
    """Return every recipient, retired ones too, by name."""
    return session.scalars(select(RecipientRow).order_by(RecipientRow.name)).all()


def find_recipient(session: Session, name_or_id: str) -> RecipientRow:
    """Return a recipient by id or name; raises UnknownName with the nearest names."""
    row = session.scalar(select(RecipientRow).where((RecipientRow.id == name_or_id) | (RecipientRow.name == name_or_id)))
    if row is None:
        raise UnknownName("recipient", name_or_id, session.scalars(select(RecipientRow.name)), "rtbf recipient list")
    return row


def recipients_of(session: Session, artefacts: Collection[str]) -> tuple[RecipientRow, ...]:
    """Return the recipients in use that received at least one of these corpora and models."""
    return tuple(
        row for row in all_recipients(session) if row.retired_at is None and set(json.loads(row.artefacts)).intersection(artefacts)
    )


def duties_of(session: Session, ticket_id: str) -> Sequence[RecipientDutyRow]:
    """Return whom the ticket's erasure has to be told to, and how far that came."""
    return session.scalars(
        select(RecipientDutyRow).where(RecipientDutyRow.ticket_id == ticket_id).order_by(RecipientDutyRow.recipient_id)
    ).all()


def add_duty(session: Session, duty: RecipientDutyRow) -> bool:
    """Store one duty; return False when the ticket has it already, however far it came."""
    if session.get(RecipientDutyRow, (duty.ticket_id, duty.recipient_id)) is not None:
        return False
    session.add(duty)
    session.flush()
    return True


def find_duty(session: Session, ticket_id: str, recipient_id: str) -> RecipientDutyRow | None:
    """Return the ticket's duty towards a recipient, or None when there is none."""
    return session.get(RecipientDutyRow, (ticket_id, recipient_id))
