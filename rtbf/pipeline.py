"""The order of the stages and the lawful moves between them. Torch-free; what the API may call.

    received → identifying → locating → planning → awaiting_approval → unlearning → verifying → closed

Each function here is one transaction: the move, its ledger event and its record go together or not at all.
The executor runs the stages and hands their records back to the `finish_*` functions.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from rtbf.clock import rfc3339
from rtbf.errors import FourEyes, IllegalMove, StalePlan
from rtbf.footprint.record import Footprint
from rtbf.plan.approval import require_live_plan, require_second_person
from rtbf.plan.record import Plan
from rtbf.store import registry
from rtbf.store.actors import actor_id_for, new_id
from rtbf.store.events import append_event
from rtbf.store.records import latest_record, save_record
from rtbf.store.tables import ApprovalRow
from rtbf.store.tickets import (
    add_approval,
    add_identity_check,
    approvals_of,
    find_ticket,
    insert_ticket,
    move_ticket,
    seal_identifiers,
)
from rtbf.ticket import lifecycle
from rtbf.ticket.record import IdentifierMark, Ticket
from rtbf.ticket_view import required
from rtbf.unlearn.record import Unlearned
from rtbf.vault.envelope import commitment
from rtbf.vault.identifier import OpenIdentifier

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from rtbf.installation import Installation
    from rtbf.lm.record import Model
    from rtbf.report.record import Report
    from rtbf.store.tables import TicketRow
    from rtbf.ticket.intake import SubmissionShape
    from rtbf.verify.record import Verification

_NONCE_BYTES = 16


def submit_ticket(installation: Installation, submission: SubmissionShape, actor: str) -> str:
    """Store a ticket with its sealed identifiers; return its id. With an identity check it is ready to be located."""
    now = installation.clock()
    ticket_id = new_id("tkt")
    sealed, marks = [], []
    for number, (kind, value) in enumerate(submission.secrets(), start=1):
        nonce = os.urandom(_NONCE_BYTES)
        sealed.append((OpenIdentifier(number=number, kind=kind, value=value), nonce))
        marks.append(IdentifierMark(number=number, kind=kind, commitment=commitment(nonce, kind, value)))
    with installation.transaction() as session:
        actor_id = actor_id_for(session, actor, now)
        for name in submission.models:
            registry.live_model(session, name)
        record = Ticket(
            ticket_id=ticket_id,
            regime=submission.regime,
            channel=submission.channel,
            received_at=rfc3339(submission.received_at or now),
            submitted_by=actor_id,
            external_ref=submission.external_ref,
            models=tuple(dict.fromkeys(submission.models)),
            identifiers=tuple(marks),
        )
        row = insert_ticket(session, ticket_id, lifecycle.NEED_IDENTITY, now)
        seal_identifiers(session, installation.kek, ticket_id, sealed)
        digest = save_record(session, record, 1, now)
        data = {"record": digest, "identifiers": len(marks), "regime": submission.regime, "channel": submission.channel}
        append_event(
            session, log=installation.log, ticket_id=ticket_id, event_type="ticket.received", actor_id=actor_id, data=data, now=now
        )
        if submission.identity is not None:
            _establish_identity(session, installation, row, submission.identity.method, actor_id, now)
    return ticket_id


def ask_identity(installation: Installation, ticket_id: str, actor: str) -> None:
    """Note that the person was asked to show who they are."""
    now = installation.clock()
    with installation.transaction() as session:
        row = find_ticket(session, ticket_id)
        _move(session, installation, row, lifecycle.IDENTIFYING, lifecycle.NEED_IDENTITY, actor_id_for(session, actor, now), {}, now)


def record_identity(installation: Installation, ticket_id: str, method: str, actor: str) -> None:
    """Note that the person's identity was checked by `method`; the ticket may then be located."""
    now = installation.clock()
    with installation.transaction() as session:
        row = find_ticket(session, ticket_id)
        _establish_identity(session, installation, row, method, actor_id_for(session, actor, now), now)


