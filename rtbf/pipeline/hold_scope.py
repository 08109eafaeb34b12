"""What a hold is to be placed on: that it is here, and whose codes its ground is of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rtbf.store import registry
from rtbf.store.records import latest_record
from rtbf.store.tickets import find_ticket
from rtbf.ticket.record import Ticket
from rtbf.ticket_view import required

if TYPE_CHECKING:
    from rtbf.installation import Installation

_DEFAULT_REGIME = "eu-gdpr"


def regime_for_hold(installation: Installation, scope_kind: str, scope: str, regime: str | None) -> str:
    """Return whose codes a hold's ground is of: the one named, else the ticket's, else the GDPR.

    Raises UnknownName, with the nearest names, for a ticket, corpus or model that is not here: a hold that protects
    nothing because its scope was mistyped is worse than none. A record is not looked up.
    """
    with installation.transaction() as session:
        if scope_kind == "ticket":
            find_ticket(session, scope)
            ticket, _ = required(latest_record(session, scope, Ticket), "ticket", scope)
            return regime or ticket.regime
        if scope_kind == "corpus":
            registry.current_corpus(session, scope)
        if scope_kind == "model":
            registry.live_model(session, scope)
    return regime or _DEFAULT_REGIME
