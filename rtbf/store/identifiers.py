"""The identifiers of a ticket's person: sealed under the ticket's key, and linked by keyed tokens while that key lives."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import func, select, update

from rtbf.store.law_tables import TicketLinkRow
from rtbf.store.tables import IdentifierRow, TicketRow
from rtbf.store.ticket_keys import ticket_key
from rtbf.ticket.record import STRONG_KINDS
from rtbf.vault.envelope import Place, place_of, seal, unseal
from rtbf.vault.identifier import OpenIdentifier
from rtbf.vault.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session

    from rtbf.vault.kek import KeyWrapper


def seal_identifiers(
    session: Session, key: bytes, ticket_id: str, identifiers: Sequence[tuple[OpenIdentifier, bytes]], tokens: Mapping[int, str]
) -> None:
    """Store each (identifier, nonce) sealed under the ticket's key, with its index token by number."""
    for identifier, nonce in identifiers:
        session.add(
            IdentifierRow(
                ticket_id=ticket_id,
                number=identifier.number,
                kind=identifier.kind,
                value=seal(key, _place(ticket_id, "value", identifier.number), identifier.value.reveal().encode()),
                nonce=seal(key, _place(ticket_id, "nonce", identifier.number), nonce),
                index_token=tokens.get(identifier.number),
            )
        )
    session.flush()


def open_identifiers(session: Session, kek: KeyWrapper, ticket_id: str) -> tuple[OpenIdentifier, ...]:
    """Return the ticket's identifiers with their values. The caller matches them and lets them go."""
    key = ticket_key(session, kek, ticket_id)
    return tuple(
        OpenIdentifier(
            number=row.number, kind=row.kind, value=Secret(unseal(key, _place(ticket_id, "value", row.number), row.value).decode())
        )
        for row in _rows(session, ticket_id)
    )


def open_nonces(session: Session, kek: KeyWrapper, ticket_id: str) -> dict[int, bytes]:
    """Return the nonce of each identifier's commitment by number: what the person needs to show later what was asked for."""
    key = ticket_key(session, kek, ticket_id)
    return {row.number: unseal(key, _place(ticket_id, "nonce", row.number), row.nonce) for row in _rows(session, ticket_id)}


def forget_index_tokens(session: Session, ticket_id: str) -> int:
    """Null the ticket's index tokens; return how many there were."""
    had = IdentifierRow.ticket_id == ticket_id, IdentifierRow.index_token.is_not(None)
    count = session.scalar(select(func.count()).select_from(IdentifierRow).where(*had)) or 0
    session.execute(update(IdentifierRow).where(*had).values(index_token=None))
    return count


def link_possible_duplicates(session: Session, ticket_id: str, now: datetime) -> tuple[str, ...]:
    """Link the ticket with earlier ones that share a strong identifier, or all of its identifiers; return their ids.

    A link is a hint to the officer and nothing more: anybody may name anybody's address in an unverified ticket.
    """
    own = {row.index_token: row.kind for row in _rows(session, ticket_id) if row.index_token is not None}
    others = session.execute(
        select(IdentifierRow.ticket_id, IdentifierRow.index_token)
        .join(TicketRow, TicketRow.id == IdentifierRow.ticket_id)
        .where(IdentifierRow.index_token.in_(own), IdentifierRow.ticket_id != ticket_id)
        .order_by(TicketRow.created_at, TicketRow.id)
    )
    matched: dict[str, set[str]] = {}
    for other_id, token in others:
        matched.setdefault(other_id, set()).add(token or "")
    linked = []
    for other_id, tokens in matched.items():
        if any(own[token] in STRONG_KINDS for token in tokens) or tokens == set(own):
            session.add(TicketLinkRow(ticket_id=ticket_id, earlier_id=other_id, matched=len(tokens), created_at=now))
            linked.append(other_id)
    session.flush()
    return tuple(linked)


def linked_tickets(session: Session, ticket_id: str) -> tuple[str, ...]:
    """Return the ids of tickets linked with this one as possible duplicates, earlier and later ones."""
    earlier = session.scalars(select(TicketLinkRow.earlier_id).where(TicketLinkRow.ticket_id == ticket_id))
    later = session.scalars(select(TicketLinkRow.ticket_id).where(TicketLinkRow.earlier_id == ticket_id))
    return tuple(sorted({*earlier, *later}))


def _rows(session: Session, ticket_id: str) -> Sequence[IdentifierRow]:
    return session.scalars(select(IdentifierRow).where(IdentifierRow.ticket_id == ticket_id).order_by(IdentifierRow.number)).all()


def _place(ticket_id: str, column: str, number: int) -> Place:
    return place_of(ticket_id, "identifier", column, number)
