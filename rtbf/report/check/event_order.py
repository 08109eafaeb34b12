"""What a ticket's events must tell in their order: a lawful walk, and what the report says of plan, approvals and work.

The walk is the table of lawful moves as it was when these reports were made; it only grows, since old bundles are checked
for good (a test compares it with `rtbf.ticket.lifecycle`). Events that are no moves may stand anywhere.
Thresholds cannot have been loosened after measuring: the plan's digest, which fixes them, stands before the start.
Faults are ValueErrors.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rtbf.report.approvals import exact_instant
from rtbf.report.check.moment import TOLERANCE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rtbf.report.check.event_lines import Event
    from rtbf.report.check.versions import InTree

_BEFORE_WORK = ("received", "identifying", "locating", "planning", "awaiting_approval")
LAWFUL: dict[str, frozenset[tuple[str, str]]] = {
    "identity.asked": frozenset({("received", "identifying")}),
    "identity.established": frozenset({("received", "locating"), ("identifying", "locating")}),
    "footprint.completed": frozenset({("locating", "planning")}),
    "footprint.reopened": frozenset({("planning", "locating")}),
    "plan.frozen": frozenset({("planning", "awaiting_approval")}),
    "plan.superseded": frozenset({("awaiting_approval", "planning")}),
    "unlearning.started": frozenset({("awaiting_approval", "unlearning")}),
    "unlearning.abandoned": frozenset({("unlearning", "planning")}),
    "unlearning.finished": frozenset({("unlearning", "verifying")}),
    "verdict.replanned": frozenset({("verifying", "planning")}),
    "ticket.closed": frozenset({(source, "closed") for source in (*_BEFORE_WORK, "verifying")}),
    "ticket.reopened": frozenset({("closed", "locating")}),
}
"""Event → the (from, to) that it may be."""
_ALSO_A_NOTE = frozenset({"identity.asked"})
"""A second code is asked for without a move."""
RECEIVED = "ticket.received"


def require_walk(events: Sequence[Event]) -> None:
    """Return when the events are a lawful walk of one ticket from its receipt; raises ValueError at the first that is not."""
    state = "received"
    for number, event in enumerate(events, start=1):
        if (event.type == RECEIVED) != (number == 1):
            raise ValueError("a ticket whose events do not begin with its receipt, or that was received twice")
        # A letter has a "to" as well; only a move comes from somewhere.
        is_move = "from" in event.data
        if is_move or (event.type in LAWFUL and event.type not in _ALSO_A_NOTE):
            source, target = event.data.get("from"), event.data.get("to")
            # Whatever JSON stands there: only texts are looked up.
            is_text = isinstance(source, str) and isinstance(target, str)
            if not is_text or source != state or (source, target) not in LAWFUL.get(event.type, frozenset()):
                raise ValueError(f"event {number}, '{event.type}', is no lawful move from where the ticket was")
            state = str(target)


def require_told(events: Sequence[Event], predicate: InTree) -> None:
    """Return when the events up to the report tell what it tells of ticket, plan, approvals, work; raises ValueError otherwise.

    `events` are those that the report counts in its trail.
    """
    records = predicate.records
    # The report came after what its own tree holds: an earlier date would make a missed deadline look kept.
    if max(exact_instant(event.time) for event in events) > exact_instant(predicate.report.issued_at) + TOLERANCE:
        raise ValueError("a report dated back: an event in its own tree is later than its issue")
    received = events[0]
    if received.data.get("record") != records.ticket or received.actor_id != predicate.ticket.submitted_by:
        raise ValueError("a ticket received otherwise than the report says")
    plan = (records.plan, predicate.report.attempt)
    told = [(event.data.get("record"), event.data.get("attempt")) if event.type == "plan.frozen" else None for event in events]
    frozen = [number for number, frozen_plan in enumerate(told) if frozen_plan == plan]
    if not frozen:
        raise ValueError("no event that froze the report's plan for its attempt")
    if not any(event.type == "footprint.completed" and event.data.get("record") == records.footprint for event in events):
        raise ValueError("no event of the report's footprint")
    started = _next(events, "unlearning.started", frozen[-1])
    if started is None or events[started].time != predicate.quorum.unlearning_started_at:
        raise ValueError("a start of unlearning at another time than the report says, or none after its plan")
    finished = _next(events, "unlearning.finished", started)
    if finished is None:
        raise ValueError("no end of unlearning after its start")
    made = events[finished].data
    if (made.get("record"), made.get("artefact")) != (records.unlearned, predicate.unlearned.artefact_digest):
        raise ValueError("another result of unlearning than the report says")
    _require_approvals(events, predicate, frozen[0], started)
    _require_verdict(events, predicate)


def _next(events: Sequence[Event], kind: str, after: int) -> int | None:
    """Return the first event of this kind after `after`, before the next plan was frozen; None without one."""
    for number in range(after + 1, len(events)):
        if events[number].type == kind:
            return number
        if events[number].type == "plan.frozen":
            return None
    return None


def _require_approvals(events: Sequence[Event], predicate: InTree, frozen: int, started: int) -> None:
    """Every decision on this plan is an event by its actor at its time, and every such event is in the report."""
    told: dict[tuple[str, str, str, str | None], int] = {}
    for number, event in enumerate(events):
        if event.type in {"approval.given", "approval.refused"} and event.data.get("plan") == predicate.records.plan:
            decision = "approved" if event.type == "approval.given" else "rejected"
            signer = event.data.get("signed_by")
            told[event.actor_id, decision, event.time, None if signer is None else str(signer)] = number
    stated = {
        (given.actor_id, given.decision, given.given_at, None if given.signature is None else given.signature.key_id)
        for given in predicate.approvals
    }
    if len(stated) != len(predicate.approvals) or stated != set(told):
        raise ValueError("other decisions on the plan than the report says")
    started_at = exact_instant(events[started].time)
    for (_, _, given_at, _), number in told.items():
        if number < frozen or (exact_instant(given_at) <= started_at) != (number < started):
            raise ValueError("a decision on the plan out of order: before it was frozen, or on the wrong side of the start")


def _require_verdict(events: Sequence[Event], predicate: InTree) -> None:
    """An event that tells this verification's verdict tells the one that the report states."""
    for event in events:
        if event.type == "report.issued" and event.data.get("record") == predicate.records.verification:
            told = (event.data.get("verdict"), event.data.get("class"))
            if told != (predicate.verdict.status, predicate.verdict.class_awarded):
                raise ValueError("another verdict in the ledger than in the report")
