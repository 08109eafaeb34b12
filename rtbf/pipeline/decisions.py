"""Decide about what was found, item by item or in bulk, with codes and sealed reasoning."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rtbf.clock import rfc3339
from rtbf.errors import IllegalMove
from rtbf.evidence.canonical import digest_of
from rtbf.footprint.record import Footprint
from rtbf.pipeline.moves import note, settle
from rtbf.plan.decisions import Decisions, ItemDecision, count_decisions, decide_items
from rtbf.plan.rulings import read_decisions_file, rule, ruled
from rtbf.store.actors import actor_id_for
from rtbf.store.records import latest_record, save_record
from rtbf.store.sealed_texts import seal_text
from rtbf.store.ticket_keys import ticket_key
from rtbf.store.tickets import find_ticket
from rtbf.ticket.codes import require_code
from rtbf.ticket.lifecycle import AWAITING_APPROVAL, PLANNING, UNLEARNING
from rtbf.ticket.record import Ticket
from rtbf.ticket_view import required

if TYPE_CHECKING:
    from collections.abc import Callable

    from rtbf.installation import Installation
    from rtbf.plan.decisions import CodeKind
    from rtbf.plan.rulings import CodeOf, Ruling, RulingShape

REASONING = "reasoning"
_WHERE_DECIDED = frozenset({PLANNING, AWAITING_APPROVAL, UNLEARNING})


def decide(
    installation: Installation, ticket_id: str, shapes: tuple[RulingShape, ...], actor: str, *, footprint_digest: str | None = None
) -> str:
    """Store the next revision of the ticket's decisions; return its digest. All rulings are taken, or none.

    `footprint_digest` is the footprint that was looked at; None means the newest. A plan that was approved for more than
    is decided now stays good for the rest; deciding to erase more voids it.
    Raises IllegalMove outside planning to unlearning, BadInput for items, verdicts and codes that cannot be.
    """
    return _decide(
        installation,
        ticket_id,
        lambda footprint, code_of: tuple(rule(footprint, shape, code_of) for shape in shapes),
        actor,
        footprint_digest,
    )


def decide_from_file(installation: Installation, ticket_id: str, content: bytes, actor: str, *, footprint_digest: str | None = None) -> str:
    """Store the decisions of a file (`rtbf.plan.rulings`); as `decide`, and every faulty line is named at once."""
    return _decide(
        installation, ticket_id, lambda footprint, code_of: read_decisions_file(content, footprint, code_of), actor, footprint_digest
    )


def _decide(
    installation: Installation,
    ticket_id: str,
    read: Callable[[Footprint, CodeOf], tuple[Ruling, ...]],
    actor: str,
    footprint_digest: str | None,
) -> str:
    now = installation.clock()
    with installation.transaction() as session:
        row = find_ticket(session, ticket_id)
        if row.state not in _WHERE_DECIDED:
            raise IllegalMove(
                found=f"a decision while the ticket is in '{row.state}'",
                expected="a ticket with a footprint that was not verified yet",
                remedy=f"see `rtbf show {ticket_id}`",
            )
        actor_id = actor_id_for(session, actor, now)
        ticket, _ = required(latest_record(session, ticket_id, Ticket), "ticket", ticket_id)
        footprint, digest = required(latest_record(session, ticket_id, Footprint), "footprint", ticket_id)
        previous = latest_record(session, ticket_id, Decisions)
        key = ticket_key(session, installation.kek, ticket_id)
        changes: list[ItemDecision] = []
        for ruling in read(footprint, _codes_of(ticket.regime)):
            sealed = None if ruling.reasoning is None else seal_text(session, key, ticket_id, REASONING, ruling.reasoning, now)[1]
            changes += ruled(ruling, reasoning_commitment=sealed, decided_by=actor_id, decided_at=rfc3339(now))
        decisions = decide_items(footprint, None if previous is None else previous[0], changes, decided_on=footprint_digest or digest)
        save_record(session, decisions, decisions.revision, now)
        counts = [
            {"kind": count.kind, "verdict": count.verdict, "code": count.code, "items": count.items} for count in count_decisions(decisions)
        ]
        data = {"record": digest_of(decisions), "revision": decisions.revision, "counts": counts}
        note(session, ticket_id, "decisions.taken", actor_id, now, data)
        settle(session, row, now)
        return digest_of(decisions)


def _codes_of(regime: str) -> CodeOf:
    def code_of(kind: CodeKind, code: str) -> str:
        return require_code(regime, kind, code).code

    return code_of
