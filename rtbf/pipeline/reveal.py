"""Show a ticket's identifiers to a person who has a purpose, and write down that it was done.

The event is committed before anything is returned: nobody sees an identifier without the ledger saying so. It holds who,
why and how many, never what. Nothing here limits how often; the ledger is where an auditor counts.
Source: GDPR Art. 5(1)(b) (purpose limitation) and 5(2) (accountability).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rtbf.errors import BadInput
from rtbf.pipeline.moves import note
from rtbf.store.actors import actor_id_for
from rtbf.store.identifiers import open_identifiers
from rtbf.store.tickets import find_ticket
from rtbf.ticket.purpose import PURPOSES

if TYPE_CHECKING:
    from rtbf.installation import Installation
    from rtbf.vault.identifier import OpenIdentifier


def reveal_identifiers(installation: Installation, ticket_id: str, purpose: str, actor: str) -> tuple[OpenIdentifier, ...]:
    """Return the ticket's identifiers with their values, after noting `pii.revealed` with purpose, count and actor.

    Raises BadInput for another purpose, TicketShredded when the ticket's key was destroyed; nothing is noted then.
    """
    if purpose not in PURPOSES:
        raise BadInput(
            found="an unknown purpose",
            expected=f"one of {', '.join(PURPOSES)}",
            remedy="name the purpose that the identifiers are needed for",
        )
    now = installation.clock()
    with installation.transaction() as session:
        find_ticket(session, ticket_id)
        opened = open_identifiers(session, installation.kek, ticket_id)
        actor_id = actor_id_for(session, actor, now)
        note(session, ticket_id, "pii.revealed", actor_id, now, {"purpose": purpose, "identifiers": len(opened)})
    return opened
