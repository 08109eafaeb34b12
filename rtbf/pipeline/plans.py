"""Plans: freeze one, and start it when approvals and grace period allow."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rtbf.errors import IllegalMove
from rtbf.pipeline.facts import facts_of
from rtbf.pipeline.moves import move
from rtbf.pipeline.weights import set_candidate
from rtbf.plan.record import Plan
from rtbf.store.actors import actor_id_for
from rtbf.store.records import latest_record, newest_record, save_record
from rtbf.store.tickets import find_ticket
from rtbf.ticket.lifecycle import (
    AWAITING_APPROVAL,
    AWAITING_WORKER,
    PLANNING,
    UNLEARNING,
    VERIFYING,
    lawful_move,
    open_moves,
    reason_of,
)
from rtbf.ticket_view import required
from rtbf.unlearn.record import Unlearned

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from rtbf.installation import Installation


def require_plannable(installation: Installation, ticket_id: str) -> None:
    """Return when a plan may be made for the ticket; raises IllegalMove naming what is missing otherwise."""
    now = installation.clock()
    with installation.transaction() as session:
        row = find_ticket(session, ticket_id)
        if row.state != PLANNING:
            lawful_move(row.state, PLANNING, facts_of(session, row, None, now))


def reopen_planning(installation: Installation, ticket_id: str, actor: str) -> None:
    """Take a ticket back to planning, for another method or after a verdict; a ticket already there stays.

    Weights that an undecided attempt left as a candidate are rejected: a new plan means that nobody accepted them.
    """
    now = installation.clock()
    with installation.transaction() as session:
        row = find_ticket(session, ticket_id)
        if row.state == VERIFYING:
            set_candidate(session, row.id, "rejected")
        if row.state != PLANNING:
            move(session, row, PLANNING, actor_id_for(session, actor, now), now)


def finish_plan(installation: Installation, plan: Plan, actor: str) -> str:
    """Store a plan and wait for its approval; return the digest to approve.

    Raises IllegalMove for an attempt that was carried out already: its weights and its verdict would pass for the new plan's.
    """
    now = installation.clock()
    with installation.transaction() as session:
        row = find_ticket(session, plan.ticket_id)
        done = newest_record(session, plan.ticket_id, Unlearned)
        if done is not None and plan.attempt <= done.attempt:
            raise IllegalMove(
                found=f"a plan for attempt {plan.attempt}, which was carried out already",
                expected=f"a plan for attempt {done.attempt + 1}",
                remedy=f"make another plan: `rtbf plan {plan.ticket_id}`",
            )
        digest = save_record(session, plan, plan.attempt, now)
        row.attempt = plan.attempt
        data = {"record": digest, "attempt": plan.attempt, "method": plan.method, "quorum": plan.quorum, "held": len(plan.held)}
        move(session, row, AWAITING_APPROVAL, actor_id_for(session, actor, now), now, data=data)
    return digest


def start_unlearning(installation: Installation, ticket_id: str, actor: str) -> None:
    """Start the approved plan, or take the ticket back to planning when the plan was overtaken, rejected or has expired.

    Raises IllegalMove, naming what is missing, while a good plan waits for its approval, its grace period or a hold.
    """
    now = installation.clock()
    with installation.transaction() as session:
        row = find_ticket(session, ticket_id)
        actor_id = actor_id_for(session, actor, now)
        facts = facts_of(session, row, actor_id, now)
        if row.state != AWAITING_APPROVAL or reason_of(row.state, facts) != AWAITING_WORKER:
            lawful_move(row.state, UNLEARNING, facts)
        lawful = {opened.target for opened in open_moves(row.state, facts)}
        move(session, row, UNLEARNING if UNLEARNING in lawful else PLANNING, actor_id, now)


def approved_plan(session: Session, ticket_id: str) -> tuple[Plan, str]:
    """Return the plan that the ticket's work carries out; raises IllegalMove when none was started.

    That enough people had approved it was asked when it was started, in the same transaction as that move.
    """
    row = find_ticket(session, ticket_id)
    if row.state not in {UNLEARNING, VERIFYING}:
        raise IllegalMove(
            found=f"work on a plan while the ticket is in '{row.state}'", expected="a started plan", remedy=f"see `rtbf show {ticket_id}`"
        )
    return required(latest_record(session, ticket_id, Plan), "plan", ticket_id)
