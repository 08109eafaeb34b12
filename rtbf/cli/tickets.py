"""`rtbf list|show`: which ticket is due first, and where one stands. Holds and prints no personal data."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import click

from rtbf.cli.context import CliContext, emit
from rtbf.cli.show_ticket import SECTIONS, show_ticket
from rtbf.ticket.lifecycle import REASONS, STATES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import RenderableType

    from rtbf.pipeline.docket import DocketLine

_SPAN = re.compile(r"([0-9]{1,4})([dw])")
_DAYS_PER_WEEK = 7
_COLUMNS = {"ticket": 20, "state": 11, "waits for": 8, "deadline": 11, "days left": 4, "regime": 10, "reference": None}
"""Column → width: that of its longest word, so that lines of 80 columns break between words; a reference takes the rest."""


class _Span(click.ParamType[int]):
    """A number of days or weeks, such as 7d or 2w; its value is days."""

    name = "span"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:  # noqa: ANN401 - click's signature
        """Return the days; fails for any other form."""
        if isinstance(value, int):
            return value
        match = _SPAN.fullmatch(str(value))
        if match is None:
            self.fail("expected days or weeks, such as 7d or 2w", param, ctx)
        return int(match[1]) * (_DAYS_PER_WEEK if match[2] == "w" else 1)


@click.command("list")
@click.option("--state", type=click.Choice(STATES), help="Only tickets in this state.")
@click.option("--waiting-for", "reason", type=click.Choice(REASONS), help="Only tickets that wait for this.")
@click.option("--due-in", "due_in_days", type=_Span(), metavar="SPAN", help="Only tickets due within so many days (7d) or weeks (2w).")
@click.option("--overdue", "only_overdue", is_flag=True, help="Only tickets whose deadline is over.")
@click.option("--all", "with_closed", is_flag=True, help="Closed tickets too.")
@click.pass_obj
def list_command(
    context: CliContext, state: str | None, reason: str | None, due_in_days: int | None, *, only_overdue: bool, with_closed: bool
) -> None:
    """List open tickets, the soonest deadline first.

    --due-in warns by the earlier of a ticket's two dates: the strict one, without waiting for identity or extension,
    until it is over; then the effective one. Every deadline is computed anew from what happened.
    """
    from rtbf.pipeline.docket import read_docket  # noqa: PLC0415 - the database layer, when it is needed

    lines = read_docket(
        context.open_installation(),
        state=state,
        reason=reason,
        due_in_days=due_in_days,
        only_overdue=only_overdue,
        with_closed=with_closed,
    )
    is_narrowed = any((state, reason, due_in_days is not None, only_overdue))
    emit(context, [_facts(line) for line in lines], lambda: docket_table(lines, is_narrowed=is_narrowed))


@click.command("show")
@click.argument("ticket_id", metavar="TICKET")
@click.option("--clock", is_flag=True, help="Every step that led to the deadline.")
@click.option("--items", is_flag=True, help="Every record and model found, by the number that `rtbf decide` takes.")
@click.option("--plan", is_flag=True, help="The whole plan.")
@click.option("--probes", is_flag=True, help="Every measurement behind the verdict.")
@click.option("--residuals", is_flag=True, help="What remains, settled things too, and why.")
@click.option("--events", is_flag=True, help="The ticket's events in the ledger.")
@click.pass_obj
def show(context: CliContext, /, ticket_id: str, **wanted: bool) -> None:
    """Show a ticket: who must act, by when and how; then what was asked, found, decided, planned, measured and sent."""
    show_ticket(context, ticket_id, wanted=[name for name in SECTIONS if wanted[name]])


def docket_table(lines: Sequence[DocketLine], *, is_narrowed: bool = False) -> RenderableType:
    """Return the list as a table of 80 columns; ids are whole, so that they can be copied."""
    from rich.table import Table  # noqa: PLC0415 - rich, when it is needed
    from rich.text import Text  # noqa: PLC0415

    from rtbf.cli.ticket_panel import deadline_style  # noqa: PLC0415

    if not lines:
        return Text("No ticket fits." if is_narrowed else "No open ticket. `rtbf submit --name -` takes one in; --all shows closed ones.")
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold cyan")
    for column, width in _COLUMNS.items():
        table.add_column(column, width=width, overflow="fold", justify="right" if column == "days left" else "left")
    for line in lines:
        state = f"{line.state}: {line.outcome}" if line.outcome else line.state
        style = deadline_style(line.days_left, is_late=line.is_overdue)
        answered = "done" if line.clock.stopped_at is not None else ""
        marks = "".join(mark for mark, is_set in (("*", line.clock.is_suspended), ("+", line.clock.is_extended)) if is_set)
        table.add_row(
            line.ticket_id,
            state.replace("_", " "),
            (line.reason or "").removeprefix("need_").removeprefix("awaiting_").replace("_", " "),
            Text(line.clock.deadline.isoformat() + marks, style=style),
            Text(answered if line.days_left is None else str(line.days_left), style=style),
            line.regime,
            line.external_ref or "",
        )
    if any(line.clock.is_suspended or line.clock.is_extended for line in lines):
        table.caption = "* the clock waits for identity   + extended"
        table.caption_justify = "left"
    return table


def _facts(line: DocketLine) -> dict[str, Any]:
    return {
        "ticket_id": line.ticket_id,
        "state": line.state,
        "reason": line.reason,
        "outcome": line.outcome,
        "attempt": line.attempt,
        "created_at": line.created_at.isoformat(),
        "deadline": line.clock.deadline.isoformat(),
        "strict_deadline": line.clock.strict_deadline.isoformat(),
        "days_left": line.days_left,
        "is_overdue": line.is_overdue,
        "is_suspended": line.clock.is_suspended,
        "is_extended": line.clock.is_extended,
        "regime": line.regime,
        "external_ref": line.external_ref,
    }
