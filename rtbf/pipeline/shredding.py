"""Destroy a closed ticket's key: from then on nobody reads who it was about, here or from a backup without the key store.

In this order (domain.md §7.2), each step safe to repeat after a crash:
1. what needs the key is done with: the appeal window is over, no residual and no unsent letter waits for it
2. the suppression entries of a fulfilled ticket are kept for good, and their thread to the ticket is cut
3. sealed files are deleted, then every ciphertext in the database
4. the wrapped key is deleted and the index tokens are nulled
5. the event `key.destroyed` tells until when a backup of key store and vault could bring the key back
6. outside the transaction: the deleted bytes are taken out of the database's files (`rtbf.store.scrubbing`)
What remains: a memory image or a backup of both key store and vault from before, until their epoch is destroyed
(`rtbf.pipeline.epochs`); and the person's own proof slip, which opens the commitments.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rtbf.clock import rfc3339
from rtbf.errors import FourEyes, IllegalMove
from rtbf.pipeline.epochs import resurrection_bound
from rtbf.pipeline.moves import note
from rtbf.pipeline.purge import ERASED, OWN_COPIES, purge_ticket
from rtbf.pipeline.suppression import keep_for_good, unlink
from rtbf.store.actors import actor_id_for
from rtbf.store.identifiers import forget_index_tokens
from rtbf.store.notices import QUEUED, notices_of
from rtbf.store.records import latest_record
from rtbf.store.residuals import residuals_of, resolve_residual
from rtbf.store.scrubbing import scrub_deleted
from rtbf.store.shredding import drop_sealed
from rtbf.store.ticket_keys import destroy_ticket_key
from rtbf.store.tickets import find_ticket
from rtbf.ticket.lifecycle import CLOSED
from rtbf.ticket.record import Ticket
from rtbf.ticket_view import required

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from rtbf.installation import Installation
    from rtbf.store.tables import TicketRow


@dataclass(frozen=True, kw_only=True, slots=True)
class Shredded:
    """When the key was destroyed, until when a backup could bring it back, and whether its bytes left the database's files.

    `is_scrubbed` False: a reader stood in the way; the next upkeep tries again.
    """

    shredded_at: datetime
    bound_at: datetime
    is_scrubbed: bool


def shred_ticket(installation: Installation, ticket_id: str, actor: str, *, early: bool) -> Shredded:
    """Destroy the ticket's key for good; a ticket that is shredded already stays as it is.

    `early`: before the appeal window is over, which a second person must ask for. Raises IllegalMove naming what is
    missing, FourEyes, and TicketBusy while a process works on the ticket.
    """
    with installation.transaction() as session:
        row = find_ticket(session, ticket_id)
        is_done = row.shredded_at is not None
        if not is_done:
            _require_may_shred(session, installation, row, actor, early=early)
    if not is_done:
        purge_ticket(installation, ticket_id, actor, is_all=True)
        with installation.transaction() as session:
            row = find_ticket(session, ticket_id)
            # Asked again under this transaction's lock: the ticket may have been opened again in between.
            _require_may_shred(session, installation, row, actor, early=early)
            _destroy(session, installation, row, actor, early=early)
    is_scrubbed = scrub_deleted(installation.engine)
    shredded_at = row.shredded_at or installation.clock()
    return Shredded(shredded_at=shredded_at, bound_at=resurrection_bound(installation, shredded_at), is_scrubbed=is_scrubbed)


def _destroy(session: Session, installation: Installation, row: TicketRow, actor: str, *, early: bool) -> None:
    now = installation.clock()
    actor_id = actor_id_for(session, actor, now)
    if row.outcome in ERASED:
        keep_for_good(session, installation, row.id)
    unlink(session, installation, row.id)
    drop_sealed(session, row.id)
    destroy_ticket_key(session, row.id)
    forget_index_tokens(session, row.id)
    for residual in residuals_of(session, row.id):
        if residual.reason == OWN_COPIES:
            resolve_residual(session, residual, actor_id, now)
    data = {"early": early, "bound_at": rfc3339(resurrection_bound(installation, now))}
    note(session, row.id, "key.destroyed", actor_id, now, data)
    row.shredded_at = now
    session.flush()


def _require_may_shred(session: Session, installation: Installation, row: TicketRow, actor: str, *, early: bool) -> None:
    now = installation.clock()
    if row.state != CLOSED or row.shred_due_at is None:
        raise _not_yet(f"a ticket in '{row.state}'", "a closed ticket", f"see `rtbf show {row.id}`")
    if not early and row.shred_due_at > now:
        raise _not_yet(
            f"an appeal window that lasts until {rfc3339(row.shred_due_at)}",
            "a window that is over",
            "wait, or let a second person destroy the key earlier with --early",
        )
    needing = [residual.id for residual in residuals_of(session, row.id) if residual.needs_identifiers and residual.resolved_at is None]
    if needing:
        raise _not_yet(
            f"{len(needing)} open residual(s) that need the person's identifiers ({', '.join(needing)})",
            "none",
            "resolve them: `rtbf residual resolve ID`",
        )
    unsent = sum(notice.state == QUEUED for notice in notices_of(session, row.id))
    if unsent:
        raise _not_yet(f"{unsent} letter(s) that were not sent", "no letter waiting", "send them: `rtbf upkeep`")
    ticket, _ = required(latest_record(session, row.id, Ticket), "ticket", row.id)
    if early and actor_id_for(session, actor, now) == ticket.submitted_by:
        raise FourEyes(
            found="the actor who submitted the ticket",
            expected="a second person, before the appeal window is over",
            remedy="let a colleague act with --as NAME, or wait for the window's end",
        )


def _not_yet(found: str, expected: str, remedy: str) -> IllegalMove:
    return IllegalMove(found=f"the destruction of a key with {found}", expected=expected, remedy=remedy)
