"""What an answer to the person has to name as remaining, and whom an erasure has to be told: opened before the letter is written.

Opened once: a residual that somebody resolved is not opened again by the next letter.
Source: GDPR Art. 12(4) (what was not done), Art. 19 (each recipient is told).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rtbf.footprint.record import Footprint
from rtbf.pipeline.facts import facts_of
from rtbf.pipeline.moves import note
from rtbf.pipeline.notice_rules import is_erasure_real
from rtbf.pipeline.outcome_fields import RECIPIENT_SILENT
from rtbf.pipeline.residuals import open_residual
from rtbf.plan.decisions import Decisions, erased_records, items_to_erase, models_to_change
from rtbf.plan.holds import held_items
from rtbf.plan.items import MODEL_PREFIX, RECORD_PREFIX, model_item, record_item
from rtbf.plan.record import Plan
from rtbf.report.residuals import derived_residuals
from rtbf.store.holds import all_holds
from rtbf.store.law_tables import RecipientDutyRow
from rtbf.store.recipients import DUE, TOLD, add_duty, duties_of, find_recipient, recipients_of
from rtbf.store.records import newest_record
from rtbf.store.residuals import residuals_of
from rtbf.ticket.lifecycle import VERIFYING

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from rtbf.footprint.record import Hit
    from rtbf.installation import Installation
    from rtbf.store.tables import TicketRow


def open_remaining(session: Session, installation: Installation, row: TicketRow, actor_id: str, now: datetime) -> None:
    """Open residuals for what a hold keeps back, and for what follows from plan and footprint (rtbf.report.residuals)."""
    footprint = newest_record(session, row.id, Footprint)
    decisions = newest_record(session, row.id, Decisions)
    if footprint is None or decisions is None:
        return
    known = {(residual.reason, residual.name) for residual in residuals_of(session, row.id)}
    wanted: dict[tuple[str, str], datetime | None] = {}
    held = held_items(footprint, all_holds(session), now)
    for item in sorted(items_to_erase(footprint, decisions) & set(held)):
        place = ("hold", _name_of(footprint, item))
        ends = [held[item].until, wanted[place]] if place in wanted else [held[item].until]
        # Several holds on one dataset: looked at again when the last of them ends, or on the policy's day if one has no end.
        wanted[place] = None if None in ends else max(end for end in ends if end is not None)
    plan = newest_record(session, row.id, Plan)
    if row.state == VERIFYING and plan is not None:
        wanted |= dict.fromkeys(derived_residuals(plan, footprint))
    else:
        sources = (("source_records", f"{hit.corpus} {hit.version}") for hit in erased_records(footprint, decisions))
        wanted |= dict.fromkeys((*sources, ("own_copies", row.id)))
    for (reason, name), due_at in wanted.items():
        if (reason, name) not in known:
            open_residual(session, installation, row.id, reason, name, actor_id, now, due_at=due_at)


def open_duties(session: Session, row: TicketRow, actor_id: str, now: datetime) -> int:
    """Note whom the ticket's erasure has to be told, once it is real; return how many were added. Asked twice, it adds nothing.

    Who is told: every recipient in use that received a dataset with erased records, or a model decided to be erased from.
    """
    if not is_erasure_real(row.state, facts_of(session, row, None, now)):
        return 0
    added = 0
    for recipient in recipients_of(session, erased_artefacts(session, row.id, now)):
        duty = RecipientDutyRow(ticket_id=row.id, recipient_id=recipient.id, state=DUE, changed_by=actor_id, changed_at=now)
        if add_duty(session, duty):
            added += 1
            note(session, row.id, "recipient.due", actor_id, now, {"recipient": recipient.id})
    return added


def open_silent(session: Session, installation: Installation, row: TicketRow, actor_id: str, now: datetime) -> None:
    """Open a residual for every recipient that was not told yet or has not answered. It names the recipient by id, as a report may."""
    for duty in duties_of(session, row.id):
        if duty.state in {DUE, TOLD}:
            recipient = find_recipient(session, duty.recipient_id)
            open_residual(session, installation, row.id, RECIPIENT_SILENT, recipient.id, actor_id, now)


def erased_artefacts(session: Session, ticket_id: str, now: datetime) -> frozenset[str]:
    """Return the names of the datasets and models that the ticket's erasure is about; what a hold keeps back is not."""
    footprint = newest_record(session, ticket_id, Footprint)
    decisions = newest_record(session, ticket_id, Decisions)
    if footprint is None or decisions is None:
        return frozenset()
    held = held_items(footprint, all_holds(session), now)
    models = (name for name in models_to_change(footprint, decisions) if model_item(name) not in held)
    return frozenset({*(hit.corpus for hit in free_records(session, ticket_id, now)), *models})


def free_records(session: Session, ticket_id: str, now: datetime) -> tuple[Hit, ...]:
    """Return the records decided to be erased that no hold keeps back, in the footprint's order."""
    footprint = newest_record(session, ticket_id, Footprint)
    decisions = newest_record(session, ticket_id, Decisions)
    if footprint is None or decisions is None:
        return ()
    held, erased = held_items(footprint, all_holds(session), now), items_to_erase(footprint, decisions)
    return tuple(
        hit for number, hit in enumerate(footprint.hits, start=1) if record_item(number) in erased and record_item(number) not in held
    )


def _name_of(footprint: Footprint, item: str) -> str:
    if item.startswith(RECORD_PREFIX):
        return footprint.hits[int(item.removeprefix(RECORD_PREFIX)) - 1].corpus
    return item.removeprefix(MODEL_PREFIX)
