"""`rtbf decide`: what happens with each thing found, by code and reasoning; or how the whole ticket ends."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from rtbf.cli.show_ticket import show_ticket
from rtbf.ticket.lifecycle import OUTCOMES

if TYPE_CHECKING:
    from rtbf.cli.context import CliContext
    from rtbf.installation import Installation

VERDICTS = ("erase", "retain", "restrict", "not_about_subject")
_PROMPT = "-"
_CLOSINGS = tuple(outcome for outcome in OUTCOMES if outcome != "withdrawn")
"""A ticket is withdrawn by `rtbf withdraw`, which confirms it to the person."""


@click.command("decide")
@click.argument("ticket_id", metavar="TICKET")
@click.argument("items", metavar="[ITEM]…", nargs=-1)
@click.option("--verdict", type=click.Choice(VERDICTS), help="What happens with these items.")
@click.option("--code", help="The ground to erase or the exemption to retain; `rtbf regime show NAME` lists them.")
@click.option("--reasoning", metavar="TEXT", help="Why, in words; sealed under the ticket's key. `-` asks for it, or reads a pipe.")
@click.option("--from-file", type=click.Path(path_type=Path, allow_dash=True), help="Decisions as JSON Lines; `-` reads standard input.")
@click.option("--footprint", "footprint_digest", metavar="DIGEST", help="The footprint you looked at; refused when a newer one exists.")
@click.option("--close", "outcome", type=click.Choice(_CLOSINGS), help="Close the ticket with this outcome instead.")
@click.pass_obj
def decide(
    context: CliContext,
    ticket_id: str,
    items: tuple[str, ...],
    verdict: str | None,
    code: str | None,
    reasoning: str | None,
    from_file: Path | None,
    footprint_digest: str | None,
    outcome: str | None,
) -> None:
    """Decide items of what was found, or close a ticket.

    \b
    ITEM      all, records, models, 7, 1-20,25, record:7 or model:NAME; see `rtbf show TICKET --items`
    erase     needs --code, a ground          (GDPR Art. 17(1))
    retain    needs --code, an exemption      (GDPR Art. 17(3)), and --reasoning
    restrict  needs --reasoning               (GDPR Art. 18)
    not_about_subject                         the match is somebody else's
    Codes: `rtbf regime show eu-gdpr`, or whatever regime the ticket has.

    A file has on each line {"item", "verdict", "code", "reasoning"}; every line is taken, or none. Deciding again
    replaces what was decided for these items. Erasing less than was approved leaves an approval good, more voids it.
    """  # noqa: D301 - \b is click's mark for "do not wrap"
    ways = [bool(items or verdict), from_file is not None, outcome is not None]
    if sum(ways) != 1:
        raise click.UsageError("name items with --verdict, or --from-file, or --close; one of them")
    installation = context.open_installation()
    if outcome is not None:
        _close(installation, ticket_id, outcome, context.actor)
        said = f"closed as {outcome}"
    elif from_file is not None:
        _decide_file(installation, ticket_id, from_file, context.actor, footprint_digest)
        said = "decided as the file says"
    elif not items or verdict is None:
        raise click.UsageError("name the items and their --verdict")
    else:
        _decide_items(installation, ticket_id, items, (verdict, code, _asked(reasoning)), context.actor, footprint_digest)
        said = f"decided: {', '.join(items)} {verdict.replace('_', ' ')}"
    show_ticket(context, ticket_id, is_brief=True, said=said)


def _decide_items(
    installation: Installation,
    ticket_id: str,
    items: tuple[str, ...],
    ruling: tuple[str, str | None, str | None],
    actor: str,
    footprint_digest: str | None,
) -> None:
    from rtbf.pipeline.decisions import decide as decide_them  # noqa: PLC0415 - the database layer, when it is needed
    from rtbf.plan.rulings import read_ruling  # noqa: PLC0415

    verdict, code, reasoning = ruling
    shape = read_ruling({"item": ",".join(items), "verdict": verdict, "code": code, "reasoning": reasoning})
    decide_them(installation, ticket_id, (shape,), actor, footprint_digest=footprint_digest)


def _decide_file(installation: Installation, ticket_id: str, path: Path, actor: str, footprint_digest: str | None) -> None:
    from rtbf.errors import BadInput  # noqa: PLC0415 - on this path only
    from rtbf.pipeline.decisions import decide_from_file  # noqa: PLC0415 - the database layer, when it is needed
    from rtbf.plan.rulings import MAX_FILE_BYTES  # noqa: PLC0415

    try:
        if str(path) == _PROMPT:
            content = sys.stdin.buffer.read(MAX_FILE_BYTES + 1)
        else:
            with path.open("rb") as file:
                content = file.read(MAX_FILE_BYTES + 1)
    except OSError as failed:
        raise BadInput(
            found=f"a file of decisions that cannot be read ({failed.strerror})", expected="JSON Lines", remedy="check the path"
        ) from failed
    decide_from_file(installation, ticket_id, content, actor, footprint_digest=footprint_digest)


def _close(installation: Installation, ticket_id: str, outcome: str, actor: str) -> None:
    from rtbf.pipeline.closing import close_ticket  # noqa: PLC0415 - the database layer, when it is needed
    from rtbf.pipeline.purge import purge_if_closed  # noqa: PLC0415

    close_ticket(installation, ticket_id, outcome, actor)
    purge_if_closed(installation, ticket_id, actor)


def _asked(reasoning: str | None) -> str | None:
    """Return the reasoning, asked for when it is `-`: what is typed on the command line stays in the shell's history."""
    if reasoning is None:
        return None
    if reasoning != _PROMPT:
        if sys.stdin.isatty():
            click.echo("note: the reasoning is in your shell's history; `--reasoning -` asks for it instead", err=True)
        return reasoning
    return str(click.prompt("reasoning", err=True)) if sys.stdin.isatty() else sys.stdin.read()
