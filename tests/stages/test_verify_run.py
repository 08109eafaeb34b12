"""Stage 4 on a tiny model: identical arms, an unmerged adapter, changed probe code, one record, and a log to recompute from."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pytest
import torch

from rtbf.errors import ArtefactMismatch, StalePlan
from rtbf.evidence.canonical import canonical_bytes, digest_bytes, digest_of
from rtbf.lm.adapters import load_adapter
from rtbf.lm.load import load_model, load_tokenizer
from rtbf.material.questions import Encoding, Told, asked_questions, not_empty
from rtbf.plan.record import Adapter
from rtbf.unlearn.run import unlearn
from rtbf.verify import asked as verify_asked
from rtbf.verify import run as verify_run
from rtbf.verify.arms import ArmSource
from rtbf.verify.items.run import make_sets
from rtbf.verify.items.source import SMOKE, ItemSource
from rtbf.verify.record import Arm
from rtbf.verify.run import Battery, verify
from rtbf.verify.verdict import judge
from tests import builders, tiny

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from rtbf.plan.record import Plan
    from rtbf.verify.record import ProbeResult, Verification

RECORDS = tiny.records(people=3)
FORGET, RETAIN, HOLDOUT = RECORDS[:20], RECORDS[20:50], RECORDS[50:]


@dataclass(frozen=True)
class Models:
    """A model that knows all three people, and two trained alike without the first, by different seeds."""

    original: Path
    original_digest: str
    control: Path
    control_digest: str
    other: Path
    other_digest: str

    def plan(self, method: str = "noop", **changes: Any) -> Plan:
        return tiny.plan_for(method, self.original_digest, FORGET, RETAIN, **changes)

    def load_original(self) -> torch.nn.Module:
        return load_model(self.original, self.original_digest, "the original")

    def load_control(self) -> torch.nn.Module:
        return load_model(self.control, self.control_digest, "the control")

    def load_other(self) -> torch.nn.Module:
        return load_model(self.other, self.other_digest, "another control")

    def battery(
        self,
        unlearned: Callable[[], torch.nn.Module],
        *,
        has_control: bool = True,
        has_siblings: bool = False,
        n_forget: int = 20,
        kind: str = "merged",
        digest: int = 2,
    ) -> Battery:
        told = Told(forget=FORGET[:n_forget], retain=RETAIN, holdout=HOLDOUT, earlier=())
        made = make_sets(ItemSource(forget=told.forget, retain=RETAIN, holdout=HOLDOUT, seed=23, sizes=SMOKE), {"secrets", "siblings"})
        wanted = made if has_siblings else [item_set for item_set in made if item_set.name != "siblings"]
        asked = asked_questions(wanted, told, None, Encoding(tokenizer=load_tokenizer(self.original), max_tokens=256))
        controls = (ArmSource(arm=_arm("control-1", "control", 3), load=self.load_control),)
        return Battery(
            original=ArmSource(arm=_arm("original", "original", 1), load=self.load_original),
            unlearned=ArmSource(arm=replace(_arm("unlearned", "unlearned", digest), adapter_state=kind), load=unlearned),
            controls=controls if has_control else (),
            asked=not_empty(asked),
            attacks={},
            calibration=asked["holdout"].items,
        )


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Models:
    """Two tiny models, trained until the records they were shown are known by heart."""
    folder = tmp_path_factory.mktemp("models")
    shape = {"hidden": "64", "epochs": "60"}
    original = tiny.train_folder(RECORDS, folder / "original", **shape)
    control = tiny.train_folder(RECORDS[20:], folder / "control", tokenizer_from=folder / "original", seed=2, **shape)
    other = tiny.train_folder(RECORDS[20:], folder / "other", tokenizer_from=folder / "original", seed=3, **shape)
    return Models(folder / "original", original, folder / "control", control, folder / "other", other)


def _arm(name: str, role: Any, digest: int) -> Arm:
    return Arm(name=name, role=role, digest=builders.sha(digest), tokenizer=builders.sha(9), adapter_state="none", seed=None)


def _verify(plan: Plan, battery: Battery, kind: Any = "merged") -> tuple[Verification, bytes]:
    unlearned = builders.unlearned(kind=kind)
    return verify(plan, digest_of(plan), unlearned, digest_of(unlearned), battery)


def _by_id(verification: Verification) -> dict[str, ProbeResult]:
    return {probe.probe_id: probe for probe in verification.probes}


def test_the_untouched_model_is_found_out(models: Models) -> None:
    battery = models.battery(models.load_original, digest=1, kind="none")

    verification, _ = _verify(models.plan(), battery, "unchanged")

    probes = _by_id(verification)
    assert verification.verdict.status == "FAIL"
    assert probes["F0"].witnesses == 0  # the same files, and they score alike
    assert float(probes["F2"].before or 0) > 0.9
    assert float(probes["F2"].control or 1) < 0.5
    assert (probes["F1"].witnesses or 0) >= 10
    assert probes["R2"].not_applicable == "UNCHANGED"


def test_identical_files_for_two_arms_decide_nothing(models: Models) -> None:
    """A never-trained model put in as the candidate: after − control is exactly nought, which would look like removal."""
    verification, _ = _verify(models.plan(), models.battery(models.load_control, digest=3))

    probes = _by_id(verification)
    assert {probes[probe_id].problem for probe_id in ("F1", "F2", "F2.em", "F3")} == {"IDENTICAL_ARMS"}
    assert verification.verdict.status == "INCONCLUSIVE"


def test_the_scores_of_one_model_under_the_digest_of_another_are_noticed(models: Models) -> None:
    verification, _ = _verify(models.plan(), models.battery(models.load_original))

    probes = _by_id(verification)
    assert probes["F0"].witnesses == 1
    assert "different files and score alike" in probes["F0"].note
    assert "F0:MISMATCH" in verification.verdict.codes


def test_arms_with_different_tokenizers_are_refused(models: Models) -> None:
    battery = models.battery(models.load_control)
    other = replace(battery.controls[0], arm=replace(battery.controls[0].arm, tokenizer=builders.sha(8)))

    with pytest.raises(ArtefactMismatch, match="different tokenizers"):
        _verify(models.plan(), replace(battery, controls=(other,)))


def test_the_candidate_that_was_never_shown_the_records_never_fails(models: Models) -> None:
    """Another seed of the same recipe without the person: not the control's own bytes."""
    verification, _ = _verify(models.plan(), models.battery(models.load_other))

    assert verification.verdict.status != "FAIL"
    assert "adverse" not in {finding.status for finding in verification.verdict.findings}


