"""What must fail fails, what must not does not: the two controls of every verdict, and the cap of what is served.

Every model here was made by the terminal's own commands; only the places of the arms are exchanged.
"""

from __future__ import annotations

import zipfile
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from rtbf.foundry.controls import control_model
from rtbf.lm.load import load_model
from rtbf.material.battery import verification_battery
from rtbf.pipeline.questions import open_sealed_questions
from rtbf.store import registry
from rtbf.verify.arms import ArmSource
from rtbf.verify.run import verify

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import torch

    from rtbf.installation import Installation
    from rtbf.plan.record import Plan
    from rtbf.verify.record import Verification
    from rtbf.verify.run import Battery
    from tests.journey.conftest import Stage


def _judged_with(stage: Stage, candidate: Callable[[Installation, Plan, Battery], Callable[[], torch.nn.Module]]) -> Verification:
    """Return the verification of the ticket with another model in the unlearned one's place; everything else stays."""
    view = stage.view
    assert view.plan is not None
    assert view.unlearned is not None
    with stage.terminal.installation() as installation:
        words = open_sealed_questions(installation, view.plan)
        battery = verification_battery(installation, view.plan, view.unlearned, words, threads=1)
        exchanged = ArmSource(arm=battery.unlearned.arm, load=candidate(installation, view.plan, battery))
        battery = replace(battery, unlearned=exchanged)
        verification, _ = verify(view.plan, view.plan_digest or "", view.unlearned, "sha256:" + "00" * 32, battery)
    return verification


def _never_shown(installation: Installation, plan: Plan, number: int) -> Callable[[], torch.nn.Module]:
    """Train control `number` of the ticket: the original's recipe without the person's records, another seed for each number."""
    with installation.transaction() as session:
        original = registry.model_with_digest(session, plan.model_digest)
        entry = registry.corpus_version(session, plan.forget.version)
    folder, digest, seed = control_model(
        installation,
        original.model,
        installation.home.resolved(original.location),
        entry,
        plan.forget.record_ids,
        plan.ticket_id,
        number,
        base=None,
    )
    assert digest not in {control.digest for control in plan.controls.models}
    assert seed not in {control.seed for control in plan.controls.models}
    return lambda: load_model(folder, digest, "a model that was not shown the person")


def test_doing_nothing_must_fail_and_the_report_of_it_is_a_good_report(planned: Stage, tmp_path: Path) -> None:
    stage = planned.copied(tmp_path / "home")
    idle = stage.terminal("plan", stage.ticket_id, "--method", "noop", "--seed", "9", "--json")
    stage.approve(idle.json["plan"]["digest"])

    said = stage.terminal("run", stage.ticket_id, "--json")
    handed_out = stage.terminal("report", stage.ticket_id, "--out", str(tmp_path / "out"))
    checked = stage.terminal("check", str(tmp_path / "out" / "report.dsse.json"), "--trust", str(stage.terminal.home / "trust.json"))

    assert said.code == 1
    assert said.json["verdict"]["status"] == "FAIL"
    assert said.json["verdict"]["class_awarded"] == "none"
    assert (said.json["state"], said.json["reason"]) == ("planning", "need_plan")
    assert said.json["report"] is not None  # a failure is reported and signed like any other verdict
    assert (handed_out.code, checked.code) == (0, 0), checked.out + checked.err
    assert "FAIL" in checked.out


def test_the_original_in_the_unlearned_models_place_is_found_out(reported: Stage, tmp_path: Path) -> None:
    stage = reported.copied(tmp_path / "home")

    verification = _judged_with(stage, lambda _installation, _plan, battery: battery.original.load)

    assert verification.verdict.status == "FAIL"
    assert verification.verdict.class_awarded == "none"
    leaks = {finding.probe_id for finding in verification.verdict.findings if (finding.status, finding.reason) == ("adverse", "LEAK")}
    assert {"F1", "F2", "F3"} <= leaks
    assert "F0:MISMATCH" in verification.verdict.codes  # its scores are the original's, and its files were said to be others
    assert "U1:UTILITY" not in verification.verdict.codes  # nothing was lost, and that excuses nothing


@pytest.mark.parametrize("number", [2, 3])
def test_a_model_never_shown_the_person_must_not_fail(reported: Stage, tmp_path: Path, number: int) -> None:
    """The candidate is another such model than the control, so that it is not simply compared with itself."""
    stage = reported.copied(tmp_path / "home")

    verification = _judged_with(stage, lambda installation, plan, _battery: _never_shown(installation, plan, number))

    assert verification.verdict.status in {"PASS", "INCONCLUSIVE"}
    assert [finding.probe_id for finding in verification.verdict.findings if finding.status == "adverse"] == []
    assert {probe.probe_id for probe in verification.probes} >= {"F0", "F1", "F2", "F3", "F4", "G1", "R2", "U1"}


