"""Actors by name, and API tokens by hash. Records and ledger see only the opaque ids given here."""

from __future__ import annotations

import hashlib
import secrets
from typing import TYPE_CHECKING

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from rtbf.errors import BadInput, UnknownName
from rtbf.store.tables import ActorKeyRow, ActorRow, TokenRow

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session

_MAX_NAME = 80


def new_id(prefix: str) -> str:
    """Return an unguessable id such as "tkt_9f3a…" (64 random bits)."""
    return f"{prefix}_{secrets.token_hex(8)}"


def actor_id_for(session: Session, name: str, now: datetime) -> str:
    """Return the opaque id of the actor called `name`, made at first sight."""
    if not name.strip() or len(name) > _MAX_NAME or not name.isprintable():
        raise BadInput(
            found=f"an actor name of {len(name)} characters",
            expected=f"1 to {_MAX_NAME} printable characters",
            remedy="give your name or account with --as or RTBF_ACTOR",
        )
    known = select(ActorRow.id).where(ActorRow.name == name)
    actor_id = session.scalar(known)
    if actor_id is not None:
        return actor_id
    try:
        # A savepoint, because on PostgreSQL another transaction may make the same actor between the look and the insert.
        with session.begin_nested():
            row = ActorRow(id=new_id("act"), name=name, created_at=now)
            session.add(row)
    except IntegrityError:
        return session.scalars(known).one()
    return row.id


def actor_name(session: Session, actor_id: str) -> str:
    """Return the name behind an actor id."""
    row = session.get(ActorRow, actor_id)
    if row is None:
        raise UnknownName("actor", actor_id, (), "rtbf show TICKET")
    return row.name


def actor_names(session: Session, actor_ids: Collection[str]) -> dict[str, str]:
    """Return the name behind each of these actor ids, in one query; an id that is not stored here stands for itself."""
    names = {actor_id: actor_id for actor_id in actor_ids}
    names.update((row.id, row.name) for row in session.scalars(select(ActorRow).where(ActorRow.id.in_(actor_ids))))
    return names


def register_actor_key(session: Session, actor_id: str, key_id: str, spki: bytes, now: datetime) -> None:
    """Note a public key that the actor signs with; the same key twice is one, another actor's key is refused (BadInput)."""
    row = session.get(ActorKeyRow, key_id)
    if row is not None and row.actor_id != actor_id:
        raise BadInput(found="a key that belongs to another actor", expected="a key of one's own", remedy="make one: `rtbf key actor NAME`")
    if row is None:
        session.add(ActorKeyRow(key_id=key_id, actor_id=actor_id, spki=spki, registered_at=now))
        session.flush()


def actor_keys(session: Session, actor_id: str) -> Sequence[ActorKeyRow]:
    """Return every key ever registered for the actor, revoked ones too, oldest first."""
    return session.scalars(
        select(ActorKeyRow).where(ActorKeyRow.actor_id == actor_id).order_by(ActorKeyRow.registered_at, ActorKeyRow.key_id)
    ).all()


def revoke_actor_key(session: Session, key_id: str, now: datetime) -> None:
    """Revoke a key; what it signed before stays signed. Raises UnknownName."""
    row = session.get(ActorKeyRow, key_id)
    if row is None:
        raise UnknownName("actor key", key_id, session.scalars(select(ActorKeyRow.key_id)), "rtbf key list")
    row.revoked_at = row.revoked_at or now
    session.flush()


def create_token(session: Session, name: str, actor_id: str, now: datetime) -> str:
    """Return a new API token for `actor_id`. It is shown once; only its hash is stored."""
    token = "rtbf_" + secrets.token_urlsafe(32)
    session.add(TokenRow(id=new_id("tok"), name=name, actor_id=actor_id, token_hash=_token_hash(token), created_at=now, revoked_at=None))
    session.flush()
    return token


def list_tokens(session: Session) -> Sequence[TokenRow]:
    """Return all tokens, newest first."""
    return session.scalars(select(TokenRow).order_by(TokenRow.created_at.desc())).all()


def revoke_token(session: Session, token_id: str, now: datetime) -> None:
    """Revoke a token by its id; a token that is already revoked stays as it is."""
    row = session.get(TokenRow, token_id)
    if row is None:
        raise UnknownName("token", token_id, session.scalars(select(TokenRow.id)), "rtbf token list")
    row.revoked_at = row.revoked_at or now


def actor_of_token(session: Session, token: str) -> str | None:
    """Return the actor a live token speaks for, or None. The look-up is by hash, so timing tells nothing about a token."""
    row = session.scalar(select(TokenRow).where(TokenRow.token_hash == _token_hash(token), TokenRow.revoked_at.is_(None)))
    return None if row is None else row.actor_id


def _token_hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
