"""Retraining in full: the bytes are those of a training that never had the records, killed or not, and the record proves it."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from rtbf.errors import BadInput, Fault
from rtbf.evidence.canonical import canonical_bytes, digest_of
from rtbf.lm.digest import digest_of_files, list_files
from rtbf.lm.recipes.plain import Base, recipe_parameters, train
from rtbf.plan.request import PlanRequest
from rtbf.trial.qualification import prepare_trial
from rtbf.unlearn.anew import Remaining, rebuild
from rtbf.unlearn.methods import full_retrain
from rtbf.verify.proof import read_proof
from tests import tiny

if TYPE_CHECKING:
    from pathlib import Path

    from rtbf.plan.record import Plan
    from rtbf.unlearn.record import Unlearned

RECORDS = tiny.records(people=3)
FORGET, RETAIN = RECORDS[:20], RECORDS[20:]
SHAPE = {"hidden": "16", "layers": "1", "epochs": "12", "batch": "16", "learning_rate": "0.01"}
RECIPE = recipe_parameters("tiny", SHAPE)


class Killed(Exception):
    """The process ends here."""


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that has seen its three people a few times."""
    folder = tmp_path_factory.mktemp("original") / "model"
    tiny.train_folder(RECORDS, folder, seed=4, **SHAPE)
    return folder


def _plan(original: Path) -> Plan:
    return replace(tiny.plan_for("noop", digest_of_files(list_files(original)), FORGET, RETAIN), method="full_retrain")


def _remaining(original: Path, **changes: Any) -> Remaining:
    made = Remaining(
        records=RETAIN, parameters=RECIPE, seed=4, base=None, original=original, withheld=(), near_duplicates=0, run_words=13, unaudited=()
    )
    return replace(made, **changes)


def _rebuild(original: Path, folder: Path, *, kill_at: int | None = None, **changes: Any) -> tuple[Unlearned, Path]:
    seen = [0]

    def progress(step: str, done: int, total: int) -> None:
        seen[0] += 1
        if seen[0] == kill_at:
            raise Killed

    plan = _plan(original)
    return rebuild(plan, digest_of(plan), _remaining(original, **changes), folder, progress=progress)


def _bytes(folder: Path) -> str:
    return hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()


def test_the_weights_are_those_of_a_training_that_never_had_the_records(original: Path, tmp_path: Path) -> None:
    train(records=RETAIN, parameters=RECIPE, seed=4, base=None, tokenizer_from=original, target=tmp_path / "never", checkpoint=None)

    record, served = _rebuild(original, tmp_path / "a")

    assert _bytes(served) == _bytes(tmp_path / "never") != _bytes(original)
    assert (record.kind, record.stop_reason, record.withheld) == ("retrained", "recipe_ended", ())
    assert record.artefact_digest == digest_of_files(list_files(served))
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == ["retrained"]


def test_the_record_proves_how_they_came_about(original: Path, tmp_path: Path) -> None:
    record, _ = _rebuild(original, tmp_path / "a")

    proof = record.proof
    assert proof is not None
    assert (proof.procedure, proof.inputs, proof.forgotten_inputs, proof.near_duplicates) == ("plain", 40, 0, 0)
    assert proof.inputs_digest == digest_of([entry.record_id for entry in RETAIN])
    assert proof.rerun is not None
    assert proof.rerun.expected == proof.rerun.found
    # 40 records in batches of 16 are 3 steps an epoch; states are kept every 5 epochs and at the end, after 36 steps.
    assert (proof.rerun.from_step, proof.rerun.to_step) in {(0, 15), (15, 30), (30, 36)}
    assert record.steps == 36
    assert read_proof(proof) == read_proof(replace(proof, unaudited=()))
    assert read_proof(proof).against == read_proof(proof).missing == ()


@pytest.mark.parametrize("kill_at", [1, 16, 36, 38])
def test_a_run_that_was_killed_at_any_step_gives_the_same_record(original: Path, tmp_path: Path, kill_at: int) -> None:
    """36 steps are the training; the 38th falls into the stretch that is run a second time."""
    undisturbed, _ = _rebuild(original, tmp_path / "a")
    with pytest.raises(Killed):
        _rebuild(original, tmp_path / "b", kill_at=kill_at)

    again, _ = _rebuild(original, tmp_path / "b")

    assert canonical_bytes(again) == canonical_bytes(undisturbed)


def test_a_training_that_does_not_repeat_itself_is_told(original: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second run is given one record less, as a pipeline would whose data had changed in between."""
    calls = [0]

    def drifting(**arguments: Any) -> None:
        calls[0] += 1
        # The run's name is made from its data: a state of another run is never continued, so the second begins anew.
        train(**(arguments if calls[0] == 1 else {**arguments, "records": arguments["records"][1:]}))

    monkeypatch.setattr(full_retrain, "train", drifting)

    record, _ = _rebuild(original, tmp_path / "a")

    assert record.proof is not None
    assert read_proof(record.proof).against == ("PROOF:RERUN_DIFFERS",)


def test_what_a_hold_kept_is_trained_on_and_named(original: Path, tmp_path: Path) -> None:
    kept = FORGET[3]

    record, _ = _rebuild(original, tmp_path / "a", records=[kept, *RETAIN], withheld=(kept.record_id,))

    assert record.proof is not None
    assert (record.withheld, record.proof.inputs, record.proof.forgotten_inputs) == ((kept.record_id,), 41, 0)


@pytest.mark.parametrize("records", [[], [FORGET[0], *RETAIN]], ids=["nothing", "a record to be forgotten"])
def test_inputs_that_are_not_the_plans_are_never_trained_on(original: Path, tmp_path: Path, records: list[Any]) -> None:
    with pytest.raises(Fault, match="inputs"):
        _rebuild(original, tmp_path / "a", records=records)

    assert not (tmp_path / "a").exists()


def test_a_fine_tuned_model_is_tuned_again_from_its_base(original: Path, tmp_path: Path) -> None:
    base = Base(folder=original, digest=digest_of_files(list_files(original)))
    recipe = recipe_parameters("lora", {"epochs": "2", "rank": "2", "alpha": "4"})
    train(records=RETAIN, parameters=recipe, seed=4, base=base, tokenizer_from=None, target=tmp_path / "never", checkpoint=None)

    record, served = _rebuild(original, tmp_path / "a", parameters=recipe, base=base, unaudited=(base.digest,))

    assert _bytes(served) == _bytes(tmp_path / "never")
    assert record.proof is not None
    assert record.proof.unaudited == (base.digest,)


def test_it_needs_no_qualification_and_gets_none(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="needs no qualification"):
        prepare_trial(PlanRequest(method="full_retrain"), tmp_path, subjects=100, seed=1, profile="standard")
