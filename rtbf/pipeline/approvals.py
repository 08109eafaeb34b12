"""Approve or reject the live plan by its digest, with four eyes and, where the actor has a key, that actor's signature."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from rtbf.clock import rfc3339
from rtbf.errors import IllegalMove
from rtbf.evidence.actor_key import read_public_key
from rtbf.evidence.approval_statement import ApprovalClaim, sign_approval, verify_approval
from rtbf.evidence.keys import key_id
from rtbf.pipeline.moves import move, note, settle
from rtbf.plan.approval import require_approver, require_live_plan, require_own_signature, require_registered_key, to_milliseconds
from rtbf.plan.decisions import Decisions
from rtbf.plan.record import Plan
from rtbf.store.actors import actor_id_for, actor_keys, new_id
from rtbf.store.approvals import add_approval
from rtbf.store.records import latest_record, record_with_digest
from rtbf.store.tables import ApprovalRow
from rtbf.store.tickets import find_ticket
from rtbf.ticket.lifecycle import AWAITING_APPROVAL, PLANNING
from rtbf.ticket.record import Ticket
from rtbf.ticket_view import required

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from sqlalchemy.orm import Session

    from rtbf.installation import Installation


def decide_plan(
    installation: Installation, ticket_id: str, plan_digest: str, actor: str, *, is_approval: bool, key: Ed25519PrivateKey | None = None
) -> None:
    """Approve or reject the live plan by its digest; `key` is the approver's own.

    Raises StalePlan when another plan is live, FourEyes when the approver submitted the ticket, made the plan or decided
    what is erased, SignatureRefused when an actor with a registered key does not sign with it. Anyone may reject.
    """
    now = to_milliseconds(installation.clock())
    with installation.transaction() as session:
        row = find_ticket(session, ticket_id)
        actor_id = actor_id_for(session, actor, now)
        if row.state != AWAITING_APPROVAL:
            raise IllegalMove(
                found=f"a decision on a plan while the ticket is in '{row.state}'",
                expected="a ticket in 'awaiting_approval'",
                remedy=f"see `rtbf show {ticket_id}`",
            )
        plan, live_digest = required(latest_record(session, ticket_id, Plan), "plan", ticket_id)
        require_live_plan(ticket_id, plan_digest, live_digest)
        if is_approval:
            _require_may_approve(session, ticket_id, plan, actor_id)
        expires_at = now + timedelta(seconds=plan.approval_valid_s)
        claim = ApprovalClaim(
            ticket_id=ticket_id,
            plan_digest=plan_digest,
            decision="approve" if is_approval else "reject",
            actor_id=actor_id,
            given_at=rfc3339(now),
            expires_at=rfc3339(expires_at),
        )
        signer, envelope = _signed(session, claim, key)
        add_approval(
            session,
            ApprovalRow(
                id=new_id("apr"), ticket_id=ticket_id, plan_digest=plan_digest, actor_id=actor_id, is_approval=is_approval,
                given_at=now, expires_at=expires_at, key_id=signer, envelope=envelope,
            ),
        )  # fmt: skip
        data = {"plan": plan_digest, "approved": is_approval, "signed_by": signer}
        note(session, ticket_id, "approval.given" if is_approval else "approval.refused", actor_id, now, data)
        if not is_approval:
            move(session, row, PLANNING, actor_id, now, data={"plan": plan_digest})
        settle(session, row, now)


def _require_may_approve(session: Session, ticket_id: str, plan: Plan, actor_id: str) -> None:
    ticket, _ = required(latest_record(session, ticket_id, Ticket), "ticket", ticket_id)
    newest, _ = required(latest_record(session, ticket_id, Decisions), "decision", ticket_id)
    planned = record_with_digest(session, ticket_id, Decisions, plan.decisions_digest)
    # Whoever decided what the plan carries out stays its decider, also when a colleague has decided the same again since.
    deciders = frozenset(decision.decided_by for decision in (*newest.items, *(() if planned is None else planned.items)))
    require_approver(actor_id, submitted_by=ticket.submitted_by, planned_by=plan.planned_by, decided_by=deciders)


def _signed(session: Session, claim: ApprovalClaim, key: Ed25519PrivateKey | None) -> tuple[str | None, bytes | None]:
    """Return (key id, envelope), or (None, None) for an actor who never registered a key and gave none."""
    registered = actor_keys(session, claim.actor_id)
    signer = None if key is None else key_id(key.public_key())
    require_own_signature([row.key_id for row in registered], signer)
    if key is None:
        return None, None
    living = next((row.spki for row in registered if row.key_id == signer and row.revoked_at is None), None)
    public = require_registered_key(signer, living)
    envelope = sign_approval(key, claim)
    verify_approval(envelope, read_public_key(public), claim)
    return signer, envelope
