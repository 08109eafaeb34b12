"""Stage 4 on a tiny model: identical arms, an unmerged adapter, changed probe code, one record, and a log to recompute from."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pytest
import torch

from rtbf.errors import StalePlan
from rtbf.evidence.canonical import canonical_bytes, digest_bytes, digest_of
from rtbf.lm.adapters import load_adapter
from rtbf.lm.encoding import scoring_items
from rtbf.lm.load import load_model, load_tokenizer
from rtbf.plan.record import Adapter
from rtbf.unlearn.run import unlearn
from rtbf.verify import run as verify_run
from rtbf.verify.record import Arm
from rtbf.verify.run import ArmSource, Battery, verify
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
    """A model that knows all three people, and one trained alike without the first."""

    original: Path
    original_digest: str
    control: Path
    control_digest: str

    def plan(self, method: str = "noop", **changes: Any) -> Plan:
        return tiny.plan_for(method, self.original_digest, FORGET, RETAIN, **changes)

    def load_original(self) -> torch.nn.Module:
        return load_model(self.original, self.original_digest, "the original")

    def load_control(self) -> torch.nn.Module:
        return load_model(self.control, self.control_digest, "the control")

    def battery(
        self, unlearned: Callable[[], torch.nn.Module], *, has_control: bool = True, n_forget: int = 20, kind: str = "merged"
    ) -> Battery:
        tokenizer = load_tokenizer(self.original)
        controls = (ArmSource(arm=_arm("control-1", "control"), load=self.load_control),)
        return Battery(
            original=ArmSource(arm=_arm("original", "original"), load=self.load_original),
            unlearned=ArmSource(arm=replace(_arm("unlearned", "unlearned"), adapter_state=kind), load=unlearned),
            controls=controls if has_control else (),
            forget=scoring_items(FORGET[:n_forget], tokenizer, 256),
            holdout=scoring_items(HOLDOUT, tokenizer, 256),
        )


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Models:
    """Two tiny models, trained until the records they were shown are known by heart."""
    folder = tmp_path_factory.mktemp("models")
    shape = {"hidden": "64", "epochs": "60"}
    original = tiny.train_folder(RECORDS, folder / "original", **shape)
    control = tiny.train_folder(RECORDS[20:], folder / "control", tokenizer_from=folder / "original", seed=2, **shape)
    return Models(folder / "original", original, folder / "control", control)


def _arm(name: str, role: Any) -> Arm:
    return Arm(name=name, role=role, digest=builders.sha(1), adapter_state="none", seed=None)


def _verify(plan: Plan, battery: Battery, kind: Any = "merged") -> tuple[Verification, bytes]:
    unlearned = builders.unlearned(kind=kind)
    return verify(plan, digest_of(plan), unlearned, digest_of(unlearned), battery)


def _by_id(verification: Verification) -> dict[str, ProbeResult]:
    return {probe.probe_id: probe for probe in verification.probes}


def test_the_untouched_model_is_found_out(models: Models) -> None:
    verification, _ = _verify(models.plan(), models.battery(models.load_original), "unchanged")

    probes = _by_id(verification)
    assert verification.verdict.status == "FAIL"
    assert float(probes["F2"].before or 0) > 0.9
    assert float(probes["F2"].control or 1) < 0.5
    assert (probes["F1"].witnesses or 0) >= 10
    assert probes["R2"].not_applicable == "UNCHANGED"


def test_identical_files_for_two_arms_give_no_effect_and_are_no_failure(models: Models) -> None:
    """A never-trained model put in as the candidate: after − control is exactly nought, and nothing can be adverse."""
    verification, _ = _verify(models.plan(), models.battery(models.load_control))

    probes = _by_id(verification)
    for probe_id in ("F1", "F2", "F2.em", "F3"):
        assert (probes[probe_id].estimate, probes[probe_id].p_leak) == ("0.000000", "1.000000000")
    assert probes["F1"].witnesses == 0
    assert {finding.status for finding in verification.verdict.findings if finding.probe_id.startswith("F")} == {"equivalent"}


def test_the_candidate_that_was_never_shown_the_records_never_fails(models: Models, tmp_path: Path) -> None:
    """Another seed of the same recipe without the person: not the control's own bytes."""
    digest = tiny.train_folder(RECORDS[20:], tmp_path / "c", tokenizer_from=models.original, seed=3, hidden="64", epochs="60")

    verification, _ = _verify(models.plan(), models.battery(lambda: load_model(tmp_path / "c", digest, "another control")))

    assert verification.verdict.status != "FAIL"
    assert "adverse" not in {finding.status for finding in verification.verdict.findings if finding.probe_id.startswith("F")}


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
    items = log["items"]["forget"]
    means = {
        arm: math.fsum(math.fsum(float(p) for p in item["log_probs"]) / len(item["log_probs"]) for item in items[arm]) / len(items[arm])
        for arm in ("original", "unlearned", "control-1")
    }
    probe = _by_id(verification)["F3"]
    assert verification.item_log_digest == digest_bytes(log_bytes)
    assert float(probe.before or 0) == pytest.approx(means["original"], abs=6e-7)
    assert float(probe.after or 0) == pytest.approx(means["unlearned"], abs=6e-7)
    assert float(probe.control or 0) == pytest.approx(means["control-1"], abs=6e-7)
    assert float(probe.estimate or 0) == pytest.approx(means["unlearned"] - means["control-1"], abs=6e-7)
    assert [item["record_id"] for item in items["unlearned"]] == [record.record_id for record in FORGET]
    assert set(items) == {"original", "unlearned", "control-1", "unlearned-again"}


