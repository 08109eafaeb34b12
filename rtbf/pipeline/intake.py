"""Take a submission in: seal the person's identifiers, start the clock, link possible duplicates. One transaction."""

from __future__ import annotations

import hmac
import os
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from rtbf.clock import rfc3339
from rtbf.errors import IdempotencyKeyReused, SubmissionRaced
from rtbf.evidence.canonical import canonical_bytes
from rtbf.pipeline.clock import clock_of
from rtbf.pipeline.identity import pass_check
from rtbf.pipeline.moves import note, settle
from rtbf.store import registry
from rtbf.store.actors import actor_id_for, new_id
from rtbf.store.clock_events import add_clock_event
from rtbf.store.idempotency import answered_before, remember_answer
from rtbf.store.identifiers import link_possible_duplicates, seal_identifiers
from rtbf.store.records import save_record
from rtbf.store.regimes import keep_regime
from rtbf.store.ticket_keys import make_ticket_key
from rtbf.store.tickets import insert_ticket
from rtbf.ticket.codes import require_code
from rtbf.ticket.lifecycle import NEED_IDENTITY
from rtbf.ticket.record import IdentifierMark, Ticket
from rtbf.ticket.regime import load_regime
from rtbf.ticket.scripts import script_warnings
from rtbf.ticket.working_days import Calendar
from rtbf.vault.envelope import commitment
from rtbf.vault.identifier import OpenIdentifier
from rtbf.vault.normalise import normalise
from rtbf.vault.secret import Secret

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from rtbf.installation import Installation
    from rtbf.ticket.intake import SubmissionShape

_NONCE_BYTES = 16


@dataclass(frozen=True, kw_only=True, slots=True)
class Taken:
    """The ticket a submission became. `is_replay`: the same submission had come before under the same key."""

    ticket_id: str
    is_replay: bool


def submit_ticket(installation: Installation, submission: SubmissionShape, actor: str) -> str:
    """Store a ticket with its sealed identifiers; return its id. With an identity check it is ready to be located."""
    return submit_once(installation, submission, actor, None).ticket_id


def submit_once(installation: Installation, submission: SubmissionShape, actor: str, idempotency_key: str | None) -> Taken:
    """Store a ticket, or return the one that the same actor got for the same key and body.

    Without a key every submission is a ticket of its own, and an equal earlier one is linked with it as a possible
    duplicate. Raises IdempotencyKeyReused when the key came with another body; UnknownName for a model that is not
    registered; BadInput for a ground that the regime does not know. Nothing is stored then.
    """
    try:
        return _submit(installation, submission, actor, idempotency_key)
    except SubmissionRaced:
        # The other one is stored by now, and nothing of this one: the look-up finds it.
        return _submit(installation, submission, actor, idempotency_key)


def _submit(installation: Installation, submission: SubmissionShape, actor: str, idempotency_key: str | None) -> Taken:
    now = installation.clock()
    with installation.transaction() as session:
        actor_id = actor_id_for(session, actor, now)
        if idempotency_key is None:
            return Taken(ticket_id=_take(session, installation, submission, actor_id), is_replay=False)
        # Key and body are low in entropy and about a person, so only keyed hashes are kept.
        index_key = installation.index_key
        key_hash = index_key.keyed_digest(b"key\x00" + idempotency_key.encode()).hex()
        digest = index_key.keyed_digest(b"body\x00" + canonical_bytes(submission.model_dump(mode="json"))).hex()
        before = answered_before(session, actor_id, key_hash, now)
        if before is not None:
            _require_same(before.request_digest, digest)
            return Taken(ticket_id=before.ticket_id, is_replay=True)
        ticket_id = _take(session, installation, submission, actor_id)
        expires_at = now + timedelta(seconds=installation.policy.idempotency_s)
        remember_answer(session, actor_id, key_hash, digest, ticket_id, now, expires_at)
    return Taken(ticket_id=ticket_id, is_replay=False)


def _require_same(answered: str, digest: str) -> None:
    if not hmac.compare_digest(answered, digest):
        raise IdempotencyKeyReused(
            found="an idempotency key that came with another submission",
            expected="the same submission, or a key of its own",
            remedy="send the new submission under a new key; nothing was stored",
        )


def _take(session: Session, installation: Installation, submission: SubmissionShape, actor_id: str) -> str:
    now, policy = installation.clock(), installation.policy
    ticket_id = new_id("tkt")
    for name in submission.models:
        registry.live_model(session, name)
    sealed, marks = _identifiers(submission)
    calendar = Calendar(time_zone=policy.time_zone, holidays=policy.holidays)
    # A sender's clock may run some minutes ahead of ours; nothing can have been received later than now.
    received_at = min(submission.received_at or now, now)
    record = Ticket(
        ticket_id=ticket_id,
        regime=submission.regime,
        regime_digest=keep_regime(session, load_regime(submission.regime)),
        time_zone=calendar.time_zone,
        holidays=calendar.holidays,
        channel=submission.channel,
        requester_role=submission.requester.role,
        locale=submission.locale or policy.locale,
        grounds=tuple(dict.fromkeys(require_code(submission.regime, "ground", code).code for code in submission.grounds)),
        received_at=rfc3339(received_at),
        submitted_by=actor_id,
        external_ref=submission.external_ref,
        models=tuple(dict.fromkeys(submission.models)),
        identifiers=marks,
    )
    row = insert_ticket(session, ticket_id, NEED_IDENTITY, now)
    key = make_ticket_key(session, installation.kek, ticket_id, now)
    index_key = installation.index_key
    tokens = {
        identifier.number: index_key.token(identifier.kind, Secret(normal)).hex()
        for identifier, _ in sealed
        if (normal := normalise(identifier.kind, identifier.value.reveal(), policy.phone_region))
    }
    seal_identifiers(session, key, ticket_id, sealed, tokens)
    digest = save_record(session, record, 1, now)
    add_clock_event(session, ticket_id, "start", received_at, actor_id)
    # Folded at once: a day of receipt that the calendar cannot count from is refused now, not at every later look.
    clock_of(session, ticket_id, now)
    linked = link_possible_duplicates(session, ticket_id, now)
    data = {
        "record": digest, "identifiers": len(marks), "regime": record.regime, "regime_digest": record.regime_digest,
        "channel": record.channel, "possible_duplicates": list(linked),
    }  # fmt: skip
    note(session, ticket_id, "ticket.received", actor_id, now, data)
    if submission.identity is not None:
        pass_check(session, installation, row, submission.identity.method, actor_id, now)
    settle(session, row, now)
    return ticket_id


def _identifiers(submission: SubmissionShape) -> tuple[list[tuple[OpenIdentifier, bytes]], tuple[IdentifierMark, ...]]:
    sealed, marks = [], []
    for number, (kind, value) in enumerate(submission.secrets(), start=1):
        nonce = os.urandom(_NONCE_BYTES)
        sealed.append((OpenIdentifier(number=number, kind=kind, value=value), nonce))
        marks.append(
            IdentifierMark(number=number, kind=kind, commitment=commitment(nonce, kind, value), warnings=script_warnings(value.reveal()))
        )
    return sealed, tuple(marks)
