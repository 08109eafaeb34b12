"""Tickets: where each stands, its sealed identifiers, its moves, and who holds its lease."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, or_, select, update

from rtbf.errors import TicketBusy, UnknownName
from rtbf.store.events import append_event
from rtbf.store.tables import ApprovalRow, IdentifierRow, IdentityCheckRow, TicketKeyRow, TicketRow
from rtbf.ticket.lifecycle import CLOSED, RECEIVED, WAITS_FOR_A_PERSON, lawful_move
from rtbf.vault.envelope import seal, unseal
from rtbf.vault.identifier import OpenIdentifier
from rtbf.vault.keys import new_wrapped_key, unwrap
from rtbf.vault.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session


def insert_ticket(session: Session, ticket_id: str, reason: str | None, now: datetime) -> TicketRow:
    """Add a ticket in state `received`."""
    row = TicketRow(
        id=ticket_id, state=RECEIVED, reason=reason, outcome=None, attempt=0, version=1, created_at=now,
        closed_at=None, lease_owner=None, lease_until=None,
    )  # fmt: skip
    session.add(row)
    session.flush()
    return row


def seal_identifiers(session: Session, kek: bytes, ticket_id: str, identifiers: Sequence[tuple[OpenIdentifier, bytes]]) -> None:
    """Make the ticket's key and store each (identifier, nonce) sealed under it."""
    wrapped = new_wrapped_key(kek)
    key = unwrap(kek, wrapped)
    session.add(TicketKeyRow(ticket_id=ticket_id, wrapped=wrapped))
    for identifier, nonce in identifiers:
        session.add(
            IdentifierRow(
                ticket_id=ticket_id,
                number=identifier.number,
                kind=identifier.kind,
                value=seal(key, _place(ticket_id, "value", identifier.number), identifier.value.reveal().encode()),
                nonce=seal(key, _place(ticket_id, "nonce", identifier.number), nonce),
            )
        )
    session.flush()


def open_identifiers(session: Session, kek: bytes, ticket_id: str) -> tuple[OpenIdentifier, ...]:
    """Return the ticket's identifiers with their values. The caller matches them and lets them go."""
    key = ticket_key(session, kek, ticket_id)
    rows = session.scalars(select(IdentifierRow).where(IdentifierRow.ticket_id == ticket_id).order_by(IdentifierRow.number))
    return tuple(
        OpenIdentifier(
            number=row.number, kind=row.kind, value=Secret(unseal(key, _place(ticket_id, "value", row.number), row.value).decode())
        )
        for row in rows
    )


def ticket_key(session: Session, kek: bytes, ticket_id: str) -> bytes:
    """Return the ticket's data key; raises UnknownName for a ticket that has none (destroyed or never made)."""
    row = session.get(TicketKeyRow, ticket_id)
    if row is None:
        raise UnknownName("ticket key", ticket_id, (), "rtbf show TICKET")
    return unwrap(kek, row.wrapped)


def find_ticket(session: Session, ticket_id: str) -> TicketRow:
    """Return the ticket's row; raises UnknownName with the nearest ids."""
    row = session.get(TicketRow, ticket_id, with_for_update=True)
    if row is None:
        raise UnknownName("ticket", ticket_id, session.scalars(select(TicketRow.id)), "rtbf list")
    return row


def list_tickets(session: Session) -> Sequence[TicketRow]:
    """Return all tickets, newest first."""
    return session.scalars(select(TicketRow).order_by(TicketRow.created_at.desc(), TicketRow.id)).all()


def tickets_ready_for_work(session: Session, now: datetime) -> Sequence[str]:
    """Return the ids of open tickets that wait for no person and that nobody holds; a dead process of this machine holds nothing."""
    waits = or_(TicketRow.reason.is_(None), TicketRow.reason.not_in(WAITS_FOR_A_PERSON))
    columns = (TicketRow.id, TicketRow.lease_owner, TicketRow.lease_until)
    rows = session.execute(select(*columns).where(and_(TicketRow.state != CLOSED, waits)).order_by(TicketRow.created_at))
    return [ticket_id for ticket_id, owner, until in rows if until is None or until < now or (owner is not None and _has_died(owner))]


