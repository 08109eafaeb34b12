"""`rtbf reopen|withdraw`: the two ways in which a person changes what was settled, or takes the request back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from rtbf.cli.show_ticket import show_ticket

if TYPE_CHECKING:
    from rtbf.cli.context import CliContext

CAUSES = ("hold_released", "resurrection_found", "complaint_upheld", "new_evidence")


@click.command("reopen")
@click.argument("ticket_id", metavar="TICKET")
@click.option("--cause", type=click.Choice(CAUSES), required=True, help="Why.")
@click.pass_obj
def reopen(context: CliContext, ticket_id: str, cause: str) -> None:
    """Open a closed ticket again, while its key is alive; you must not be its submitter.

    The person is searched for anew, and a period of its own begins, with letters of its own.
    """
    from rtbf.pipeline.closing import reopen_ticket  # noqa: PLC0415 - the database layer, when it is needed

    reopen_ticket(context.open_installation(), ticket_id, cause, context.actor)
    show_ticket(context, ticket_id, is_brief=True, said=f"reopened: {cause}")


@click.command("withdraw")
@click.argument("ticket_id", metavar="TICKET")
@click.pass_obj
def withdraw(context: CliContext, ticket_id: str) -> None:
    """Close a ticket that its person took back, and confirm it to them; possible until unlearning starts."""
    from rtbf.pipeline.purge import purge_if_closed  # noqa: PLC0415 - the database layer, when it is needed
    from rtbf.pipeline.withdrawal import withdraw_ticket  # noqa: PLC0415

    installation = context.open_installation()
    withdraw_ticket(installation, ticket_id, context.actor)
    purge_if_closed(installation, ticket_id, context.actor)
    show_ticket(context, ticket_id, is_brief=True, said="withdrawn by its person")
