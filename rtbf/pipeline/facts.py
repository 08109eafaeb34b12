"""Read a ticket's facts from the store, in the transaction of the move that asks for them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from rtbf.errors import IllegalMove
from rtbf.evidence.canonical import digest_of
from rtbf.footprint.record import Footprint
from rtbf.notice.record import REQUESTER
from rtbf.plan.approval import grace_ends_at, is_rejected, quorum_met
from rtbf.plan.decisions import Decisions, is_about_others, is_subset, items_to_erase, undecided
from rtbf.plan.holds import changeable_models, held_items, is_live
from rtbf.plan.items import RECORD_PREFIX, model_item, record_item
from rtbf.plan.record import Plan
from rtbf.plan.withhold import withheld_records
from rtbf.store.approvals import approvals_given
from rtbf.store.holds import all_holds
from rtbf.store.identifiers import linked_tickets
from rtbf.store.identity import OPEN, PASSED, identity_checks
from rtbf.store.notices import is_delivered, notices_of
from rtbf.store.records import latest_record, newest_record, record_with_digest
from rtbf.store.regimes import kept_regime
from rtbf.store.residuals import residuals_of
from rtbf.store.ticket_keys import has_ticket_key
from rtbf.ticket.facts import Facts
from rtbf.ticket.identity import reaches
from rtbf.ticket.record import Ticket
from rtbf.ticket_view import required
from rtbf.unlearn.record import Unlearned
from rtbf.verify.record import Verification

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from rtbf.store.tables import TicketRow

_NEVER_FULFILS = frozenset({"suppression", "none"})
"""Guarantee classes that close a ticket at most as partially fulfilled (DESIGN §2)."""


def facts_of(session: Session, row: TicketRow, actor_id: str | None, now: datetime) -> Facts:
    """Return the facts of a ticket as `actor_id` meets them at `now`; None when nobody asks for a move."""
    ticket = _ticket(session, row.id)
    footprint = newest_record(session, row.id, Footprint)
    decisions = newest_record(session, row.id, Decisions)
    if footprint is not None and decisions is not None and decisions.footprint_digest != digest_of(footprint):
        decisions = None
    sent = [
        notice
        for notice in notices_of(session, row.id)
        if notice.to == REQUESTER and is_delivered(notice) and (row.open_notices_from is None or notice.created_at >= row.open_notices_from)
    ]
    facts = Facts(
        notices=frozenset(notice.kind for notice in sent),
        has_refusal_code=any(notice.kind == "refusal" and notice.code is not None for notice in sent),
        is_rest_named=all(
            residual.resolved_at is not None or (residual.owner_id is not None and residual.due_at is not None)
            for residual in residuals_of(session, row.id)
        ),
        is_submitter=actor_id is not None and actor_id == ticket.submitted_by,
        is_key_destroyed=not has_ticket_key(session, row.id),
    )
    facts = _with_identity(facts, session, ticket, now)
    facts = _with_footprint(facts, session, footprint, decisions, now)
    facts = _with_plan(facts, session, row, footprint, decisions, now)
    return _with_work(facts, session, row, footprint, decisions)


def is_identified(session: Session, ticket: Ticket) -> bool:
    """Return whether a passed check reaches the level that the ticket's regime asks of this requester."""
    required = kept_regime(session, ticket.regime_digest).identity_levels[ticket.requester_role]
    return any(check.result == PASSED and reaches(check.level, required) for check in identity_checks(session, ticket.ticket_id))


def next_change_at(session: Session, row: TicketRow, now: datetime) -> datetime | None:
    """Return the next moment at which time alone changes the facts: a check, an approval, a grace period or a hold that ends."""
    moments = [check.expires_at for check in identity_checks(session, row.id) if check.result == OPEN]
    plan = newest_record(session, row.id, Plan)
    if plan is not None:
        approvals = approvals_given(session, row.id, digest_of(plan))
        moments += [approval.expires_at for approval in approvals]
        moments.append(grace_ends_at(plan, approvals, digest_of(plan)))
    moments += [hold.until for hold in all_holds(session) if is_live(hold, now)]
    return min((moment for moment in moments if moment is not None and moment > now), default=None)


def _with_identity(facts: Facts, session: Session, ticket: Ticket, now: datetime) -> Facts:
    checks = identity_checks(session, ticket.ticket_id)
    is_open = any(check.result == OPEN and (check.expires_at is None or check.expires_at > now) for check in checks)
    identified = is_identified(session, ticket)
    others = linked_tickets(session, ticket.ticket_id) if identified else ()
    return replace(
        facts,
        is_identified=identified,
        is_identity_asked=is_open,
        is_identity_over=bool(checks) and not is_open and checks[-1].result != PASSED,
        is_same_as_identified=any(is_identified(session, _ticket(session, other)) for other in others),
    )