def finish_footprint(installation: Installation, footprint: Footprint, actor: str) -> str:
    """Store a footprint and move on to planning; with nothing found the ticket waits for a decision. Returns its digest."""
    reason = None if footprint.models else lifecycle.NEED_DECISION
    data = {"hits": len(footprint.hits), "models": len(footprint.models), "not_searched": len(footprint.not_searched)}
    now = installation.clock()
    with installation.transaction() as session:
        row = find_ticket(session, footprint.ticket_id)
        digest = save_record(session, footprint, footprint.revision, now)
        actor_id = actor_id_for(session, actor, now)
        _move(session, installation, row, lifecycle.PLANNING, reason, actor_id, {"record": digest, **data}, now)
    return digest


def reopen_planning(installation: Installation, ticket_id: str, actor: str) -> None:
    """Take a ticket back to planning, for another method or after a verdict; a ticket already there stays.

    Weights that an undecided attempt left as a candidate are rejected: a new plan means that nobody accepted them.
    """
    now = installation.clock()
    with installation.transaction() as session:
        row = find_ticket(session, ticket_id)
        if row.state == lifecycle.VERIFYING:
            _set_candidate(session, row.id, "rejected")
        if row.state != lifecycle.PLANNING:
            _move(session, installation, row, lifecycle.PLANNING, None, actor_id_for(session, actor, now), {}, now)


def reopen_locating(installation: Installation, ticket_id: str, actor: str) -> None:
    """Take a ticket that waits in planning back to locating, because corpora or models have changed since."""
    now = installation.clock()
    with installation.transaction() as session:
        row = find_ticket(session, ticket_id)
        actor_id = actor_id_for(session, actor, now)
        _move(session, installation, row, lifecycle.LOCATING, lifecycle.AWAITING_WORKER, actor_id, {}, now)


def finish_plan(installation: Installation, plan: Plan, actor: str) -> str:
    """Store a plan and wait for its approval; return the digest to approve."""
    now = installation.clock()
    with installation.transaction() as session:
        row = find_ticket(session, plan.ticket_id)
        digest = save_record(session, plan, plan.attempt, now)
        row.attempt = plan.attempt
        data = {"record": digest, "attempt": plan.attempt, "method": plan.method}
        actor_id = actor_id_for(session, actor, now)
        _move(session, installation, row, lifecycle.AWAITING_APPROVAL, lifecycle.NEED_APPROVAL, actor_id, data, now)
    return digest


def decide_plan(installation: Installation, ticket_id: str, plan_digest: str, actor: str, *, is_approval: bool) -> None:
    """Approve or reject the live plan by its digest.

    Raises StalePlan when another plan is live, FourEyes when the approver submitted the ticket or made the plan.
    """
    now = installation.clock()
    with installation.transaction() as session:
        row = find_ticket(session, ticket_id)
        actor_id = actor_id_for(session, actor, now)
        if row.state != lifecycle.AWAITING_APPROVAL:
            raise IllegalMove(
                found=f"a decision on a plan while the ticket is in '{row.state}'",
                expected="a ticket in 'awaiting_approval'",
                remedy=f"see `rtbf show {ticket_id}`",
            )
        plan, live_digest = required(latest_record(session, ticket_id, Plan), "plan", ticket_id)
        ticket, _ = required(latest_record(session, ticket_id, Ticket), "ticket", ticket_id)
        require_live_plan(ticket_id, plan_digest, live_digest)
        if is_approval:
            require_second_person(actor_id, ticket, plan)
        approval = ApprovalRow(
            id=new_id("apr"), ticket_id=ticket_id, plan_digest=plan_digest, actor_id=actor_id, is_approval=is_approval, given_at=now
        )
        add_approval(session, approval)
        target, reason = (lifecycle.UNLEARNING, lifecycle.AWAITING_WORKER) if is_approval else (lifecycle.PLANNING, lifecycle.NEED_DECISION)
        _move(session, installation, row, target, reason, actor_id, {"plan": plan_digest, "approved": is_approval}, now)


