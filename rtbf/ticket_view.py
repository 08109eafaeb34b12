"""A ticket as the edges ask for it: where it stands, its events, its report. Holds no personal data.

Reads only, but that events get their places in the ledger before they are told.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from rtbf.errors import IllegalMove
from rtbf.store.events import ticket_leaves
from rtbf.store.sequencer import sequence_all
from rtbf.store.tickets import find_ticket
from rtbf.store.view import TicketView, view_in

if TYPE_CHECKING:
    from pathlib import Path

    from rtbf.installation import Installation

__all__ = ["TicketView", "report_folder", "required", "ticket_events", "view_ticket"]

T = TypeVar("T")


def view_ticket(installation: Installation, ticket_id: str) -> TicketView:
    """Return where a ticket stands; raises UnknownName with the nearest ids."""
    with installation.transaction() as session:
        return view_in(session, ticket_id)


def ticket_events(installation: Installation, ticket_id: str) -> tuple[bytes, ...]:
    """Return the ticket's ledger events as stored bytes, in order, every committed one among them; raises UnknownName."""
    sequence_all(installation.transaction, installation.log)
    with installation.transaction() as session:
        find_ticket(session, ticket_id)
        return ticket_leaves(session, ticket_id)


def report_folder(installation: Installation, ticket_id: str) -> Path:
    """Return the folder of the ticket's newest issued report; raises IllegalMove when none was issued."""
    view = view_ticket(installation, ticket_id)
    if view.report is None:
        raise IllegalMove(
            found=f"no report for {ticket_id} yet (state '{view.state}')",
            expected="a ticket that has been verified",
            remedy=f"`rtbf run {ticket_id}` and see what it waits for",
        )
    folder = installation.home.report_of(ticket_id, view.report.report_id)
    by_attempt = installation.home.reports_of(ticket_id) / str(view.report.attempt)
    # Earlier releases named the folder so; a missing one is told by whoever wants its files.
    return by_attempt if by_attempt.is_dir() and not folder.is_dir() else folder


def required(found: tuple[T, str] | None, what: str, ticket_id: str) -> tuple[T, str]:
    """Return `found`; raises IllegalMove naming the record that the ticket does not have yet."""
    if found is None:
        raise IllegalMove(found=f"ticket {ticket_id} has no {what} yet", expected=f"a {what}", remedy=f"`rtbf run {ticket_id}`")
    return found
