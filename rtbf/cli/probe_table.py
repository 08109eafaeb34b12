"""The probes of one family as a table of 80 columns: name, before and after, what they are compared with, effect, status.

Every number is the record's own, rounded for reading; the record and the report hold all digits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group
from rich.table import Table
from rich.text import Text

from rtbf.cli.effect_bar import WIDTH, effect_bar
from rtbf.report.words import COMPARED_SHORT, ROLES, STATUSES, probe_words, unit_words

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.console import RenderableType

    from rtbf.verify.record import Finding, ProbeResult

_MARKS = {"equivalent": "✓", "adverse": "✗", "inconclusive": "?", "not_applicable": "–", "reported": "·"}
STATUS_STYLES = {"equivalent": "green", "adverse": "bold red", "inconclusive": "yellow", "not_applicable": "dim", "reported": "dim"}
_NAME, _NUMBERS, _STATUS = 26, 16, 12
_TEN = 10
"""From here on one decimal less does."""


def probe_table(probes: Sequence[ProbeResult], findings: Mapping[str, Finding]) -> RenderableType:
    """Return the probes in the given order; those that cannot decide in favour stand below, under a line that says so."""
    decides = [probe for probe in probes if probe.role != "secondary"]
    beside = [probe for probe in probes if probe.role == "secondary"]
    parts: list[RenderableType] = [_table(decides, findings)] if decides else []
    if beside:
        parts += [Text(f"Beside these: {ROLES['secondary']}", style="dim italic"), _table(beside, findings)]
    return Group(*parts)


def _table(probes: Sequence[ProbeResult], findings: Mapping[str, Finding]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), show_header=False)
    table.add_column(width=_NAME, overflow="fold")
    table.add_column(width=_NUMBERS, justify="right", no_wrap=True)
    table.add_column(width=WIDTH, no_wrap=True)
    table.add_column(width=_STATUS, overflow="fold")
    for probe in probes:
        table.add_row(*_cells(probe, findings[probe.probe_id]))
    return table


def number_text(text: str | None, places: int = 3) -> str:
    """Return a number with so many decimals, one less from 10 on, and a true minus sign; "–" when it is unknown."""
    if text is None:
        return "–"
    value = float(text)
    shown = f"{value:.{places if abs(value) < _TEN else places - 1}f}"
    # What rounds to zero has no sign.
    return shown.lstrip("-") if not float(shown) else shown.replace("-", "−")


def limit_text(probe: ProbeResult) -> str:
    """Return the margin as what must not be passed: on both sides, or upwards only."""
    return f"±{probe.margin}" if probe.direction == "two_sided" else f"≤{probe.margin}"


def _cells(probe: ProbeResult, finding: Finding) -> tuple[Text, Text, Text, Text]:
    style = STATUS_STYLES[finding.status]
    status = Text(f"{_MARKS[finding.status]} {STATUSES[finding.status]}", style=style)
    if finding.reason is not None:
        status.append(f"\n{finding.reason}", style=style)
    return _name(probe), _numbers(probe), _effect(probe), status


def _name(probe: ProbeResult) -> Text:
    title, _ = probe_words(probe.probe_id, probe.name)
    gap = " " if len(probe.probe_id) + 1 + len(title) <= _NAME else "\n"
    name = Text.assemble((probe.probe_id, "bold"), gap, title)
    margin = f", {limit_text(probe)}" if float(probe.margin) else ""
    if probe.family != "gate":
        name.append(f"\n{unit_words(probe.unit)}{margin}", style="dim")
    if probe.witnesses is not None and (probe.witnesses or probe.family == "gate"):
        said = f"{probe.witnesses} mismatch{'' if probe.witnesses == 1 else 'es'}"
        said = said if probe.family == "gate" else f"{probe.witnesses} came back word for word"
        name.append(f"\n{said}", style="red" if probe.witnesses else "dim")
    return name


def _numbers(probe: ProbeResult) -> Text:
    if probe.before is None and probe.after is None:
        return Text("")
    text = Text(f"{number_text(probe.before)} → {number_text(probe.after)}")
    if probe.control is not None and probe.compared_with != "before":
        text.append(f"\n{COMPARED_SHORT.get(probe.compared_with or '', 'control')} {number_text(probe.control)}", style="dim")
    elif probe.compared_with == "before":
        text.append("\nagainst before", style="dim")
    return text


def _effect(probe: ProbeResult) -> Text:
    if probe.estimate is None or probe.family == "gate":
        return Text("")
    said = _signed(probe.estimate)
    if probe.interval is not None:
        said += f" [{number_text(probe.interval.low)}, {number_text(probe.interval.high)}]"
    text = effect_bar(probe)
    return Text("\n").join([text, Text(said)]) if text.plain else Text(said)


def _signed(text: str) -> str:
    shown = number_text(text)
    return shown if shown.startswith("−") or not float(text) else f"+{shown}"
