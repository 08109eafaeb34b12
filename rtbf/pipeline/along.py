"""Whose records leave a sharded model together: one run serves every ticket that has been approved for it by then.

Cost grows with the touched shards, not with the tickets (DESIGN §4). The first run takes the records of all out; each other ticket's
own run then finds nothing left to train, measures, and gets a report of its own. A ticket that is called off later has lost its
records all the same: they were approved to go, and what is served must not depend on the order of two runs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rtbf.errors import IllegalMove, PlanImpossible, StalePlan
from rtbf.footprint.record import Footprint
from rtbf.lm.record import Removal
from rtbf.plan.decisions import Decisions
from rtbf.plan.record import Plan
from rtbf.plan.withhold import withheld_records
from rtbf.store.holds import all_holds
from rtbf.store.records import latest_record, newest_record, record_with_digest
from rtbf.store.tickets import list_tickets
from rtbf.ticket.lifecycle import UNLEARNING, VERIFYING
from rtbf.unlearn.record import Unlearned

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session


def removals_along(session: Session, plan: Plan, now: datetime) -> tuple[Removal, ...]:
    """Return what other tickets' approved plans of the same method take out of the same model, by ticket id.

    Counted are tickets whose unlearning has begun or was done and is being verified; what a hold or a later decision keeps back
    is left in, and a ticket whose plan may no longer be carried out is passed over.
    """
    found = []
    for row in list_tickets(session):
        other = latest_record(session, row.id, Plan)
        if row.id == plan.ticket_id or row.state not in {UNLEARNING, VERIFYING} or other is None:
            continue
        theirs, digest = other
        is_alike = (theirs.method, theirs.model, theirs.forget.version) == (plan.method, plan.model, plan.forget.version)
        if not is_alike or theirs.attempt != row.attempt:
            continue
        withheld = _withheld(session, theirs, row.state == VERIFYING, now)
        if withheld is not None:
            ids = tuple(record_id for record_id in theirs.forget.record_ids if record_id not in withheld)
            found.append(
                Removal(
                    ticket_id=row.id,
                    attempt=theirs.attempt,
                    plan_digest=digest,
                    corpus=theirs.forget.corpus,
                    version=theirs.forget.version,
                    record_ids=ids,
                )
            )
    return tuple(sorted(found, key=lambda removal: removal.ticket_id))


def _withheld(session: Session, plan: Plan, is_done: bool, now: datetime) -> frozenset[str] | None:  # noqa: FBT001 - private
    """Return what a ticket's run keeps in, or kept in; None when it takes nothing out."""
    if is_done:
        unlearned = newest_record(session, plan.ticket_id, Unlearned)
        return None if unlearned is None or unlearned.attempt != plan.attempt else frozenset(unlearned.withheld)
    footprint = newest_record(session, plan.ticket_id, Footprint)
    decisions = newest_record(session, plan.ticket_id, Decisions)
    if footprint is None or decisions is None:
        return None
    approved = record_with_digest(session, plan.ticket_id, Decisions, plan.decisions_digest) or decisions
    try:
        return frozenset(withheld_records(plan, footprint, approved, decisions, all_holds(session), now))
    except (IllegalMove, PlanImpossible, StalePlan):
        return None
