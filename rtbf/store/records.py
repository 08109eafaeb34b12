"""Save and load the frozen stage records by their canonical bytes. What is loaded is checked against its digest."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import TypeAdapter, ValidationError
from sqlalchemy import select

from rtbf.errors import RecordBroken
from rtbf.evidence.canonical import canonical_bytes, digest_bytes
from rtbf.footprint.record import Footprint
from rtbf.plan.decisions import Decisions
from rtbf.plan.record import Plan
from rtbf.report.record import Report
from rtbf.store.tables import StageRecordRow
from rtbf.ticket.record import Ticket
from rtbf.unlearn.record import Unlearned
from rtbf.verify.record import Verification

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

StageRecord = Ticket | Footprint | Decisions | Plan | Unlearned | Verification | Report
R = TypeVar("R", Ticket, Footprint, Decisions, Plan, Unlearned, Verification, Report)

STAGES: dict[type, str] = {
    Ticket: "ticket",
    Footprint: "footprint",
    Decisions: "decisions",
    Plan: "plan",
    Unlearned: "unlearned",
    Verification: "verification",
    Report: "report",
}


def save_record(session: Session, record: StageRecord, number: int, now: datetime) -> str:
    """Store a stage's record under its ticket and number (revision or attempt); return its digest.

    A record that is already there with the same bytes is left alone: a stage run twice yields one record. Different
    bytes raise RecordBroken, because a record is never rewritten.
    """
    body = canonical_bytes(record)
    digest = digest_bytes(body)
    stage = STAGES[type(record)]
    stored = session.get(StageRecordRow, (record.ticket_id, stage, number))
    if stored is None:
        session.add(StageRecordRow(ticket_id=record.ticket_id, stage=stage, number=number, digest=digest, body=body, created_at=now))
        session.flush()
    elif stored.digest != digest:
        raise RecordBroken(
            found=f"a second {stage} record {number} with other content", expected=stored.digest, remedy="open a new attempt instead"
        )
    return digest


def latest_record(session: Session, ticket_id: str, kind: type[R]) -> tuple[R, str] | None:
    """Return the newest record of a stage and its digest, or None when the stage has not run."""
    newest = (
        select(StageRecordRow)
        .where(StageRecordRow.ticket_id == ticket_id, StageRecordRow.stage == STAGES[kind])
        .order_by(StageRecordRow.number.desc())
        .limit(1)
    )
    row = session.scalar(newest)
    return None if row is None else (_loaded(row, kind), row.digest)


def newest_record(session: Session, ticket_id: str, kind: type[R]) -> R | None:
    """Return the newest record of a stage, or None when the stage has not run."""
    found = latest_record(session, ticket_id, kind)
    return None if found is None else found[0]


def records_of(session: Session, ticket_id: str, kind: type[R]) -> tuple[R, ...]:
    """Return all records of a stage, oldest first."""
    rows = session.scalars(
        select(StageRecordRow)
        .where(StageRecordRow.ticket_id == ticket_id, StageRecordRow.stage == STAGES[kind])
        .order_by(StageRecordRow.number)
    )
    return tuple(_loaded(row, kind) for row in rows)


def all_records(session: Session, kind: type[R]) -> tuple[R, ...]:
    """Return every ticket's records of a stage, oldest first."""
    rows = session.scalars(
        select(StageRecordRow)
        .where(StageRecordRow.stage == STAGES[kind])
        .order_by(StageRecordRow.created_at, StageRecordRow.ticket_id, StageRecordRow.number)
    )
    return tuple(_loaded(row, kind) for row in rows)


def record_with_digest(session: Session, ticket_id: str, kind: type[R], digest: str) -> R | None:
    """Return the ticket's record of a stage by its digest, or None when there is none."""
    row = session.scalar(
        select(StageRecordRow)
        .where(StageRecordRow.ticket_id == ticket_id, StageRecordRow.stage == STAGES[kind], StageRecordRow.digest == digest)
        .limit(1)
    )
    return None if row is None else _loaded(row, kind)


def _loaded(row: StageRecordRow, kind: type[R]) -> R:
    return parse_record(kind, row.body, row.digest, f"{row.stage} record {row.number} of {row.ticket_id}")


def parse_record(kind: type[R], body: bytes, digest: str, what: str) -> R:
    """Return the record in `body`; raises RecordBroken when its digest or its shape is not what was stored."""
    if digest_bytes(body) != digest:
        raise RecordBroken(found=f"{what} was changed after it was stored", expected=digest, remedy="restore the database from a backup")
    try:
        record: R = _read(STAGES[kind], body)
    except ValidationError as refused:
        raise RecordBroken(
            found=f"{what} does not have the shape of this release ({refused.error_count()} fields)",
            expected="a record written by this release or an older one",
            remedy="install the release that wrote it",
        ) from refused
    return record


@functools.lru_cache(maxsize=64)
def _read(stage: str, body: bytes) -> Any:  # noqa: ANN401 - the stage's record
    """Return the record in `body`. The same bytes are read many times while the guards of one ticket are asked; records are frozen."""
    return _adapter(stage).validate_json(body)


@functools.cache
def _adapter(stage: str) -> TypeAdapter[Any]:
    # Making one takes milliseconds, and a list of tickets reads a record of each.
    return TypeAdapter(next(kind for kind, name in STAGES.items() if name == stage))
