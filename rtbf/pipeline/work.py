"""What unlearning and verification leave behind, and where the verdict takes the ticket."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from rtbf.errors import IllegalMove
from rtbf.pipeline.closing import close_fulfilled
from rtbf.pipeline.moves import move, note, settle
from rtbf.pipeline.weights import set_candidate
from rtbf.report.record import Report
from rtbf.store import registry
from rtbf.store.actors import actor_id_for
from rtbf.store.records import newest_record, records_of, save_record
from rtbf.store.tickets import find_ticket
from rtbf.ticket.lifecycle import AWAITING_WORKER, CLOSED, ERROR, PLANNING, UNLEARNING, VERIFYING, WAITS_FOR_A_PERSON
from rtbf.verify.record import Verification

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from rtbf.installation import Installation
    from rtbf.lm.record import Model
    from rtbf.store.tables import TicketRow
    from rtbf.unlearn.record import Unlearned


def finish_unlearning(
    installation: Installation,
    unlearned: Unlearned,
    model: Model | None,
    location: str,
    actor: str,
    *,
    takes_effect: Literal["released", "at_once"] = "released",
) -> str:
    """Store what unlearning produced, register the new weights as a candidate, and move on to verification.

    takes_effect   at_once: the new weights are served from here on, whatever the verdict will be; they hold less than those before
    Raises IllegalMove unless this attempt is being carried out: a run that ends late or twice registers no weights.
    """
    now = installation.clock()
    with installation.transaction() as session:
        row = find_ticket(session, unlearned.ticket_id)
        if row.state != UNLEARNING or unlearned.attempt != row.attempt:
            raise IllegalMove(
                found=f"the end of a run of attempt {unlearned.attempt} for a ticket in '{row.state}', attempt {row.attempt}",
                expected="the end of the run that the ticket waits for",
                remedy=f"see `rtbf show {row.id}`",
            )
        digest = save_record(session, unlearned, unlearned.attempt, now)
        if model is not None:
            registry.save_model(session, model, location, "live" if takes_effect == "at_once" else "candidate", now)
        data = {
            "record": digest, "artefact": unlearned.artefact_digest, "steps": unlearned.steps, "kind": unlearned.kind,
            "withheld": len(unlearned.withheld),
        }  # fmt: skip
        move(session, row, VERIFYING, actor_id_for(session, actor, now), now, data=data)
    return digest


def finish_verification(installation: Installation, verification: Verification, report: Report, actor: str) -> None:
    """Store verdict and report together, and move as the verdict says.

    FAIL goes back to planning. PASS waits until the person was told, and then closes; INCONCLUSIVE waits for a decision.
    Raises IllegalMove unless the ticket waits for this attempt's verdict: a late or second one changes nothing.
    """
    now = installation.clock()
    verdict = verification.verdict
    with installation.transaction() as session:
        row = find_ticket(session, verification.ticket_id)
        if row.state != VERIFYING or verification.attempt != row.attempt or is_measured(session, row):
            raise IllegalMove(
                found=f"a verdict on attempt {verification.attempt} of a ticket in '{row.state}', attempt {row.attempt}",
                expected="the verdict that the ticket waits for",
                remedy=f"see `rtbf show {row.id}`",
            )
        actor_id = actor_id_for(session, actor, now)
        digest = save_record(session, verification, verification.attempt, now)
        note(session, row.id, "report.issued", actor_id, now, {"record": digest, "verdict": verdict.status, "class": verdict.class_awarded})
        _seal(session, report, actor_id, now)
        if verdict.status == "FAIL":
            set_candidate(session, row.id, "rejected")
            move(session, row, PLANNING, actor_id, now)
            return
        settle(session, row, now)
        if row.reason == AWAITING_WORKER:
            close_fulfilled(session, installation, row, actor_id, now)


def finish_superseding(installation: Installation, report: Report, actor: str) -> None:
    """Store a report that stands in for the newest one on the same attempt; raises IllegalMove when that is another by now."""
    now = installation.clock()
    with installation.transaction() as session:
        row = find_ticket(session, report.ticket_id)
        earlier = newest_record(session, row.id, Report)
        if earlier is None or (earlier.report_id, earlier.attempt) != (report.supersedes, row.attempt):
            raise IllegalMove(
                found="a report that stands in for one that is not the newest",
                expected="the newest report on the ticket's present attempt",
                remedy=f"see `rtbf show {row.id}`, and issue it again",
            )
        _seal(session, report, actor_id_for(session, actor, now), now)


def _seal(session: Session, report: Report, actor_id: str, now: datetime) -> None:
    """Store the report's record and name its very files in the ledger."""
    save_record(session, report, 1 + len(records_of(session, report.ticket_id, Report)), now)
    data = {
        "attempt": report.attempt, "report": report.report_id, "envelope": report.envelope_sha256,
        "pdf": report.pdf_sha256, "token": report.token_sha256, "supersedes": report.supersedes,
    }  # fmt: skip
    note(session, report.ticket_id, "report.sealed", actor_id, now, data)


def is_measured(session: Session, row: TicketRow) -> bool:
    """Return whether this attempt was measured already."""
    found = newest_record(session, row.id, Verification)
    return found is not None and found.attempt == row.attempt


def note_error(installation: Installation, ticket_id: str, actor: str, code: str) -> None:
    """Note that work on a ticket stopped with the error `code`; it then waits for a person, with reason `error`.

    A ticket that is closed or already waits for a person is left as it is: whoever moved it meanwhile knows better.
    """
    now = installation.clock()
    with installation.transaction() as session:
        row = find_ticket(session, ticket_id)
        if row.state == CLOSED or row.reason in WAITS_FOR_A_PERSON:
            return
        row.reason = ERROR
        session.flush()
        data = {"state": row.state, "error": code}
        note(session, row.id, "ticket.stopped", actor_id_for(session, actor, now), now, data)


def clear_error(installation: Installation, ticket_id: str) -> None:
    """Let a ticket that stopped with an error be worked on again, and look at what time may have changed."""
    with installation.transaction() as session:
        row = find_ticket(session, ticket_id)
        if row.reason == ERROR:
            row.reason = None
        settle(session, row, installation.clock())
