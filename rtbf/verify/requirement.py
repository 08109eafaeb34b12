"""What each class asks of each group of probes, and which part of it is not met. Standard library only.

A group is a protocol id with its further scores: "F4" has F4, F4.population and so on. It is met when one of its primary
results is, and every other primary one is too or does not lawfully apply. Secondary results are never asked for.
"Not adverse" asks for more than silence: the probe ran, a bound can be stated, and it could have failed.
Source: PROTOCOL §2; DESIGN §2.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rtbf.verify.finding import Reading
    from rtbf.verify.record import ProbeResult

Demand: TypeAlias = Literal["equivalent", "not adverse", "ran"]
"""equivalent: shown · not adverse: nothing was found, and it could have been · ran: nothing was found"""

_SILENT = frozenset({"NO_SIGNAL", "UNDERPOWERED"})
"""Reasons with which a probe ran and found nothing. After any other it did not run, or its numbers mean nothing."""

_LAWFUL_EXCUSES = frozenset({"NO_PACK", "NO_ITEMS"})
"""The operator gave no such items, or the records hold nothing that could be asked in this way."""
_ADAPTER_STATES = "R2"
"""The one group that an artefact can lawfully lack: merged weights have no adapter to switch."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Need:
    """What a class asks of one group.

    is_asked_if_run   the class can be awarded without the group, but not against it
    qualified         what is left of the demand under an in-date, covering qualification of the method; None: nothing
    """

    group: str
    demand: Demand
    is_asked_if_run: bool = False
    qualified: Demand | None = "equivalent"


_OF_PROVEN: tuple[Need, ...] = (
    Need(group="F0", demand="equivalent"),
    # The proof speaks for the records; of the measurements it is asked that none of these speaks against it.
    *(Need(group=group, demand="ran", qualified="ran") for group in ("F1", "R1")),
    Need(group="F4", demand="ran", is_asked_if_run=True, qualified="ran"),
    *(Need(group=group, demand="equivalent") for group in ("U1", "U2", "U4", "U6")),
)

NEEDS: dict[str, tuple[Need, ...]] = {
    "exact": _OF_PROVEN,
    # Weights that were left as they are lose nothing, and the utility probes say so.
    "dp": _OF_PROVEN,
    "approximate": (
        Need(group="F0", demand="equivalent"),
        # Of a few records no test but a witness can fail; the qualification then speaks for the method (sheet 9.6).
        Need(group="F1", demand="equivalent", qualified="not adverse"),
        *(Need(group=group, demand="equivalent", qualified="ran") for group in ("F2", "F3", "F4", "F6")),
        Need(group="F5", demand="equivalent", qualified=None),
        *(Need(group=group, demand="equivalent", qualified="ran") for group in ("R3", "R4")),
        *(Need(group=group, demand="not adverse", qualified="not adverse") for group in ("R1", "R2")),
        Need(group="R5", demand="not adverse", qualified="ran"),
        Need(group="R6", demand="not adverse", is_asked_if_run=True, qualified="ran"),
        *(Need(group=group, demand="equivalent") for group in ("U1", "U2", "U4", "U6")),
    ),
    "suppression": (
        Need(group="F0", demand="equivalent"),
        *(Need(group=group, demand="not adverse", qualified="not adverse") for group in ("F1", "F6", "R1", "R5")),
        Need(group="R6", demand="not adverse", is_asked_if_run=True, qualified="not adverse"),
        *(Need(group=group, demand="equivalent") for group in ("U1", "U6")),
    ),
}
"""What each class that a changed model can earn asks for."""

PROVEN = frozenset({"exact", "dp"})
"""Classes that rest on how the weights came about, and which no measurement lowers to another class."""

_LEANED_ON_BY_ALL = frozenset({"gate", "utility", "restoration", "regression"})
"""Families whose primary results must hold for every class. Of forgetting and recovery only removal claims more than it asks."""


def group_of(probe_id: str) -> str:
    """Return "F4" for "F4.population"."""
    return probe_id.partition(".")[0]


def unmet(
    award: str, probes: Sequence[ProbeResult], readings: Mapping[str, Reading], *, artefact_kind: str, is_qualified: bool
) -> frozenset[str]:
    """Return codes for what the class `award` asks and did not get; what is adverse is judged elsewhere and has none here."""
    needs = NEEDS[award]
    named = {need.group for need in needs}
    primary: dict[str, list[ProbeResult]] = {}
    for probe in probes:
        is_leaned_on = group_of(probe.probe_id) in named or award != "suppression" or probe.family in _LEANED_ON_BY_ALL
        if probe.role == "primary" and is_leaned_on:
            primary.setdefault(group_of(probe.probe_id), []).append(probe)
    others = [_of_other(award, group, members) for group, members in sorted(primary.items()) if group not in named]
    codes: set[str] = set()
    for need in (*needs, *others):
        softened = _softened(need) if is_qualified else need
        # The membership test's own gate stops it for almost every person; it says nothing of the weights.
        if softened is not None and not (award in PROVEN and need.group == "F5"):
            codes |= _unmet_of_group(softened, primary.get(need.group, []), readings, artefact_kind)
    return frozenset(codes)


def _of_other(award: str, group: str, members: Sequence[ProbeResult]) -> Need:
    """Return what is asked of a group that the class does not name, and that was run."""
    is_spoken_for = award in PROVEN and not any(probe.family in _LEANED_ON_BY_ALL for probe in members)
    return Need(
        group=group,
        demand="ran" if is_spoken_for else "equivalent",
        is_asked_if_run=True,
        qualified="ran" if is_spoken_for else "equivalent",
    )


def _softened(need: Need) -> Need | None:
    """Return what is left of a need when a qualification stands in; never anything that lets an adverse result pass."""
    return None if need.qualified is None else replace(need, demand=need.qualified)


def _unmet_of_group(need: Need, members: Sequence[ProbeResult], readings: Mapping[str, Reading], artefact_kind: str) -> set[str]:
    if not members:
        return set() if need.is_asked_if_run else {f"{need.group}:NOT_RUN"}
    codes: set[str] = set()
    excused: list[ProbeResult] = []
    for probe in members:
        finding = readings[probe.probe_id].finding
        if finding.status == "not_applicable":
            excused.append(probe)
            if not _is_lawful(probe, artefact_kind):
                codes.add(f"{probe.probe_id}:NOT_MEASURED")
        elif finding.status == "inconclusive" and not _is_enough(need.demand, readings[probe.probe_id]):
            codes.add(f"{probe.probe_id}:{finding.reason}")
    # With every member excused nothing was measured, lawful as each excuse may be.
    if len(excused) == len(members) and not need.is_asked_if_run and need.group != _ADAPTER_STATES:
        codes |= {f"{probe.probe_id}:{probe.not_applicable}" for probe in excused if _is_lawful(probe, artefact_kind)}
    return codes


def _is_enough(demand: Demand, reading: Reading) -> bool:
    """Return whether an inconclusive result is as much as is asked."""
    ran = reading.finding.reason in _SILENT
    return ran and (demand == "ran" or (demand == "not adverse" and reading.has_bound and reading.can_fail))


def _is_lawful(probe: ProbeResult, artefact_kind: str) -> bool:
    if group_of(probe.probe_id) == _ADAPTER_STATES:
        return artefact_kind != "adapter" and probe.not_applicable == artefact_kind.upper()
    return probe.not_applicable in _LAWFUL_EXCUSES
