"""The lawful moves of a ticket, as data. Nothing else decides where a ticket may go.

States are phases only: a wait is a `reason`, a result is an `outcome` (DESIGN §2, specs/domain.md §2).
"""

from __future__ import annotations

from dataclasses import dataclass

from rtbf.errors import IllegalMove

RECEIVED = "received"
IDENTIFYING = "identifying"
LOCATING = "locating"
PLANNING = "planning"
AWAITING_APPROVAL = "awaiting_approval"
UNLEARNING = "unlearning"
VERIFYING = "verifying"
CLOSED = "closed"

STATES = (RECEIVED, IDENTIFYING, LOCATING, PLANNING, AWAITING_APPROVAL, UNLEARNING, VERIFYING, CLOSED)

OUTCOMES = ("fulfilled", "partially_fulfilled", "no_data", "refused", "unverified", "withdrawn", "duplicate")

NEED_IDENTITY = "need_identity"
NEED_INFORMATION = "need_information"
NEED_APPROVAL = "need_approval"
NEED_DECISION = "need_decision"
AWAITING_WORKER = "awaiting_worker"
ERROR = "error"
REASONS = (NEED_IDENTITY, NEED_INFORMATION, NEED_APPROVAL, NEED_DECISION, AWAITING_WORKER, ERROR)

WAITS_FOR_A_PERSON = frozenset({NEED_IDENTITY, NEED_INFORMATION, NEED_APPROVAL, NEED_DECISION, ERROR})


@dataclass(frozen=True, kw_only=True, slots=True)
class Move:
    """One lawful move. `event` is the ledger event's type; `outcomes` is filled only for moves into `closed`."""

    source: str
    target: str
    event: str
    outcomes: tuple[str, ...] = ()


MOVES = (
    Move(source=RECEIVED, target=IDENTIFYING, event="identity.asked"),
    Move(source=RECEIVED, target=LOCATING, event="identity.established"),
    Move(source=IDENTIFYING, target=LOCATING, event="identity.established"),
    Move(source=LOCATING, target=PLANNING, event="footprint.completed"),
    Move(source=PLANNING, target=LOCATING, event="footprint.reopened"),
    Move(source=PLANNING, target=AWAITING_APPROVAL, event="plan.frozen"),
    Move(source=AWAITING_APPROVAL, target=PLANNING, event="plan.superseded"),
    Move(source=AWAITING_APPROVAL, target=UNLEARNING, event="plan.approved"),
    Move(source=UNLEARNING, target=VERIFYING, event="unlearning.finished"),
    Move(source=VERIFYING, target=PLANNING, event="verdict.replanned"),
    Move(source=RECEIVED, target=CLOSED, event="ticket.closed", outcomes=("withdrawn", "duplicate")),
    Move(source=IDENTIFYING, target=CLOSED, event="ticket.closed", outcomes=("unverified", "withdrawn", "duplicate")),
    Move(source=LOCATING, target=CLOSED, event="ticket.closed", outcomes=("withdrawn",)),
    Move(source=PLANNING, target=CLOSED, event="ticket.closed", outcomes=("no_data", "refused", "withdrawn")),
    Move(source=AWAITING_APPROVAL, target=CLOSED, event="ticket.closed", outcomes=("withdrawn",)),
    Move(source=VERIFYING, target=CLOSED, event="ticket.closed", outcomes=("fulfilled", "partially_fulfilled")),
)


def lawful_move(source: str, target: str, outcome: str | None = None) -> Move:
    """Return the move from `source` to `target` with `outcome`; raises IllegalMove naming the lawful ones."""
    from_here = [move for move in MOVES if move.source == source]
    for move in from_here:
        fits_outcome = outcome in move.outcomes if move.outcomes else outcome is None
        if move.target == target and fits_outcome:
            return move
    asked = f"{target}:{outcome}" if outcome else target
    lawful = [f"{move.target}:{outcome}" if move.outcomes else move.target for move in from_here for outcome in move.outcomes or ("",)]
    raise IllegalMove(
        found=f"a move from '{source}' to '{asked}'",
        expected=f"one of {', '.join(lawful)}" if lawful else f"no move: '{source}' is the end",
        remedy="see `rtbf show TICKET` for what the ticket waits for",
    )
