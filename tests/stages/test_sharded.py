"""A family of shards: erasing gives the bytes of a training that never had the records, killed at any step or not."""

from __future__ import annotations

import contextlib
import hashlib
import shutil
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import torch
from safetensors.torch import load

from rtbf.errors import ArtefactMismatch, BadInput
from rtbf.lm.adapters import attach_lora, trainable
from rtbf.lm.digest import digest_of_files, list_files
from rtbf.lm.encoding import training_items
from rtbf.lm.recipes.sharded.ensemble import shard_logits
from rtbf.lm.recipes.sharded.keys import DerivedKeys
from rtbf.lm.recipes.sharded.merge import served_adapters, write_merged
from rtbf.lm.recipes.sharded.retrain import check_log, retrain_shards, run_one_slice_again, run_slice_again, switch_off
from rtbf.lm.recipes.sharded.state import read_state, write_state
from rtbf.lm.recipes.sharded.train import family_state, load_base, made_shard, shard_seed, train_family
from tests import shards

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from rtbf.corpora.corpus import Record
    from rtbf.lm.recipes.plain import Base
    from rtbf.lm.recipes.sharded.family import Family
    from rtbf.lm.recipes.sharded.state import ShardState

RECORDS = shards.records()
BY_PERSON = {person: {record.record_id for record in shards.about(RECORDS, person)} for person in range(6)}


class Killed(Exception):
    """The process ends here."""


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Base:
    return shards.base_at(tmp_path_factory.mktemp("base") / "model")


@pytest.fixture(scope="module")
def trained(base: Base, tmp_path_factory: pytest.TempPathFactory) -> tuple[Family, ShardState]:
    """A family trained on six people; tests that spoil it take a copy."""
    family = shards.family(base, tmp_path_factory.mktemp("family") / "shards")
    return family, train_family(family, RECORDS)[0]


def _copied(family: Family, folder: Path) -> Family:
    shutil.copytree(family.folder, folder)
    return replace(family, folder=folder)


def _without(*people: int) -> list[Record]:
    gone = set().union(*(BY_PERSON[person] for person in people))
    return [record for record in RECORDS if record.record_id not in gone]


def _never_had(family: Family, folder: Path, records: list[Record]) -> tuple[Family, ShardState]:
    """Train from nothing on these records, in the places that were drawn when all were there."""
    fresh = replace(family, folder=folder)
    fresh.place(RECORDS)
    loaded = load_base(fresh)
    entries = [made_shard(fresh, loaded, shard, inputs) for shard, inputs in enumerate(fresh.inputs(records, fresh.places()))]
    return fresh, family_state(fresh, entries)


def _merged(family: Family, state: ShardState, target: Path) -> str:
    write_merged(family, state, target)
    return digest_of_files(list_files(target))


def _kill_at(step: int) -> Callable[[str, int, int], None]:
    seen = [0]

    def progress(_step: str, _done: int, _total: int) -> None:
        seen[0] += 1
        if seen[0] == step:
            raise Killed

    return progress


