"""Open a ticket's sealed per-item log for somebody who is to check the report's numbers.

The log names the operator's record ids beside scores (`verify.item_log`): no words of anybody, but whoever has the corpus
can tell whose records they are. So it is personal data by way of a pseudonym (GDPR Art. 4(5)), never part of a bundle by
itself, and gone once the ticket's key is destroyed. The ledger says who opened it.
Refuses: to hand out bytes that are not the ones whose digest the verification names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rtbf.errors import ArtefactMismatch
from rtbf.evidence.canonical import digest_bytes
from rtbf.pipeline.moves import note
from rtbf.store.actors import actor_id_for
from rtbf.store.records import latest_record
from rtbf.store.ticket_keys import ticket_key
from rtbf.store.tickets import find_ticket
from rtbf.ticket_view import required
from rtbf.vault.envelope import place_of, unseal
from rtbf.verify.record import Verification

if TYPE_CHECKING:
    from rtbf.installation import Installation

SEALED_NAME = "items.sealed"


def open_item_log(installation: Installation, ticket_id: str, actor: str) -> bytes:
    """Return the newest verification's item log, after noting `item_log.opened` with its digest and the actor.

    Raises UnknownName, IllegalMove before a verification, TicketShredded when the ticket's key was destroyed, SealBroken,
    and ArtefactMismatch when the log is missing or is not the verification's; nothing is noted then.
    """
    now = installation.clock()
    with installation.transaction() as session:
        find_ticket(session, ticket_id)
        verification, _ = required(latest_record(session, ticket_id, Verification), "verification", ticket_id)
        key = ticket_key(session, installation.kek, ticket_id)
        attempt = verification.attempt
        try:
            sealed = (installation.home.artefacts_of(ticket_id, attempt) / SEALED_NAME).read_bytes()
        except FileNotFoundError:
            raise _mismatch("no item log of the newest verification", verification) from None
        log = unseal(key, place_of(ticket_id, "artefact", "item_log", attempt), sealed)
        if digest_bytes(log) != verification.item_log_digest:
            raise _mismatch("an item log of other content", verification)
        note(session, ticket_id, "item_log.opened", actor_id_for(session, actor, now), now, {"attempt": attempt, "log": digest_bytes(log)})
    return log


def _mismatch(found: str, verification: Verification) -> ArtefactMismatch:
    return ArtefactMismatch(
        found=found,
        expected=f"one with digest {verification.item_log_digest}",
        remedy="restore the ticket's artefacts from a backup; the signed report does not depend on it",
    )
