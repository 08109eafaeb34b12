"""What remains after a ticket: opened with an owner and a date, resolved by a person."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from rtbf.clock import rfc3339
from rtbf.errors import BadInput, IllegalMove
from rtbf.pipeline.moves import note, settle
from rtbf.store.actors import actor_id_for, actor_names, new_id
from rtbf.store.law_tables import ResidualRow
from rtbf.store.residuals import add_residual, all_residuals, find_residual, residuals_of, resolve_residual
from rtbf.store.tickets import find_ticket

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from rtbf.installation import Installation


@dataclass(frozen=True, kw_only=True, slots=True)
class NamedResidual:
    """Something that remains after a ticket. `owner` is an actor's name; `needs_identifiers`: the ticket's key must outlive it."""

    residual_id: str
    ticket_id: str
    reason: str
    name: str
    owner: str | None
    due_at: datetime | None
    needs_identifiers: bool
    resolved_at: datetime | None


def read_residuals(installation: Installation, ticket_id: str | None, *, with_resolved: bool = False) -> tuple[NamedResidual, ...]:
    """Return what remains of one ticket (None: of all), those without a date first, then by date; raises UnknownName."""
    with installation.transaction() as session:
        if ticket_id is not None:
            find_ticket(session, ticket_id)
        return named_residuals(session, ticket_id, with_resolved=with_resolved)


def named_residuals(session: Session, ticket_id: str | None, *, with_resolved: bool) -> tuple[NamedResidual, ...]:
    """Return the same within the caller's transaction."""
    rows = [
        row
        for row in (all_residuals(session) if ticket_id is None else residuals_of(session, ticket_id))
        if with_resolved or row.resolved_at is None
    ]
    names = actor_names(session, {row.owner_id for row in rows if row.owner_id is not None})
    found = [
        NamedResidual(
            residual_id=row.id,
            ticket_id=row.ticket_id,
            reason=row.reason,
            name=row.name,
            owner=None if row.owner_id is None else names[row.owner_id],
            due_at=row.due_at,
            needs_identifiers=row.needs_identifiers,
            resolved_at=row.resolved_at,
        )
        for row in rows
    ]
    return tuple(sorted(found, key=_by_date))


def _by_date(entry: NamedResidual) -> tuple[bool, str, str]:
    return entry.due_at is not None, "" if entry.due_at is None else rfc3339(entry.due_at), entry.residual_id


def open_residual(
    session: Session,
    installation: Installation,
    ticket_id: str,
    reason: str,
    name: str,
    owner_id: str,
    now: datetime,
    *,
    due_at: datetime | None = None,
    needs_identifiers: bool = False,
) -> None:
    """Note that `name` remains because of `reason` (a code); without a date of its own it is due after the policy's days.

    The same reason and name, still open, is one residual. `needs_identifiers`: the ticket's key must outlive it.
    """
    add_residual(
        session,
        ResidualRow(
            id=new_id("res"), ticket_id=ticket_id, reason=reason, name=name, owner_id=owner_id,
            due_at=due_at or now + timedelta(days=installation.policy.residual_days), needs_identifiers=needs_identifiers, opened_at=now,
        ),
    )  # fmt: skip


def settle_residual(installation: Installation, residual_id: str, actor: str, *, owner: str | None, due_at: datetime | None) -> None:
    """Resolve a residual, or, when an owner or a date is given, hand it over or move it. Raises UnknownName, BadInput."""
    now = installation.clock()
    if due_at is not None and due_at <= now:
        raise BadInput(found="a date that is over", expected="a date to come", remedy="resolve the residual, or name a later date")
    with installation.transaction() as session:
        residual = find_residual(session, residual_id)
        row = find_ticket(session, residual.ticket_id)
        actor_id = actor_id_for(session, actor, now)
        if residual.resolved_at is not None:
            raise IllegalMove(found=f"{residual.id}, which is resolved", expected="an open residual", remedy="see `rtbf residual list`")
        if owner is None and due_at is None:
            resolve_residual(session, residual, actor_id, now)
            event = "residual.resolved"
        else:
            residual.owner_id = residual.owner_id if owner is None else actor_id_for(session, owner, now)
            residual.due_at = due_at or residual.due_at
            session.flush()
            event = "residual.changed"
        data = {"residual": residual.id, "reason": residual.reason, "owner": residual.owner_id}
        note(session, row.id, event, actor_id, now, data)
        settle(session, row, now)