def _with_footprint(facts: Facts, session: Session, footprint: Footprint | None, decisions: Decisions | None, now: datetime) -> Facts:
    if footprint is None:
        return facts
    facts = replace(facts, has_footprint=True, has_hits=bool(footprint.hits), is_decided=not undecided(footprint, decisions))
    if decisions is None:
        return facts
    held = held_items(footprint, all_holds(session), now)
    erased = items_to_erase(footprint, decisions)
    return replace(
        facts,
        is_about_others=is_about_others(footprint, decisions),
        is_anything_erased=any(item.startswith(RECORD_PREFIX) for item in erased),
        is_held=any(item in held for item in erased),
        has_model_to_change=bool(changeable_models(footprint, decisions, held)),
    )


def _with_plan(
    facts: Facts, session: Session, row: TicketRow, footprint: Footprint | None, decisions: Decisions | None, now: datetime
) -> Facts:
    found = latest_record(session, row.id, Plan)
    if found is None:
        return facts
    plan, digest = found
    approvals = approvals_given(session, row.id, digest)
    ends_at = grace_ends_at(plan, approvals, digest)
    has_met = quorum_met(plan, approvals, digest, now)
    return replace(
        facts,
        was_planned=True,
        is_plan_live=plan.attempt == row.attempt and _is_still_meant(session, facts, plan, footprint, decisions, now),
        is_rejected=is_rejected(approvals),
        is_approval_expired=ends_at is not None and not has_met,
        is_approved=has_met,
        is_grace_over=has_met and ends_at is not None and ends_at <= now,
    )


def _is_still_meant(
    session: Session, facts: Facts, plan: Plan, footprint: Footprint | None, decisions: Decisions | None, now: datetime
) -> bool:
    """Return whether plan, footprint and decisions belong together: erasing less than planned is allowed, more never.

    A plan of which nothing may be carried out, while another one could be, is overtaken too.
    """
    if footprint is None or decisions is None or plan.footprint_digest != digest_of(footprint):
        return False
    planned = record_with_digest(session, plan.ticket_id, Decisions, plan.decisions_digest)
    if planned is None or not is_subset(planned, decisions):
        return False
    if not facts.is_decided or not facts.has_model_to_change:
        return True
    try:
        # The same law that the run asks when it begins.
        withheld_records(plan, footprint, planned, decisions, all_holds(session), now)
    except IllegalMove:
        return False
    return True


def _with_work(facts: Facts, session: Session, row: TicketRow, footprint: Footprint | None, decisions: Decisions | None) -> Facts:
    unlearned = newest_record(session, row.id, Unlearned)
    verification = newest_record(session, row.id, Verification)
    plan = newest_record(session, row.id, Plan)
    verdict = None if verification is None or verification.attempt != row.attempt else verification.verdict
    is_unlearned = unlearned is not None and unlearned.attempt == row.attempt
    is_all_unlearned = False
    if unlearned is not None and is_unlearned and plan is not None and footprint is not None and decisions is not None:
        planned = record_with_digest(session, row.id, Decisions, plan.decisions_digest)
        left_out = _left_out(plan, unlearned, footprint) & items_to_erase(footprint, decisions)
        is_all_unlearned = planned is not None and is_subset(planned, decisions) and not left_out
    return replace(
        facts,
        is_unlearned=is_unlearned,
        is_all_unlearned=is_all_unlearned,
        verdict=None if verdict is None else verdict.status,
        is_releasable=verdict is not None and verdict.class_awarded not in _NEVER_FULFILS,
    )


def _left_out(plan: Plan, unlearned: Unlearned, footprint: Footprint) -> frozenset[str]:
    """Return the items that the plan or its run left out, and every reached model but the plan's."""
    withheld = set(unlearned.withheld)
    records = {
        record_item(number)
        for number, hit in enumerate(footprint.hits, start=1)
        if hit.version == plan.forget.version and hit.record_id in withheld
    }
    models = {model_item(model.model) for model in footprint.models if model.model != plan.model}
    return frozenset({held.item for held in plan.held} | records | models)


def _ticket(session: Session, ticket_id: str) -> Ticket:
    ticket, _ = required(latest_record(session, ticket_id, Ticket), "ticket", ticket_id)
    return ticket