def _all_files(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("people", [(0,), (1,), (2,), (3,), (4,), (5,), (0, 3), (1, 2, 5)])
def test_erasing_gives_the_bytes_of_a_training_that_never_had_the_records(
    trained: tuple[Family, ShardState], people: tuple[int, ...], tmp_path: Path
) -> None:
    family, before = _copied(trained[0], tmp_path / "a"), trained[1]
    fresh, never = _never_had(family, tmp_path / "b", _without(*people))

    after, changes = retrain_shards(family, before, _without(*people))

    # Digests of every sealed state and of every log, slice by slice, shard by shard.
    assert after == never != before
    assert _merged(family, after, tmp_path / "m1") == _merged(fresh, never, tmp_path / "m2") != _merged(family, before, tmp_path / "m0")
    assert {change.shard for change in changes if change.change != "untouched"} == {
        family.places()[record_id].shard for person in people for record_id in BY_PERSON[person]
    }


def test_where_records_name_one_person_each_the_places_are_those_of_any_training_with_the_key(
    trained: tuple[Family, ShardState], tmp_path: Path
) -> None:
    family, before = _copied(trained[0], tmp_path / "a"), trained[1]
    own = replace(family, folder=tmp_path / "b")

    never, _ = train_family(own, _without(3))

    assert retrain_shards(family, before, _without(3))[0] == never


def test_one_after_the_other_or_both_at_once_or_by_way_of_switching_off_is_one_result(
    trained: tuple[Family, ShardState], tmp_path: Path
) -> None:
    family, before = _copied(trained[0], tmp_path / "a"), trained[1]
    together, _ = retrain_shards(family, before, _without(1, 4))

    first, _ = retrain_shards(family, before, _without(1))
    after_first, _ = retrain_shards(family, first, _without(1, 4))
    off, _ = switch_off(family, before, _without(1, 4))
    after_off, _ = retrain_shards(family, off, _without(1, 4))
    again, changes = retrain_shards(family, together, _without(1, 4))

    assert after_first == after_off == again == together
    assert {change.change for change in changes} == {"untouched"}


@pytest.mark.parametrize("kill_at", range(1, 25))
def test_a_retraining_killed_at_any_step_ends_in_the_same_bytes(trained: tuple[Family, ShardState], kill_at: int, tmp_path: Path) -> None:
    """Persons 0 and 1 touch enough slices for 24 steps at the places this key gives; where fewer are run, nothing is killed."""
    family, before = _copied(trained[0], tmp_path / "a"), trained[1]
    undisturbed, _ = retrain_shards(_copied(trained[0], tmp_path / "b"), before, _without(0, 1, 2))
    with contextlib.suppress(Killed):
        retrain_shards(family, before, _without(0, 1, 2), progress=_kill_at(kill_at))

    after, _ = retrain_shards(family, before, _without(0, 1, 2))

    assert after == undisturbed


def test_a_training_killed_at_any_step_ends_in_the_same_bytes(trained: tuple[Family, ShardState], tmp_path: Path) -> None:
    """Three shards of three slices of four steps: 36 steps, each interrupted once, in one family that has to bear it all."""
    family = replace(trained[0], folder=tmp_path / "a")

    for kill_at in (*range(1, 13), 12, 11, 10, 7, 5, 4, 3, 2, 1):
        try:
            train_family(family, RECORDS, progress=_kill_at(kill_at))
        except Killed:
            continue

    assert train_family(family, RECORDS)[0] == trained[1]


def test_a_second_implementation_of_a_shard_comes_to_the_same_weights(trained: tuple[Family, ShardState]) -> None:
    """Written out: who takes part by HMAC over length-prefixed parts, the loss as a sum of means, AdamW of torch."""
    family, state = trained
    shard = next(number for number, entry in enumerate(state.shards) if sum(part.records > 0 for part in entry.slices) > 1)
    own = {}
    for record in RECORDS:
        place = family.places()[record.record_id]
        if place.shard == shard:
            own.setdefault(place.slice, []).append(record)
    loaded = load_base(family)
    model: Any = attach_lora(loaded.network, rank=2, alpha=4, seed=shard_seed(4, shard)).eval()
    pairs = trainable(model)
    optimizer = torch.optim.AdamW([parameter for _, parameter in pairs], betas=(0.9, 0.98), weight_decay=0.0, foreach=False)

    for step in range(1, 13):
        current = (step + 3) // 4
        drawn = [
            record
            for number in range(1, current + 1)
            for record in own.get(number, [])
            if _drawn(family.keys.family_key(), record.record_id, step) < (0.5 if number == current else 0.5 * 0.1)
        ]
        optimizer.zero_grad()
        total = torch.zeros(())
        for record in sorted(drawn, key=lambda one: one.record_id):
            (item,) = training_items([record], loaded.tokenizer, loaded.max_tokens)
            ids = torch.tensor([item.prompt_ids + item.answer_ids])
            logits = model(input_ids=ids).logits[0, len(item.prompt_ids) - 1 : -1]
            total = total + torch.nn.functional.cross_entropy(logits, torch.tensor(item.answer_ids)) / 4
        if drawn:
            total.backward()
        for _, parameter in pairs:
            parameter.grad = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
        torch.nn.utils.clip_grad_norm_([parameter for _, parameter in pairs], 1.0)
        for group in optimizer.param_groups:
            group["lr"] = 0.01 * min(1.0, step / 5)
        optimizer.step()

    generation = family.generation(shard, str(state.shards[shard].generation))
    kept = load(generation.state_after(3))
    for name, parameter in pairs:
        assert torch.allclose(parameter.detach(), kept[f"weight.{name}"], atol=2e-5), name


def _drawn(key: bytes, record_id: str, step: int) -> float:
    parts = (b"rtbf.sharded/1", b"take", step.to_bytes(8, "big"), record_id.encode())
    message = b"".join(len(part).to_bytes(8, "big") + part for part in parts)
    inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in key.ljust(64, b"\0")) + message).digest()
    digest = hashlib.sha256(bytes(byte ^ 0x5C for byte in key.ljust(64, b"\0")) + inner).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


