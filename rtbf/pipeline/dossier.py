"""A ticket as its officer reads it: records, legal clock, identity, decisions, holds, letters, residuals, in one look.

Reads only, in one transaction. Codes, ids, counts, dates and names of staff and organisations; nothing about the person
but the kinds and commitments of identifiers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rtbf.evidence.canonical import digest_of
from rtbf.pipeline.clock import calendar_of, clock_of
from rtbf.pipeline.facts import facts_of
from rtbf.pipeline.ledger import receipt_in
from rtbf.pipeline.residuals import named_residuals
from rtbf.pipeline.standing import CheckStanding, checks_in
from rtbf.plan.approval import grace_ends_at, live_approvers
from rtbf.plan.decisions import count_decisions, undecided
from rtbf.plan.holds import held_items
from rtbf.store.actors import actor_names
from rtbf.store.holds import all_holds
from rtbf.store.notices import is_delivered, notices_of
from rtbf.store.recipients import all_recipients, duties_of
from rtbf.store.regimes import kept_regime
from rtbf.store.tickets import find_ticket
from rtbf.store.view import view_in

if TYPE_CHECKING:
    from datetime import date, datetime

    from sqlalchemy.orm import Session

    from rtbf.evidence.receipt import Receipt
    from rtbf.installation import Installation
    from rtbf.pipeline.residuals import NamedResidual
    from rtbf.plan.decisions import DecisionCount
    from rtbf.plan.holds import Hold
    from rtbf.ticket.deadline import LegalClock
    from rtbf.ticket.facts import Facts
    from rtbf.ticket_view import TicketView


_DAY_S = 86_400


@dataclass(frozen=True, kw_only=True, slots=True)
class LetterSeen:
    """One letter. `to` is "requester" or a recipient's name; `is_delivered`: it left us, by mail server, folder or print."""

    kind: str
    to: str
    channel: str
    state: str
    code: str | None
    created_at: datetime
    sent_at: datetime | None
    is_delivered: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Dossier:
    """Everything an officer looks at for one ticket, as of `now`; `today` is that moment's civil day in the ticket's zone.

    undecided          items of the newest footprint without a decision
    counts             decisions on the newest footprint; empty when there are none
    held               items of the newest footprint under a live hold
    missing_approvals  how many more people must approve the newest plan; None without one
    grace_ends_at      from when the approved plan may be started; None before its quorum
    is_quorum_live     whether that quorum still counts: approvals expire
    duties             (recipient, state) of everybody who must be told (GDPR Art. 19)
    names              actor id → name of the staff who acted
    receipt            that the request came in, under the newest signed head; None while no head covers it
    appeal_days        days between closing and the destruction of the ticket's key, by the policy of today
    """

    view: TicketView
    facts: Facts
    clock: LegalClock
    now: datetime
    today: date
    level_needed: str
    checks: tuple[CheckStanding, ...]
    footprint_digest: str | None
    undecided: tuple[str, ...]
    counts: tuple[DecisionCount, ...]
    held: dict[str, Hold]
    missing_approvals: int | None
    grace_ends_at: datetime | None
    is_quorum_live: bool
    letters: tuple[LetterSeen, ...]
    duties: tuple[tuple[str, str], ...]
    residuals: tuple[NamedResidual, ...]
    names: dict[str, str]
    receipt: Receipt | None
    appeal_days: int

    @property
    def ticket_id(self) -> str:
        """Return the ticket's id."""
        return self.view.ticket.ticket_id

    @property
    def open_residuals(self) -> tuple[NamedResidual, ...]:
        """Return what remains and is not resolved."""
        return tuple(entry for entry in self.residuals if entry.resolved_at is None)

    @property
    def is_acknowledged(self) -> bool:
        """Return whether any letter left us for the person since receipt or reopening: each tells that the request came in."""
        return bool(self.facts.notices)

    @property
    def is_acknowledgement_overdue(self) -> bool:
        """Return whether the day by which the receipt should have been acknowledged is over and no letter has left."""
        return self.clock.stopped_at is None and not self.is_acknowledged and self.today > self.clock.acknowledge_by


def read_dossier(installation: Installation, ticket_id: str) -> Dossier:
    """Return the ticket's dossier; raises UnknownName with the nearest ids."""
    now = installation.clock()
    with installation.transaction() as session:
        return dossier_in(session, ticket_id, now, installation.policy.appeal_s)


def dossier_in(session: Session, ticket_id: str, now: datetime, appeal_s: int) -> Dossier:
    """Return the same within the caller's transaction."""
    view = view_in(session, ticket_id)
    ticket, footprint, plan = view.ticket, view.footprint, view.plan
    decisions = view.decisions
    if footprint is None or (decisions is not None and decisions.footprint_digest != digest_of(footprint)):
        decisions = None
    missing, ends_at = None, None
    if plan is not None and view.plan_digest is not None:
        missing = max(0, max(1, plan.quorum) - len(live_approvers(view.approvals, view.plan_digest, now)))
        ends_at = grace_ends_at(plan, view.approvals, view.plan_digest)
    names = actor_names(
        session,
        {
            ticket.submitted_by,
            *(given.actor_id for given in view.approvals),
        }
        | ({plan.planned_by} if plan is not None else set())
        | ({decision.decided_by for decision in decisions.items} if decisions is not None else set()),
    )
    return Dossier(
        view=view,
        facts=facts_of(session, find_ticket(session, ticket_id), None, now),
        clock=clock_of(session, ticket_id, now),
        now=now,
        today=calendar_of(ticket).civil_date(now),
        level_needed=kept_regime(session, ticket.regime_digest).identity_levels[ticket.requester_role],
        checks=checks_in(session, ticket_id, now),
        footprint_digest=None if footprint is None else digest_of(footprint),
        undecided=() if footprint is None else undecided(footprint, decisions),
        counts=() if decisions is None else count_decisions(decisions),
        held={} if footprint is None else held_items(footprint, all_holds(session), now),
        missing_approvals=missing,
        grace_ends_at=ends_at,
        is_quorum_live=missing == 0,
        letters=_letters(session, ticket_id),
        duties=_duties(session, ticket_id),
        residuals=named_residuals(session, ticket_id, with_resolved=True),
        names=names,
        receipt=receipt_in(session, ticket_id),
        appeal_days=appeal_s // _DAY_S,
    )


def _letters(session: Session, ticket_id: str) -> tuple[LetterSeen, ...]:
    organisations = {row.id: row.name for row in all_recipients(session)}
    return tuple(
        LetterSeen(
            kind=row.kind,
            to=organisations.get(row.to, row.to),
            channel=row.channel,
            state=row.state,
            code=row.code,
            created_at=row.created_at,
            sent_at=row.sent_at,
            is_delivered=is_delivered(row),
        )
        for row in notices_of(session, ticket_id)
    )


def _duties(session: Session, ticket_id: str) -> tuple[tuple[str, str], ...]:
    organisations = {row.id: row.name for row in all_recipients(session)}
    return tuple((organisations[duty.recipient_id], duty.state) for duty in duties_of(session, ticket_id))
