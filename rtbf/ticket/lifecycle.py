"""The lawful moves of a ticket, as data. Nothing else decides where a ticket may go, or what it waits for.

States are phases only: a wait is a `reason`, a result is an `outcome` (DESIGN §2, specs/domain.md §2). A move names its
guards; each guard is a question to the `Facts` with the words of its refusal. `reason_of` says what a ticket waits for,
from the same facts. tests/exhaustive/test_model.py walks every reachable combination of both.

What is not held here: that the facts are true. That is the pipeline's part, in the transaction of the move.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rtbf.errors import FourEyes, IllegalMove
from rtbf.ticket.guards import GUARDS, SECOND_PERSON

if TYPE_CHECKING:
    from rtbf.ticket.facts import Facts

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
NEED_DECISION = "need_decision"
NEED_PLAN = "need_plan"
NEED_APPROVAL = "need_approval"
NEED_NOTICE = "need_notice"
HOLD = "hold"
GRACE_PERIOD = "grace_period"
AWAITING_WORKER = "awaiting_worker"
ERROR = "error"
REASON_MEANINGS = {
    NEED_IDENTITY: "the person shows who they are, or an officer records how that was checked",
    NEED_DECISION: "an officer decides: about items found, about an empty footprint, or about a verdict that is no PASS",
    NEED_PLAN: "an engineer makes another plan",
    NEED_APPROVAL: "colleagues who did nothing else on the ticket approve the plan by its digest",
    NEED_NOTICE: "the person is told; the letter closes the ticket",
    HOLD: "a legal hold ends or is released",
    GRACE_PERIOD: "time: unlearning starts when the plan's grace period is over",
    AWAITING_WORKER: "a worker, or `rtbf run TICKET`",
    ERROR: "an operator looks at the log and runs the ticket again",
}
REASONS = tuple(REASON_MEANINGS)

WAITS_FOR_A_PERSON = frozenset({NEED_IDENTITY, NEED_DECISION, NEED_PLAN, NEED_APPROVAL, NEED_NOTICE, HOLD, ERROR})
"""A `grace_period` ends by itself; whoever looks at the ticket afterwards moves it on."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Move:
    """One lawful move. `event` is the ledger event's type; `guards` must all hold; `outcome` only for moves into `closed`."""

    source: str
    target: str
    event: str
    guards: tuple[str, ...] = ()
    outcome: str | None = None


def _closing(source: str, outcome: str, *guards: str) -> Move:
    return Move(source=source, target=CLOSED, event="ticket.closed", guards=guards, outcome=outcome)


MOVES = (
    Move(source=RECEIVED, target=IDENTIFYING, event="identity.asked", guards=("identity_asked",)),
    Move(source=RECEIVED, target=LOCATING, event="identity.established", guards=("identified",)),
    Move(source=IDENTIFYING, target=LOCATING, event="identity.established", guards=("identified",)),
    Move(source=LOCATING, target=PLANNING, event="footprint.completed", guards=("located",)),
    Move(source=PLANNING, target=LOCATING, event="footprint.reopened"),
    Move(source=PLANNING, target=AWAITING_APPROVAL, event="plan.frozen", guards=("decided", "model_to_change", "plan_live")),
    Move(source=AWAITING_APPROVAL, target=PLANNING, event="plan.superseded"),
    Move(
        source=AWAITING_APPROVAL,
        target=UNLEARNING,
        event="unlearning.started",
        guards=("decided", "model_to_change", "plan_live", "approved", "grace_over"),
    ),
    # Nothing was changed yet, so this is still undoing (specs/domain.md §2: forward only once something was done).
    Move(source=UNLEARNING, target=PLANNING, event="unlearning.abandoned", guards=("nothing_unlearned",)),
    Move(source=UNLEARNING, target=VERIFYING, event="unlearning.finished", guards=("unlearned",)),
    Move(source=VERIFYING, target=PLANNING, event="verdict.replanned", guards=("judged",)),
    _closing(VERIFYING, "fulfilled", "passed", "all_unlearned", "nothing_held", "rest_named", "notice_fulfilment"),
    _closing(VERIFYING, "partially_fulfilled", "judged_not_failed", "rest_named", "notice_partial", SECOND_PERSON),
    _closing(
        PLANNING,
        "partially_fulfilled",
        *("decided", "something_erased", "no_model_to_change", "rest_named", "notice_partial", SECOND_PERSON),
    ),
    _closing(PLANNING, "no_data", "nothing_found", "notice_no_data", SECOND_PERSON),
    _closing(PLANNING, "refused", "refusable", "notice_refusal", SECOND_PERSON),
    _closing(RECEIVED, "refused", "refused_whole", "notice_refusal", SECOND_PERSON),
    _closing(IDENTIFYING, "refused", "refused_whole", "notice_refusal", SECOND_PERSON),
    _closing(IDENTIFYING, "unverified", "identity_over", "notice_unverified", SECOND_PERSON),
    # An unverified ticket is never folded into another, nor another into it: that would be a way to silence somebody.
    _closing(LOCATING, "duplicate", "same_as_identified", SECOND_PERSON),
    _closing(PLANNING, "duplicate", "same_as_identified", SECOND_PERSON),
    *(
        _closing(source, "withdrawn", "notice_withdrawal_confirmed")
        for source in (RECEIVED, IDENTIFYING, LOCATING, PLANNING, AWAITING_APPROVAL)
    ),
    Move(source=CLOSED, target=LOCATING, event="ticket.reopened", guards=("identified", "key_alive", SECOND_PERSON)),
)  # fmt: skip


