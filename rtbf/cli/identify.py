"""`rtbf identify`: who is asking. No document is taken in, and no code is ever printed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from rtbf.cli.show_ticket import show_ticket
from rtbf.ticket.identity import DOUBTS, METHOD_LEVELS

if TYPE_CHECKING:
    from rtbf.cli.context import CliContext
    from rtbf.installation import Installation

_PROMPT = "-"


@click.command("identify")
@click.argument("ticket_id", metavar="TICKET")
@click.argument("step", type=click.Choice(["ask", "answer", "record"]))
@click.argument("code", required=False)
@click.option("--method", type=click.Choice(list(METHOD_LEVELS)), help="How the person is asked (`ask`) or was checked (`record`).")
@click.option("--doubt", type=click.Choice(list(DOUBTS)), help="Why proof is asked for; without a reasonable doubt it must not be.")
@click.option("--check", "check_id", metavar="ID", help="The check that is answered; default: the newest with a code.")
@click.pass_obj
def identify(
    context: CliContext, ticket_id: str, step: str, code: str | None, method: str | None, doubt: str | None, check_id: str | None
) -> None:
    """Ask the person to show who they are (`ask`), take the code they got (`answer CODE`), or note another check (`record`).

    \b
    rtbf identify TICKET ask --method email_code --doubt unknown_sender    sends a letter with a one-time code
    rtbf identify TICKET answer -                                          asks for the code at the prompt
    rtbf identify TICKET record --method document_viewed                   no document is kept
    """  # noqa: D301 - \b is click's mark for "do not wrap"
    _require_fit(step, code=code, method=method, doubt=doubt, check=check_id)
    installation = context.open_installation()
    if step == "answer":
        from rtbf.pipeline.identity import require_right_answer  # noqa: PLC0415 - the database layer, when it is needed
        from rtbf.vault.secret import Secret  # noqa: PLC0415

        typed = click.prompt("code", err=True) if code in {None, _PROMPT} else code
        require_right_answer(installation, ticket_id, check_id, Secret(str(typed)), context.actor)
    elif step == "record":
        from rtbf.pipeline.identity import record_identity  # noqa: PLC0415 - the database layer, when it is needed

        record_identity(installation, ticket_id, str(method), context.actor)
    else:
        from rtbf.pipeline.asking import ask_person  # noqa: PLC0415 - the database layer, when it is needed

        asked = ask_person(installation, ticket_id, str(method), str(doubt), context.actor)
        if asked.code is not None:
            _warn_of_others(installation, ticket_id)
    show_ticket(context, ticket_id)


def _warn_of_others(installation: Installation, ticket_id: str) -> None:
    """Say that a code will not be enough, when the ticket names more that belongs to one person."""
    from rtbf.ticket.record import STRONG_KINDS  # noqa: PLC0415 - the database layer, when it is needed
    from rtbf.ticket_view import view_ticket  # noqa: PLC0415

    strong = [mark for mark in view_ticket(installation, ticket_id).ticket.identifiers if mark.kind in STRONG_KINDS]
    if len(strong) > 1:
        first = next(mark.number for mark in strong if mark.kind == "email")
        others = ", ".join(f"{mark.number} ({mark.kind})" for mark in strong if mark.number != first)
        click.echo(
            f"note: the code goes to identifier {first} and says nothing about {others}; the right answer alone will not establish "
            "who is asking: record another check as well",
            err=True,
        )


_NEEDS = {"ask": {"method", "doubt"}, "answer": set(), "record": {"method"}}
_TAKES = {"ask": {"method", "doubt"}, "answer": {"code", "check"}, "record": {"method"}}


def _require_fit(step: str, **given: str | None) -> None:
    """Return when the step got what it needs and nothing else; raises UsageError otherwise: a lost option is a wrong record."""
    present = {name for name, value in given.items() if value is not None}
    for name in sorted(_NEEDS[step] - present):
        raise click.UsageError(f"`{step}` needs --{name}")
    for name in sorted(present - _TAKES[step]):
        raise click.UsageError(f"`{step}` takes no {'CODE' if name == 'code' else '--' + name}")
