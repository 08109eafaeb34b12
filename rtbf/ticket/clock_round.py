"""One round of the legal clock: what happened between a start and a stop, in civil days, and how an officer is told of it.

Computes no deadline (`ticket.deadline` does); the sentences repeat its dates with their reasons and hold no personal data.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rtbf.clock import rfc3339
from rtbf.ticket.working_days import Calendar, day_text

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date, datetime

    from rtbf.ticket.regime import Regime

ASKED_LATE = "asked_late"
ASKED_AGAIN = "asked_again"
ASKED_AFTER_DEADLINE = "asked_after_deadline"
FLAGS = {
    ASKED_LATE: "identity was asked for later than the regime calls prompt; an authority may not accept the delay",
    ASKED_AGAIN: "identity was asked for more than once",
    ASKED_AFTER_DEADLINE: "identity was asked for when the deadline was over; this moved nothing",
}
"""What an officer should look at → why."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Question:
    """One question about identity. `moves` is false when it was asked after the deadline: a late doubt mends nothing."""

    asked_on: date
    answered_on: date | None = None
    moves: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class Round:
    """What happened from one start or reopening on."""

    received_on: date
    is_reopened: bool
    questions: tuple[Question, ...] = ()
    extended_on: date | None = None
    extension_code: str | None = None
    stopped_at: datetime | None = None

    @property
    def is_asking(self) -> bool:
        """Whether a question about identity waits for its answer."""
        return bool(self.questions) and self.questions[-1].answered_on is None


@dataclass(frozen=True, kw_only=True, slots=True)
class Reckoning:
    """The dates of a round as of `today`, before and after rolling, for the sentences."""

    today: date
    first_day: date
    suspended_days: int
    acknowledge_by: date
    strict_unrolled: date
    strict_deadline: date
    period_end: date
    """The last day of the period that applies, without suspended days."""
    unrolled: date
    deadline: date
    deadline_at: datetime


def flags_of(regime: Regime, current: Round) -> tuple[str, ...]:
    """Return what an officer should look at, of FLAGS; nothing where asking for identity moves no clock."""
    if regime.verification_effect == "none":
        return ()
    late = [question for question in current.questions if (question.asked_on - current.received_on).days > regime.ask_identity_within_days]
    raised = (
        (ASKED_LATE, bool(late)),
        (ASKED_AGAIN, len(current.questions) > 1),
        (ASKED_AFTER_DEADLINE, any(not question.moves for question in current.questions)),
    )
    return tuple(flag for flag, is_raised in raised if is_raised)


def explain(regime: Regime, calendar: Calendar, current: Round, dates: Reckoning) -> Iterator[str]:
    """Yield one plain sentence for each date of a round, in the order the dates come about."""
    verb = "reopened" if current.is_reopened else "received"
    yield f"{verb} on {day_text(current.received_on)}, civil time of {calendar.time_zone}"
    yield f"acknowledge by {day_text(dates.acknowledge_by)}: {regime.acknowledge} after that day"
    counted = ", that day being the first," if regime.counts_start_day else ""
    strict_roll = _roll_text(calendar, dates.strict_unrolled, dates.strict_deadline)
    yield f"strict deadline: {regime.answer} from receipt{counted} is {day_text(dates.strict_unrolled)}{strict_roll}"
    for question in current.questions:
        yield _question_text(regime, question, dates)
    if current.extended_on is not None:
        yield f"extended on {day_text(current.extended_on)} for {current.extension_code}: {regime.extend_to} instead of {regime.answer}"
    if (dates.unrolled, dates.deadline) != (dates.strict_unrolled, dates.strict_deadline):
        period = regime.extend_to if current.extended_on is not None else regime.answer
        start = "receipt" if dates.first_day == current.received_on else day_text(dates.first_day)
        added = f", with {_days(dates.suspended_days)} of waiting {day_text(dates.unrolled)}" if dates.suspended_days else ""
        roll = _roll_text(calendar, dates.unrolled, dates.deadline)
        yield f"effective deadline: {period} from {start} is {day_text(dates.period_end)}{added}{roll}"
    yield f"due {day_text(dates.deadline)}; that day is over at {rfc3339(dates.deadline_at)}"
    if current.stopped_at is not None:
        verdict = "in time" if current.stopped_at < dates.deadline_at else "late"
        yield f"answered on {day_text(dates.today)}: {verdict}"


def _question_text(regime: Regime, question: Question, dates: Reckoning) -> str:
    asked = f"identity asked for on {day_text(question.asked_on)}"
    answer = "not answered yet" if question.answered_on is None else f"answered on {day_text(question.answered_on)}"
    if regime.verification_effect == "none":
        return f"{asked}, {answer}: under {regime.name} the clock does not wait"
    if not question.moves:
        return f"{asked}, {answer}: the deadline was over, nothing moves"
    if regime.verification_effect == "starts":
        effect = "the period has not begun" if question.answered_on is None else "the period begins no earlier"
        return f"{asked}, {answer}: {effect}"
    waited = ((question.answered_on or dates.today) - question.asked_on).days
    so_far = " so far" if question.answered_on is None else ""
    return f"{asked}, {answer}: {_days(waited)} added{so_far}"


def _roll_text(calendar: Calendar, day: date, rolled: date) -> str:
    return "" if day == rolled else f", {calendar.reason_not_worked(day)}; the next working day is {day_text(rolled)}"


def _days(count: int) -> str:
    return "1 day" if count == 1 else f"{count} days"
