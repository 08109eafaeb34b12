"""Keep a person out of new data: for a while when a ticket is identified, for good when it was fulfilled (GDPR Art. 17, 18).

A ticket's tokens share a random origin, which is stored only sealed under the ticket's key. Shredding the key and giving
every token an origin of its own leaves a list that nobody can connect with a ticket, and that still filters. Events carry
counts. It proves nothing about data taken in by programs that do not ask: see docs/howto/keep-people-out.md.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Literal, get_args

from rtbf.corpora.reading import read_records
from rtbf.corpora.screening import screen
from rtbf.errors import BadInput, FourEyes
from rtbf.pipeline.moves import note
from rtbf.store import registry
from rtbf.store.actors import actor_id_for, new_id
from rtbf.store.events import append_event
from rtbf.store.identifiers import open_identifiers
from rtbf.store.sealed_texts import open_texts, seal_text
from rtbf.store.suppression import (
    delete_rows,
    lift_temporary,
    make_permanent,
    open_list,
    permanent_rows,
    place_tokens,
    token_counts,
    tokens_of_origin,
    unlink_origin,
    usable_keys,
)
from rtbf.store.ticket_keys import ticket_key
from rtbf.vault.secret import Secret
from rtbf.vault.suppression import entries_for
from rtbf.vault.tokens import destroy_generation, new_generation

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from typing import Any

    from sqlalchemy.orm import Session

    from rtbf.installation import Installation
    from rtbf.vault.suppression_list import SuppressionList

ORIGIN = "suppression_origin"
LiftReason = Literal["review", "mistake", "person_asked", "court_order"]
LIFT_REASONS: tuple[LiftReason, ...] = get_args(LiftReason)


@dataclass(frozen=True, kw_only=True, slots=True)
class Lifted:
    """What came of asking to lift entries: how many were lifted, and how many wait for a second person."""

    lifted: int
    waiting: int


@dataclass(frozen=True, kw_only=True, slots=True)
class LeftOut:
    """Records of a corpus version that the list keeps out of training, and how many it would have a person look at."""

    version: str
    record_ids: frozenset[str]
    quarantined: int


def restrict(session: Session, installation: Installation, ticket_id: str, actor_id: str, now: datetime) -> None:
    """Place the person's tokens while the ticket is open (GDPR Art. 18(1)); entries that are kept for good stay so.

    Raises SuppressionKeyUnavailable: a person who cannot be restricted is not identified either.
    """
    placed = _place(session, installation, ticket_id, now, is_temporary=True)
    if placed:
        note(session, ticket_id, "suppression.restricted", actor_id, now, {"tokens": placed})


def keep_suppressed(session: Session, installation: Installation, ticket_id: str, actor_id: str, now: datetime) -> None:
    """Keep the person's tokens for good, made anew under the newest key generation. Raises SuppressionKeyUnavailable."""
    _place(session, installation, ticket_id, now, is_temporary=False)
    kept = len(tokens_of_origin(session, _origin(session, installation, ticket_id, now)))
    if kept:
        note(session, ticket_id, "suppression.kept", actor_id, now, {"tokens": kept})


def lift_restriction(session: Session, installation: Installation, ticket_id: str, actor_id: str, now: datetime) -> None:
    """Lift the person's temporary tokens; what an earlier closing kept for good stays."""
    origin = _known_origin(session, installation, ticket_id)
    lifted = 0 if origin is None else lift_temporary(session, origin)
    if lifted:
        note(session, ticket_id, "suppression.lifted", actor_id, now, {"tokens": lifted})


def keep_for_good(session: Session, installation: Installation, ticket_id: str) -> None:
    """Make what the ticket placed permanent, whatever key generation it is of; needs no key of the list."""
    origin = _known_origin(session, installation, ticket_id)
    if origin is not None:
        make_permanent(session, origin)


def unlink(session: Session, installation: Installation, ticket_id: str) -> None:
    """Cut the last thread between the ticket and its entries, and among these; to be done before the key is destroyed."""
    origin = _known_origin(session, installation, ticket_id)
    if origin is not None:
        unlink_origin(session, origin)


def load_list(session: Session, installation: Installation, *, with_restrictions: bool = True) -> SuppressionList:
    """Return the list ready to check with; raises SuppressionKeyUnavailable, KeyDestroyed or BadInput, never half a list.

    Without restrictions it holds only the people who are kept out for good.
    """
    return open_list(
        session, installation.home.suppression_keys, installation.policy.phone_region, with_restrictions=with_restrictions
    )  # fmt: skip