def test_an_unmerged_adapter_is_capped_at_suppression_and_found_out_by_switching_it_off(models: Models, tmp_path: Path) -> None:
    plan = models.plan("npo", steps=60, adapter=Adapter(rank=8, alpha=16, is_merged=False))
    material = tiny.material(models.original, models.original_digest, FORGET, RETAIN)
    record, served = unlearn(plan, digest_of(plan), material, models.original, tmp_path / "run")
    battery = models.battery(lambda: load_adapter(models.load_original(), served), kind="active")  # type: ignore[arg-type]

    verification, _ = verify(plan, digest_of(plan), record, digest_of(record), battery)

    probes = _by_id(verification)
    findings = {finding.probe_id: finding for finding in verification.verdict.findings}
    assert verification.verdict.class_cap == "suppression"
    assert (findings["R2"].status, findings["R2"].reason) == ("adverse", "LEAK")
    assert probes["R2"].after == probes["R2"].before  # with the adapter off it is the original, bit for bit
    assert probes["F3"].after != probes["F3"].before


def test_the_same_battery_gives_the_same_record_and_log(models: Models) -> None:
    first = _verify(models.plan(), models.battery(models.load_control))
    second = _verify(models.plan(), models.battery(models.load_control))

    assert canonical_bytes(first[0]) == canonical_bytes(second[0])
    assert first[1] == second[1]


def test_every_number_can_be_recomputed_from_the_item_log(models: Models) -> None:
    verification, log_bytes = _verify(models.plan(), models.battery(models.load_original))

    log = json.loads(log_bytes)
    found = {(entry["arm"], entry["state"]): entry["found"] for entry in log["passes"] if entry["items"] == "forget"}
    means = {
        arm: math.fsum(math.fsum(map(float, item["log_probs"])) / len(item["log_probs"]) for item in found[arm, ""]) / len(found[arm, ""])
        for arm in ("original", "unlearned", "control-1")
    }
    probe = _by_id(verification)["F3"]
    assert verification.item_log_digest == digest_bytes(log_bytes)
    assert float(probe.before or 0) == pytest.approx(means["original"], abs=6e-7)
    assert float(probe.after or 0) == pytest.approx(means["unlearned"], abs=6e-7)
    assert float(probe.control or 0) == pytest.approx(means["control-1"], abs=6e-7)
    assert float(probe.estimate or 0) == pytest.approx(means["unlearned"] - means["control-1"], abs=6e-7)
    assert [row[0] for row in log["sets"]["forget"]["items"]] == [record.record_id for record in FORGET]
    assert set(found) == {("original", ""), ("unlearned", ""), ("control-1", ""), ("unlearned", "again")}


