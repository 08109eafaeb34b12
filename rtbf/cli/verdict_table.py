"""The verdict of a ticket, drawn for the terminal: verdict and claim, then the probes by the question they answer, then the codes.

It fits into 80 columns and says the same without colour.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from rich.console import Group
from rich.text import Text

from rtbf.cli.drawing import grid, section
from rtbf.cli.effect_bar import KEY
from rtbf.cli.probe_pieces import pieces_part
from rtbf.cli.probe_table import STATUS_STYLES, probe_table
from rtbf.report.words import FAMILIES, REPORTED, STATUSES, probe_words
from rtbf.verify.codes import CODE_MEANINGS, CODE_REMEDIES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.console import RenderableType

    from rtbf.verify.record import Finding, ProbeResult, Verdict, Verification

_VERDICT_STYLE = {"PASS": "bold green", "FAIL": "bold red", "INCONCLUSIVE": "bold yellow"}
_PACKS_PAGE = "docs/reference/item-packs.md"


def verification_table(verification: Verification) -> RenderableType:
    """Return verdict, claim, one table for each question that probes answer, and what every code means."""
    verdict = verification.verdict
    findings = {finding.probe_id: finding for finding in verdict.findings}
    measured = [probe for probe in verification.probes if _why_not_measured(probe) is None]
    parts: list[RenderableType | None] = [_head(verdict), Text(verdict.claim), Text(""), _tally(verification.probes, findings)]
    parts.append(_how_to_read(verification))
    for family, title in FAMILIES.items():
        own = [probe for probe in measured if probe.family == family and probe.role != "reported"]
        parts += [section(title), probe_table(own, findings)] if own else []
    reported = [probe for probe in measured if probe.role == "reported"]
    parts += [section(REPORTED, "decides nothing"), probe_table(reported, findings), _notes(reported)] if reported else []
    parts += [pieces_part(measured), _not_measured(verification.probes), _codes(verification)]
    return Group(*(part for part in parts if part is not None))


def verification_summary(verification: Verification, ticket_id: str) -> RenderableType:
    """Return verdict and claim, which says what the deciding codes mean; how many probes ended how; and where the rest is shown."""
    verdict = verification.verdict
    findings = {finding.probe_id: finding for finding in verdict.findings}
    hint = Text(f"every measurement: rtbf show {ticket_id} --probes", style="dim")
    parts = [_head(verdict), Text(verdict.claim), Text(""), _tally(verification.probes, findings), hint]
    return Group(*parts)


def _head(verdict: Verdict) -> Text:
    text = Text.assemble("Verdict ", (verdict.status, _VERDICT_STYLE[verdict.status]), f"   class awarded: {verdict.class_awarded}")
    text.append(f"\nasked for: {verdict.class_requested}; after these results at most: {verdict.class_cap}", style="dim")
    return text


def _tally(probes: Sequence[ProbeResult], findings: Mapping[str, Finding]) -> Text:
    """Return how many probes ended how; those that speak against it by name."""
    counts: Counter[str] = Counter(findings[probe.probe_id].status for probe in probes)
    text = Text(" · ").join(Text(f"{counts[name]} {words}", style=STATUS_STYLES[name]) for name, words in STATUSES.items() if counts[name])
    for probe in probes:
        if findings[probe.probe_id].status == "adverse":
            title, asks = probe_words(probe.probe_id, probe.name)
            text.append(f"\n✗ {probe.probe_id} {title}", style="bold red")
            text.append(f": {asks}" if asks else "")
    return text


def _how_to_read(verification: Verification) -> Text:
    controls = sum(arm.role == "control" for arm in verification.arms)
    models = f"{controls} model{'' if controls == 1 else 's'} made by the same recipe and never shown the records"
    control = f"Control: {models}." if controls else "There is no control model."
    said = f"\nbefore → after, and what that is compared with. {control}\n"
    said += "Effect: after less that, drawn in units of its limit; above 0 is worse."
    return Text(f"{said}\n{KEY}", style="dim")


def _notes(probes: Sequence[ProbeResult]) -> RenderableType | None:
    """Return what a reported figure means, where it says so itself."""
    table = grid()
    for probe in probes:
        if probe.note:
            table.add_row(probe.probe_id, Text(probe.note, style="dim"))
    return table if table.row_count else None


def _why_not_measured(probe: ProbeResult) -> str | None:
    """Return the code under which a probe is named without a row of its own: it has no number, and decides nothing by that."""
    return probe.not_applicable or (probe.problem if probe.role == "reported" else None)


def _not_measured(probes: Sequence[ProbeResult]) -> RenderableType | None:
    """Return what has no numbers, a line for each reason instead of an empty row for each probe."""
    reasons: dict[str, list[str]] = {}
    for probe in probes:
        reason = _why_not_measured(probe)
        if reason is not None:
            reasons.setdefault(reason, []).append(f"{probe.probe_id} {probe_words(probe.probe_id, probe.name)[0]}")
    if not reasons:
        return None
    table = grid()
    for reason, names in reasons.items():
        hint = f"; see {_PACKS_PAGE}" if reason == "NO_PACK" else ""
        table.add_row(reason, Text.assemble(", ".join(names), (f"\n{CODE_MEANINGS.get(reason, '')}{hint}", "dim")))
    return Group(section("Not measured"), table)


def _codes(verification: Verification) -> RenderableType | None:
    """Return every code that stands above, what it means, for which probes, and what would let it be decided."""
    named: dict[str, list[str]] = {}
    for code in verification.verdict.codes:
        probe_id, _, reason = code.rpartition(":")
        named.setdefault(reason, []).extend([probe_id] if probe_id else [])
    decisive = set(named)
    for finding in verification.verdict.findings:
        if finding.reason is not None and finding.reason not in decisive and finding.status != "not_applicable":
            named.setdefault(finding.reason, []).append(finding.probe_id)
    if not named:
        return None
    table = grid()
    for reason in sorted(named):
        text = Text(CODE_MEANINGS.get(reason, "see the probe table"))
        if named[reason]:
            text.append(f"\n{', '.join(named[reason])}", style="dim")
        if reason in CODE_REMEDIES:
            text.append(f"\nto decide: {CODE_REMEDIES[reason]}", style="dim")
        table.add_row(Text(reason, style="bold"), text)
    return Group(section("What the codes mean"), table)