def lift_entries(installation: Installation, entry_ids: Sequence[str], reason: str, actor: str) -> Lifted:
    """Ask to lift entries, or lift those that somebody else asked to lift for the same reason; all of them, or none.

    Whose entry it is cannot be known, so nobody can be asked whether they submitted it: two people decide instead.
    Raises UnknownName, BadInput for a reason or an entry that cannot be, FourEyes for asking twice oneself.
    """
    if reason not in LIFT_REASONS:
        raise BadInput(found="an unknown reason", expected=f"one of {', '.join(LIFT_REASONS)}", remedy="name the reason by its code")
    now = installation.clock()
    lifted = waiting = 0
    with installation.transaction() as session:
        actor_id = actor_id_for(session, actor, now)
        for entry_id in dict.fromkeys(entry_ids):
            rows = permanent_rows(session, entry_id)
            asked = {row.lift_asked_by for row in rows if row.lift_reason == reason}
            if actor_id in asked:
                raise FourEyes(
                    found="a second request to lift an entry by the actor who asked first",
                    expected="a second person",
                    remedy="let a colleague run the same command with --as NAME",
                )
            if asked:
                delete_rows(session, rows)
                lifted += 1
                continue
            for row in rows:
                row.lift_reason, row.lift_asked_by = reason, actor_id
            waiting += 1
        for event_type, count in (("suppression.entry_lifted", lifted), ("suppression.lift_asked", waiting)):
            if count:
                data = {"entries": count, "code": reason}
                append_event(
                    session, ticket_id=None, event_type=event_type, actor_id=actor_id, data=data, now=now
                )  # fmt: skip
    return Lifted(lifted=lifted, waiting=waiting)


def rotate_suppression_key(installation: Installation, actor: str) -> int:
    """Begin a key generation and return its number; tokens made before stay checkable under theirs."""
    now = installation.clock()
    usable_keys(installation.home.suppression_keys)
    number = new_generation(installation.home.suppression_keys, now)
    with installation.transaction() as session:
        append_event(
            session, ticket_id=None, event_type="suppression.rotated",
            actor_id=actor_id_for(session, actor, now), data={"generation": number}, now=now,
        )  # fmt: skip
    return number


def retire_generations(installation: Installation, actor: str) -> int:
    """Destroy the keys of earlier generations that no token is made under any more; return how many.

    A generation is left alone for a day after its successor began: a transaction that read it may still be under way.
    """
    now = installation.clock()
    keys = usable_keys(installation.home.suppression_keys)
    succeeded = {
        earlier.number
        for earlier, later in itertools.pairwise(keys.generations)
        if earlier.key is not None and later.created_at <= now - timedelta(days=1)
    }
    with installation.transaction() as session:
        retired = sorted(succeeded - set(token_counts(session)))
        for number in retired:
            destroy_generation(installation.home.suppression_keys, number, now)
            append_event(
                session, ticket_id=None, event_type="suppression.generation_destroyed",
                actor_id=actor_id_for(session, actor, now), data={"generation": number}, now=now,
            )  # fmt: skip
    return len(retired)


def note_check(installation: Installation, actor: str, counts: Mapping[str, Any]) -> None:
    """Note that something was checked against the list: counts of verdicts, kinds and unread lines, and nothing else."""
    now = installation.clock()
    with installation.transaction() as session:
        append_event(
            session, ticket_id=None, event_type="suppression.checked",
            actor_id=actor_id_for(session, actor, now), data=dict(counts), now=now,
        )  # fmt: skip


def left_out(installation: Installation, corpus: str) -> LeftOut:
    """Return which records of the corpus's current version the list keeps out of training, for good or while a ticket is open.

    Raises SuppressionKeyUnavailable, so that a training without the key stops; UnknownName, CorpusChanged, CorpusUnreadable.
    """
    with installation.transaction() as session:
        entry = registry.current_corpus(session, corpus)
        listed = load_list(session, installation)
    screened = screen(read_records(entry, installation.home.resolved), listed)
    return LeftOut(version=entry.version.digest, record_ids=frozenset(screened.dropped), quarantined=len(screened.quarantined))


def _place(session: Session, installation: Installation, ticket_id: str, now: datetime, *, is_temporary: bool) -> int:
    keys = usable_keys(installation.home.suppression_keys)
    policy = installation.policy
    specs = [
        spec
        for identifier in open_identifiers(session, installation.kek, ticket_id)
        for spec in entries_for(identifier, policy.phone_region)
    ]
    tokens = [(keys.token(spec.kind, spec.form), spec) for spec in specs]
    origin = _origin(session, installation, ticket_id, now)
    return place_tokens(session, origin, tokens, is_temporary=is_temporary, now=now, review_days=policy.suppression_review_days)


def _origin(session: Session, installation: Installation, ticket_id: str, now: datetime) -> str:
    """Return the ticket's origin, made at first use."""
    known = _known_origin(session, installation, ticket_id)
    if known is not None:
        return known
    origin = new_id("org")
    seal_text(session, ticket_key(session, installation.kek, ticket_id), ticket_id, ORIGIN, Secret(origin), now)
    return origin


def _known_origin(session: Session, installation: Installation, ticket_id: str) -> str | None:
    key = ticket_key(session, installation.kek, ticket_id)
    return next((text.reveal() for text in open_texts(session, key, ticket_id, ORIGIN).values()), None)
