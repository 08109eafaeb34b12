"""Close a ticket, by verdict or by a person, and open it again when there is cause.

Closing releases or rejects the candidate weights, keeps or lifts the person's suppression tokens, purges our own copies,
and starts the time after which the ticket's key is destroyed.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Literal, get_args

from rtbf.errors import BadInput, IllegalMove
from rtbf.pipeline.clock import clock_of, restart_clock
from rtbf.pipeline.moves import move
from rtbf.pipeline.purge import plan_purge
from rtbf.pipeline.suppression import keep_suppressed, lift_restriction, restrict
from rtbf.pipeline.weights import set_candidate
from rtbf.store.actors import actor_id_for
from rtbf.store.tickets import find_ticket
from rtbf.ticket.lifecycle import CLOSED, LOCATING

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from rtbf.installation import Installation
    from rtbf.store.tables import TicketRow

ReopenCause = Literal["hold_released", "resurrection_found", "complaint_upheld", "new_evidence"]
_ERASED = frozenset({"fulfilled", "partially_fulfilled"})


def close_ticket(installation: Installation, ticket_id: str, outcome: str, actor: str, *, version: int | None = None) -> None:
    """Close a ticket by a person's decision.

    Raises IllegalMove naming the guard that does not hold (above all the notice that was not sent), FourEyes for the
    submitter where a second person is needed. Closing as partially_fulfilled releases the candidate weights.
    """
    now = installation.clock()
    with installation.transaction() as session:
        row = find_ticket(session, ticket_id, version=version)
        _close(session, installation, row, outcome, actor_id_for(session, actor, now), now)


def close_fulfilled(session: Session, installation: Installation, row: TicketRow, actor_id: str, now: datetime) -> None:
    """Close a ticket whose verdict is PASS and whose person was told, in the caller's transaction."""
    _close(session, installation, row, "fulfilled", actor_id, now)


def close_withdrawn(session: Session, installation: Installation, row: TicketRow, actor_id: str, now: datetime) -> None:
    """Close a ticket whose person took it back and was told so, in the caller's transaction."""
    _close(session, installation, row, "withdrawn", actor_id, now)


def finish_ticket(installation: Installation, ticket_id: str, actor: str) -> None:
    """Close a ticket that waits for nothing but that: PASS, and the person was told."""
    close_ticket(installation, ticket_id, "fulfilled", actor)


def reopen_ticket(installation: Installation, ticket_id: str, cause: str, actor: str) -> None:
    """Open a closed ticket again for `cause`, by a second person; the person is located anew and a new period begins.

    Raises BadInput for another cause, IllegalMove when the ticket is not closed, its key is destroyed or its person was
    never identified.
    """
    if cause not in get_args(ReopenCause):
        raise BadInput(found="an unknown cause", expected=f"one of {', '.join(get_args(ReopenCause))}", remedy="name the cause by its code")
    now = installation.clock()
    with installation.transaction() as session:
        row = find_ticket(session, ticket_id)
        if row.state != CLOSED:
            # Other states lead to locating as well, and there a second period would push the deadline away.
            raise IllegalMove(
                found=f"reopening a ticket in '{row.state}'", expected="a closed ticket", remedy=f"see `rtbf show {ticket_id}`"
            )
        actor_id = actor_id_for(session, actor, now)
        move(session, row, LOCATING, actor_id, now, data={"cause": cause})
        row.shred_due_at, row.open_notices_from = None, now
        restart_clock(session, ticket_id, cause, actor_id, now)
        restrict(session, installation, ticket_id, actor_id, now)


def _close(session: Session, installation: Installation, row: TicketRow, outcome: str, actor_id: str, now: datetime) -> None:
    move(session, row, CLOSED, actor_id, now, outcome=outcome)
    # Counted from the letter, which names the day; a closing some days later must not break that promise.
    told_at = clock_of(session, row.id, now).stopped_at or now
    row.shred_due_at = told_at + timedelta(seconds=installation.policy.appeal_s)
    if outcome in _ERASED:
        set_candidate(session, row.id, "live")
        keep_suppressed(session, installation, row.id, actor_id, now)
    else:
        set_candidate(session, row.id, "rejected")
        lift_restriction(session, installation, row.id, actor_id, now)
    plan_purge(session, installation, row, actor_id, now)
    session.flush()
