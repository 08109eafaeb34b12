"""Where a ticket stands for the systems that follow it: state, dates and identity, read in one transaction.

The officer's page reads more (`rtbf.pipeline.dossier`); this is what leaves the house. It holds no personal data.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rtbf.pipeline.clock import clock_of
from rtbf.pipeline.ledger import receipt_in
from rtbf.store.identity import EXPIRED, OPEN, PASSED, identity_checks
from rtbf.store.regimes import kept_regime
from rtbf.store.tickets import find_ticket
from rtbf.store.view import view_in
from rtbf.ticket.deadline import is_overdue
from rtbf.ticket.identity import highest_level
from rtbf.ticket.lifecycle import CLOSED

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from rtbf.evidence.receipt import Receipt
    from rtbf.installation import Installation
    from rtbf.ticket.deadline import LegalClock
    from rtbf.ticket.regime import IdentityLevel
    from rtbf.ticket_view import TicketView


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """A ticket's view and clock as of one moment. `identity_level`: the highest that a passed check reached; None before one."""

    view: TicketView
    clock: LegalClock
    is_overdue: bool
    """Whether an answer is due and late; never true of a closed ticket."""
    identity_level: IdentityLevel | None
    identity_required: IdentityLevel
    receipt: Receipt | None
    """That the request came in, under the newest signed head; None while no head covers it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CheckStanding:
    """One identity check. `result`: open, passed, failed, expired; an open one whose time is over is told as expired."""

    check_id: str
    method: str
    doubt: str | None
    result: str
    level: str | None
    attempts: int
    asked_at: datetime
    expires_at: datetime | None


def standing_of(installation: Installation, ticket_id: str) -> Standing:
    """Return where a ticket stands now; raises UnknownName with the nearest ids."""
    now = installation.clock()
    with installation.transaction() as session:
        view = view_in(session, ticket_id)
        clock = clock_of(session, ticket_id, now)
        regime = kept_regime(session, view.ticket.regime_digest)
        receipt = receipt_in(session, ticket_id)
        levels = [check.level for check in identity_checks(session, ticket_id) if check.result == PASSED]
    return Standing(
        view=view,
        clock=clock,
        is_overdue=view.state != CLOSED and is_overdue(clock, now),
        identity_level=highest_level(levels),
        identity_required=regime.identity_levels[view.ticket.requester_role],
        receipt=receipt,
    )


def checks_of(installation: Installation, ticket_id: str) -> tuple[CheckStanding, ...]:
    """Return the ticket's identity checks, oldest first; raises UnknownName."""
    with installation.transaction() as session:
        find_ticket(session, ticket_id)
        return checks_in(session, ticket_id, installation.clock())


def checks_in(session: Session, ticket_id: str, now: datetime) -> tuple[CheckStanding, ...]:
    """Return the same inside the caller's transaction, as of `now`."""
    return tuple(
        CheckStanding(
            check_id=check.id,
            method=check.method,
            doubt=check.doubt,
            result=EXPIRED if check.result == OPEN and check.expires_at is not None and check.expires_at <= now else check.result,
            level=check.level,
            attempts=check.attempts,
            asked_at=check.asked_at,
            expires_at=check.expires_at,
        )
        for check in identity_checks(session, ticket_id)
    )
