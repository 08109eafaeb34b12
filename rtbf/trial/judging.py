"""From one log of all planted subjects to verdicts: on each subject's ticket alone, and on all of them as one ticket.

What is asked once of every subject's records is judged as if it had been asked of one ticket at a time: the passes are the
same, only those records are looked at. Two pure functions do that: `only_records` and `by_subject`. Measuring and judging are
the verifier's own (`verify.measure`, `verify.verdict`), with nothing changed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from rtbf.plan.card import load
from rtbf.progress import Progress, silent
from rtbf.verify.measure import measure_from_log
from rtbf.verify.passes import sets_of
from rtbf.verify.verdict import judge

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from rtbf.plan.card import ProbeCard
    from rtbf.plan.record import PlannedProbe
    from rtbf.verify.observed import Observed
    from rtbf.verify.record import Arm, ProbeResult, QualificationUse, Verdict


@dataclass(frozen=True, kw_only=True, slots=True)
class Judged:
    """The probe results and the verdict on one ticket."""

    probes: tuple[ProbeResult, ...]
    verdict: Verdict


@dataclass(frozen=True, kw_only=True, slots=True)
class Battery:
    """The planned probes with their cards, and who was measured.

    subject_sets   names of the sets that are about the planted subjects
    """

    planned: tuple[PlannedProbe, ...]
    cards: Mapping[str, ProbeCard]
    arms: tuple[Arm, ...]
    artefact_kind: str
    seed: int
    subject_sets: frozenset[str]


def only_records(observed: Observed, record_ids: Collection[str], sets: Collection[str]) -> Observed:
    """Return the log as if `sets` had been asked about these records only; other sets, failed passes and blind AUCs stay."""
    wanted = frozenset(record_ids)
    return replace(
        observed,
        passes={
            key: tuple(entry for entry in found if entry.record_id in wanted) if key.items in sets else found
            for key, found in observed.passes.items()
        },
    )


def by_subject(observed: Observed, owners: Mapping[str, str]) -> Observed:
    """Return the log with the subject in the place of each of their records, so that the subject is the unit; other records stay."""
    return replace(
        observed,
        passes={
            key: tuple(replace(entry, record_id=owners.get(entry.record_id, entry.record_id)) for entry in found)
            for key, found in observed.passes.items()
        },
    )


def judge_pooled(
    observed: Observed, owners: Mapping[str, str], battery: Battery, *, qualification: QualificationUse | None = None
) -> Judged:
    """Return the verdict on all subjects as one ticket, each of them one unit."""
    united = by_subject(observed, owners)
    return _judged(tuple(_measured(planned, united, battery) for planned in battery.planned), battery, qualification)


def judge_each(
    observed: Observed,
    subjects: Mapping[str, Collection[str]],
    battery: Battery,
    *,
    blind_auc: Mapping[str, tuple[str, str, str] | None],
    qualification: QualificationUse | None = None,
    progress: Progress = silent,
) -> dict[str, Judged]:
    """Return the verdict on each subject's ticket, by subject.

    subjects    subject → ids of their records
    blind_auc   subject → how well their own siblings are told apart without a model, None where that could not be measured
    Probes that look at no record of a subject (what others must keep) are measured once.
    """
    shared = {
        planned.name: _measured(planned, observed, battery)
        for planned in battery.planned
        if not set(sets_of(battery.cards[planned.name])) & battery.subject_sets
    }
    judged: dict[str, Judged] = {}
    for name, record_ids in subjects.items():
        own = _own(observed, record_ids, battery, blind_auc.get(name))
        probes = [shared[planned.name] if planned.name in shared else _measured(planned, own, battery) for planned in battery.planned]
        judged[name] = _judged(tuple(probes), battery, qualification)
        progress("judging one by one", len(judged), len(subjects))
    return judged


def again(judged: Judged, battery: Battery, qualification: QualificationUse | None) -> Judged:
    """Return the verdict that the same numbers give with this qualification."""
    return _judged(judged.probes, battery, qualification)


def _own(observed: Observed, record_ids: Collection[str], battery: Battery, blind: tuple[str, str, str] | None) -> Observed:
    alone = only_records(observed, record_ids, battery.subject_sets)
    # A set without an item would not have been asked at all.
    passes = {key: found for key, found in alone.passes.items() if found}
    return replace(alone, passes=passes, blind_auc={} if blind is None else {"siblings": blind})


def _measured(planned: PlannedProbe, observed: Observed, battery: Battery) -> ProbeResult:
    return measure_from_log(
        planned,
        battery.cards[planned.name],
        load("probe", planned.name),
        observed,
        arms=battery.arms,
        seed=battery.seed,
        artefact_kind=battery.artefact_kind,
    )


def _judged(probes: tuple[ProbeResult, ...], battery: Battery, qualification: QualificationUse | None) -> Judged:
    verdict = judge(probes, class_requested="approximate", artefact_kind=battery.artefact_kind, qualification=qualification)
    return Judged(probes=probes, verdict=verdict)
