"""Recipients of data and models: who received what, and telling them of an erasure (GDPR Art. 19, 17(2)).

A letter to a recipient names datasets, models, versions and record ids, never the person. Record ids tell nothing by
themselves; whoever holds that version of the dataset finds the lines to delete by them. What an answer brings is noted;
that a recipient really deleted anything is not shown by it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import email_validator
from pydantic import HttpUrl, TypeAdapter, ValidationError

from rtbf.errors import BadInput, IllegalMove, UnknownName
from rtbf.evidence.canonical import canonical_bytes
from rtbf.footprint.record import Footprint
from rtbf.notice.fields import Material
from rtbf.pipeline.letters import Said, readable
from rtbf.pipeline.moves import note, settle
from rtbf.pipeline.notices import queue_letter
from rtbf.pipeline.outcome_fields import RECIPIENT_SILENT
from rtbf.pipeline.posting import deliver, outgoing
from rtbf.pipeline.remaining import erased_artefacts, free_records, open_duties
from rtbf.store import recipients as stored
from rtbf.store.actors import actor_id_for, new_id
from rtbf.store.events import append_event
from rtbf.store.law_tables import RecipientDutyRow, RecipientRow
from rtbf.store.records import newest_record
from rtbf.store.registry import all_corpora, all_models
from rtbf.store.residuals import residuals_of, resolve_residual
from rtbf.store.ticket_keys import ticket_key
from rtbf.store.tickets import find_ticket
from rtbf.vault.envelope import place_of, seal

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session

    from rtbf.installation import Installation
    from rtbf.pipeline.posting import NoticeSent
    from rtbf.store.tables import TicketRow
    from rtbf.vault.secret import Secret

_MAX_NAME = 200
_MAX_CONTACT = 320


@dataclass(frozen=True, kw_only=True, slots=True)
class RecipientSeen:
    """One recipient and what it received."""

    recipient_id: str
    name: str
    contact: str
    artefacts: tuple[str, ...]
    is_retired: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class DutySeen:
    """That a recipient must be told of one ticket's erasure, and how far that came: due, told, acknowledged, waived."""

    recipient_id: str
    name: str
    contact: str
    state: str
    notice_id: str | None
    changed_at: datetime


def add_recipient(installation: Installation, name: str, contact: str, artefacts: Sequence[str], actor: str) -> str:
    """Note that an organisation received these corpora and models; return its id.

    Raises BadInput for a name in use, a contact that is neither e-mail address nor web address, and no artefact at all;
    UnknownName with the nearest names for a corpus or model that is not registered.
    """
    now = installation.clock()
    _require_name(name)
    reached_at = _contact(contact)
    with installation.transaction() as session:
        actor_id = actor_id_for(session, actor, now)
        if any(row.name == name for row in stored.all_recipients(session)):
            raise BadInput(found="a recipient of that name", expected="a name of its own", remedy="see `rtbf recipient list`")
        names = _registered(session, artefacts)
        row = RecipientRow(id=new_id("rcp"), name=name, contact=reached_at, artefacts=canonical_bytes(names), created_at=now)
        stored.add_recipient(session, row)
        _note(session, "recipient.added", actor_id, now, {"recipient": row.id, "artefacts": len(names)})
        return row.id


def retire_recipient(installation: Installation, recipient: str, actor: str) -> None:
    """Note that a recipient receives nothing any more; what it has to be told already stays due. Raises UnknownName."""
    now = installation.clock()
    with installation.transaction() as session:
        row = stored.find_recipient(session, recipient)
        if row.retired_at is None:
            row.retired_at = now
            session.flush()
            _note(session, "recipient.retired", actor_id_for(session, actor, now), now, {"recipient": row.id})


def read_recipients(installation: Installation) -> tuple[RecipientSeen, ...]:
    """Return every recipient, retired ones too, by name."""
    with installation.transaction() as session:
        return tuple(
            RecipientSeen(
                recipient_id=row.id,
                name=row.name,
                contact=row.contact,
                artefacts=tuple(_names(row)),
                is_retired=row.retired_at is not None,
            )
            for row in stored.all_recipients(session)
        )


def ticket_duties(installation: Installation, ticket_id: str) -> tuple[DutySeen, ...]:
    """Return whom the ticket's erasure has to be told, and how far that came; raises UnknownName."""
    with installation.transaction() as session:
        find_ticket(session, ticket_id)
        known = {row.id: row for row in stored.all_recipients(session)}
        return tuple(
            DutySeen(
                recipient_id=duty.recipient_id,
                name=known[duty.recipient_id].name,
                contact=known[duty.recipient_id].contact,
                state=duty.state,
                notice_id=duty.notice_id,
                changed_at=duty.changed_at,
            )
            for duty in stored.duties_of(session, ticket_id)
        )


def tell_recipient(installation: Installation, ticket_id: str, recipient: str, actor: str, *, again: bool = False) -> NoticeSent:
    """Tell a recipient of the ticket's erasure, by e-mail, or by a letter to be posted when its contact is a web address.

    The letter names material, version and records, never the person. Raises IllegalMove while nothing was erased, for a
    recipient that received nothing of it, and for one that was told (unless `again`) or has answered.
    """
    now = installation.clock()
    with installation.transaction() as session:
        row = find_ticket(session, ticket_id)
        actor_id = actor_id_for(session, actor, now)
        known = stored.find_recipient(session, recipient)
        open_duties(session, row, actor_id, now)
        _require_duty(session, ticket_id, known, {stored.DUE, stored.TOLD})
        said = Said(recipient_name=known.name, materials=_materials(session, ticket_id, known, now))
        notice = queue_letter(session, installation, row, "recipient", said, actor_id, now, by_post=False, again=again, to=known.id)
        letter = outgoing(session, installation, notice)
    return deliver(installation, letter, actor)


