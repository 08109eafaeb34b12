"""The few shapes that every page of the terminal is drawn with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from rich.table import Table
from rich.text import Text

from rtbf.report.residuals import RESIDUALS

if TYPE_CHECKING:
    from datetime import datetime

    from rich.console import RenderableType

_LINE = 76
"""Characters of a command line before it is broken: with its indent it stays inside 80 columns."""


def grid() -> Table:
    """Return a grid of names and values whose values are folded, never cut."""
    table = Table.grid(padding=(0, 1))
    table.add_column(no_wrap=True, style="dim", min_width=10)
    table.add_column(overflow="fold")
    return table


def section(title: str, hint: str = "") -> Text:
    """Return a section's heading, with what to type for more behind it."""
    text = Text.assemble("\n", (title, "bold cyan"))
    if hint:
        text.append(f"   {hint}", style="dim")
    return text


def command_text(line: str) -> Text:
    """Return a command line as it can be pasted into a shell: a long one is broken by backslashes."""
    lines, current = [], "  $"
    for word in line.split(" "):
        if len(current) + 1 + len(word) > _LINE and current.strip(" $"):
            lines.append(current + " \\")
            current = "   "
        current += f" {word}"
    # How to fold is left to the console: a terminal folds what is too wide, a pipe keeps every line whole.
    return Text("\n".join([*lines, current]), style="bold")


def day(instant: datetime) -> str:
    """Return the instant's date, UTC."""
    return f"{instant:%Y-%m-%d}"


def moment(instant: datetime) -> str:
    """Return the instant to the minute, UTC."""
    return f"{instant:%Y-%m-%d %H:%M} UTC"


class Remains(Protocol):
    """What of a residual is drawn."""

    @property
    def residual_id(self) -> str:
        """Return its id."""

    @property
    def ticket_id(self) -> str:
        """Return its ticket's id."""

    @property
    def reason(self) -> str:
        """Return the code of why it remains."""

    @property
    def name(self) -> str:
        """Return what remains."""

    @property
    def owner(self) -> str | None:
        """Return the name of whose it is."""

    @property
    def due_at(self) -> datetime | None:
        """Return when it is to be settled."""

    @property
    def resolved_at(self) -> datetime | None:
        """Return when it was settled."""


def residual_rows(entry: Remains, now: datetime, *, with_ticket: bool = False, with_why: bool = False) -> list[RenderableType]:
    """Return the lines of one residual: what remains, its id, whose it is and until when; yellow when that is missing or over."""
    begin, why = RESIDUALS.get(entry.reason, (entry.reason.replace("_", " ") + ":", ""))
    is_open = entry.resolved_at is None
    is_late = is_open and (entry.owner is None or entry.due_at is None or entry.due_at < now)
    due = "NO DATE" if entry.due_at is None else f"due {day(entry.due_at)}"
    settled = due if entry.resolved_at is None else f"resolved {day(entry.resolved_at)}"
    where = f"  {entry.ticket_id}" if with_ticket else ""
    whose = f"{entry.owner or 'NO OWNER'}, {settled}"
    rows: list[RenderableType] = [
        Text(f"  {begin} {entry.name}", style="" if is_open else "dim"),
        Text.assemble((f"    {entry.residual_id}{where}  ", "dim"), (whose, "bold yellow" if is_late else "")),
    ]
    if with_why and why:
        rows.append(Text(f"    {why}", style="dim"))
    return rows
