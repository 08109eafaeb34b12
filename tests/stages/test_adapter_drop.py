"""Dropping an adapter: what is served are the base's own files, whole or not at all, and the record shows that they are."""

from __future__ import annotations

import shutil
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from rtbf.errors import ArtefactMismatch, BadInput, Fault
from rtbf.evidence.canonical import canonical_bytes, digest_of
from rtbf.lm.digest import digest_of_files, list_files
from rtbf.lm.recipes.plain import Base, recipe_parameters, train
from rtbf.lm.restored import is_restored, note_name
from rtbf.plan.request import PlanRequest
from rtbf.trial.qualification import prepare_trial
from rtbf.unlearn.anew import Remaining, rebuild
from rtbf.unlearn.method import Rebuilt
from rtbf.unlearn.methods import adapter_drop
from rtbf.verify.proof import read_proof
from tests import tiny

if TYPE_CHECKING:
    from pathlib import Path

    from rtbf.plan.record import Plan
    from rtbf.unlearn.record import Unlearned

RECORDS = tiny.records(people=2)
FORGET, RETAIN = RECORDS[:20], RECORDS[20:]
RECIPE = recipe_parameters("lora", {"epochs": "1", "rank": "2", "alpha": "4"})


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Base:
    """A base that saw other people, with a file in a folder of its own beside the usual ones."""
    folder = tmp_path_factory.mktemp("base") / "model"
    tiny.train_folder(tiny.records(people=1, seed=99), folder, epochs="1")
    (folder / "notes").mkdir()
    (folder / "notes" / "terms.txt").write_text("Terms of the base.\n", encoding="utf-8")
    return Base(folder=folder, digest=digest_of_files(list_files(folder)))