def test_the_item_log_holds_ids_and_numbers_and_no_word_of_anybody(models: Models) -> None:
    _, log_bytes = _verify(models.plan(), models.battery(models.load_original))

    text = log_bytes.decode()

    assert [record.completion for record in RECORDS if record.completion in text] == []
    assert "555-01" not in text
    assert "example.org" not in text


def test_the_verdict_is_a_function_of_the_recorded_results_in_any_order(models: Models) -> None:
    verification, _ = _verify(models.plan(), models.battery(models.load_original), "unchanged")

    again = judge(verification.probes[::-1], class_requested="approximate", artefact_kind="unchanged")

    assert again == verification.verdict


def test_without_a_control_model_nothing_can_be_said_and_it_is_said_so(models: Models) -> None:
    verification, _ = _verify(models.plan(), models.battery(models.load_original, has_control=False))

    forget = [probe for probe in verification.probes if probe.family == "forget"]
    assert [probe.estimate for probe in forget] == [None] * 4
    assert verification.verdict.status == "INCONCLUSIVE"
    assert "F2:NO_REFERENCE" in verification.verdict.codes
    assert any("no control model" in line for line in verification.limitations)


def test_one_record_ends_in_cannot_decide_or_a_witness_and_not_in_a_crash(models: Models) -> None:
    verification, _ = _verify(models.plan(), models.battery(models.load_control, n_forget=1))

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
    real = verify_run.score_items

    def shaky(model: Any, items: Any, *, batch_items: int = 16, **rest: Any) -> Any:
        scores = real(model, items, batch_items=batch_items, **rest)
        if batch_items != 16:
            scores[0] = replace(scores[0], log_probs=(scores[0].log_probs[0] - 0.011, *scores[0].log_probs[1:]))
        return scores

    monkeypatch.setattr(verify_run, "score_items", shaky)

    verification, _ = _verify(models.plan(), models.battery(models.load_control))

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

    problems = {probe.problem for probe in verification.probes if probe.not_applicable is None}
    assert problems == {"NUMERIC"}  # arg-maxes of such logits are no measurement, so F1 and F2 say nothing either
    assert {probe.witnesses for probe in verification.probes} == {None}
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


def test_one_model_is_in_memory_at_a_time(models: Models) -> None:
    """Arms are loaded one after another; a second copy of a large model would not fit."""
    order: list[str] = []

    def loading(name: str, load: Callable[[], torch.nn.Module]) -> Callable[[], torch.nn.Module]:
        def loaded() -> torch.nn.Module:
            order.append(name)
            return load()

        return loaded

    battery = models.battery(loading("unlearned", models.load_control))
    battery = replace(
        battery,
        original=replace(battery.original, load=loading("original", models.load_original)),
        controls=tuple(replace(source, load=loading("control", models.load_control)) for source in battery.controls),
    )

    _verify(models.plan(), battery)

    assert order == ["original", "unlearned", "control"]