def approved_plan(session: Session, ticket_id: str) -> tuple[Plan, str]:
    """Return the ticket's live plan when it is approved; raises StalePlan when it is not."""
    plan, digest = required(latest_record(session, ticket_id, Plan), "plan", ticket_id)
    if not any(row.is_approval for row in approvals_of(session, ticket_id, digest)):
        raise StalePlan(
            found="a plan without approval", expected=f"an approval of {digest}", remedy=f"`rtbf approve {ticket_id} --digest …`"
        )
    return plan, digest


def finish_unlearning(installation: Installation, unlearned: Unlearned, model: Model | None, location: str, actor: str) -> str:
    """Store what unlearning produced, register the new weights as a candidate, and move on to verification."""
    now = installation.clock()
    with installation.transaction() as session:
        row = find_ticket(session, unlearned.ticket_id)
        digest = save_record(session, unlearned, unlearned.attempt, now)
        if model is not None:
            registry.save_model(session, model, location, "candidate", now)
        data = {"record": digest, "artefact": unlearned.artefact_digest, "steps": unlearned.steps, "kind": unlearned.kind}
        _move(session, installation, row, lifecycle.VERIFYING, lifecycle.AWAITING_WORKER, actor_id_for(session, actor, now), data, now)
    return digest


def finish_verification(installation: Installation, verification: Verification, report: Report, actor: str) -> None:
    """Store verdict and report together, and move as the verdict says.

    PASS closes the ticket; FAIL goes back to planning; INCONCLUSIVE stays, and a person decides (`rtbf decide`).
    """
    now = installation.clock()
    verdict = verification.verdict
    with installation.transaction() as session:
        row = find_ticket(session, verification.ticket_id)
        actor_id = actor_id_for(session, actor, now)
        digest = save_record(session, verification, verification.attempt, now)
        report_digest = save_record(session, report, report.attempt, now)
        data = {
            "record": digest, "report": report_digest, "envelope": report.envelope_sha256,
            "verdict": verdict.status, "class": verdict.class_awarded,
        }  # fmt: skip
        append_event(session, log=installation.log, ticket_id=row.id, event_type="report.issued", actor_id=actor_id, data=data, now=now)
        if verdict.status == "FAIL":
            _set_candidate(session, row.id, "rejected")
            _move(session, installation, row, lifecycle.PLANNING, lifecycle.NEED_DECISION, actor_id, {}, now)
        elif verdict.status == "PASS" and verdict.class_awarded != "suppression":
            _set_candidate(session, row.id, "live")
            _move(session, installation, row, lifecycle.CLOSED, None, actor_id, {}, now, outcome="fulfilled")
        else:
            row.reason = lifecycle.NEED_DECISION


def close_ticket(installation: Installation, ticket_id: str, outcome: str, actor: str) -> None:
    """Close a ticket by a person's decision; raises IllegalMove naming what is lawful, FourEyes for the submitter.

    Withdrawing needs no second person. Closing as partially_fulfilled releases the candidate weights.
    """
    now = installation.clock()
    with installation.transaction() as session:
        row = find_ticket(session, ticket_id)
        actor_id = actor_id_for(session, actor, now)
        ticket, _ = required(latest_record(session, ticket_id, Ticket), "ticket", ticket_id)
        if outcome != "withdrawn" and actor_id == ticket.submitted_by:
            raise FourEyes(found="a closing by the actor who submitted the ticket", expected="a second person", remedy="use --as NAME")
        _require_true_outcome(session, row, outcome)
        if outcome == "partially_fulfilled":
            _set_candidate(session, ticket_id, "live")
        _move(session, installation, row, lifecycle.CLOSED, None, actor_id, {}, now, outcome=outcome)


