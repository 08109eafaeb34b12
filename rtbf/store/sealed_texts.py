"""Reasonings and explanations about one case, sealed under the ticket's key. Records carry their commitment only."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from sqlalchemy import select

from rtbf.store.actors import new_id
from rtbf.store.law_tables import SealedTextRow
from rtbf.vault.envelope import Place, commitment, place_of, seal, unseal
from rtbf.vault.secret import Secret

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

_NONCE_BYTES = 16


def seal_text(session: Session, key: bytes, ticket_id: str, purpose: str, text: Secret, now: datetime) -> tuple[str, str]:
    """Store `text` sealed, its random nonce first; return (id, commitment)."""
    nonce = os.urandom(_NONCE_BYTES)
    text_id = new_id("txt")
    body = seal(key, _place(ticket_id, text_id), nonce + text.reveal().encode())
    session.add(SealedTextRow(id=text_id, ticket_id=ticket_id, purpose=purpose, body=body, created_at=now))
    session.flush()
    return text_id, commitment(nonce, purpose, text)


def open_texts(session: Session, key: bytes, ticket_id: str, purpose: str) -> dict[str, Secret]:
    """Return the ticket's texts of one purpose by their commitment."""
    rows = session.scalars(
        select(SealedTextRow)
        .where(SealedTextRow.ticket_id == ticket_id, SealedTextRow.purpose == purpose)
        .order_by(SealedTextRow.created_at, SealedTextRow.id)
    )
    opened = {}
    for row in rows:
        plain = unseal(key, _place(ticket_id, row.id), row.body)
        text = Secret(plain[_NONCE_BYTES:].decode())
        opened[commitment(plain[:_NONCE_BYTES], purpose, text)] = text
    return opened


def _place(ticket_id: str, text_id: str) -> Place:
    return place_of(ticket_id, "sealed_text", "body", text_id)
