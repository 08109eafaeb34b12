"""Four eyes on one digest: who may approve a plan, and which plan. Pure rules; the pipeline stores what passes them.

Does not prove who someone is: on the embedded terminal actors name themselves, and the report says so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rtbf.errors import FourEyes, StalePlan

if TYPE_CHECKING:
    from rtbf.plan.record import Plan
    from rtbf.ticket.record import Ticket


def require_live_plan(ticket_id: str, given_digest: str, live_digest: str) -> None:
    """Return when the digest that was read is the live plan's; raises StalePlan otherwise."""
    if given_digest != live_digest:
        raise StalePlan(
            found=f"a decision on {given_digest[:80]}",
            expected=f"the live plan {live_digest}",
            remedy=f"read `rtbf show {ticket_id}` and decide on the digest it prints",
        )


def require_second_person(actor_id: str, ticket: Ticket, plan: Plan) -> None:
    """Return when the approver neither submitted the ticket nor made the plan; raises FourEyes otherwise."""
    if actor_id in {ticket.submitted_by, plan.planned_by}:
        did = "submitted the ticket" if actor_id == ticket.submitted_by else "made the plan"
        raise FourEyes(
            found=f"an approval by the actor who {did}", expected="a second person", remedy="let a colleague approve with --as NAME"
        )
