"""Display text for the probes of a statement, by the question that they answer: numbers, strips, pieces, what was not measured.

Pure, like `view`, which puts it together. A probe that was not measured has no row of its own; it is named once, with why.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from rtbf.report.pdf.charts import effect_strip, effect_words, limit_words, pieces_chart, reach_of, shown, steps_chart
from rtbf.report.words import (
    COMPARED_SHORT,
    FAMILIES,
    FAMILY_LEADS,
    PROBES,
    REPORTED,
    REPORTED_LEAD,
    STATUSES,
    probe_words,
)
from rtbf.verify.codes import CODE_MEANINGS, CODE_REMEDIES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_AXIS_PLACES = 2
_FEWEST_PIECES = 3
"""Two bars tell no more than the two numbers of a test's own row."""
_NEVER_PLANNED = "not part of this plan's profile"


def tally_view(said: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return, per question, how many tests that count ended how; questions on which nothing was planned are left out."""
    status = _statuses(said)
    tally = []
    for family, title in FAMILIES.items():
        counts = Counter(status[probe["probe_id"]] for probe in said["probes"] if probe["family"] == family and _counts(probe))
        if counts:
            parts = [[name, f"{counts[name]} {words}"] for name, words in STATUSES.items() if counts[name]]
            tally.append({"title": title, "parts": parts})
    return tally


def against_view(said: Mapping[str, Any]) -> list[str]:
    """Return the tests that speak against a PASS, in words, for whoever reads one page."""
    status = _statuses(said)
    told = []
    for probe in said["probes"]:
        if status[probe["probe_id"]] == "adverse":
            title, asks = probe_words(probe["probe_id"], probe["name"])
            told.append(f"{probe['probe_id']} {title}" + (f": {asks}" if asks else ""))
    return told


def families_view(said: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return one group per question that was measured, primary tests first, and the reported figures last."""
    groups = []
    for family, title in FAMILIES.items():
        own = [probe for probe in said["probes"] if probe["family"] == family and _counts(probe) and _why_not_measured(probe) is None]
        own.sort(key=lambda probe: probe["role"] == "secondary")
        if own:
            groups.append({"title": title, "lead": FAMILY_LEADS[family], "scales": _by_unit(own, said)})
    reported = [probe for probe in said["probes"] if not _counts(probe) and _why_not_measured(probe) is None]
    if reported:
        groups.append({"title": REPORTED, "lead": REPORTED_LEAD, "scales": _by_unit(reported, said)})
    return groups


def curves_view(said: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the relearning attacks as curves over their steps."""
    charts = [(probe, steps_chart(probe)) for probe in said["probes"]]
    return [{"title": _named(probe), "unit": probe["unit"], **chart} for probe, chart in charts if chart is not None]


def pieces_view(said: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the tests that ask in several forms or with several templates, form by form."""
    return [
        {"title": _named(probe), "unit": probe["unit"], "rows": pieces_chart(probe)}
        for probe in said["probes"]
        if len(probe["parts"]) >= _FEWEST_PIECES and probe["family"] in {"forget", "recovery"} and steps_chart(probe) is None
    ]


def not_measured_view(said: Mapping[str, Any]) -> list[list[str]]:
    """Return what gave no number, by reason: what the plan's profile does not run, what lacks a pack, what does not apply."""
    reasons: dict[str, list[str]] = {}
    for probe in said["probes"]:
        reason = _why_not_measured(probe)
        if reason is not None:
            reasons.setdefault(reason, []).append(_named(probe))
    rows = [[reason, CODE_MEANINGS.get(reason, ""), ", ".join(names)] for reason, names in sorted(reasons.items())]
    never = [f"{probe_id} {PROBES[probe_id][0]}" for probe_id in said["not_tested"]]
    return [*([["NOT_RUN", _NEVER_PLANNED, ", ".join(never)]] if never else []), *rows]


def codes_view(said: Mapping[str, Any]) -> list[list[str]]:
    """Return the reason codes of measured tests and of the verdict, each with its meaning and what would let it be decided."""
    used = {finding["reason"] for finding in said["verdict"]["findings"] if finding["reason"] and finding["status"] != "not_applicable"}
    used |= {code.partition(":")[2] or code for code in said["verdict"]["codes"]}
    rows = []
    for code, meaning in CODE_MEANINGS.items():
        if code in used:
            remedy = f" To decide: {CODE_REMEDIES[code]}." if code in CODE_REMEDIES else ""
            rows.append([code, f"{meaning[0].upper()}{meaning[1:]}.{remedy}"])
    return rows


def _by_unit(probes: Sequence[Mapping[str, Any]], said: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the probes grouped by unit, each group with one scale."""
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for probe in probes:
        groups.setdefault(probe["unit"], []).append(probe)
    scales = []
    for unit, own in groups.items():
        reach = reach_of(own)
        rows = [_row(probe, said, effect_strip(probe, reach)) for probe in own]
        has_axis = any(row["strip"] is not None for row in rows)
        axis = f"{reach:.{_AXIS_PLACES}f}"
        scales.append({"unit": unit, "axis": [f"−{axis}", "0", f"+{axis}"] if has_axis else [], "rows": rows})
    return scales


def _row(probe: Mapping[str, Any], said: Mapping[str, Any], strip: Mapping[str, Any] | None) -> dict[str, Any]:
    finding = next(finding for finding in said["verdict"]["findings"] if finding["probe_id"] == probe["probe_id"])
    title, asks = probe_words(probe["probe_id"], probe["name"])
    limit = limit_words(probe)
    return {
        "id": probe["probe_id"],
        "title": title,
        "asks": asks,
        "details": "; ".join(filter(None, (f"limit {limit}" if limit else "", _sizes(probe), _witnesses(probe)))),
        "note": probe["note"] if probe["role"] == "reported" else "",
        "numbers": _before_after(probe),
        "compared": _compared(probe),
        "strip": strip,
        "effect": "" if probe["family"] == "gate" else effect_words(probe),
        "status": finding["status"],
        "status_words": STATUSES[finding["status"]],
        "reason": finding["reason"] or "",
        "is_secondary": probe["role"] == "secondary",
    }


def _before_after(probe: Mapping[str, Any]) -> str:
    return "" if probe["before"] is None and probe["after"] is None else f"{shown(probe['before'])} → {shown(probe['after'])}"


def _compared(probe: Mapping[str, Any]) -> str:
    if probe["compared_with"] == "before":
        return "against before"
    if probe["control"] is None:
        return ""
    return f"{COMPARED_SHORT.get(probe['compared_with'] or '', 'control')} {shown(probe['control'])}"


def _sizes(probe: Mapping[str, Any]) -> str:
    if not probe["n_items"]:
        return ""
    items = f"{probe['n_items']} item{'' if probe['n_items'] == 1 else 's'}"
    return items if probe["n_records"] in {0, probe["n_items"]} else f"{items} on {probe['n_records']} records"


def _witnesses(probe: Mapping[str, Any]) -> str:
    if probe["family"] == "gate":
        return f"{probe['witnesses'] or 'no'} mismatch{'' if probe['witnesses'] == 1 else 'es'}"
    return f"{probe['witnesses']} came back word for word" if probe["witnesses"] else ""


def _counts(probe: Mapping[str, Any]) -> bool:
    return bool(probe["role"] != "reported")


def _why_not_measured(probe: Mapping[str, Any]) -> str | None:
    """Return the code under which a test is named without a row; a test that counts and broke off keeps its row."""
    reason: str | None = probe["not_applicable"] or (None if _counts(probe) else probe["problem"])
    return reason


def _statuses(said: Mapping[str, Any]) -> dict[str, str]:
    return {finding["probe_id"]: finding["status"] for finding in said["verdict"]["findings"]}


def _named(probe: Mapping[str, Any]) -> str:
    return f"{probe['probe_id']} {probe_words(probe['probe_id'], probe['name'])[0]}"
