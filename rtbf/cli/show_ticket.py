"""Show where a ticket stands, as every command does that has looked at one or changed one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rtbf.cli.context import emit

if TYPE_CHECKING:
    from collections.abc import Collection

    from rtbf.cli.context import CliContext

SECTIONS = ("clock", "items", "plan", "probes", "residuals", "events")
"""Parts of the page that are shown in full only when asked for."""


def show_ticket(context: CliContext, ticket_id: str, *, wanted: Collection[str] = (), is_brief: bool = False, said: str = "") -> None:
    """Write the ticket's page, or its JSON form, to standard output; raises UnknownName with the nearest ids.

    wanted     of SECTIONS: what to show in full
    is_brief   only what was done (`said`) and what comes next, for commands that decide one thing
    """
    from rtbf.cli.ticket_json import ticket_json  # noqa: PLC0415 - the database layer, when it is needed
    from rtbf.cli.ticket_panel import brief_panel, ticket_panel  # noqa: PLC0415 - rich, when it is needed
    from rtbf.pipeline.dossier import read_dossier  # noqa: PLC0415
    from rtbf.ticket_view import ticket_events  # noqa: PLC0415

    installation = context.open_installation()
    dossier = read_dossier(installation, ticket_id)
    events = ticket_events(installation, ticket_id) if "events" in wanted else ()
    emit(
        context,
        ticket_json(dossier, wanted, events),
        lambda: brief_panel(dossier, said) if is_brief else ticket_panel(dossier, wanted, events),
    )