def acknowledge(installation: Installation, ticket_id: str, recipient: str, actor: str) -> None:
    """Note that a recipient answered; what remained open because of its silence is resolved. A second answer changes nothing.

    Raises IllegalMove for a recipient that was not told of this ticket.
    """
    now = installation.clock()
    with installation.transaction() as session:
        row = find_ticket(session, ticket_id)
        known = stored.find_recipient(session, recipient)
        duty = _require_duty(session, ticket_id, known, {stored.TOLD, stored.ACKNOWLEDGED})
        if duty.state == stored.TOLD:
            _end_duty(session, row, duty, stored.ACKNOWLEDGED, actor_id_for(session, actor, now), now)


def waive(installation: Installation, ticket_id: str, recipient: str, justification: Secret, actor: str) -> None:
    """Note why a recipient is not told, or not waited for: it is impossible, or out of proportion (GDPR Art. 19). Sealed.

    The justification goes into the letter to the person. Raises BadInput for none, IllegalMove for a recipient that has answered.
    """
    now = installation.clock()
    with installation.transaction() as session:
        row = find_ticket(session, ticket_id)
        actor_id = actor_id_for(session, actor, now)
        known = stored.find_recipient(session, recipient)
        open_duties(session, row, actor_id, now)
        duty = _require_duty(session, ticket_id, known, {stored.DUE, stored.TOLD})
        key = ticket_key(session, installation.kek, ticket_id)
        place = place_of(ticket_id, "recipient_duty", "justification", known.id)
        duty.justification = seal(key, place, readable(justification).reveal().encode())
        _end_duty(session, row, duty, stored.WAIVED, actor_id, now)


def _end_duty(session: Session, row: TicketRow, duty: RecipientDutyRow, state: str, actor_id: str, now: datetime) -> None:
    duty.state, duty.changed_by, duty.changed_at = state, actor_id, now
    session.flush()
    note(session, row.id, f"recipient.{state}", actor_id, now, {"recipient": duty.recipient_id})
    for residual in residuals_of(session, row.id):
        if residual.resolved_at is None and (residual.reason, residual.name) == (RECIPIENT_SILENT, duty.recipient_id):
            resolve_residual(session, residual, actor_id, now)
            data = {"residual": residual.id, "reason": residual.reason, "owner": residual.owner_id}
            note(session, row.id, "residual.resolved", actor_id, now, data)
    settle(session, row, now)


def _require_duty(session: Session, ticket_id: str, recipient: RecipientRow, states: set[str]) -> RecipientDutyRow:
    duty = stored.find_duty(session, ticket_id, recipient.id)
    if duty is None or duty.state not in states:
        raise IllegalMove(
            found="a recipient that does not have to be told of this ticket"
            if duty is None
            else f"a recipient whose duty is '{duty.state}'",
            expected=f"a duty that is {' or '.join(sorted(states))}; it begins with a verdict, or when nothing is left to change",
            remedy=f"see `rtbf recipient list {ticket_id}`",
        )
    return duty


def _materials(session: Session, ticket_id: str, recipient: RecipientRow, now: datetime) -> tuple[Material, ...]:
    """Return what of the erased things this recipient received: datasets by version with record ids, then models."""
    received = set(_names(recipient)) & erased_artefacts(session, ticket_id, now)
    records: dict[tuple[str, str], list[str]] = {}
    for hit in free_records(session, ticket_id, now):
        if hit.corpus in received:
            records.setdefault((hit.corpus, hit.version), []).append(hit.record_id)
    datasets = [Material(kind="dataset", name=name, version=version, record_ids=tuple(ids)) for (name, version), ids in records.items()]
    footprint = newest_record(session, ticket_id, Footprint)
    reached = {} if footprint is None else {model.model: model.digest for model in footprint.models}
    models = [Material(kind="model", name=name, version=reached[name], record_ids=()) for name in sorted(received & set(reached))]
    return (*datasets, *models)


def _names(recipient: RecipientRow) -> list[str]:
    names: list[str] = TypeAdapter(list[str]).validate_json(recipient.artefacts)
    return names


def _registered(session: Session, artefacts: Sequence[str]) -> list[str]:
    known = {entry.version.name for entry in all_corpora(session)} | {entry.model.name for entry in all_models(session)}
    for name in artefacts:
        if name not in known:
            raise UnknownName("corpus or model", name, known, "rtbf corpus list")
    if not artefacts:
        raise BadInput(found="a recipient of nothing", expected="at least one corpus or model", remedy="name them with --artefact")
    return sorted(set(artefacts))


def _require_name(name: str) -> None:
    if not name.strip() or len(name) > _MAX_NAME or not name.isprintable():
        raise BadInput(
            found=f"a name of {len(name)} characters", expected=f"1 to {_MAX_NAME} printable characters", remedy="name the organisation"
        )


def _contact(contact: str) -> str:
    """Return a contact as it is kept; raises BadInput, without repeating it, when nobody could be reached by it."""
    if len(contact) <= _MAX_CONTACT:
        try:
            return email_validator.validate_email(contact, check_deliverability=False).normalized
        except email_validator.EmailNotValidError:
            pass
        try:
            return str(TypeAdapter(HttpUrl).validate_python(contact))
        except ValidationError:
            pass
    raise BadInput(
        found="a contact that is neither an e-mail address nor a web address",
        expected=f"for example privacy@example.org or https://example.org/privacy, at most {_MAX_CONTACT} characters",
        remedy="correct --contact",
    )


def _note(session: Session, event: str, actor_id: str, now: datetime, data: dict[str, Any]) -> None:
    append_event(session, ticket_id=None, event_type=event, actor_id=actor_id, data=data, now=now)
