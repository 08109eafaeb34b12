"""The list of tickets by their legal deadlines: what must be answered first. Reads only; holds no personal data.

One transaction and a handful of queries, however many tickets there are; every deadline is folded from its events as
`rtbf.pipeline.clock.clock_of` folds one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rtbf.pipeline.clock import calendar_of
from rtbf.store.docket import docket_clock_events, docket_records, docket_rows
from rtbf.store.regimes import kept_regime
from rtbf.ticket.deadline import ClockEvent, LegalClock, due_within, fold_clock, is_overdue
from rtbf.ticket.lifecycle import CLOSED

if TYPE_CHECKING:
    from datetime import datetime

    from rtbf.installation import Installation


@dataclass(frozen=True, kw_only=True, slots=True)
class DocketLine:
    """One ticket in the list. `days_left`: civil days to the effective deadline, negative when it is over.

    It is None when nothing is due any more: the person was answered, or the ticket is closed.
    """

    ticket_id: str
    state: str
    reason: str | None
    outcome: str | None
    attempt: int
    created_at: datetime
    regime: str
    external_ref: str | None
    clock: LegalClock
    days_left: int | None
    is_overdue: bool


def read_docket(
    installation: Installation,
    *,
    state: str | None = None,
    reason: str | None = None,
    due_in_days: int | None = None,
    only_overdue: bool = False,
    with_closed: bool = False,
) -> tuple[DocketLine, ...]:
    """Return the tickets that fit every condition given: the soonest deadline first, then answered ones, then closed ones.

    due_in_days    the next of the two deadlines comes within so many civil days, or the effective one is over
    with_closed    closed tickets too; state "closed" implies it

    Nothing is due in a closed ticket, so that `due_in_days` and `only_overdue` never find one.
    """
    now = installation.clock()
    wants_closed = with_closed or state == CLOSED
    lines = []
    with installation.transaction() as session:
        records = docket_records(session, with_closed=wants_closed)
        events = docket_clock_events(session, with_closed=wants_closed)
        regimes = {digest: kept_regime(session, digest) for digest in {record.regime_digest for record in records.values()}}
        for row in docket_rows(session, with_closed=wants_closed):
            record = records[row.id]
            calendar = calendar_of(record)
            steps = [ClockEvent(kind=step.kind, at=step.at, code=step.code) for step in events[row.id]]  # type: ignore[arg-type]  # as stored
            clock = fold_clock(regimes[record.regime_digest], calendar, steps, now)
            is_due = row.state != CLOSED and clock.stopped_at is None
            if due_in_days is not None and not (is_due and due_within(clock, now, due_in_days)):
                continue
            is_late = is_due and is_overdue(clock, now)
            if (only_overdue and not is_late) or state not in {None, row.state} or reason not in {None, row.reason}:
                continue
            lines.append(
                DocketLine(
                    ticket_id=row.id,
                    state=row.state,
                    reason=row.reason,
                    outcome=row.outcome,
                    attempt=row.attempt,
                    created_at=row.created_at,
                    regime=record.regime,
                    external_ref=record.external_ref,
                    clock=clock,
                    days_left=(clock.deadline - calendar.civil_date(now)).days if is_due else None,
                    is_overdue=is_late,
                )
            )
    return tuple(sorted(lines, key=_by_deadline))


def _by_deadline(line: DocketLine) -> tuple[bool, bool, datetime, datetime, str]:
    return line.state == CLOSED, line.days_left is None, line.clock.deadline_at, line.created_at, line.ticket_id