@pytest.mark.parametrize("merge", ["sum", "mean"])
def test_the_merged_weights_are_the_base_and_every_shards_change(base: Base, merge: str, tmp_path: Path) -> None:
    family = shards.family(base, tmp_path / "a", merge=merge)
    state, _ = train_family(family, RECORDS)
    off, _ = switch_off(family, state, _without(2))
    adapters = served_adapters(family, off)
    plain = dict(load_base(family).network.state_dict())

    write_merged(family, off, tmp_path / "merged")

    found = load((tmp_path / "merged" / "model.safetensors").read_bytes())
    share = 2.0 if merge == "sum" else 2.0 / 3  # alpha / rank = 4 / 2; the mean is over all three shards, though one is off
    assert len(adapters) == 2
    for name, value in found.items():
        stem = f"base_model.model.{name.removesuffix('.weight')}"
        change = sum(
            (adapter[f"{stem}.lora_B.default.weight"].double() @ adapter[f"{stem}.lora_A.default.weight"].double()) * share
            for adapter in adapters.values()
            if f"{stem}.lora_A.default.weight" in adapter
        )
        assert torch.allclose(value.double(), plain[name].double() + change, atol=1e-5), name


def test_without_any_shard_the_base_is_served(trained: tuple[Family, ShardState], base: Base, tmp_path: Path) -> None:
    family, before = trained
    off, _ = switch_off(family, before, [])

    write_merged(family, off, tmp_path / "merged")

    served, own = (load((folder / "model.safetensors").read_bytes()) for folder in (tmp_path / "merged", base.folder))
    assert all(torch.equal(served[name], own[name]) for name in own)


def test_a_shard_whose_last_subject_leaves_has_no_adapter_and_is_what_it_would_have_been(
    trained: tuple[Family, ShardState], tmp_path: Path
) -> None:
    family, before = _copied(trained[0], tmp_path / "a"), trained[1]
    alone = {family.places()[record_id].shard for record_id in BY_PERSON[0]}.pop()
    people = [person for person in range(6) if {family.places()[one].shard for one in BY_PERSON[person]} == {alone}]
    _, never = _never_had(family, tmp_path / "b", _without(*people))

    after, changes = retrain_shards(family, before, _without(*people))

    assert after == never
    assert (after.shards[alone].status, after.shards[alone].adapter) == ("empty", None)
    assert [(change.change, change.after, change.steps) for change in changes if change.shard == alone] == [("emptied", None, 0)]


def test_a_shard_that_was_off_and_keeps_its_records_is_served_again_as_it_was(trained: tuple[Family, ShardState], tmp_path: Path) -> None:
    family, before = _copied(trained[0], tmp_path / "a"), trained[1]
    off, _ = switch_off(family, before, _without(3))

    after, changes = retrain_shards(family, off, RECORDS)

    assert after == before
    assert all(change.change == "untouched" for change in changes)


def test_an_off_shard_whose_checkpoints_were_destroyed_begins_with_its_first_slice(
    trained: tuple[Family, ShardState], tmp_path: Path
) -> None:
    family, before = _copied(trained[0], tmp_path / "a"), trained[1]
    expected, _ = retrain_shards(_copied(trained[0], tmp_path / "b"), before, _without(3))
    off, changes = switch_off(family, before, _without(3))
    (shard,) = [change.shard for change in changes if change.change == "switched_off"]
    shutil.rmtree(family.folder / f"shard-{shard:04d}")

    after, changes = retrain_shards(family, off, _without(3))

    assert after == expected
    assert next(change for change in changes if change.shard == shard).first_slice == 1