def test_the_tokens_that_were_planned_are_those_that_were_run(models: Models) -> None:
    battery = models.battery(models.load_original)
    seen = [0]

    def counted(load: Callable[[], torch.nn.Module]) -> Callable[[], torch.nn.Module]:
        def loaded() -> torch.nn.Module:
            model: Any = load()
            # The self-test of the output layer runs four tokens through the whole model; the backbone counts the rest.
            model.base_model.register_forward_pre_hook(
                lambda _module, _args, given: seen.__setitem__(0, seen[0] + given["input_ids"].numel()), with_kwargs=True
            )
            return model  # type: ignore[no-any-return]

        return loaded

    battery = replace(
        battery,
        original=replace(battery.original, load=counted(models.load_original)),
        unlearned=replace(battery.unlearned, load=counted(models.load_original)),
        controls=tuple(replace(source, load=counted(models.load_control)) for source in battery.controls),
    )

    verification, _ = _verify(models.plan(), battery)

    assert [one.tokens for one in verification.sets] == [one.planned_tokens for one in verification.sets]
    # Padding is run as well and is not counted as work: never less than planned, and little more.
    assert verification.tokens_used <= seen[0] <= 1.25 * verification.tokens_used


class Kept:
    """A store of passes in memory, and what was put into it."""

    def __init__(self) -> None:
        self.passes: dict[str, bytes] = {}

    def get(self, key: str) -> bytes | None:
        return self.passes.get(key)

    def put(self, key: str, content: bytes) -> None:
        self.passes[key] = content


def test_a_run_that_was_cut_short_goes_on_and_gives_the_record_of_an_undisturbed_one(models: Models) -> None:
    class CutShortError(Exception):
        pass

    kept, told = Kept(), [0]

    def cut(_step: str, _done: int, _total: int) -> None:
        told[0] += 1
        if told[0] > 3:
            raise CutShortError

    plan, battery, unlearned = models.plan(), models.battery(models.load_control), builders.unlearned(kind="merged")

    with pytest.raises(CutShortError):
        verify(plan, digest_of(plan), unlearned, digest_of(unlearned), battery, store=kept, progress=cut)
    made = len(kept.passes)
    resumed = verify(plan, digest_of(plan), unlearned, digest_of(unlearned), battery, store=kept)

    assert 0 < made < len(kept.passes)
    assert resumed == _verify(plan, battery)


def test_a_state_that_takes_too_long_is_inconclusive(models: Models) -> None:
    plan, unlearned = models.plan(), builders.unlearned(kind="merged")

    found, _ = verify(plan, digest_of(plan), unlearned, digest_of(unlearned), models.battery(models.load_control), time_out_s=0.0)

    assert {probe.problem for probe in found.probes if probe.not_applicable is None} == {"TIMED_OUT"}
    assert found.verdict.status == "INCONCLUSIVE"


def test_the_item_log_holds_ids_and_numbers_and_no_word_of_anybody(models: Models) -> None:
    _, log_bytes = _verify(models.plan(), models.battery(models.load_original))

    text = log_bytes.decode()

    assert [record.completion for record in RECORDS if record.completion in text] == []
    assert "555-01" not in text
    assert "example.org" not in text


def test_the_verdict_is_a_function_of_the_recorded_results_in_any_order(models: Models) -> None:
    verification, _ = _verify(models.plan(), models.battery(models.load_original, digest=1), "unchanged")

    again = judge(verification.probes[::-1], class_requested="approximate", artefact_kind="unchanged", qualification=None)

    assert again == verification.verdict


def test_without_a_control_model_nothing_can_be_said_and_it_is_said_so(models: Models) -> None:
    verification, _ = _verify(models.plan(), models.battery(models.load_other, has_control=False))

    probes = _by_id(verification)
    assert [probes[probe_id].estimate for probe_id in ("F1", "F2", "F2.em", "F3")] == [None] * 4
    assert verification.verdict.status == "INCONCLUSIVE"
    assert "F2:NO_REFERENCE" in verification.verdict.codes
    assert any("no control model" in line for line in verification.limitations)


