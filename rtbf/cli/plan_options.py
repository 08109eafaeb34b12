"""The options of a plan side by side: what each method may reach, what it takes, what to expect of the model, and why one was chosen.

Drawn from the plan's own record, or from a look that made no plan. What to expect is told from counts; nothing of it is measured.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from rich.box import SIMPLE_HEAD
from rich.console import Group
from rich.table import Table
from rich.text import Text

from rtbf.cli.drawing import grid, section

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import RenderableType

    from rtbf.plan.record import PlanOption

_THOUSAND, _MILLION, _MILLIARD = 1_000, 1_000_000, 1_000_000_000
_HOUR_MIN, _DAY_MIN = 60, 1_440


def options_part(options: Sequence[PlanOption], *, chosen: str, reason: str, rate_origin: str, hint: str = "") -> RenderableType:
    """Return the table of options, the chosen one marked, with the reason under it; what cannot be planned is dimmed, each with why."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("", width=1)
    table.add_column("method", no_wrap=True)
    table.add_column("at most", no_wrap=True)
    table.add_column("tokens", justify="right", no_wrap=True)
    table.add_column("takes", justify="right", no_wrap=True)
    table.add_column("to expect of the model", overflow="fold")
    out = grid()
    for option in options:
        if option.unavailable is not None:
            out.add_row(f"  {option.method}", Text(option.unavailable, style="dim"))
            continue
        is_chosen = option.method == chosen
        table.add_row(
            "▶" if is_chosen else "",
            Text(option.method, style="bold" if is_chosen else ""),
            option.class_cap,
            "" if option.tokens is None else short_count(option.tokens),
            "" if option.minutes is None else duration_text(Decimal(option.minutes)),
            _expected(option),
        )
    told = grid()
    told.add_row("chosen", Text.assemble((chosen, "bold"), f": {reason}"))
    told.add_row("minutes", f"at {rate_origin}; of the unlearning alone")
    apart: list[RenderableType] = [Text("not possible here", style="dim"), out, Text("")] if out.row_count else []
    return Group(section("Options", hint), table, *apart, told)


def short_count(tokens: int) -> str:
    """Return a number of tokens in at most seven characters: 812, 24 k, 1.02 M, 3.40 G."""
    for unit, size in (("G", _MILLIARD), ("M", _MILLION)):
        if tokens >= size:
            return f"{tokens / size:.2f} {unit}"
    return f"{tokens / _THOUSAND:.0f} k" if tokens >= 10 * _THOUSAND else str(tokens)


def duration_text(minutes: Decimal) -> str:
    """Return a time as people say it: at once, 12 s, 3.4 min, 5.2 h, 3.1 days."""
    if minutes == 0:
        return "at once"
    if minutes < 1:
        return f"{max(1, round(minutes * 60))} s"
    if minutes < _HOUR_MIN:
        return f"{minutes:.1f} min"
    return f"{minutes / _HOUR_MIN:.1f} h" if minutes < _DAY_MIN else f"{minutes / _DAY_MIN:.1f} days"


def _expected(option: PlanOption) -> Text:
    text = Text(option.utility)
    if option.note:
        text.append(f"\n{option.note}", style="yellow" if option.is_in_time is False else "dim")
    return text