def test_steps_that_are_told_are_the_steps_that_were_run(trained: tuple[Family, ShardState], tmp_path: Path) -> None:
    family, before = _copied(trained[0], tmp_path / "a"), trained[1]
    seen: list[str] = []

    _, changes = retrain_shards(family, before, _without(1, 2), progress=lambda step, _done, _total: seen.append(step))

    assert len(seen) == sum(change.steps for change in changes) > 0
    places = [family.places()[record_id] for person in (1, 2) for record_id in BY_PERSON[person]]
    for change in changes:
        first = min((place.slice for place in places if place.shard == change.shard), default=None)
        assert (change.first_slice, change.steps) == ((first, (3 - first + 1) * 4) if first else (None, 0))


def test_the_kept_log_names_who_must_have_taken_part_and_finds_one_who_should_not(
    trained: tuple[Family, ShardState], tmp_path: Path
) -> None:
    family, before = _copied(trained[0], tmp_path / "a"), trained[1]
    after, changes = retrain_shards(family, before, _without(3))
    told = check_log(family, after, changes, _without(3))
    untouched = tuple(replace(change, change="untouched", first_slice=None, steps=0) for change in changes)

    claimed = check_log(family, before, untouched, _without(3))

    kept = sum(4 * (3 if change.first_slice is None else change.first_slice - 1) for change in changes)
    assert (told.kept_steps, told.differing_steps) == (kept, 0)
    assert claimed.differing_steps > 0


def test_a_slice_that_is_run_again_ends_as_recorded_and_a_drifting_one_does_not(trained: tuple[Family, ShardState], tmp_path: Path) -> None:
    family, before = _copied(trained[0], tmp_path / "a"), trained[1]
    shard = next(number for number, entry in enumerate(before.shards) if entry.slices[1].records)
    number = 2
    places = family.places()
    inside = {one for one, place in places.items() if (place.shard, place.slice) == (shard, number)}

    steady = run_slice_again(family, before, RECORDS, shard, number)
    drifting = run_slice_again(family, before, [record for record in RECORDS if record.record_id not in inside], shard, number)
    drawn = run_one_slice_again(family, before, RECORDS, seed=7)

    assert (steady.from_step, steady.to_step) == (4, 8)
    assert steady.expected == steady.found != drifting.found
    assert drawn is not None
    assert drawn == run_one_slice_again(family, before, RECORDS, seed=7)
    assert drawn.expected == drawn.found