def test_without_a_control_model_the_persons_siblings_stand_in_where_they_can(models: Models) -> None:
    battery = models.battery(models.load_original, has_control=False, has_siblings=True, digest=1)

    verification, _ = _verify(models.plan(), battery, "unchanged")

    probes = _by_id(verification)
    assert {probes[probe_id].compared_with for probe_id in ("F1", "F2", "F2.em", "F3")} == {"siblings"}
    assert verification.verdict.status == "FAIL"
    assert "F3:LEAK" in verification.verdict.codes


def test_one_record_ends_in_cannot_decide_or_a_witness_and_not_in_a_crash(models: Models) -> None:
    verification, _ = _verify(models.plan(), models.battery(models.load_other, n_forget=1))

    probes = _by_id(verification)
    assert probes["F2"].n_records == 1
    assert probes["F2"].interval is None
    assert verification.verdict.status == "INCONCLUSIVE"
    assert "FEW_RECORDS" in verification.verdict.codes


def test_a_probe_whose_code_changed_since_the_plan_is_refused(models: Models) -> None:
    plan = models.plan()
    changed = tuple(replace(probe, code_digest=builders.sha(0)) if probe.name == "retain_loss" else probe for probe in plan.probes)

    with pytest.raises(StalePlan, match="retain_loss"):
        _verify(replace(plan, probes=changed), models.battery(models.load_control))


def test_numbers_that_depend_on_the_batch_layout_are_not_used(models: Models, monkeypatch: pytest.MonkeyPatch) -> None:
    real = verify_asked.score_items

    def shaky(model: Any, items: Any, *, batch_items: int = 16, **rest: Any) -> Any:
        scores = real(model, items, batch_items=batch_items, **rest)
        if batch_items != verify_asked.BATCH_ITEMS:
            scores[0] = replace(scores[0], log_probs=(scores[0].log_probs[0] - 0.011, *scores[0].log_probs[1:]))
        return scores

    monkeypatch.setattr(verify_asked, "score_items", shaky)

    verification, _ = _verify(models.plan(), models.battery(models.load_other))

    probes = _by_id(verification)
    assert float(verification.repeat_delta_nats or 0) == pytest.approx(0.011, abs=1e-4)
    assert probes["F3"].problem == "NUMERIC"  # more than a tenth of 0.10 nat
    assert probes["U1"].problem == "NUMERIC"
    assert probes["F2"].problem is None  # a share, not nats
    assert "F3:NUMERIC" in verification.verdict.codes


def test_the_repeat_measurement_of_a_sound_model_is_far_below_a_tenth_of_a_margin(models: Models) -> None:
    verification, _ = _verify(models.plan(), models.battery(models.load_control))

    assert 0 <= float(verification.repeat_delta_nats or "nan") < 0.001


def test_a_model_of_which_one_weight_is_not_a_number_is_numeric_and_never_clean(models: Models) -> None:
    def broken() -> torch.nn.Module:
        model = models.load_control()
        with torch.no_grad():
            next(model.parameters()).fill_(math.nan)
        return model

    verification, _ = _verify(models.plan(), models.battery(broken))

    problems = {probe.problem for probe in verification.probes if probe.not_applicable is None and probe.probe_id != "F0"}
    assert problems == {"NUMERIC"}  # arg-maxes of such logits are no measurement, so F1 and F2 say nothing either
    assert {probe.witnesses for probe in verification.probes if probe.probe_id != "F0"} == {None}
    assert verification.verdict.status == "INCONCLUSIVE"


def test_a_raising_probe_does_not_stop_the_others(models: Models, monkeypatch: pytest.MonkeyPatch) -> None:
    real = verify_run.load

    def loaded(kind: Any, name: str) -> Any:
        return object() if name == "extraction_strength" else real(kind, name)

    monkeypatch.setattr(verify_run, "load", loaded)

    verification, _ = _verify(models.plan(), models.battery(models.load_original))

    probes = _by_id(verification)
    assert probes["F2"].problem == "PROBE_ERROR"
    assert probes["F3"].problem is None
    findings = {finding.probe_id: finding for finding in verification.verdict.findings}
    assert (findings["F2"].status, findings["F2"].reason) == ("inconclusive", "PROBE_ERROR")
    assert verification.verdict.status == "FAIL"  # the witness of F1 outranks the hole
