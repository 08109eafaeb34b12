"""`rtbf recipient`: organisations that received data or models, and telling them of a ticket's erasure (GDPR Art. 19)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from rtbf.cli.context import CliContext, emit
from rtbf.cli.notice import tell_sent
from rtbf.cli.typed import typed_words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import RenderableType

    from rtbf.pipeline.recipients import DutySeen, RecipientSeen


@click.group("recipient")
def recipient() -> None:
    """Register recipients of data and models, and tell them what was erased."""


@recipient.command("add")
@click.argument("name")
@click.option("--contact", required=True, help="An e-mail address, or a web address where such requests are made.")
@click.option(
    "--artefact", "artefacts", multiple=True, required=True, metavar="NAME", help="A corpus or model that it received; repeatable."
)
@click.pass_obj
def add(context: CliContext, name: str, contact: str, artefacts: tuple[str, ...]) -> None:
    """Note that an organisation received corpora or models."""
    from rtbf.pipeline.recipients import add_recipient  # noqa: PLC0415 - the database layer, when it is needed

    recipient_id = add_recipient(context.open_installation(), name, contact, artefacts, context.actor)
    emit(context, {"recipient_id": recipient_id, "name": name}, lambda: f"recipient {name} added: {recipient_id}")


@recipient.command("retire")
@click.argument("name")
@click.pass_obj
def retire(context: CliContext, name: str) -> None:
    """Note that an organisation receives nothing any more. Of what it has it is still told, where that is due already."""
    from rtbf.pipeline.recipients import retire_recipient  # noqa: PLC0415 - the database layer, when it is needed

    retire_recipient(context.open_installation(), name, context.actor)
    emit(context, {"name": name, "is_retired": True}, lambda: f"recipient {name} retired")


@recipient.command("list")
@click.argument("ticket_id", metavar="[TICKET]", required=False)
@click.pass_obj
def list_recipients(context: CliContext, ticket_id: str | None) -> None:
    """List every recipient; with a ticket, those that have to be told of it and how far that came."""
    from rtbf.pipeline.recipients import read_recipients, ticket_duties  # noqa: PLC0415 - the database layer, when it is needed

    installation = context.open_installation()
    if ticket_id is None:
        known = read_recipients(installation)
        emit(context, {"recipients": [_facts(entry) for entry in known]}, lambda: _table(known))
    else:
        duties = ticket_duties(installation, ticket_id)
        emit(context, {"ticket_id": ticket_id, "duties": [_duty(entry) for entry in duties]}, lambda: _duty_table(duties))


@recipient.command("tell")
@click.argument("ticket_id", metavar="TICKET")
@click.argument("name", metavar="RECIPIENT")
@click.option("--again", is_flag=True, help="Write once more to a recipient that has not answered.")
@click.pass_obj
def tell(context: CliContext, ticket_id: str, name: str, *, again: bool) -> None:
    """Tell a recipient of a ticket's erasure. The letter names material and records, never the person."""
    from rtbf.pipeline.recipients import tell_recipient  # noqa: PLC0415 - the database layer, when it is needed

    installation = context.open_installation()
    tell_sent(context, installation, ticket_id, tell_recipient(installation, ticket_id, name, context.actor, again=again))


@recipient.command("acknowledge")
@click.argument("ticket_id", metavar="TICKET")
@click.argument("name", metavar="RECIPIENT")
@click.pass_obj
def acknowledge(context: CliContext, ticket_id: str, name: str) -> None:
    """Note that a recipient answered."""
    from rtbf.pipeline.recipients import acknowledge as note_answer  # noqa: PLC0415 - the database layer, when it is needed

    note_answer(context.open_installation(), ticket_id, name, context.actor)
    emit(context, {"ticket_id": ticket_id, "recipient": name, "duty": "acknowledged"}, lambda: f"{name} has answered on {ticket_id}")


@recipient.command("waive")
@click.argument("ticket_id", metavar="TICKET")
@click.argument("name", metavar="RECIPIENT")
@click.option("--text", required=True, help="Why telling it is impossible or out of proportion; the person is told. `-` asks for it.")
@click.pass_obj
def waive(context: CliContext, ticket_id: str, name: str, text: str) -> None:
    """Note why a recipient is not told, or not waited for (GDPR Art. 19)."""
    from rtbf.pipeline.recipients import waive as note_waiver  # noqa: PLC0415 - the database layer, when it is needed
    from rtbf.vault.secret import Secret  # noqa: PLC0415

    note_waiver(context.open_installation(), ticket_id, name, typed_words(text, "text") or Secret(""), context.actor)
    emit(
        context, {"ticket_id": ticket_id, "recipient": name, "duty": "waived"}, lambda: f"{name} is not told of {ticket_id}; reason sealed"
    )


def _facts(entry: RecipientSeen) -> dict[str, Any]:
    return {
        "recipient_id": entry.recipient_id,
        "name": entry.name,
        "contact": entry.contact,
        "artefacts": list(entry.artefacts),
        "is_retired": entry.is_retired,
    }


def _duty(entry: DutySeen) -> dict[str, Any]:
    from rtbf.clock import rfc3339  # noqa: PLC0415 - with the database layer

    return {
        "recipient_id": entry.recipient_id,
        "name": entry.name,
        "contact": entry.contact,
        "duty": entry.state,
        "notice_id": entry.notice_id,
        "changed_at": rfc3339(entry.changed_at),
    }


def _table(known: Sequence[RecipientSeen]) -> RenderableType:
    from rich.box import SIMPLE_HEAD  # noqa: PLC0415 - rich, when it is needed
    from rich.table import Table  # noqa: PLC0415

    if not known:
        return "No recipients yet: `rtbf recipient add NAME --contact … --artefact CORPUS`"
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for column in ("recipient", "contact", "received"):
        table.add_column(column, overflow="fold")
    for entry in known:
        table.add_row(entry.name + (" (retired)" if entry.is_retired else ""), entry.contact, ", ".join(entry.artefacts))
    return table


def _duty_table(duties: Sequence[DutySeen]) -> RenderableType:
    from rich.box import SIMPLE_HEAD  # noqa: PLC0415 - rich, when it is needed
    from rich.table import Table  # noqa: PLC0415

    from rtbf.cli.drawing import moment  # noqa: PLC0415

    if not duties:
        return "Nobody has to be told yet; this begins with a verdict, or when nothing is left to change."
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for column in ("recipient", "contact", "how far", "since"):
        table.add_column(column, overflow="fold", no_wrap=column == "how far")
    for entry in duties:
        table.add_row(entry.name, entry.contact, entry.state, moment(entry.changed_at))
    return table
