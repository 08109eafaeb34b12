"""`rtbf hold add|list|release`: legal holds. A hold blocks a scope, not a person; the rest of a ticket goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from rtbf.cli.context import CliContext, emit

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from rich.console import RenderableType

    from rtbf.plan.holds import Hold

_SCOPES = ("ticket", "corpus", "model", "record")


@click.group("hold")
def hold() -> None:
    """Place, list and release legal holds."""


@hold.command("add")
@click.option("--ticket", metavar="TICKET", help="Hold everything of this ticket.")
@click.option("--corpus", metavar="NAME", help="Hold every record of this corpus.")
@click.option("--model", metavar="NAME", help="Hold this model as it is.")
@click.option("--record", metavar="SCOPE", help="Hold one record: CORPUS@sha256:…#RECORD-ID.")
@click.option("--ground", required=True, metavar="CODE", help="The exemption it rests on; `rtbf regime show NAME` lists them.")
@click.option("--authority", "authority_ref", required=True, metavar="REF", help="Reference of the papers: a file number, no prose.")
@click.option("--regime", default=None, help="Whose codes --ground is of; default: the ticket's, else eu-gdpr.")
@click.option("--until", metavar="DATE", help="When it ends by itself; default: when it is released.")
@click.pass_obj
def add(context: CliContext, /, ground: str, authority_ref: str, regime: str | None, until: str | None, **scopes: str | None) -> None:
    """Place a hold on one ticket, corpus, model or record, from now on."""
    from rtbf.cli.moments import end_of_date  # noqa: PLC0415 - the calendar, when it is needed
    from rtbf.pipeline.hold_scope import regime_for_hold  # noqa: PLC0415 - the database layer, when it is needed
    from rtbf.pipeline.holds import place_hold  # noqa: PLC0415

    given = [(kind, scope) for kind in _SCOPES if (scope := scopes[kind]) is not None]
    if len(given) != 1:
        raise click.UsageError("name one of --ticket, --corpus, --model, --record")
    (scope_kind, scope), installation = given[0], context.open_installation()
    end = None if until is None else end_of_date(until, installation.policy.time_zone, "--until")
    law = regime_for_hold(installation, scope_kind, scope, regime)
    placed = place_hold(
        installation,
        scope_kind=scope_kind,
        scope=scope,
        regime=law,
        ground=ground,
        authority_ref=authority_ref,
        until=end,
        actor=context.actor,
    )
    ends = "until it is released" if end is None else f"until {end:%Y-%m-%d %H:%M} UTC"
    emit(context, _facts(placed, installation.clock()), lambda: f"{placed.hold_id} holds {scope_kind} {scope} {ends}")


@hold.command("list")
@click.option("--all", "with_ended", is_flag=True, help="Released and ended ones too.")
@click.pass_obj
def list_all(context: CliContext, *, with_ended: bool) -> None:
    """List the holds in force, oldest first."""
    from rtbf.plan.holds import is_live  # noqa: PLC0415 - the database layer, when it is needed
    from rtbf.store.holds import all_holds  # noqa: PLC0415

    installation = context.open_installation()
    now = installation.clock()
    with installation.transaction() as session:
        holds = [entry for entry in all_holds(session) if with_ended or is_live(entry, now)]
    emit(context, {"holds": [_facts(entry, now) for entry in holds]}, lambda: _table(holds, now))


@hold.command("release")
@click.argument("hold_id", metavar="ID")
@click.pass_obj
def release(context: CliContext, hold_id: str) -> None:
    """Release a hold: what it kept back of open tickets may then be erased, and those tickets are looked at again."""
    from rtbf.pipeline.holds import lift_hold  # noqa: PLC0415 - the database layer, when it is needed

    installation = context.open_installation()
    released = lift_hold(installation, hold_id, context.actor)
    emit(context, _facts(released, installation.clock()), lambda: f"{hold_id} is released")


def _facts(entry: Hold, now: datetime) -> dict[str, Any]:
    from rtbf.clock import rfc3339  # noqa: PLC0415 - with the database layer
    from rtbf.plan.holds import is_live  # noqa: PLC0415

    return {
        "hold_id": entry.hold_id,
        "scope_kind": entry.scope_kind,
        "scope": entry.scope,
        "ground": entry.ground,
        "authority_ref": entry.authority_ref,
        "since": rfc3339(entry.since),
        "until": None if entry.until is None else rfc3339(entry.until),
        "released_at": None if entry.released_at is None else rfc3339(entry.released_at),
        "is_live": is_live(entry, now),
    }


def _table(holds: Sequence[Hold], now: datetime) -> RenderableType:
    from rich.console import Group  # noqa: PLC0415 - rich, when it is needed
    from rich.text import Text  # noqa: PLC0415

    from rtbf.cli.drawing import day, grid, moment  # noqa: PLC0415
    from rtbf.plan.holds import is_live  # noqa: PLC0415

    if not holds:
        return Text("No hold is in force. --all shows ended ones.")
    parts: list[RenderableType] = []
    for entry in holds:
        ends = "until it is released" if entry.until is None else f"until {moment(entry.until)}"
        ends = f"released on {day(entry.released_at)}" if entry.released_at is not None else ends
        table = grid()
        table.add_row("holds", f"{entry.scope_kind} {entry.scope}")
        table.add_row("ground", entry.ground)
        table.add_row("papers", entry.authority_ref)
        table.add_row("lasts", f"from {day(entry.since)}, {ends}")
        parts += [Text(entry.hold_id, style="bold" if is_live(entry, now) else "dim"), table]
    return Group(*parts)
