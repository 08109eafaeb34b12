"""Footprints: store what was found, or search again. Everything found waits for a person's decision."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rtbf.errors import IllegalMove
from rtbf.footprint.record import Footprint
from rtbf.pipeline.moves import move
from rtbf.store.actors import actor_id_for
from rtbf.store.records import newest_record, save_record
from rtbf.store.tickets import find_ticket
from rtbf.ticket.lifecycle import LOCATING, PLANNING

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from rtbf.installation import Installation


def finish_footprint(installation: Installation, footprint: Footprint, actor: str) -> str:
    """Store a footprint and move on to planning, where a person decides about what was found. Returns its digest."""
    data = {"hits": len(footprint.hits), "models": len(footprint.models), "not_searched": len(footprint.not_searched)}
    now = installation.clock()
    with installation.transaction() as session:
        row = find_ticket(session, footprint.ticket_id)
        digest = save_record(session, footprint, footprint.revision, now)
        move(session, row, PLANNING, actor_id_for(session, actor, now), now, data={"record": digest, **data})
    return digest


def reopen_locating(installation: Installation, ticket_id: str, actor: str) -> None:
    """Take a ticket that waits in planning back to locating, because corpora or models have changed since."""
    now = installation.clock()
    with installation.transaction() as session:
        row = find_ticket(session, ticket_id)
        if row.state != PLANNING:
            # A closed ticket leads to locating as well, but only with a cause, a clock and letters of its own.
            raise IllegalMove(
                found=f"another search for a ticket in '{row.state}'",
                expected="a ticket in 'planning'",
                remedy=f"see `rtbf show {ticket_id}`",
            )
        move(session, row, LOCATING, actor_id_for(session, actor, now), now)


def footprint_revision(session: Session, ticket_id: str) -> int:
    """Return the revision of the ticket's newest footprint, 0 when it has none."""
    newest = newest_record(session, ticket_id, Footprint)
    return 0 if newest is None else newest.revision