def note_error(installation: Installation, ticket_id: str, actor: str, code: str) -> None:
    """Note that work on a ticket stopped with the error `code`; it then waits for a person, with reason `error`.

    A ticket that is closed or already waits for a person is left as it is: whoever moved it meanwhile knows better.
    """
    now = installation.clock()
    with installation.transaction() as session:
        row = find_ticket(session, ticket_id)
        if row.state == lifecycle.CLOSED or row.reason in lifecycle.WAITS_FOR_A_PERSON:
            return
        row.reason = lifecycle.ERROR
        row.version += 1
        data = {"state": row.state, "error": code}
        actor_id = actor_id_for(session, actor, now)
        append_event(session, log=installation.log, ticket_id=row.id, event_type="ticket.stopped", actor_id=actor_id, data=data, now=now)


def footprint_revision(session: Session, ticket_id: str) -> int:
    """Return the revision of the ticket's newest footprint, 0 when it has none."""
    newest = latest_record(session, ticket_id, Footprint)
    return 0 if newest is None else newest[0].revision


def require_plannable(installation: Installation, ticket_id: str) -> None:
    """Return when a plan may be made for the ticket; raises IllegalMove naming the lawful moves otherwise."""
    with installation.transaction() as session:
        row = find_ticket(session, ticket_id)
        if row.state != lifecycle.PLANNING:
            lifecycle.lawful_move(row.state, lifecycle.PLANNING)


def clear_error(installation: Installation, ticket_id: str) -> None:
    """Let a ticket that stopped with an error be worked on again: somebody asked for it by running it."""
    with installation.transaction() as session:
        row = find_ticket(session, ticket_id)
        if row.reason == lifecycle.ERROR:
            row.reason = None


def next_stage(row: TicketRow) -> str | None:
    """Return the stage to enter now: footprint, plan, unlearn, verify; None when a person must act or all is done."""
    if row.state == lifecycle.CLOSED or row.reason in lifecycle.WAITS_FOR_A_PERSON:
        return None
    stages = {
        lifecycle.LOCATING: "footprint",
        lifecycle.PLANNING: "plan",
        lifecycle.UNLEARNING: "unlearn",
        lifecycle.VERIFYING: "verify",
    }
    return stages.get(row.state)


def _establish_identity(session: Session, installation: Installation, row: TicketRow, method: str, actor_id: str, now: datetime) -> None:
    add_identity_check(session, new_id("idc"), row.id, method, actor_id, now)
    _move(session, installation, row, lifecycle.LOCATING, lifecycle.AWAITING_WORKER, actor_id, {"method": method}, now)


def _require_true_outcome(session: Session, row: TicketRow, outcome: str) -> None:
    """A person may not call a ticket something its records deny."""
    footprint = latest_record(session, row.id, Footprint)
    if outcome == "no_data" and footprint is not None and footprint[0].hits:
        raise IllegalMove(
            found=f"closing as no_data with {len(footprint[0].hits)} record(s) found",
            expected="an empty footprint",
            remedy="plan their removal",
        )
    if outcome == "fulfilled":
        raise IllegalMove(
            found="closing as fulfilled by hand",
            expected="a PASS verdict, which closes by itself",
            remedy="close as partially_fulfilled, or re-plan",
        )


def _set_candidate(session: Session, ticket_id: str, status: registry.ModelStatus) -> None:
    """Give the newest attempt's candidate weights, if it made any, their new status."""
    unlearned = latest_record(session, ticket_id, Unlearned)
    if unlearned is None or unlearned[0].kind != "merged":
        return
    candidate = registry.model_with_digest(session, unlearned[0].artefact_digest)
    registry.set_model_status(session, candidate.model.name, candidate.model.revision, status)


def _move(
    session: Session,
    installation: Installation,
    row: TicketRow,
    target: str,
    reason: str | None,
    actor_id: str,
    data: dict[str, Any],
    now: datetime,
    outcome: str | None = None,
) -> None:
    move_ticket(session, row, target=target, reason=reason, outcome=outcome, actor_id=actor_id, log=installation.log, data=data, now=now)
