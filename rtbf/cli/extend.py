"""`rtbf extend`: tell the person that the answer takes longer, and extend the deadline with that letter."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from rtbf.cli.notice import tell_sent
from rtbf.cli.typed import typed_words

if TYPE_CHECKING:
    from rtbf.cli.context import CliContext


@click.command("extend")
@click.argument("ticket_id", metavar="TICKET")
@click.option("--code", required=True, help="Why it takes longer, for example ComplexityOfProcess; codes: `rtbf regime show NAME`.")
@click.option("--text", required=True, help="The code in words for the person. `-` asks for it, or reads a pipe.")
@click.option("--by-post", is_flag=True, help="Print the letter into the outbox folder instead of sending it by e-mail.")
@click.pass_obj
def extend(context: CliContext, ticket_id: str, code: str, text: str, *, by_post: bool) -> None:
    """Extend a ticket's deadline, once and before it is over. Nothing is extended when the letter cannot be sent.

    `rtbf notice preview TICKET extension --code CODE --text -` shows the letter with its new date first.
    """
    from rtbf.pipeline.extension import extend_ticket  # noqa: PLC0415 - the database layer, when it is needed
    from rtbf.vault.secret import Secret  # noqa: PLC0415

    installation = context.open_installation()
    sent = extend_ticket(installation, ticket_id, code, typed_words(text, "text") or Secret(""), context.actor, by_post=by_post)
    tell_sent(context, installation, ticket_id, sent)
