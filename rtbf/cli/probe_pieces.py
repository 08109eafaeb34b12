"""What a probe's figure is made of, drawn for the terminal: forms, templates and kinds of fields, and attacks step by step."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group
from rich.table import Table
from rich.text import Text

from rtbf.cli.drawing import section
from rtbf.cli.probe_table import number_text
from rtbf.report.asked_words import piece_words
from rtbf.report.words import COMPARED_SHORT, probe_words

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from rich.console import RenderableType

    from rtbf.verify.record import Part, ProbeResult

_NAME = 24
_NUMBER = 5


def pieces_part(probes: Iterable[ProbeResult]) -> RenderableType | None:
    """Return the pieces of every probe that has several; None where none has."""
    parts: list[RenderableType] = []
    for probe in probes:
        if probe.parts:
            parts += _of_probe(probe)
    return Group(section("In pieces"), *parts) if parts else None


def _of_probe(probe: ProbeResult) -> Iterator[RenderableType]:
    compared = COMPARED_SHORT.get(probe.compared_with or "", "control")
    order = "before → after" if probe.compared_with in {None, "before"} else f"before → after, {compared}"
    yield Text.assemble((probe.probe_id, "bold"), " ", probe_words(probe.probe_id, probe.name)[0], (f"   {order}", "dim"))
    yield _by_step(probe.parts) if all("@" in part.name for part in probe.parts) else _by_name(probe)


def _by_step(parts: Sequence[Part]) -> Table:
    """Return a relearning attack as its curve in numbers: a column for each step that was looked at."""
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="dim")
    table.add_column("  steps of training", style="dim", no_wrap=True)
    for part in parts:
        table.add_column(part.name.rpartition("@")[2], justify="right", no_wrap=True)
    table.add_row("  this model", *(number_text(part.after) for part in parts))
    if any(part.control is not None for part in parts):
        table.add_row("  control", *(number_text(part.control) for part in parts))
    table.add_row("  before unlearning", *(number_text(part.before) for part in parts))
    return table


def _by_name(probe: ProbeResult) -> Table:
    """Return two pieces a line, each with its two or three numbers."""
    has_control = probe.compared_with not in {None, "before"}
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), show_header=False)
    for _ in range(2):
        table.add_column(width=_NAME, overflow="fold", style="dim")
        for _ in range(2 + has_control):
            table.add_column(width=_NUMBER, justify="right", no_wrap=True)
    cells = [_piece(part, has_control=has_control) for part in probe.parts]
    for left, right in zip(cells[::2], [*cells[1::2], []], strict=False):
        table.add_row(*left, *right)
    return table


def _piece(part: Part, *, has_control: bool) -> list[Text]:
    numbers = [part.before, part.after, *([part.control] if has_control else [])]
    return [Text(f"  {piece_words(part.name)}"), *(Text(number_text(number, places=2)) for number in numbers)]
