"""What a statement must say since the second version of the ticket's lawful life, checked against itself: clock, decisions, dates.

The standing of the deadline is worked out again from its dates. Whether the dates follow from the regime pack is not: the
pack is named by its digest, and who has it can count. Standard library only. Faults are ValueErrors.
"""

from __future__ import annotations

import re
from datetime import date, timedelta
from typing import TYPE_CHECKING

from rtbf.clock import parse_rfc3339
from rtbf.report.declarations import actors_declared
from rtbf.report.lawful import NO_DATE, NOT_RECORDED, standing_of

if TYPE_CHECKING:
    from rtbf.report.check.versions import Lawful
    from rtbf.report.lawful import ClockPart

_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_ONE_DAY = timedelta(days=1)


def require_lawful(predicate: Lawful) -> None:
    """Return when the lawful parts agree with each other; raises ValueError with the first point where they do not."""
    _require_clock(predicate.clock)
    # No zone lies a whole day from UTC, so the day of issue there is at most one beside the day in UTC.
    issued_on = parse_rfc3339(predicate.report.issued_at).date()
    if predicate.clock.regime != predicate.ticket.regime or abs(_date(predicate.clock.as_of_on) - issued_on) > _ONE_DAY:
        raise ValueError("a clock of another regime, or read on another day than the report was issued")
    _require_decisions(predicate)
    _require_dates(predicate)
    counts = predicate.recipients
    if min(counts.due, counts.notified, counts.acknowledged, counts.disproportionate) < 0:
        raise ValueError("recipients that count less than none")
    if actors_declared(predicate.approvals) not in predicate.declarations:
        raise ValueError("another word on who is self-declared than the approvals give")


def _require_clock(clock: ClockPart) -> None:
    days = [_date(event.on) for event in clock.events]
    if days != sorted(days) or not clock.events or clock.events[0].kind != "start":
        raise ValueError("clock events that do not begin with a start, or lie out of order")
    if any(event.kind == "extend" and not event.code for event in clock.events):
        raise ValueError("an extension without a code")
    if (clock.events[-1].kind == "stop") != (clock.answered_on is not None):
        raise ValueError("a clock that stopped without an answer, or an answer that did not stop it")
    if clock.answered_on is not None and _date(clock.answered_on) > _date(clock.as_of_on):
        raise ValueError("an answer that lies after the day of the report")
    if not _date(clock.received_on) <= _date(clock.strict_deadline_on) <= _date(clock.deadline_on):
        raise ValueError("a deadline before the one it extends, or before the receipt")
    if standing_of(deadline_on=clock.deadline_on, answered_on=clock.answered_on, as_of_on=clock.as_of_on) != clock.standing:
        raise ValueError("a deadline that stands otherwise than its dates say")
    _require_digests((clock.regime_digest, clock.calendar_digest))


def _require_decisions(predicate: Lawful) -> None:
    decisions = predicate.decisions
    if decisions.digest != predicate.plan.decisions_digest:
        raise ValueError("decisions that are not those of the plan")
    if any(entry.items < 1 for entry in decisions.counts) or len(set(decisions.deciders)) != len(decisions.deciders):
        raise ValueError("decisions that count nothing, or name a decider twice")
    if bool(decisions.counts) != bool(decisions.deciders):
        raise ValueError("decisions without deciders, or deciders without decisions")
    if predicate.plan.held_items < 0 or predicate.unlearned.withheld_records < 0:
        raise ValueError("held or withheld items that count less than none")
    if predicate.plan.held_items and not predicate.holds:
        raise ValueError("items kept out by a hold, and no hold")


def _require_dates(predicate: Lawful) -> None:
    """Return when every date is one, and nothing was sent after the report that names it."""
    for entry in predicate.residuals:
        if not entry.owner:
            raise ValueError("a residual without an owner, and without the word that it has none")
        if entry.due_on != NO_DATE:
            _date(entry.due_on)
    for hold in predicate.holds:
        if hold.until is not None:
            _date(hold.until[:10])
    for notice in predicate.notices:
        if not _TIME.fullmatch(notice.sent_at) or parse_rfc3339(notice.sent_at) > parse_rfc3339(predicate.report.issued_at):
            raise ValueError("a notice sent at no known time, or after the report that names it")
    _require_digests([notice.template_digest for notice in predicate.notices])
    key = predicate.key
    if (key.state == "ticket open") != (key.destruction_on is None) or min(key.appeal_window_days, key.backup_bound_days) < 0:
        raise ValueError("a key whose state and date of destruction do not fit")
    if key.destruction_on is not None:
        _date(key.destruction_on)


def _date(text: str) -> date:
    if not _DATE.fullmatch(text):
        raise ValueError("a date that is not written as year-month-day")
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ValueError("a date that no calendar knows") from None


def _require_digests(texts: tuple[str, ...] | list[str]) -> None:
    if not all(_DIGEST.fullmatch(text) or text.startswith(NOT_RECORDED) for text in texts):
        raise ValueError("a digest that is neither SHA-256 nor said to be not recorded")