@pytest.fixture(scope="module")
def original(base: Base, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An adapter over that base, trained on the records and merged."""
    folder = tmp_path_factory.mktemp("original") / "model"
    train(records=RECORDS, parameters=RECIPE, seed=4, base=base, tokenizer_from=None, target=folder, checkpoint=None)
    return folder


def _plan(original: Path) -> Plan:
    return replace(tiny.plan_for("noop", digest_of_files(list_files(original)), FORGET, RETAIN), method="adapter_drop")


def _drop(original: Path, base: Base | None, folder: Path, **changes: Any) -> tuple[Unlearned, Path]:
    plan = _plan(original)
    remaining = Remaining(
        records=(), parameters=RECIPE, seed=4, base=base, original=original, withheld=(), near_duplicates=0, run_words=13,
        unaudited=() if base is None else (base.digest,),
    )  # fmt: skip
    return rebuild(plan, digest_of(plan), replace(remaining, **changes), folder)


def _contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_every_file_of_the_base_is_served_again_byte_for_byte_with_one_note_beside_them(original: Path, base: Base, tmp_path: Path) -> None:
    record, served = _drop(original, base, tmp_path / "a")

    written = _contents(served)
    note = written.pop(note_name(_plan(original).model_digest))
    assert written == _contents(base.folder)
    assert base.digest.encode() in note
    assert record.artefact_digest == digest_of_files(list_files(served)) != base.digest
    assert (record.kind, record.stop_reason, record.steps) == ("retrained", "recipe_ended", 0)
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == ["retrained"]


def test_the_record_shows_by_its_list_of_files_that_they_are_the_bases(original: Path, base: Base, tmp_path: Path) -> None:
    record, _ = _drop(original, base, tmp_path / "a")

    proof = record.proof
    assert proof is not None
    assert (proof.procedure, proof.inputs, proof.inputs_digest) == ("adapter_drop", 0, digest_of([]))
    assert (proof.forgotten_inputs, proof.near_duplicates, proof.rerun) == (0, 0, None)
    assert (proof.restored, proof.unaudited) == (base.digest, (base.digest,))
    assert is_restored([(file.name, file.sha256) for file in record.files], record.base_digest, base.digest)
    assert read_proof(proof).against == read_proof(proof).missing == ()


def test_two_runs_give_the_same_record(original: Path, base: Base, tmp_path: Path) -> None:
    first, _ = _drop(original, base, tmp_path / "a")
    second, _ = _drop(original, base, tmp_path / "b")

    assert canonical_bytes(first) == canonical_bytes(second)


@pytest.mark.parametrize("files", [0, 1, 4])
def test_a_copy_that_was_cut_short_leaves_nothing_and_is_made_whole_by_the_next_run(
    original: Path, base: Base, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: int
) -> None:
    undisturbed, _ = _drop(original, base, tmp_path / "a")
    copied = []

    def failing(source: Path, target: Path) -> None:
        if len(copied) == files:
            raise OSError(5, "Input/output error")
        copied.append(target)
        shutil.copyfile(source, target)

    with monkeypatch.context() as broken:
        broken.setattr(adapter_drop.shutil, "copyfile", failing)
        with pytest.raises(OSError, match="Input/output"):
            _drop(original, base, tmp_path / "b")
    left = list((tmp_path / "b").iterdir())

    again, _ = _drop(original, base, tmp_path / "b")

    assert left == []
    assert canonical_bytes(again) == canonical_bytes(undisturbed)


def test_what_a_killed_process_left_is_replaced(original: Path, base: Base, tmp_path: Path) -> None:
    """A process that is killed cannot clean up: half a copy lies beside the target."""
    undisturbed, _ = _drop(original, base, tmp_path / "a")
    half = tmp_path / "b" / ".retrained.part"
    half.mkdir(parents=True)
    (half / "stray.txt").write_text("half", encoding="utf-8")

    again, served = _drop(original, base, tmp_path / "b")

    assert canonical_bytes(again) == canonical_bytes(undisturbed)
    assert "stray.txt" not in _contents(served)


def test_a_base_with_other_bytes_than_the_registered_is_not_served(original: Path, base: Base, tmp_path: Path) -> None:
    changed = Base(folder=tmp_path / "changed", digest=base.digest)
    shutil.copytree(base.folder, changed.folder)
    (changed.folder / "notes" / "terms.txt").write_text("Other terms.\n", encoding="utf-8")

    with pytest.raises(ArtefactMismatch, match="the base under the adapter"):
        _drop(original, changed, tmp_path / "a")

    assert list((tmp_path / "a").iterdir()) == []


def test_a_base_that_changes_while_it_is_copied_is_not_served(
    original: Path, base: Base, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def meanwhile_changed(source: Path, target: Path) -> None:
        target.write_bytes(source.read_bytes() + b" ")

    monkeypatch.setattr(adapter_drop.shutil, "copyfile", meanwhile_changed)

    with pytest.raises(ArtefactMismatch, match="the copy of the base"):
        _drop(original, base, tmp_path / "a")

    assert list((tmp_path / "a").iterdir()) == []


def test_it_trains_on_nothing_and_is_given_nothing(original: Path, base: Base, tmp_path: Path) -> None:
    with pytest.raises(Fault, match="40 inputs, 20 of them"):
        _drop(original, base, tmp_path / "a", records=RECORDS)
    with pytest.raises(Fault, match="20 inputs, 0 of them"):
        _drop(original, base, tmp_path / "a", records=RETAIN)

    assert not (tmp_path / "a").exists()


def test_without_a_base_there_is_nothing_to_serve(original: Path, tmp_path: Path) -> None:
    with pytest.raises(Fault, match="without a base"):
        _drop(original, None, tmp_path / "a")


def test_a_method_that_says_it_restored_the_base_and_did_not_is_found_out(
    original: Path, base: Base, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def pretending(work: Any) -> Rebuilt:
        shutil.copytree(original, work.target)
        return Rebuilt(steps=0, rerun=None, restored=base.digest)

    monkeypatch.setattr(adapter_drop, "rebuild", pretending)

    with pytest.raises(Fault, match="other files than those of the restored base"):
        _drop(original, base, tmp_path / "a")


def test_an_adapter_over_a_restored_base_can_be_dropped_too(original: Path, base: Base, tmp_path: Path) -> None:
    """The base's own note stays a file like any other: the second note has another name."""
    first, served = _drop(original, base, tmp_path / "a")
    restored = Base(folder=served, digest=first.artefact_digest)
    train(records=RETAIN, parameters=RECIPE, seed=5, base=restored, tokenizer_from=None, target=tmp_path / "next", checkpoint=None)

    second, _ = _drop(tmp_path / "next", restored, tmp_path / "b")

    notes = [file.name for file in second.files if file.name.startswith("restored-instead-of-")]
    assert len(notes) == 2
    assert is_restored([(file.name, file.sha256) for file in second.files], second.base_digest, restored.digest)


def test_it_needs_no_qualification_and_gets_none(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="needs no qualification"):
        prepare_trial(PlanRequest(method="adapter_drop"), tmp_path, subjects=100, seed=1, profile="standard")