def move_ticket(
    session: Session,
    row: TicketRow,
    *,
    target: str,
    reason: str | None,
    outcome: str | None = None,
    actor_id: str,
    log: str,
    data: dict[str, Any],
    now: datetime,
) -> None:
    """Move a ticket, with its ledger event, in the caller's transaction; raises IllegalMove naming the lawful moves."""
    move = lawful_move(row.state, target, outcome)
    source = row.state
    row.state, row.reason, row.outcome = target, reason, outcome
    row.version += 1
    if target == CLOSED:
        row.closed_at = now
    session.flush()
    event_data = {"from": source, "to": target, **({"outcome": outcome} if outcome else {}), **data}
    append_event(session, log=log, ticket_id=row.id, event_type=move.event, actor_id=actor_id, data=event_data, now=now)


def add_identity_check(session: Session, check_id: str, ticket_id: str, method: str, actor_id: str, now: datetime) -> None:
    """Note that a person's identity was checked by `method`."""
    session.add(IdentityCheckRow(id=check_id, ticket_id=ticket_id, method=method, actor_id=actor_id, checked_at=now))
    session.flush()


def identity_checks(session: Session, ticket_id: str) -> Sequence[IdentityCheckRow]:
    """Return the ticket's identity checks, oldest first."""
    return session.scalars(
        select(IdentityCheckRow).where(IdentityCheckRow.ticket_id == ticket_id).order_by(IdentityCheckRow.checked_at)
    ).all()


def add_approval(session: Session, approval: ApprovalRow) -> None:
    """Store one approval or rejection."""
    session.add(approval)
    session.flush()


def approvals_of(session: Session, ticket_id: str, plan_digest: str) -> Sequence[ApprovalRow]:
    """Return the approvals and rejections of one plan digest, oldest first."""
    return session.scalars(
        select(ApprovalRow).where(ApprovalRow.ticket_id == ticket_id, ApprovalRow.plan_digest == plan_digest).order_by(ApprovalRow.given_at)
    ).all()


def claim_lease(session: Session, ticket_id: str, owner: str, now: datetime, lease_s: int) -> None:
    """Take the ticket's lease for `owner`, in one conditional UPDATE; raises TicketBusy while another live process holds it.

    A lease is free when it was never taken, has run out, is ours, or belongs to a process of this machine that has died.
    """
    row = find_ticket(session, ticket_id)
    holder = row.lease_owner
    is_free = or_(TicketRow.lease_until.is_(None), TicketRow.lease_until < now, TicketRow.lease_owner == owner)
    if holder is not None and _has_died(holder):
        is_free = or_(is_free, TicketRow.lease_owner == holder)
    claimed = session.execute(
        update(TicketRow)
        .where(TicketRow.id == ticket_id, is_free)
        .values(lease_owner=owner, lease_until=now + timedelta(seconds=lease_s))
        .execution_options(synchronize_session=False)
        .returning(TicketRow.id)
    ).scalar_one_or_none()
    session.expire(row)
    if claimed is None:
        raise TicketBusy(
            found=f"ticket {ticket_id} is being worked on by another process",
            expected="a ticket nobody works on",
            remedy=f"wait until it is done, or at most {lease_s} s after that process died",
        )


def release_lease(session: Session, ticket_id: str, owner: str) -> None:
    """Give the lease back; a lease that passed to somebody else is left alone."""
    session.execute(
        update(TicketRow)
        .where(TicketRow.id == ticket_id, TicketRow.lease_owner == owner)
        .values(lease_owner=None, lease_until=None)
        .execution_options(synchronize_session="fetch")
    )


def this_process() -> str:
    """Return this process's name as a lease owner: boot, process id and start tick, so a reused id is not mistaken."""
    return f"{_boot_id()}:{os.getpid()}:{_start_tick(os.getpid())}"


def _has_died(owner: str) -> bool:
    """Return whether `owner` is a process of this boot of this machine that no longer runs. Unknown counts as alive."""
    boot, _, rest = owner.partition(":")
    pid, _, tick = rest.partition(":")
    return boot == _boot_id() and bool(boot) and pid.isdigit() and _start_tick(int(pid)) != tick


def _boot_id() -> str:
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""
    return f"{os.uname().nodename}/{boot}"


def _start_tick(pid: int) -> str:
    try:
        # Field 22, counted after the command name, which may itself hold spaces and brackets.
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return "gone"


def _place(ticket_id: str, column: str, number: int) -> str:
    return f"{ticket_id}|identifier|{column}|{number}"
