"""The verdict of a ticket, drawn for the terminal: verdict, probe table, claim and the meaning of every code."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group
from rich.table import Table
from rich.text import Text

from rtbf.verify.claim import CODE_MEANINGS

if TYPE_CHECKING:
    from rich.console import RenderableType

    from rtbf.verify.record import Interval, ProbeResult, Verification

_STATUS_STYLE = {"PASS": "bold green", "FAIL": "bold red", "INCONCLUSIVE": "bold yellow"}
_STATUS_WORDS = {"not_applicable": "n/a"}
_FINDING_STYLE = {"equivalent": "green", "adverse": "red", "inconclusive": "yellow", "not_applicable": "dim"}


def verification_table(verification: Verification) -> RenderableType:
    """Return verdict, probe table and claim; it fits into 80 columns."""
    verdict = verification.verdict
    statuses = {finding.probe_id: finding for finding in verdict.findings}
    head = Text.assemble("Verdict ", (verdict.status, _STATUS_STYLE[verdict.status]), f"   class awarded: {verdict.class_awarded}")
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold cyan")
    table.add_column("probe", min_width=22)
    for column in ("before", "after", "control"):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("effect (margin)", no_wrap=True)
    table.add_column("status", no_wrap=True)
    for probe in verification.probes:
        finding = statuses[probe.probe_id]
        style = _FINDING_STYLE[finding.status]
        status = Text("\n".join(filter(None, (_STATUS_WORDS.get(finding.status, finding.status), finding.reason))), style=style)
        name = Text.assemble((f"{probe.probe_id} ", "bold"), probe.name.replace("_", " "), (f"\n{probe.unit}", "dim"))
        numbers = [_number(value) for value in (probe.before, probe.after, probe.control)]
        table.add_row(name, *numbers, _effect(probe), status)
    reasons = sorted({code.rpartition(":")[2] for code in verdict.codes})
    explained = Text("\n".join(f"{reason}: {CODE_MEANINGS.get(reason, '')}" for reason in reasons), style="dim")
    legend = Text(
        "control: models made by the same recipe and never shown the records. Effect: after − control (U1: after − before), with its "
        "90 % interval.",
        style="dim",
    )
    return Group(head, Text(""), table, Text(""), legend, Text(verdict.claim), explained)


def _number(value: str | None) -> str:
    return "–" if value is None else f"{float(value):.3f}"


def _effect(probe: ProbeResult) -> str:
    """Return the mean effect, its interval, and the margin fixed in the plan."""
    interval: Interval | None = probe.interval
    margin = f"±{probe.margin}" if probe.direction == "two_sided" else f"<{probe.margin}"
    if probe.estimate is None or interval is None:
        return f"– ({margin})"
    return f"{float(probe.estimate):+.3f} ({margin})\n[{float(interval.low):+.2f}, {float(interval.high):+.2f}]"