def lawful_move(source: str, target: str, facts: Facts, outcome: str | None = None) -> Move:
    """Return the move from `source` to `target` with `outcome`.

    Raises IllegalMove naming the moves that lead on from here, or the guard that does not hold and what to do about it;
    FourEyes when only the second person is missing.
    """
    from_here = [move for move in MOVES if move.source == source]
    for move in from_here:
        if move.target == target and move.outcome == outcome:
            _require_guards(move, facts)
            return move
    lawful = [_named(move.target, move.outcome) for move in from_here]
    raise IllegalMove(
        found=f"a move from '{source}' to '{_named(target, outcome)}'",
        expected=f"one of {', '.join(dict.fromkeys(lawful))}",
        remedy="see `rtbf show TICKET` for what the ticket waits for",
    )


def open_moves(source: str, facts: Facts) -> tuple[Move, ...]:
    """Return the moves whose guards all hold."""
    return tuple(move for move in MOVES if move.source == source and all(GUARDS[name].holds(facts) for name in move.guards))


def reason_of(state: str, facts: Facts) -> str | None:
    """Return what a ticket waits for; None only when it is closed. `error` is set by hand and not known here."""
    match state:
        case "received" | "identifying":
            return AWAITING_WORKER if facts.is_identified else NEED_IDENTITY
        case "planning":
            return _reason_planning(facts)
        case "awaiting_approval":
            return _reason_awaiting_approval(facts)
        case "unlearning":
            return _reason_unlearning(facts)
        case "verifying":
            return _reason_verifying(facts)
        case "closed":
            return None
        case _:
            return AWAITING_WORKER


def _reason_planning(facts: Facts) -> str:
    if not facts.is_decided or not facts.has_hits or not facts.is_anything_erased:
        return NEED_DECISION
    if not facts.has_model_to_change:
        return HOLD if facts.is_held else NEED_DECISION
    return NEED_PLAN if facts.was_planned else AWAITING_WORKER


def _reason_awaiting_approval(facts: Facts) -> str:
    if not facts.is_plan_live or not facts.is_decided or facts.is_rejected or facts.is_approval_expired:
        # Whoever comes next, a worker or a person, takes it back to planning.
        return AWAITING_WORKER
    if not facts.has_model_to_change:
        return HOLD if facts.is_held else AWAITING_WORKER
    if not facts.is_approved:
        return NEED_APPROVAL
    return AWAITING_WORKER if facts.is_grace_over else GRACE_PERIOD


def _reason_unlearning(facts: Facts) -> str:
    if not facts.is_plan_live or not facts.is_decided:
        # More was decided than was approved: no run may begin, and only a person gives the attempt up or takes the decision back.
        return NEED_DECISION
    if not facts.has_model_to_change:
        return HOLD if facts.is_held else NEED_DECISION
    return AWAITING_WORKER


def _reason_verifying(facts: Facts) -> str:
    if facts.verdict is None or facts.verdict == "FAIL":
        return AWAITING_WORKER
    is_whole = facts.is_all_unlearned and not facts.is_held and facts.is_rest_named
    if facts.verdict == "PASS" and facts.is_releasable and is_whole:
        return AWAITING_WORKER if "fulfilment" in facts.notices else NEED_NOTICE
    return NEED_DECISION


def _require_guards(move: Move, facts: Facts) -> None:
    missing = [GUARDS[name] for name in move.guards if not GUARDS[name].holds(facts)]
    if not missing:
        return
    first = missing[0]
    error = FourEyes if len(missing) == 1 and first.name == SECOND_PERSON else IllegalMove
    raise error(
        found=f"a move to '{_named(move.target, move.outcome)}' with " + ", ".join(guard.found for guard in missing),
        expected=", ".join(guard.expected for guard in missing),
        remedy=first.remedy,
    )


def _named(target: str, outcome: str | None) -> str:
    return f"{target}:{outcome}" if outcome else target
