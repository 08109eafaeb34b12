"""What must hold of a store whatever happened to it, worked out from its rows and from the ledger, not by the code under test.

Only what a ticket waits for is asked of `reason_of`: that it tells the truth is tests/exhaustive/test_model.py's matter.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select

from rtbf.evidence.ledger import verify_chain
from rtbf.pipeline.facts import facts_of, next_change_at
from rtbf.plan.decisions import Decisions
from rtbf.report.check.event_lines import read_event
from rtbf.report.check.event_order import require_walk
from rtbf.store.events import ticket_leaves
from rtbf.store.records import record_with_digest
from rtbf.store.tables import EventRow, OutboxRow, PendingEventRow
from rtbf.ticket.lifecycle import ERROR, reason_of

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from rtbf.store.tables import TicketRow

LETTER_OF = {
    "fulfilled": "fulfilment", "partially_fulfilled": "partial", "no_data": "no_data", "refused": "refusal", "unverified": "unverified",
    "withdrawn": "withdrawal_confirmed",
}  # fmt: skip


def require_gapless_ledger(session: Session) -> None:
    """Every event has its place and its row in the outbox and the reverse, no index is missing, and every ticket's chain verifies.

    To be asked after sequencing: what was committed and has no place by then is lost.
    """
    assert session.scalar(select(func.count()).select_from(PendingEventRow)) == 0
    rows = session.scalars(select(EventRow).order_by(EventRow.idx)).all()
    events = [(row.idx, row.ticket_id, json.loads(row.leaf)["type"]) for row in rows]
    outbox = [(row.idx, row.ticket_id, row.event_type) for row in session.scalars(select(OutboxRow).order_by(OutboxRow.idx))]
    chains = [ticket_leaves(session, ticket_id) for ticket_id in {row.ticket_id for row in rows} if ticket_id is not None]
    assert [idx for idx, _, _ in events] == list(range(len(events)))
    assert outbox == events
    assert [verify_chain(chain)[0] for chain in chains] == [len(chain) for chain in chains]
    for chain in chains:
        # Whatever happened to a ticket, the auditor's checker follows it.
        require_walk([read_event(leaf) for leaf in chain])


def require_replayed_state(session: Session, row: TicketRow) -> None:
    """Replayed from the start, the events end at the row's state and outcome, and no ticket was closed without its letter."""
    state, outcome = "received", None
    letters: set[str] = set()
    for told in map(json.loads, ticket_leaves(session, row.id)):
        data = told["data"]
        if told["type"] == "notice.sent":
            letters.add(data["kind"])
        if "from" in data:
            assert data["from"] == state
            state, outcome = data["to"], data.get("outcome")
            assert told["type"] != "ticket.closed" or outcome == "duplicate" or LETTER_OF[outcome] in letters
        if told["type"] == "ticket.reopened":
            letters = set()
    assert (row.state, row.outcome) == (state, outcome)
    assert (row.closed_at is not None) == (state == "closed")


def require_true_reason(session: Session, row: TicketRow, now: datetime) -> None:
    """The stored reason, and the time to look again, are those of the facts as they are; an error stays until it is cleared."""
    if row.reason == ERROR:
        assert row.state != "closed"
        return
    assert row.reason == reason_of(row.state, facts_of(session, row, None, now))
    assert row.wake_at == (None if row.state == "closed" else next_change_at(session, row, now))


def require_four_eyes(session: Session, ticket_id: str) -> None:
    """Each run had its plan's quorum of people who neither submitted, planned, nor decided before they approved."""
    leaves = [json.loads(leaf) for leaf in ticket_leaves(session, ticket_id)]
    frozen: dict[str, Any] = {}
    deciders: set[str] = set()
    approvers: dict[str, set[str]] = {}
    for told in leaves:
        data, actor = told["data"], told["actor"]["id"]
        match told["type"]:
            case "decisions.taken":
                decided = record_with_digest(session, ticket_id, Decisions, data["record"])
                deciders = set() if decided is None else {item.decided_by for item in decided.items}
            case "plan.frozen":
                frozen = {"plan": data["record"], "quorum": data["quorum"], "out": {leaves[0]["actor"]["id"], actor}, "deciders": deciders}
            case "approval.given":
                assert data["plan"] == frozen["plan"]
                assert actor not in frozen["out"] | frozen["deciders"] | deciders
                approvers.setdefault(data["plan"], set()).add(actor)
            case "unlearning.started":
                assert len(approvers.get(frozen["plan"], ())) >= frozen["quorum"]
