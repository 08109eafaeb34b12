"""One log, two views: a subject's ticket alone, and all subjects as one ticket. Only whose records are looked at changes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from rtbf.plan.card import load, probe_cards
from rtbf.plan.run import planned_probes
from rtbf.trial.judging import Battery, Judged, by_subject, judge_each, judge_pooled, only_records
from rtbf.verify.measure import measure_from_log
from rtbf.verify.verdict import judge
from tests import item_logs

if TYPE_CHECKING:
    from rtbf.verify.observed import Observed
    from rtbf.verify.record import ProbeResult

RECORDS = 20
OBSERVED = item_logs.item_log(RECORDS)
RECORD_IDS = [f"r{number:04}" for number in range(RECORDS)]
SUBJECT_SETS = frozenset({"forget", "siblings", "secrets"})
OWNERS = {record_id: f"s{place // 4}" for place, record_id in enumerate(RECORD_IDS)}
"""Five subjects with four records each."""

PROBES = planned_probes(item_logs.PROFILE)
BATTERY = Battery(
    planned=PROBES,
    cards={planned.name: probe_cards()[planned.name] for planned in PROBES},
    arms=item_logs.arms(),
    artefact_kind="merged",
    seed=item_logs.SEED,
    subject_sets=SUBJECT_SETS,
)


def _measured(observed: Observed) -> tuple[ProbeResult, ...]:
    return tuple(
        measure_from_log(
            planned,
            BATTERY.cards[planned.name],
            load("probe", planned.name),
            observed,
            arms=BATTERY.arms,
            seed=BATTERY.seed,
            artefact_kind="merged",
        )
        for planned in PROBES
    )


def _probe(judged: Judged, probe_id: str) -> ProbeResult:
    return next(probe for probe in judged.probes if probe.probe_id == probe_id)


def test_a_view_of_some_records_holds_them_only_and_leaves_what_is_about_others() -> None:
    wanted = RECORD_IDS[:4]

    seen = only_records(OBSERVED, wanted, SUBJECT_SETS)

    for key, found in seen.passes.items():
        if key.items in SUBJECT_SETS:
            assert {entry.record_id for entry in found} == set(wanted)
            assert found == tuple(entry for entry in OBSERVED.passes[key] if entry.record_id in wanted)
        else:
            assert found == OBSERVED.passes[key]
    assert len(OBSERVED.scores("secrets", "original")) == RECORDS


def test_a_ticket_of_all_records_is_judged_as_the_whole_log_is() -> None:
    blind = OBSERVED.blind_auc["siblings"]

    each = judge_each(OBSERVED, {"everybody": RECORD_IDS}, BATTERY, blind_auc={"everybody": blind})

    whole = _measured(OBSERVED)
    assert each["everybody"].probes == whole
    assert each["everybody"].verdict == judge(whole, class_requested="approximate", artefact_kind="merged", qualification=None)


def test_each_subject_is_judged_on_their_own_records() -> None:
    subjects = {"first": RECORD_IDS[:4], "second": RECORD_IDS[4:10]}

    each = judge_each(OBSERVED, subjects, BATTERY, blind_auc={})

    assert {name: _probe(judged, "F3").n_records for name, judged in each.items()} == {"first": 4, "second": 6}
    assert _probe(each["first"], "F3").estimate != _probe(each["second"], "F3").estimate
    # What others must keep is the same for both.
    assert _probe(each["first"], "U1") == _probe(each["second"], "U1")


def test_pooled_the_subject_is_the_unit_and_their_records_are_averaged_first() -> None:
    judged = judge_pooled(OBSERVED, OWNERS, BATTERY)

    means: dict[str, dict[str, float]] = {}
    for arm in OBSERVED.arms:
        values: dict[str, list[float]] = {}
        for entry in OBSERVED.scores("forget", arm):
            values.setdefault(OWNERS[entry.record_id], []).append(sum(entry.log_probs) / len(entry.log_probs))  # type: ignore[union-attr]
        means[arm] = {subject: sum(own) / len(own) for subject, own in values.items()}
    effect = [
        means["unlearned"][subject] - (means["control-101"][subject] + means["control-102"][subject]) / 2 for subject in means["original"]
    ]
    assert _probe(judged, "F3").n_records == 5
    assert math.isclose(float(_probe(judged, "F3").estimate or "nan"), sum(effect) / 5, abs_tol=1e-6)


def test_naming_records_after_themselves_changes_nothing() -> None:
    assert by_subject(OBSERVED, {record_id: record_id for record_id in RECORD_IDS}) == OBSERVED