def test_weights_made_anew_prove_how_they_came_about_in_a_report_that_anyone_can_check(planned: Stage, tmp_path: Path) -> None:
    """The smoke profile asks too little for a PASS; what it does ask is in favour, and the proof holds."""
    stage = planned.copied(tmp_path / "home")
    anew = stage.terminal("plan", stage.ticket_id, "--method", "full_retrain", "--seed", "9", "--json")
    stage.approve(anew.json["plan"]["digest"])

    said = stage.terminal("run", stage.ticket_id, "--json")
    handed_out = stage.terminal("report", stage.ticket_id, "--out", str(tmp_path / "out"))
    weights = stage.terminal.home / "artefacts" / stage.ticket_id / str(stage.view.attempt) / "retrained"
    trust = str(stage.terminal.home / "trust.json")
    checked = stage.terminal("check", str(tmp_path / "out" / "bundle.zip"), "--trust", trust, "--artefact", str(weights))

    unlearned, verification = stage.view.unlearned, stage.view.verification
    assert unlearned is not None
    assert unlearned.proof is not None
    assert verification is not None
    assert (unlearned.kind, unlearned.proof.forgotten_inputs, unlearned.proof.near_duplicates) == ("retrained", 0, 0)
    assert unlearned.proof.rerun is not None
    assert unlearned.proof.rerun.expected == unlearned.proof.rerun.found
    verdict = verification.verdict
    assert (verdict.class_requested, verdict.class_cap) == ("exact", "exact")
    assert verdict.status != "FAIL", said.out
    assert not [code for code in verdict.codes if code.startswith("PROOF:")]
    assert (handed_out.code, checked.code) == (0, 0), checked.out + checked.err
    models = stage.terminal("model", "list", "--json").json["models"]
    assert [(model["revision"], model["status"]) for model in models] == [(1, "live"), (2, "candidate")]


def test_an_unmerged_adapter_is_never_called_more_than_suppression(planned: Stage, tmp_path: Path) -> None:
    """The plan says so before anything is trained. R2 would lower the cap too; tests/unit/verify parts the two reasons."""
    stage = planned.copied(tmp_path / "home")
    apart = stage.terminal("plan", stage.ticket_id, "--set", "merge=no", "--set", "max_steps=20", "--seed", "9", "--json")
    stage.approve(apart.json["plan"]["digest"])

    said = stage.terminal("run", stage.ticket_id, "--json")

    plan, verification = stage.view.plan, stage.view.verification
    assert plan is not None
    assert (plan.class_cap, plan.adapter is not None and plan.adapter.is_merged) == ("suppression", False)
    assert said.code in {1, 3}, said.err
    assert verification is not None
    assert (verification.artefact_kind, verification.verdict.class_cap) == ("adapter", "suppression")
    assert said.json["verdict"]["class_cap"] == "suppression"
    findings = {finding.probe_id: finding for finding in verification.verdict.findings}
    assert (findings["R2"].status, findings["R2"].reason) == ("adverse", "LEAK")
    models = stage.terminal("model", "list", "--json").json["models"]
    assert [(model["revision"], model["status"]) for model in models] == [(1, "live")]  # an adapter replaces no weights


def test_a_bundle_is_refused_with_another_artefact_another_runs_page_or_another_byte(reported: Stage, tmp_path: Path) -> None:
    stage = reported.copied(tmp_path / "home")
    first, second = tmp_path / "first", tmp_path / "second"
    stage.terminal("report", stage.ticket_id, "--out", str(first), "--items")
    verdict = stage.terminal("show", stage.ticket_id, "--json").json["verdict"]["status"]
    idle = stage.terminal("plan", stage.ticket_id, "--method", "noop", "--json").json["plan"]["digest"]
    stage.approve(idle)
    stage.terminal("run", stage.ticket_id)
    stage.terminal("report", stage.ticket_id, "--out", str(second))
    with zipfile.ZipFile(first / "bundle.zip") as archive:
        archive.extractall(first / "bundle")
    merged = stage.terminal.home / "artefacts" / stage.ticket_id / "1" / "merged"
    command = (
        "check", str(first / "bundle"), "--trust", str(stage.terminal.home / "trust.json"), "--json", "--artefact", str(merged),
        "--items", str(first / "items.json"),
    )  # fmt: skip
    changed = {
        "weights": (merged / "model.safetensors", -1),
        "envelope": (first / "bundle" / "report.dsse.json", 200),
        "page": (first / "bundle" / "report.pdf", 1000),
        "event": (first / "bundle" / "events.jsonl", 300),
        "item": (first / "items.json", 5000),
    }

    good = stage.terminal(*command)
    refused = {"another run's page": stage.terminal(*command, "--pdf", str(second / "report.pdf"))}
    for name, (path, place) in changed.items():
        content = path.read_bytes()
        path.write_bytes(_with_one_bit_changed(content, place))
        refused[name] = stage.terminal(*command)
        path.write_bytes(content)
    restored = stage.terminal(*command)

    assert (good.code, good.json["status"], good.json["verdict"]) == (0, "ok", verdict)
    assert {step["name"]: step["status"] for step in good.json["steps"] if step["status"] != "ok"} == {"approvals": "not decided"}
    assert {name: (said.code, said.json["status"], _failed_step(said.json)) for name, said in refused.items()} == {
        "another run's page": (1, "bad", "sealing"),
        "weights": (1, "bad", "files"),
        "envelope": (1, "bad", "signature"),
        "page": (1, "bad", "sealing"),
        "event": (1, "bad", "events"),
        "item": (1, "bad", "items"),
    }
    assert [said.json["verdict"] for said in refused.values()] == [None] * len(refused)
    assert restored.code == 0


def _failed_step(outcome: dict[str, Any]) -> str:
    (failed,) = [step["name"] for step in outcome["steps"] if step["status"] == "failed"]
    return str(failed)


def _with_one_bit_changed(content: bytes, place: int) -> bytes:
    changed = bytearray(content)
    changed[place] ^= 1
    return bytes(changed)
