"""Sharded models of an installation: trained, found again by what their recipe names, and made anew as controls."""

from __future__ import annotations

import json
import secrets
import shutil
from typing import TYPE_CHECKING

from rtbf.errors import ArtefactMismatch, BadInput
from rtbf.evidence.canonical import digest_of
from rtbf.files import make_private_folder, replace_file
from rtbf.lm.recipes.plain import Base
from rtbf.lm.recipes.sharded.assignment import Place
from rtbf.lm.recipes.sharded.family import Family
from rtbf.lm.recipes.sharded.keys import DerivedKeys, prf
from rtbf.lm.recipes.sharded.merge import write_merged
from rtbf.lm.recipes.sharded.retrain import first_touched
from rtbf.lm.recipes.sharded.shape import FAMILY, STATE
from rtbf.lm.recipes.sharded.state import read_state, write_state
from rtbf.lm.recipes.sharded.train import train_family
from rtbf.pipeline.shard_keys import StoredShardKeys
from rtbf.progress import Progress, silent
from rtbf.store import registry

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from rtbf.corpora.corpus import Record
    from rtbf.installation import Installation
    from rtbf.lm.recipes.sharded.assignment import Assignment
    from rtbf.lm.recipes.sharded.state import ShardState
    from rtbf.lm.record import Model

_ID_BYTES = 8


def train_sharded(
    installation: Installation,
    *,
    records: Sequence[Record],
    parameters: tuple[tuple[str, str], ...],
    seed: int,
    base: Base,
    target: Path,
    marker: Path,
    progress: Progress = silent,
) -> tuple[tuple[tuple[str, str], ...], Assignment]:
    """Train a family of shards and write the merged model; return the recipe with the family's id and state, and the assignment.

    marker   a file in which the family's id waits for a training that was killed; it goes when the training has ended
    raises   BadInput where there are fewer subjects than shards
    """
    run = digest_of([list(map(list, parameters)), seed, base.digest, [record.record_id for record in records]])
    family_id = _begun(installation, marker, run)
    family = Family(
        family_id=family_id,
        folder=installation.home.shards_of(family_id),
        keys=StoredShardKeys(installation=installation, family_id=family_id),
        parameters=parameters,
        seed=seed,
        base=base,
    )
    state, assignment = train_family(family, records, progress=progress)
    write_merged(family, state, target)
    digest = write_state(state, family.folder)
    marker.unlink(missing_ok=True)
    return tuple(sorted([*parameters, (FAMILY, family_id), (STATE, digest)])), assignment


def family_of(installation: Installation, model: Model) -> tuple[Family, ShardState]:
    """Return the family of a registered sharded model and what its shards are; raises ArtefactMismatch where that is lost."""
    recipe = dict(model.recipe)
    with installation.transaction() as session:
        started_from = registry.fine_tuning_base(session, model)
    if started_from is None or model.seed is None:
        raise ArtefactMismatch(
            found=f"model {model.name} revision {model.revision} without its base or seed",
            expected="both, as its training recorded them",
            remedy="restore the registry from a backup, or train the model again",
        )
    family = Family(
        family_id=recipe[FAMILY],
        folder=installation.home.shards_of(recipe[FAMILY]),
        keys=StoredShardKeys(installation=installation, family_id=recipe[FAMILY]),
        parameters=tuple((name, text) for name, text in model.recipe if name not in {FAMILY, STATE}),
        seed=model.seed,
        base=Base(folder=installation.home.resolved(started_from.location), digest=started_from.model.digest),
    )
    return family, read_state(family.folder, recipe[STATE])


def shards_of_model(installation: Installation, name: str, revision: int | None) -> tuple[Model, ShardState, int]:
    """Return a sharded model, what its shards are, and what the sealed checkpoints that it rests on take, in bytes.

    revision   the live one when None; raises BadInput for a model that was not trained in shards
    """
    with installation.transaction() as session:
        registered = registry.live_model(session, name) if revision is None else registry.model_revision(session, name, revision)
    model = require_sharded(registered.model)
    family, state = family_of(installation, model)
    kept = [(shard, entry.generation) for shard, entry in enumerate(state.shards) if entry.generation is not None]
    size_bytes = sum(family.generation(shard, one).size_bytes() for shard, one in kept if family.has_generation(shard, one))
    return model, state, size_bytes


def require_sharded(model: Model) -> Model:
    """Return the model when it was trained in shards; raises BadInput otherwise."""
    if FAMILY not in dict(model.recipe):
        raise BadInput(
            found=f"model {model.name} revision {model.revision}, which was not trained in shards",
            expected="one trained with `rtbf model train --recipe sharded`, or what became of it",
            remedy="see `rtbf model list`",
        )
    return model


def touched_places(family: Family, state: ShardState, remaining: Sequence[Record]) -> tuple[Place, ...]:
    """Return, for each shard that was given records which do not remain, its earliest such slice."""
    every = family.inputs(remaining, family.places())
    found = ((shard, first_touched(entry, inputs)) for shard, (entry, inputs) in enumerate(zip(state.shards, every, strict=True)))
    return tuple(Place(shard=shard, slice=first) for shard, first in found if first is not None)


def records_of_untouched_shards(family: Family, state: ShardState, remaining: Sequence[Record]) -> list[Record]:
    """Return the remaining records that lie in a shard which is served and was given nothing else, in their order."""
    places = family.places()
    touched = {place.shard for place in touched_places(family, state, remaining)}
    served = {shard for shard, entry in enumerate(state.shards) if entry.status == "live"} - touched
    return [record for record in remaining if record.record_id in places and places[record.record_id].shard in served]


def sharded_control(
    installation: Installation, model: Model, records: Sequence[Record], seed: int, target: Path, *, progress: Progress = silent
) -> None:
    """Write a model made by a sharded model's recipe from these records, with first weights of its own, and keep no checkpoint of it.

    Everybody lies in the place that the family's key gives, and takes part when they did: who shares a shard with whom moves a model more
    than a margin, and is no trace of the person. First weights follow from the seed: made again, it is the same model.
    """
    family, _ = family_of(installation, model)
    folder = target.with_name(f".{target.name}.checkpoint")
    own = Family(
        family_id=family.family_id,
        folder=folder,
        keys=DerivedKeys(secret=prf(family.keys.family_key(), b"control", seed.to_bytes(8)), places=family.keys.family_key()),
        parameters=family.parameters,
        seed=seed,
        base=family.base,
    )
    state, _ = train_family(own, records, progress=progress)
    write_merged(own, state, target)
    shutil.rmtree(folder, ignore_errors=True)


def _begun(installation: Installation, marker: Path, run: str) -> str:
    """Return the id of the family that this very training began with, or a new one; what another run left half-done goes."""
    if marker.is_file():
        noted = json.loads(marker.read_text(encoding="utf-8"))
        if noted["run"] == run:
            return str(noted["family"])
        shutil.rmtree(installation.home.shards_of(noted["family"]), ignore_errors=True)
    family_id = secrets.token_hex(_ID_BYTES)
    make_private_folder(marker.parent)
    replace_file(marker, json.dumps({"run": run, "family": family_id}).encode())
    return family_id
