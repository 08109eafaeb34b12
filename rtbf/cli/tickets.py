"""`rtbf list|show|withdraw`: tickets on the terminal. Holds and prints no personal data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from rtbf.cli.context import CliContext, emit
from rtbf.cli.show_ticket import show_ticket

if TYPE_CHECKING:
    from rich.console import RenderableType


@click.command("list")
@click.option("--state", help="Only tickets in this state.")
@click.pass_obj
def list_command(context: CliContext, state: str | None) -> None:
    """List tickets, newest first."""
    from rtbf.store.tickets import list_tickets  # noqa: PLC0415 - the database layer, when it is needed

    installation = context.open_installation()
    with installation.transaction() as session:
        rows = [row for row in list_tickets(session) if state is None or row.state == state]
        data = [
            {
                "ticket_id": row.id, "state": row.state, "reason": row.reason, "outcome": row.outcome, "attempt": row.attempt,
                "created_at": row.created_at.isoformat(),
            }
            for row in rows
        ]  # fmt: skip
    emit(context, data, lambda: _ticket_table(data))


@click.command("show")
@click.argument("ticket_id", metavar="TICKET")
@click.pass_obj
def show(context: CliContext, ticket_id: str) -> None:
    """Show where a ticket stands, what was found, planned, measured and decided, and what it waits for."""
    show_ticket(context, ticket_id)


@click.command("withdraw")
@click.argument("ticket_id", metavar="TICKET")
@click.pass_obj
def withdraw(context: CliContext, ticket_id: str) -> None:
    """Close a ticket that its person took back; possible until unlearning starts."""
    from rtbf.pipeline.closing import close_ticket  # noqa: PLC0415 - the database layer, when it is needed

    close_ticket(context.open_installation(), ticket_id, "withdrawn", context.actor)
    show_ticket(context, ticket_id)


def _ticket_table(data: list[dict[str, Any]]) -> RenderableType:
    from rich.table import Table  # noqa: PLC0415 - rich, when it is needed

    table = Table(title="Tickets" if data else "No tickets yet: `rtbf submit --name -`")
    for column in ("ticket", "state", "waits for", "try", "created (UTC)"):
        table.add_column(column, no_wrap=column == "ticket", overflow="fold")
    for row in data:
        created = str(row["created_at"])[:16].replace("T", " ")
        state = f"{row['state']}: {row['outcome']}" if row["outcome"] else row["state"]
        table.add_row(row["ticket_id"], state, row["reason"] or "", str(row["attempt"] or ""), created)
    return table
