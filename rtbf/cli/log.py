"""`rtbf log show|check`: a ticket's ledger events, and whether their chain holds."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import click

from rtbf.cli.context import CliContext, emit

if TYPE_CHECKING:
    from rich.console import RenderableType


_DIGEST = re.compile(r"(sha256:)?[0-9a-f]{64}")
_SHOWN_DIGEST = 14


@click.group("log")
def log() -> None:
    """Show and check the ledger of a ticket."""


@log.command("show")
@click.argument("ticket_id", metavar="TICKET")
@click.pass_obj
def show(context: CliContext, ticket_id: str) -> None:
    """Show every event of a ticket, oldest first. Events hold no personal data."""
    from rtbf.ticket_view import ticket_events  # noqa: PLC0415 - the database layer, when it is needed

    events = [json.loads(leaf) for leaf in ticket_events(context.open_installation(), ticket_id)]
    emit(context, events, lambda: event_table(events))


@log.command("check")
@click.argument("ticket_id", metavar="TICKET")
@click.pass_obj
def check(context: CliContext, ticket_id: str) -> None:
    """Check that a ticket's events form an unbroken chain. Does not show that the whole log was not rewritten."""
    from rtbf.evidence.ledger import verify_chain  # noqa: PLC0415 - the database layer, when it is needed
    from rtbf.ticket_view import ticket_events  # noqa: PLC0415

    count, last = verify_chain(ticket_events(context.open_installation(), ticket_id))
    emit(context, {"events": count, "last": last}, lambda: f"{count} event(s), unbroken; last {last}")


def event_table(events: list[dict[str, Any]]) -> RenderableType:
    """Return a ticket's events as a table; digests are shortened, ids are not."""
    from rich.table import Table  # noqa: PLC0415 - rich, when it is needed

    table = Table()
    for column in ("#", "time (UTC)", "event", "actor", "move and facts"):
        table.add_column(column, overflow="fold")
    for event in events:
        facts = dict(event["data"])
        move = " → ".join(facts.pop(end) for end in ("from", "to") if end in facts)
        data = ", ".join(f"{name} {_short(value)}" for name, value in sorted(facts.items()))
        moment = event["time"][:19].replace("T", " ")
        table.add_row(str(event["tseq"]), moment, event["type"], event["actor"]["id"], "\n".join(filter(None, (move, data))))
    return table


def _short(value: object) -> str:
    text = str(value)
    return f"{text[:_SHOWN_DIGEST]}…" if len(text) > _SHOWN_DIGEST and _DIGEST.fullmatch(text) else text
