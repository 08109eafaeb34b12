"""The legal clock of a ticket: its steps are stored, its dates are folded from them each time (GDPR Art. 12(3))."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rtbf.pipeline.moves import note
from rtbf.store.clock_events import add_clock_event, clock_events
from rtbf.store.records import latest_record
from rtbf.store.regimes import kept_regime
from rtbf.ticket.deadline import ClockEvent, LegalClock, fold_clock
from rtbf.ticket.record import Ticket
from rtbf.ticket.working_days import Calendar
from rtbf.ticket_view import required

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session


_RUNS_AFTER = frozenset({"start", "resume", "extend", "reopen"})


def clock_of(session: Session, ticket_id: str, now: datetime) -> LegalClock:
    """Return the ticket's clock as it stands at `now`, by the zone and holidays it was taken in with."""
    ticket, _ = required(latest_record(session, ticket_id, Ticket), "ticket", ticket_id)
    return fold_clock(kept_regime(session, ticket.regime_digest), calendar_of(ticket), events_of(session, ticket_id), now)


def calendar_of(ticket: Ticket) -> Calendar:
    """Return the calendar in which the ticket's days are counted."""
    return Calendar(time_zone=ticket.time_zone, holidays=ticket.holidays)


def events_of(session: Session, ticket_id: str) -> list[ClockEvent]:
    """Return the clock's steps in order."""
    return [
        ClockEvent(kind=row.kind, at=row.at, code=row.code)  # type: ignore[arg-type]  # the column holds what this module wrote
        for row in clock_events(session, ticket_id)
    ]


def suspend_clock(session: Session, ticket_id: str, actor_id: str, now: datetime) -> None:
    """Note that the person was asked for proof of identity; what that does to the date is the regime's matter."""
    _step(session, ticket_id, "suspend", actor_id, now, after=_RUNS_AFTER)


def resume_clock(session: Session, ticket_id: str, actor_id: str, now: datetime) -> None:
    """Note that the answer came, if one was waited for."""
    _step(session, ticket_id, "resume", actor_id, now, after=frozenset({"suspend"}))


def stop_clock(session: Session, ticket_id: str, notice_id: str, actor_id: str, now: datetime) -> None:
    """Note that the person was told what was done: a sent notice stops the clock, not the work's end (specs/domain.md §3, rule 8)."""
    resume_clock(session, ticket_id, actor_id, now)
    _step(session, ticket_id, "stop", actor_id, now, after=_RUNS_AFTER, notice_id=notice_id)


def extend_clock(session: Session, ticket_id: str, code: str, notice_id: str, actor_id: str, now: datetime) -> None:
    """Note an extension whose notice was sent; whether it is lawful was asked before that (`require_extension_window`)."""
    _step(
        session,
        ticket_id,
        "extend",
        actor_id,
        now,
        after=frozenset({*_RUNS_AFTER, "suspend"}),
        notice_id=notice_id,
        code=code,
    )


def restart_clock(session: Session, ticket_id: str, cause: str, actor_id: str, now: datetime) -> None:
    """Note that a closed ticket was opened again: a period of its own begins."""
    last = clock_events(session, ticket_id)[-1].kind
    if last != "stop":
        _step(session, ticket_id, "stop", actor_id, now, after=frozenset({last}))
    _step(session, ticket_id, "reopen", actor_id, now, after=frozenset({"stop"}), code=cause)


def _step(
    session: Session,
    ticket_id: str,
    kind: str,
    actor_id: str,
    now: datetime,
    *,
    after: frozenset[str],
    notice_id: str | None = None,
    code: str | None = None,
) -> None:
    """Append a step if the newest one is of `after`; another one means that there is nothing to note."""
    events = clock_events(session, ticket_id)
    if not events or events[-1].kind not in after:
        return
    at = max(now, events[-1].at)
    add_clock_event(session, ticket_id, kind, at, actor_id, code=code, notice_id=notice_id)
    # Folded at once: a step that cannot be read would make every later look at the clock fail.
    clock_of(session, ticket_id, now)
    data = {"kind": kind, **({"code": code} if code else {}), **({"notice": notice_id} if notice_id else {})}
    note(session, ticket_id, "clock.changed", actor_id, now, data)
