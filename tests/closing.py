"""Take a ticket of a fictitious person to its end through the pipeline, without a model: for what happens after closing.

Letters are put into the table as sent: what writes and posts them has tests of its own.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

from rtbf.evidence.canonical import digest_of
from rtbf.lm.record import Model
from rtbf.pipeline.approvals import decide_plan
from rtbf.pipeline.closing import close_ticket
from rtbf.pipeline.decisions import decide
from rtbf.pipeline.footprints import finish_footprint
from rtbf.pipeline.intake import submit_ticket
from rtbf.pipeline.plans import finish_plan, start_unlearning
from rtbf.pipeline.work import finish_unlearning, finish_verification
from rtbf.plan.decisions import Decisions
from rtbf.plan.rulings import RulingShape
from rtbf.report.record import Report
from rtbf.store import registry
from rtbf.store.actors import actor_id_for
from rtbf.store.law_tables import NoticeRow
from rtbf.store.notices import SENT
from rtbf.store.records import newest_record
from rtbf.ticket.intake import read_submission
from tests import builders

if TYPE_CHECKING:
    from pathlib import Path

    from rtbf.installation import Installation

SUBMITTER, COLLEAGUE, APPROVER = "submitter", "colleague", "approver"
NAME, EMAIL = "Ines Varga", "ines@example.org"
SUBJECT = [{"kind": "name", "value": NAME}, {"kind": "email", "value": EMAIL}]
LETTER = b"Dear Ines Varga, your data was erased."


def submitted(installation: Installation, subject: list[dict[str, str]] | None = None, **changes: Any) -> str:
    """Return the id of a ticket of an identified person, ready to be located."""
    body = {"subject": subject or SUBJECT, "identity": {"method": "in_person"}, **changes}
    return submit_ticket(installation, read_submission(body, installation.clock()), SUBMITTER)


def write_letter(installation: Installation, ticket_id: str, kind: str, state: str = SENT, body: bytes | None = LETTER) -> str:
    """Put a letter into the table as `state`; return its id."""
    now, notice_id = installation.clock(), f"ntc_{secrets.token_hex(8)}"
    with installation.transaction() as session:
        session.add(
            NoticeRow(
                id=notice_id, ticket_id=ticket_id, kind=kind, locale="en", template_digest=builders.sha(70), channel="email",
                to="requester", code=None, body=body, state=state, actor_id=actor_id_for(session, COLLEAGUE, now), created_at=now,
                sent_at=now if state == SENT else None,
            )
        )  # fmt: skip
    return notice_id


def withdrawn(installation: Installation, ticket_id: str) -> None:
    """Close the ticket because its person took it back."""
    write_letter(installation, ticket_id, "withdrawal_confirmed")
    close_ticket(installation, ticket_id, "withdrawn", COLLEAGUE)


def partially_fulfilled(installation: Installation, ticket_id: str) -> None:
    """Close the ticket with records to erase and no model to change."""
    finish_footprint(installation, builders.footprint(ticket_id=ticket_id, models=()), "worker")
    _erase_all(installation, ticket_id)
    write_letter(installation, ticket_id, "partial")
    close_ticket(installation, ticket_id, "partially_fulfilled", COLLEAGUE)


def fulfilled(installation: Installation, ticket_id: str, merged: Path) -> None:
    """Close the ticket with a PASS; `merged` is the folder of the unlearned weights, which go live."""
    now = installation.clock()
    with installation.transaction() as session:
        registry.save_model(session, _model(builders.sha(5), 1), "models/assistant-1", "live", now)
        planner_id = actor_id_for(session, "planner", now)
    finish_footprint(installation, builders.footprint(ticket_id=ticket_id), "worker")
    _erase_all(installation, ticket_id)
    with installation.transaction() as session:
        decisions = newest_record(session, ticket_id, Decisions)
        footprint_digest = digest_of(builders.footprint(ticket_id=ticket_id))
    assert decisions is not None
    plan = builders.plan(
        ticket_id=ticket_id, planned_by=planner_id, footprint_digest=footprint_digest, decisions_digest=digest_of(decisions), grace_s=0
    )
    digest = finish_plan(installation, plan, "planner")
    decide_plan(installation, ticket_id, digest, APPROVER, is_approval=True)
    start_unlearning(installation, ticket_id, "worker")
    record = builders.unlearned(ticket_id=ticket_id, plan_digest=digest)
    finish_unlearning(installation, record, _model(record.artefact_digest, 2), installation.home.stored_form(merged), "worker")
    write_letter(installation, ticket_id, "fulfilment")
    finish_verification(installation, builders.verification(ticket_id=ticket_id), _report(ticket_id), "worker")


def _erase_all(installation: Installation, ticket_id: str) -> None:
    decide(installation, ticket_id, (RulingShape(item="all", verdict="erase", code=builders.GROUND),), COLLEAGUE)


def _model(digest: str, revision: int) -> Model:
    return Model(
        name="assistant", revision=revision, digest=digest, origin="trained" if revision == 1 else "unlearned", recipe=(), seed=None,
        trained_on=(), base_digest=None if revision == 1 else builders.sha(5), removals=(), files=(), environment=(),
    )  # fmt: skip


def _report(ticket_id: str) -> Report:
    return Report(
        ticket_id=ticket_id, attempt=1, report_id="rep_1", verification_digest="sha256:v", envelope_sha256="e" * 64, pdf_sha256=None,
        pdf_missing_because="not asked", signed_by="sha256:k", issued_at="2026-03-02T12:00:00.000Z",
    )  # fmt: skip
