"""Who works on a ticket: a lease in the ticket's row. Losing every queue loses nothing, because this is the truth.

A claim never waits: on PostgreSQL it skips a row that another transaction has locked, on SQLite BEGIN IMMEDIATE orders
the claims; either way a ticket that is taken is refused at once.
"""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import or_, select, update

from rtbf.errors import TicketBusy
from rtbf.store.tables import TicketRow
from rtbf.store.tickets import find_ticket
from rtbf.ticket.lifecycle import CLOSED, GRACE_PERIOD, WAITS_FOR_A_PERSON

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session


def tickets_ready_for_work(session: Session, now: datetime) -> Sequence[str]:
    """Return the ids of open tickets that wait for no person or time, and that no living process holds."""
    waits = or_(TicketRow.reason.is_(None), TicketRow.reason.not_in({*WAITS_FOR_A_PERSON, GRACE_PERIOD}))
    columns = (TicketRow.id, TicketRow.lease_owner, TicketRow.lease_until)
    rows = session.execute(select(*columns).where(TicketRow.state != CLOSED, waits).order_by(TicketRow.created_at))
    return [ticket_id for ticket_id, owner, until in rows if until is None or until < now or (owner is not None and _has_died(owner))]


def claim_lease(session: Session, ticket_id: str, owner: str, now: datetime, lease_s: int) -> None:
    """Take the ticket's lease for `owner`, in one conditional UPDATE; raises TicketBusy while another live process holds it.

    A lease is free when it was never taken, has run out, is ours, or belongs to a process of this machine that has died.
    """
    if session.scalar(select(TicketRow.id).where(TicketRow.id == ticket_id)) is None:
        find_ticket(session, ticket_id)
    locked = select(TicketRow.lease_owner).where(TicketRow.id == ticket_id).with_for_update(skip_locked=True)
    row = session.execute(locked).one_or_none()
    holder = None if row is None else row[0]
    is_free = or_(TicketRow.lease_until.is_(None), TicketRow.lease_until < now, TicketRow.lease_owner == owner)
    if holder is not None and _has_died(holder):
        is_free = or_(is_free, TicketRow.lease_owner == holder)
    claimed = (
        None
        if row is None
        else session.execute(
            update(TicketRow)
            .where(TicketRow.id == ticket_id, is_free)
            .values(lease_owner=owner, lease_until=now + timedelta(seconds=lease_s))
            .execution_options(synchronize_session="fetch")
            .returning(TicketRow.id)
        ).scalar_one_or_none()
    )
    if claimed is None:
        raise TicketBusy(
            found=f"ticket {ticket_id} is being worked on by another process",
            expected="a ticket nobody works on",
            remedy=f"wait until it is done, or at most {lease_s} s after that process died",
        )


def renew_lease(session: Session, ticket_id: str, owner: str, now: datetime, lease_s: int) -> None:
    """Keep the lease that `owner` has; raises TicketBusy when it passed to somebody else.

    Unlike a claim this waits for a moment where another transaction has the row: that one looks at the ticket, it does not
    work on it.
    """
    kept = session.execute(
        update(TicketRow)
        .where(TicketRow.id == ticket_id, TicketRow.lease_owner == owner)
        .values(lease_until=now + timedelta(seconds=lease_s))
        .execution_options(synchronize_session="fetch")
        .returning(TicketRow.id)
    ).scalar_one_or_none()
    if kept is None:
        raise TicketBusy(
            found=f"the lease of ticket {ticket_id} passed to another process",
            expected="the lease that was taken",
            remedy="stop: the other process goes on from what is stored",
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
