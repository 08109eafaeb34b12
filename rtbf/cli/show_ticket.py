"""Show where a ticket stands, as every command does that has changed one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rtbf.cli.context import emit

if TYPE_CHECKING:
    from rtbf.cli.context import CliContext


def show_ticket(context: CliContext, ticket_id: str) -> None:
    """Write where the ticket stands to standard output; raises UnknownName with the nearest ids."""
    from rtbf.cli.ticket_panel import ticket_json, ticket_panel  # noqa: PLC0415 - rich, when it is needed
    from rtbf.ticket_view import view_ticket  # noqa: PLC0415

    view = view_ticket(context.open_installation(), ticket_id)
    emit(context, ticket_json(view), lambda: ticket_panel(view))
