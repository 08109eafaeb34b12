"""`rtbf residual list|resolve`: what remains after tickets, whose it is, and until when."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from rtbf.cli.context import CliContext, emit

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from rich.console import RenderableType

    from rtbf.pipeline.residuals import NamedResidual


@click.group("residual")
def residual() -> None:
    """List and resolve what remains after tickets."""


@residual.command("list")
@click.argument("ticket_id", metavar="[TICKET]", required=False)
@click.option("--all", "with_resolved", is_flag=True, help="Resolved ones too.")
@click.pass_obj
def list_all(context: CliContext, ticket_id: str | None, *, with_resolved: bool) -> None:
    """List what remains: those without a date first, then by date. Of one ticket, or of all."""
    from rtbf.pipeline.residuals import read_residuals  # noqa: PLC0415 - the database layer, when it is needed

    installation = context.open_installation()
    found = read_residuals(installation, ticket_id, with_resolved=with_resolved)
    emit(context, {"residuals": [_facts(entry) for entry in found]}, lambda: _table(found, installation.clock()))


@residual.command("resolve")
@click.argument("residual_id", metavar="ID")
@click.option("--owner", metavar="ACTOR", help="Hand it over to this person instead of resolving it.")
@click.option("--due", metavar="DATE", help="Move its date instead of resolving it.")
@click.pass_obj
def resolve(context: CliContext, residual_id: str, owner: str | None, due: str | None) -> None:
    """Say that a residual is settled; with --owner or --due, hand it over or move it, and it stays open."""
    from rtbf.cli.moments import end_of_date  # noqa: PLC0415 - the calendar, when it is needed
    from rtbf.pipeline.residuals import settle_residual  # noqa: PLC0415 - the database layer, when it is needed

    installation = context.open_installation()
    due_at = None if due is None else end_of_date(due, installation.policy.time_zone, "--due")
    settle_residual(installation, residual_id, context.actor, owner=owner, due_at=due_at)
    done = "is resolved" if owner is None and due_at is None else "stays open, with its new owner or date"
    emit(context, {"residual_id": residual_id, "is_resolved": owner is None and due_at is None}, lambda: f"{residual_id} {done}")


def _facts(entry: NamedResidual) -> dict[str, Any]:
    from rtbf.clock import rfc3339  # noqa: PLC0415 - with the database layer

    return {
        "residual_id": entry.residual_id,
        "ticket_id": entry.ticket_id,
        "reason": entry.reason,
        "name": entry.name,
        "owner": entry.owner,
        "due_at": None if entry.due_at is None else rfc3339(entry.due_at),
        "needs_identifiers": entry.needs_identifiers,
        "resolved_at": None if entry.resolved_at is None else rfc3339(entry.resolved_at),
    }


def _table(found: Sequence[NamedResidual], now: datetime) -> RenderableType:
    from rich.console import Group  # noqa: PLC0415 - rich, when it is needed
    from rich.text import Text  # noqa: PLC0415

    from rtbf.cli.drawing import residual_rows  # noqa: PLC0415

    if not found:
        return Text("Nothing remains to be settled. --all shows resolved ones.")
    return Group(*(part for entry in found for part in residual_rows(entry, now, with_ticket=True)))
