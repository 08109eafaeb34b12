"""`rtbf identify`: who is asking. No document is taken in, and no code is printed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from rtbf.cli.show_ticket import show_ticket

if TYPE_CHECKING:
    from rtbf.cli.context import CliContext

_METHODS = ("email_code", "account_login", "agent_attestation", "document_viewed", "in_person", "controller_assertion")


@click.command("identify")
@click.argument("ticket_id", metavar="TICKET")
@click.argument("step", type=click.Choice(["ask", "record"]))
@click.option("--method", type=click.Choice(_METHODS), help="How the person was checked (for `record`).")
@click.pass_obj
def identify(context: CliContext, ticket_id: str, step: str, method: str | None) -> None:
    """Note that the person was asked to show who they are (`ask`), or that it was checked (`record`). No document is kept."""
    from rtbf.pipeline.identity import ask_identity, record_identity  # noqa: PLC0415 - the database layer, when it is needed

    installation = context.open_installation()
    if step == "ask":
        ask_identity(installation, ticket_id, context.actor)
    elif method is None:
        raise click.UsageError("`record` needs --method")
    else:
        record_identity(installation, ticket_id, method, context.actor)
    show_ticket(context, ticket_id)
