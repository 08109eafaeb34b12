"""What a stage works on: nothing that was kept, held or withheld reaches the trainer, the probes or the lineage's removals."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from rtbf.errors import ArtefactMismatch, PlanImpossible, RecordBroken
from rtbf.evidence.canonical import digest_of
from rtbf.material.battery import verification_battery
from rtbf.material.planning import planned
from rtbf.material.questions import RECORD_SETS, open_questions
from rtbf.material.unlearning import rebuilding_work, unlearned_model, unlearning_material
from rtbf.plan.lineage import LineageFacts
from rtbf.plan.request import PlanRequest
from rtbf.unlearn.run import unlearn
from rtbf.verify.items.sealing import set_digest
from tests import builders
from tests.unit.material.conftest import N_HITS

if TYPE_CHECKING:
    from pathlib import Path

    from rtbf.footprint.record import Footprint
    from rtbf.installation import Installation
    from rtbf.plan.decisions import Decisions
    from rtbf.plan.record import Plan


def _planned(installation: Installation, footprint: Footprint, decisions: Decisions | None = None, **changes: Any) -> tuple[Plan, bytes]:
    """Return a plan and the words of its questions."""
    view: Any = SimpleNamespace(ticket=builders.ticket(), footprint=footprint, attempt=0)
    rules: dict[str, Any] = {
        "decisions": decisions or builders.decisions(footprint), "holds": (), "restricted": {}, "grace_s": 60, "approval_valid_s": 3_600,
        "profile": "smoke",
    }  # fmt: skip
    request = PlanRequest(seed=4, max_steps=2, parameters={"learning_rate": "0.003"})
    return planned(installation, view, request, builders.PLANNER, threads=1, **{**rules, **changes})


def _ids(footprint: Footprint) -> list[str]:
    return [hit.record_id for hit in footprint.hits]


def test_a_plan_binds_decisions_holds_quorum_and_policy(installation: Installation, footprint: Footprint) -> None:
    decisions = builders.decisions(footprint, {"record:2": "retain"})
    others = {footprint.hits[0].version: {f"{_ids(footprint)[0][:12]}:{place}" for place in range(30, 41)}}
    hold = builders.hold("record", f"community@{footprint.hits[0].version}#{_ids(footprint)[3]}")

    plan, _ = _planned(installation, footprint, decisions, holds=[hold], restricted=others)

    assert plan.decisions_digest == digest_of(decisions)
    assert list(plan.forget.record_ids) == [_ids(footprint)[place] for place in (0, 2, 4, 5)]
    assert [entry.item for entry in plan.held] == ["record:4"]
    assert not {*plan.retain.record_ids, *plan.utility_holdout.record_ids} & {*_ids(footprint), *others[footprint.hits[0].version]}
    assert (plan.quorum, plan.grace_s, plan.approval_valid_s) == (2, 60, 3_600)
    assert "trained from scratch" in plan.quorum_reason
    assert len(plan.forget_levels_nats) == 4


def test_without_decisions_no_model_is_loaded_and_no_plan_made(
    installation: Installation, footprint: Footprint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rtbf.material.weighing.load_model", lambda *_: pytest.fail("a model was loaded"))

    with pytest.raises(PlanImpossible, match="7 of 7 items"):
        _planned(installation, footprint, decisions=replace(builders.decisions(footprint), footprint_digest=builders.sha(2)))


def test_what_is_withheld_reaches_neither_trainer_nor_probes_nor_removals(
    installation: Installation, footprint: Footprint, tmp_path: Path
) -> None:
    plan, words = _planned(installation, footprint)
    withheld = tuple(_ids(footprint)[1:4])
    left = (_ids(footprint)[0], *_ids(footprint)[4:])

    material, original = unlearning_material(installation, plan, withheld=withheld, threads=1)
    folder = installation.home.artefacts_of(plan.ticket_id, plan.attempt)
    record, _ = unlearn(plan, digest_of(plan), material, original, folder)
    battery = verification_battery(installation, plan, record, words, threads=1)
    model = unlearned_model(installation, plan, digest_of(plan), record)

    assert [item.record_id for item in material.forget] == list(left)
    assert material.level_places == (0, 4, 5)
    assert record.withheld == withheld
    asked = {item.record_id for one in battery.asked.values() if one.name not in {"holdout", "earlier"} for item in one.items}
    assert [item.record_id for item in battery.asked["forget"].items] == list(left)
    assert asked <= set(left)
    assert [source.arm.digest for source in battery.controls] == [control.digest for control in plan.controls.models]
    assert [removal.record_ids for removal in model.removals] == [left]


def test_with_nothing_withheld_the_whole_plan_is_worked_on(installation: Installation, footprint: Footprint) -> None:
    plan, _ = _planned(installation, footprint)

    material, _ = unlearning_material(installation, plan, withheld=(), threads=1)

    assert [item.record_id for item in material.forget] == _ids(footprint)
    assert material.level_places == tuple(range(N_HITS))


def test_questions_follow_from_records_and_seed_and_the_plan_names_their_words(installation: Installation, footprint: Footprint) -> None:
    (plan, words), (again, same) = (_planned(installation, footprint) for _ in range(2))
    by_name = {one.name: one for one in plan.sets}

    assert (plan.sets, words) == (again.sets, same)
    assert {item_set.name: set_digest(item_set) for item_set in open_questions(plan, words)} == {
        name: one.digest for name, one in by_name.items() if name not in RECORD_SETS
    }
    assert by_name["forget"].items == N_HITS
    # Three arms as served, one repeat; no probe of this profile looks at a state of merged weights.
    assert by_name["forget"].passes == 4
    assert plan.cost.verification == sum(one.tokens * one.passes for one in plan.sets)


def test_questions_other_than_the_approved_ones_are_refused(installation: Installation, footprint: Footprint) -> None:
    plan, words = _planned(installation, footprint)
    changed = words.replace(b"You can call", b"You may call", 1)
    assert changed != words

    with pytest.raises(ArtefactMismatch, match="not the"):
        open_questions(plan, changed)
    with pytest.raises(RecordBroken):
        open_questions(plan, words[:-2])


def test_relearning_is_planned_only_where_a_probe_looks_at_it(installation: Installation, footprint: Footprint) -> None:
    smoke, _ = _planned(installation, footprint)
    standard, _ = _planned(installation, footprint, profile="standard")

    assert smoke.relearn is None
    assert standard.relearn is not None
    assert 1 <= len(standard.relearn.attacker_records) < N_HITS
    assert next(one for one in standard.sets if one.name == "held").items == N_HITS - len(standard.relearn.attacker_records)


def test_weights_can_be_planned_to_be_made_anew_and_what_remains_is_handed_on(installation: Installation, footprint: Footprint) -> None:
    view: Any = SimpleNamespace(ticket=builders.ticket(), footprint=footprint, attempt=0)
    withheld = (_ids(footprint)[2],)

    plan, _ = planned(
        installation, view, PlanRequest(seed=4, method="full_retrain"), builders.PLANNER, decisions=builders.decisions(footprint), holds=(),
        restricted={}, grace_s=60, approval_valid_s=3_600, profile="smoke", threads=1,
    )  # fmt: skip
    remaining = rebuilding_work(installation, plan, withheld=withheld, threads=1)

    assert (plan.class_cap, plan.guarantee_requested, plan.adapter, plan.stop.max_steps) == ("exact", "exact", None, 0)
    assert plan.cost.unlearning > 0
    left = [record.record_id for record in remaining.records]
    assert len(left) == 40 - N_HITS + 1
    assert set(left) & set(_ids(footprint)) == set(withheld)
    assert left == sorted(left, key=lambda name: int(name.partition(":")[2]))  # in the corpus's order
    assert (remaining.seed, remaining.base, remaining.withheld, remaining.unaudited) == (3, None, withheld, ())
    assert dict(remaining.parameters)["recipe"] == "plain"


def test_a_model_whose_training_is_not_recorded_cannot_be_made_anew(
    installation: Installation, footprint: Footprint, monkeypatch: pytest.MonkeyPatch
) -> None:
    view: Any = SimpleNamespace(ticket=builders.ticket(), footprint=footprint, attempt=0)
    unknown = LineageFacts(recipe={}, is_recorded=False, is_as_trained=True, ancestors=())
    monkeypatch.setattr("rtbf.material.weighing.lineage_facts", lambda *_: unknown)
    monkeypatch.setattr("rtbf.material.weighing.load_model", lambda *_: pytest.fail("a model was loaded"))

    with pytest.raises(PlanImpossible, match="not trained here by a recorded recipe"):
        planned(
            installation, view, PlanRequest(seed=4, method="full_retrain"), builders.PLANNER, decisions=builders.decisions(footprint),
            holds=(), restricted={}, grace_s=60, approval_valid_s=3_600, profile="smoke", threads=1,
        )  # fmt: skip