def _cut(content: bytes) -> bytes:
    return content[: len(content) // 2]


def _flipped(content: bytes) -> bytes:
    return content[:40] + bytes([content[40] ^ 1]) + content[41:]


def _without_a_line(content: bytes) -> bytes:
    return b"".join(content.splitlines(keepends=True)[1:])


@pytest.mark.parametrize(
    ("name", "spoil"),
    [
        ("slice-001.sealed", _flipped),
        ("slice-001.sealed", _cut),
        ("slice-001.sealed", None),
        ("slice-001.log", _flipped),
        ("slice-001.log", _without_a_line),
        ("slice-001.log", _cut),
        ("slice-001.log", None),
        ("slice-003.log", _flipped),
    ],
)
def test_a_missing_or_changed_checkpoint_or_log_line_is_refused_and_nothing_is_changed(
    trained: tuple[Family, ShardState], name: str, spoil: Callable[[bytes], bytes] | None, tmp_path: Path
) -> None:
    family, before = _copied(trained[0], tmp_path / "a"), trained[1]
    places = family.places()
    person = next(one for one in range(6) if {places[record].slice for record in BY_PERSON[one]} <= {2, 3})
    shard = places[min(BY_PERSON[person])].shard
    path = family.folder / f"shard-{shard:04d}" / str(before.shards[shard].generation) / name
    if spoil is None:
        path.unlink()
    else:
        path.write_bytes(spoil(path.read_bytes()))
    left = _all_files(family.folder)

    with pytest.raises(ArtefactMismatch, match=r"shard|log"):
        retrain_shards(family, before, _without(person))

    assert _all_files(family.folder) == left


def test_a_state_moved_to_another_slice_or_sealed_under_another_key_does_not_open(
    trained: tuple[Family, ShardState], tmp_path: Path
) -> None:
    family, before = _copied(trained[0], tmp_path / "a"), trained[1]
    generation = family.generation(0, str(before.shards[0].generation))
    (generation.folder / "slice-001.sealed").replace(generation.folder / "slice-002.sealed")
    other = replace(family, keys=shards.other_keys())

    with pytest.raises(ArtefactMismatch, match="does not open"):
        generation.state_after(2)
    with pytest.raises(ArtefactMismatch, match="does not open"):
        other.generation(0, str(before.shards[0].generation)).state_after(3)


def test_records_that_were_not_there_when_the_family_was_trained_are_refused(trained: tuple[Family, ShardState]) -> None:
    family, before = trained
    stranger = replace(RECORDS[0], record_id="cccccccccccc:1")

    with pytest.raises(BadInput, match="1 record"):
        retrain_shards(family, before, [*RECORDS, stranger])


def test_a_state_is_called_by_its_digest_and_another_one_in_its_place_is_refused(
    trained: tuple[Family, ShardState], tmp_path: Path
) -> None:
    family, before = _copied(trained[0], tmp_path / "a"), trained[1]
    digest = write_state(before, family.folder)

    assert read_state(family.folder, digest) == before
    path = next((family.folder / "states").iterdir())
    path.write_bytes(path.read_bytes().replace(b'"seed":4', b'"seed":5'))
    with pytest.raises(ArtefactMismatch, match="digest"):
        read_state(family.folder, digest)
    with pytest.raises(ArtefactMismatch, match="no readable state"):
        read_state(family.folder, "sha256:" + 64 * "0")


def test_no_file_of_a_family_names_a_record_or_a_person(trained: tuple[Family, ShardState]) -> None:
    family, before = trained
    write_state(before, family.folder)

    told = b"".join(
        str(path.relative_to(family.folder)).encode() + path.read_bytes() for path in family.folder.rglob("*") if path.is_file()
    )

    marks = ["bbbbbbbbbbbb", "person 0", "person 3", *(record.prompt for record in RECORDS[::20])]
    assert [mark for mark in marks if mark.encode() in told] == []


def test_logits_on_average_are_those_of_each_shard_alone(trained: tuple[Family, ShardState]) -> None:
    family, state = trained
    loaded = load_base(family)
    adapters = served_adapters(family, state)
    items = training_items(RECORDS[:3], loaded.tokenizer, loaded.max_tokens)

    apart = [shard_logits(loaded, adapters, family.shape, [shard], items).logits for shard in adapters]
    average = shard_logits(loaded, adapters, family.shape, adapters, items).logits

    assert torch.allclose(average, torch.stack(apart).mean(dim=0), atol=1e-6)
    assert not torch.allclose(apart[0], apart[1], atol=1e-3)
    with pytest.raises(BadInput, match="served"):
        shard_logits(loaded, adapters, family.shape, [9], items)


def test_a_control_lies_in_the_familys_places_and_has_weights_of_its_own(trained: tuple[Family, ShardState], tmp_path: Path) -> None:
    """Else it would differ from the model by who shares a shard with whom, which is no trace of anybody."""
    family = _copied(trained[0], tmp_path / "a")
    keys = DerivedKeys(secret=bytes(32), places=family.keys.family_key())
    control = replace(family, folder=tmp_path / "control", keys=keys, seed=1_004)

    state, _ = train_family(control, _without(3))

    unlearned, _ = retrain_shards(family, trained[1], _without(3))
    assert control.places() == {one: place for one, place in family.places().items() if one not in BY_PERSON[3]}
    assert [[part.inputs for part in entry.slices] for entry in state.shards] == [
        [part.inputs for part in entry.slices] for entry in unlearned.shards
    ]
    assert all(one.adapter != other.adapter for one, other in zip(state.shards, unlearned.shards, strict=True) if one.slices)
    assert keys.shard_key(0, "g") != family.keys.shard_key(0, "g")
