"""When each kind of letter may be sent: a letter that is not true yet, or not any more, is refused. Data, and one function to ask it.

A letter that answers the request is true exactly where the ticket could be closed with it: its rule is the closing move's
own guards (rtbf.ticket.lifecycle), less the notice itself and the second person, who closes and need not write.
It knows states and facts only; whether an extension's window is open is the clock's to say (`require_extension_window`).
Source: GDPR Art. 12(3), 12(4), 12(6), 19; specs/domain.md §2 for what each closing needs.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from rtbf.errors import BadInput, IllegalMove
from rtbf.notice.record import NOTICE_KINDS
from rtbf.ticket.guards import GUARDS, SECOND_PERSON
from rtbf.ticket.lifecycle import CLOSED, IDENTIFYING, MOVES, PLANNING, STATES, VERIFYING

if TYPE_CHECKING:
    from collections.abc import Callable

    from rtbf.ticket.facts import Facts
    from rtbf.ticket.guards import Guard
    from rtbf.ticket.lifecycle import Move

OUTCOME_OF = {
    "fulfilment": "fulfilled",
    "partial": "partially_fulfilled",
    "refusal": "refused",
    "no_data": "no_data",
    "unverified": "unverified",
    "withdrawal_confirmed": "withdrawn",
}
"""Letters that answer the request, and the outcome each belongs to: sent, they stop the clock (specs/domain.md §3, rule 8)."""

CLOSES_AT_ONCE = frozenset({"fulfilment", "withdrawal_confirmed"})
"""What these say is true only of a closed ticket, and no second person decides anything in between."""

SENT_BY = {
    "identity_request": "`rtbf identify TICKET ask --method METHOD --doubt CODE`",
    "extension": "`rtbf extend TICKET --code CODE --text -`",
    "recipient": "`rtbf recipient tell TICKET RECIPIENT`",
}
"""Kinds that come together with something else, and the command that takes both."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Occasion:
    """When a letter that closes nothing is true: in these states, and if the facts say so."""

    states: frozenset[str]
    holds: Callable[[Facts], bool]
    expected: str
    remedy: str


def _always(_facts: Facts) -> bool:
    return True


def _is_erased(facts: Facts) -> bool:
    is_judged = facts.verdict in {"PASS", "INCONCLUSIVE"}
    return is_judged or (facts.is_decided and facts.is_anything_erased and not facts.has_model_to_change)


_OPEN = frozenset(STATES) - {CLOSED}
OCCASIONS = {
    "acknowledgement": Occasion(states=_OPEN, holds=_always, expected="an open ticket", remedy="see `rtbf show TICKET`"),
    "extension": Occasion(states=_OPEN, holds=_always, expected="an open ticket", remedy="see `rtbf show TICKET`"),
    "identity_request": Occasion(
        states=frozenset({IDENTIFYING}),
        holds=lambda facts: facts.is_identity_asked,
        expected="an identity check that was asked for and is open",
        remedy=SENT_BY["identity_request"],
    ),
    "recipient": Occasion(
        states=frozenset({PLANNING, VERIFYING, CLOSED}),
        holds=_is_erased,
        expected="a verdict that is not FAIL, or items to erase and no model left to change",
        remedy="`rtbf run TICKET` first",
    ),
}


def require_occasion(kind: str, state: str, facts: Facts, *, has_code: bool = False) -> None:
    """Return when a letter of `kind` would be true now; `has_code`: it names a reason to refuse the request as a whole.

    Raises BadInput for an unknown kind, IllegalMove naming what does not hold otherwise.
    """
    if kind in OCCASIONS:
        occasion = OCCASIONS[kind]
        if state not in occasion.states:
            raise _wrong_state(kind, state, occasion.states)
        if not occasion.holds(facts):
            raise _refused(kind, "something else in its records", occasion.expected, occasion.remedy)
    elif kind in OUTCOME_OF:
        _require_closable(kind, state, replace(facts, has_refusal_code=has_code))
    else:
        raise BadInput(found="an unknown kind of letter", expected=f"one of {', '.join(NOTICE_KINDS)}", remedy="name one of these kinds")


def is_erasure_real(state: str, facts: Facts) -> bool:
    """Return whether recipients have to be told: something was erased, or is decided to be and no model is left to change."""
    return state in OCCASIONS["recipient"].states and _is_erased(facts)


def closing_moves(kind: str) -> tuple[Move, ...]:
    """Return the moves that close a ticket with this kind of letter."""
    return tuple(move for move in MOVES if move.target == CLOSED and move.outcome == OUTCOME_OF[kind])


def _require_closable(kind: str, state: str, facts: Facts) -> None:
    from_here = [move for move in closing_moves(kind) if move.source == state]
    if not from_here:
        raise _wrong_state(kind, state, {move.source for move in closing_moves(kind)})
    missing = [[guard for guard in _own_guards(kind, move) if not guard.holds(facts)] for move in from_here]
    if all(missing):
        lacking = missing[0]
        found, expected = ", ".join(guard.found for guard in lacking), ", ".join(guard.expected for guard in lacking)
        raise _refused(kind, found, expected, lacking[0].remedy)


def _own_guards(kind: str, move: Move) -> list[Guard]:
    return [GUARDS[name] for name in move.guards if name not in {SECOND_PERSON, f"notice_{kind}"}]


def _wrong_state(kind: str, state: str, states: frozenset[str] | set[str]) -> IllegalMove:
    named = ", ".join(f"'{name}'" for name in STATES if name in states)
    return IllegalMove(
        found=f"a letter of kind '{kind}' for a ticket in '{state}'", expected=f"a ticket in {named}", remedy="see `rtbf show TICKET`"
    )


def _refused(kind: str, found: str, expected: str, remedy: str) -> IllegalMove:
    return IllegalMove(found=f"a letter of kind '{kind}' for a ticket with {found}", expected=expected, remedy=remedy)
