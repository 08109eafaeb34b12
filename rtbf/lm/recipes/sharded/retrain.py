"""Erase from a family: train the touched shards again from before the earliest touched slice, or stop serving them.

Which shards are touched, and from where, follows from comparing what each slice was given with what remains: nothing has to be told
who left. What is run is the training itself (`train.learn_shard`), over states of before the first touched slice.
Source: methods/exact-unlearning.md, method 1 ("Delete F") and "deletion-stable" 5.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from rtbf.errors import ArtefactMismatch
from rtbf.lm.recipes.sharded.train import expected_took, family_state, learn_shard, load_base, made_shard
from rtbf.lm.stretch import Kept, run_again
from rtbf.progress import Progress, silent

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rtbf.corpora.corpus import Record
    from rtbf.lm.recipes.sharded.family import Family, Inputs
    from rtbf.lm.recipes.sharded.slices import Generation
    from rtbf.lm.recipes.sharded.state import ShardEntry, ShardState
    from rtbf.lm.recipes.sharded.train import LoadedBase


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """What became of one shard; see `rtbf.unlearn.record.ShardChange`."""

    shard: int
    change: Literal["untouched", "retrained", "switched_off", "emptied"]
    before: str | None
    after: str | None
    first_slice: int | None
    steps: int


@dataclass(frozen=True, kw_only=True, slots=True)
class LogCheck:
    """How many logged steps that are served were not run again, and how many of them name others than the remaining records give."""

    kept_steps: int
    differing_steps: int


@dataclass(frozen=True, kw_only=True, slots=True)
class SecondRun:
    """One slice that was run again, and the digests of the state it was said to end in and did end in."""

    shard: int
    from_step: int
    to_step: int
    expected: str
    found: str


def first_touched(entry: ShardEntry, inputs: Inputs) -> int | None:
    """Return the first slice, from 1, that was given other records than these; None when none was."""
    given = [part.inputs for part in entry.slices]
    return next((number for number, (old, new) in enumerate(zip(given, inputs.digests(), strict=False), start=1) if old != new), None)


def retrain_shards(
    family: Family, state: ShardState, records: Sequence[Record], *, progress: Progress = silent
) -> tuple[ShardState, tuple[Change, ...]]:
    """Train every shard again that was given records which do not remain; return what the shards are then, and what became of each.

    records   what remains, in any order. A shard that was switched off and is not touched is served again.
    raises    BadInput for records that the family never had; ArtefactMismatch where a checkpoint or log that the new training
              starts from is missing or was changed. Nothing is deleted here: the earlier trainings stay as they are.
    """
    _require_own(family, state)
    every = family.inputs(records, family.places())
    base: LoadedBase | None = None
    entries: list[ShardEntry] = []
    changes: list[Change] = []
    for shard, (entry, inputs) in enumerate(zip(state.shards, every, strict=True)):
        first = first_touched(entry, inputs)
        if first is None or not inputs.records:
            entries.append(replace(entry, status="live") if first is None and entry.slices else _empty(entry))
            changes.append(_unrun(shard, entry, entries[-1]))
            continue
        assert entry.generation is not None
        # What was switched off for good had its checkpoints destroyed: such a shard begins anew.
        first = first if entry.status == "live" or family.has_generation(shard, entry.generation) else 1
        generation = family.generation_of(shard, inputs)
        if first > 1:
            generation.adopt(_kept_generation(family, shard, entry), first - 1)
        base = base or load_base(family)
        entries.append(made_shard(family, base, shard, inputs, progress=progress))
        changes.append(
            Change(
                shard=shard,
                change="retrained",
                before=entry.adapter,
                after=entries[-1].adapter,
                first_slice=first,
                steps=(family.shape.slices - first + 1) * family.shape.steps,
            )
        )
    return family_state(family, entries), tuple(changes)


def switch_off(family: Family, state: ShardState, records: Sequence[Record]) -> tuple[ShardState, tuple[Change, ...]]:
    """Stop serving every shard that was given records which do not remain; nothing is run. raises as `retrain_shards`."""
    _require_own(family, state)
    every = family.inputs(records, family.places())
    entries = [
        replace(entry, status="off") if entry.slices and first_touched(entry, inputs) is not None else entry
        for entry, inputs in zip(state.shards, every, strict=True)
    ]
    changes = [_unrun(shard, before, after) for shard, (before, after) in enumerate(zip(state.shards, entries, strict=True))]
    return family_state(family, entries), tuple(changes)


def served_records(family: Family, state: ShardState, records: Sequence[Record]) -> list[Record]:
    """Return those of the remaining records that lie in a shard that is served, in their order."""
    places = family.places()
    live = {shard for shard, entry in enumerate(state.shards) if entry.status == "live"}
    return [record for record in records if record.record_id in places and places[record.record_id].shard in live]


def check_log(family: Family, state: ShardState, changes: Sequence[Change], records: Sequence[Record]) -> LogCheck:
    """Compare who took part in the steps that were kept, by the log, with who must have when nobody but `records` was there.

    raises   ArtefactMismatch where a log does not hold, or ends otherwise than the state says
    proves   that no record outside `records` had a part in what is served, as far as the operator's log can be believed
    """
    kept = differing = 0
    every = family.inputs(records, family.places())
    for change, entry, inputs in zip(changes, state.shards, every, strict=True):
        if entry.status != "live":
            continue
        logged = _kept_generation(family, change.shard, entry).logged()
        count = family.shape.slices if change.first_slice is None else change.first_slice - 1
        for said, expected in zip(logged[:count], expected_took(family, inputs)[:count], strict=True):
            kept += len(expected)
            differing += sum(one != other for one, other in zip(said.took, expected, strict=True))
    return LogCheck(kept_steps=kept, differing_steps=differing)


def run_one_slice_again(
    family: Family, state: ShardState, records: Sequence[Record], seed: int, *, progress: Progress = silent
) -> SecondRun | None:
    """Run one slice of one served shard again, drawn by the seed among all; None when no shard is served."""
    served = [shard for shard, entry in enumerate(state.shards) if entry.status == "live"]
    if not served:
        return None
    # Of all slices that with the smallest hash: each is as likely as any other.
    drawn = min(
        ((shard, number) for shard in served for number in range(1, family.shape.slices + 1)),
        key=lambda one: hashlib.sha256(f"slice:{seed}:{one[0]}:{one[1]}".encode()).digest(),
    )
    return run_slice_again(family, state, records, *drawn, progress=progress)


def run_slice_again(
    family: Family, state: ShardState, records: Sequence[Record], shard: int, number: int, *, progress: Progress = silent
) -> SecondRun:
    """Run one slice again from the state before it, as whoever doubts it would; nothing is written. raises ArtefactMismatch."""
    entry, steps = state.shards[shard], family.shape.steps
    generation = _kept_generation(family, shard, entry)
    kept = Kept(
        from_step=(number - 1) * steps,
        to_step=number * steps,
        state=generation.state_after(number - 1) if number > 1 else None,
        digest=entry.slices[number - 1].state,
    )
    base, inputs = load_base(family), family.inputs(records, family.places())[shard]
    found = run_again(kept, lambda states: learn_shard(family, base, shard, inputs, states, progress=progress))
    return SecondRun(shard=shard, from_step=kept.from_step, to_step=kept.to_step, expected=kept.digest, found=found)


def _kept_generation(family: Family, shard: int, entry: ShardEntry) -> Generation:
    """Return the training that an entry names, after checking that its log ends where the entry says."""
    assert entry.generation is not None
    generation = family.generation(shard, entry.generation)
    if [(one.state, one.head) for one in generation.logged()] != [(one.state, one.log) for one in entry.slices]:
        raise ArtefactMismatch(
            found=f"a training of shard {shard} whose log is not the recorded one",
            expected="the states and log that the model was registered with",
            remedy="restore the family's folder under shards/ from a backup, or retrain in full; nothing was changed",
        )
    return generation


def _require_own(family: Family, state: ShardState) -> None:
    if (state.family, state.terms_digest) != (family.family_id, family.terms()):
        raise ArtefactMismatch(
            found="shards of another training", expected="those of the model's own recipe, seed and base", remedy="report this as a defect"
        )


def _empty(entry: ShardEntry) -> ShardEntry:
    return replace(entry, status="empty", generation=None, slices=())


def _unrun(shard: int, before: ShardEntry, after: ShardEntry) -> Change:
    """Return the change of a shard of which nothing was run."""
    change: Literal["untouched", "switched_off", "emptied"] = "untouched"
    if before.status == "live" and after.status != "live":
        change = "switched_off" if after.status == "off" else "emptied"
    return Change(shard=shard, change=change, before=before.adapter, after=after.adapter, first_slice=None, steps=0)
