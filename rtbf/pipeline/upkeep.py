"""What time alone asks for: signed heads, woken tickets, queued letters, purges, shredding, key epochs, what is kept too long.

Run it often: by `rtbf sweep` beside workers, by `rtbf upkeep` from cron in an embedded home. Every step stands alone; one
that fails is reported by its error's code and stops no other. Every deletion is an event; nothing deleted, no event.
The pseudonymous record of a ticket (stages, events, reports) is never deleted here: it is append-only, and its period is
the regime's `record_retention`.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING

from rtbf.errors import RTBFError, TicketBusy
from rtbf.pipeline.epochs import is_rotation_due, rotate_epoch
from rtbf.pipeline.ledger import seal_ledger
from rtbf.pipeline.moves import note, settle, wake_tickets
from rtbf.pipeline.notices import send_queued
from rtbf.pipeline.purge import has_copies, purge_ticket
from rtbf.pipeline.shredding import shred_ticket
from rtbf.pipeline.stamping import stamp_reports
from rtbf.pipeline.suppression import retire_generations
from rtbf.store.actors import actor_id_for
from rtbf.store.events import append_event
from rtbf.store.idempotency import forget_answers
from rtbf.store.outbox import forget_delivered
from rtbf.store.scrubbing import scrub_deleted
from rtbf.store.shredding import due_for_shredding, forget_codes
from rtbf.store.tickets import find_ticket, list_tickets
from rtbf.ticket.lifecycle import CLOSED

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sqlalchemy.orm import Session

    from rtbf.installation import Installation

UPKEEP_ACTOR = "rtbf-upkeep"
"""Who the ledger names for what time alone asks for."""
UNFORESEEN = "unforeseen"


@dataclass(frozen=True, kw_only=True, slots=True)
class UpkeepDone:
    """What each step did, by its name and only where there was something to do; and the code of each step's error."""

    counts: Mapping[str, int]
    failed: Mapping[str, str]


def run_upkeep(
    installation: Installation, actor: str = UPKEEP_ACTOR, more: Mapping[str, Callable[[Installation, str], int]] = MappingProxyType({})
) -> UpkeepDone:
    """Take every step once, `more` first: steps of layers above. Raises nothing that a step raises: the caller looks at `failed`."""
    counts: dict[str, int] = {}
    failed: dict[str, str] = {}
    for name, step in {**more, **STEPS}.items():
        try:
            counts[name] = step(installation, actor)
        except RTBFError as error:
            failed[name] = error.code
        except Exception:  # noqa: BLE001 - one step that breaks must not keep the keys of others alive; its text may hold personal data
            failed[name] = UNFORESEEN
    return UpkeepDone(counts={name: count for name, count in counts.items() if count}, failed=failed)


def _seal(installation: Installation, _actor: str) -> int:
    return seal_ledger(installation).fresh


def _wake(installation: Installation, _actor: str) -> int:
    return wake_tickets(installation)


def _send(installation: Installation, _actor: str) -> int:
    return send_queued(installation)


def _purge(installation: Installation, actor: str) -> int:
    with installation.transaction() as session:
        closed = [row.id for row in list_tickets(session) if row.state == CLOSED and has_copies(session, installation, row)]
    return _each(closed, lambda ticket_id: purge_ticket(installation, ticket_id, actor))


def _shred(installation: Installation, actor: str) -> int:
    with installation.transaction() as session:
        due = due_for_shredding(session, installation.clock())

    def shred(ticket_id: str) -> int:
        shred_ticket(installation, ticket_id, actor, early=False)
        return 1

    return _each(due, shred)


def _each(ticket_ids: Sequence[str], step: Callable[[str], int]) -> int:
    """Take a step for each ticket; those that are being worked on have their turn next time, and one error stops no other."""
    total, trouble = 0, None
    for ticket_id in ticket_ids:
        try:
            total += step(ticket_id)
        except TicketBusy:
            continue
        except RTBFError as error:
            trouble = error
    if trouble is not None:
        raise trouble
    return total


def _rotate(installation: Installation, actor: str) -> int:
    if not is_rotation_due(installation):
        return 0
    rotate_epoch(installation, actor)
    return 1


def _forget_codes(installation: Installation, actor: str) -> int:
    now = installation.clock()
    with installation.transaction() as session:
        counts = Counter(forget_codes(session, now))
        for ticket_id, count in sorted(counts.items()):
            note(session, ticket_id, "identity.code_forgotten", actor_id_for(session, actor, now), now, {"codes": count})
            settle(session, find_ticket(session, ticket_id), now)
    return counts.total()


def _forget_answers(installation: Installation, actor: str) -> int:
    return _forget(installation, actor, "answers.forgotten", lambda session: forget_answers(session, installation.clock()))


def _forget_delivered(installation: Installation, actor: str) -> int:
    before = installation.clock() - timedelta(days=installation.policy.outbox_days)
    return _forget(installation, actor, "outbox.forgotten", lambda session: forget_delivered(session, before))


def _forget(installation: Installation, actor: str, event_type: str, delete: Callable[[Session], int]) -> int:
    now = installation.clock()
    with installation.transaction() as session:
        count = delete(session)
        if count:
            append_event(
                session, ticket_id=None, event_type=event_type, actor_id=actor_id_for(session, actor, now),
                data={"count": count}, now=now,
            )  # fmt: skip
    return count


def _scrub(installation: Installation, _actor: str) -> int:
    """SQLite's log is emptied each time, since a reader may have stood in the way; PostgreSQL vacuums by itself."""
    if installation.engine.dialect.name == "sqlite":
        scrub_deleted(installation.engine)
    return 0


STEPS: dict[str, Callable[[Installation, str], int]] = {
    "stamps": stamp_reports,
    "ledger": _seal,
    "woken": _wake,
    "letters": _send,
    "copies": _purge,
    "keys": _shred,
    "epochs": _rotate,
    "codes": _forget_codes,
    "answers": _forget_answers,
    "outbox": _forget_delivered,
    "generations": retire_generations,
    "log": _scrub,
}
"""Name → step, in the order they are taken. A step returns how many things it changed."""
