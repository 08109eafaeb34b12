"""`rtbf reveal`: show a person's identifiers to somebody who has a purpose. Each look is an event of the ledger.

Shows them on a terminal, or as JSON when that is asked for; never into a pipe by accident, and never into a log.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from rtbf.cli.context import emit
from rtbf.errors import BadInput
from rtbf.ticket.purpose import PURPOSES

if TYPE_CHECKING:
    from rich.console import RenderableType

    from rtbf.cli.context import CliContext
    from rtbf.vault.identifier import OpenIdentifier


@click.command("reveal")
@click.argument("ticket_id", metavar="TICKET")
@click.option("--purpose", type=click.Choice(list(PURPOSES)), required=True, help="What they are needed for; it is written down.")
@click.pass_obj
def reveal(context: CliContext, ticket_id: str, purpose: str) -> None:
    """Show the identifiers of a ticket's person. That you looked, and why, is written into the ledger."""
    from rtbf.pipeline.reveal import reveal_identifiers  # noqa: PLC0415 - the database layer, when it is needed

    if not context.is_json and not _is_terminal():
        raise BadInput(
            found="standard output that is no terminal",
            expected="a terminal, so that identifiers end in no file unasked",
            remedy="run it on a terminal, or say --json",
        )
    opened = reveal_identifiers(context.open_installation(), ticket_id, purpose, context.actor)
    told = {
        "ticket_id": ticket_id,
        "purpose": purpose,
        "identifiers": [{"number": entry.number, "kind": entry.kind, "value": entry.value.reveal()} for entry in opened],
    }
    emit(context, told, lambda: _table(opened, ticket_id, purpose))


def _is_terminal() -> bool:
    return sys.stdout.isatty()


def _table(opened: tuple[OpenIdentifier, ...], ticket_id: str, purpose: str) -> RenderableType:
    from rich.table import Table  # noqa: PLC0415 - rich, when it is needed
    from rich.text import Text  # noqa: PLC0415

    table = Table(title=f"{ticket_id}: identifiers, for {purpose}", title_justify="left", caption="This look was noted.")
    for column in ("no.", "kind", "value"):
        table.add_column(column, overflow="fold")
    for entry in opened:
        # Text, because a cell would read [brackets] of a value as markup.
        table.add_row(str(entry.number), entry.kind, Text(entry.value.reveal()))
    return table
