"""Train shards of a registered model once more, from nothing, on what the registry says they were given: for whoever doubts it.

No checkpoint is read, so nothing that was kept can help: what comes out are the recorded digests, or they are not. Equal bits are
promised on a CPU with the recorded build and thread count. Proves that the recorded records, recipe and key give the recorded
states; not that nothing else was ever trained.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from rtbf.corpora.reading import read_records
from rtbf.errors import BadInput
from rtbf.foundry.families import family_of, require_sharded
from rtbf.lm.digest import digest_of_files, list_files
from rtbf.lm.load import environment, prepare_torch
from rtbf.lm.recipes.sharded.merge import write_merged
from rtbf.lm.recipes.sharded.train import family_state, load_base, made_shard
from rtbf.progress import Progress, silent
from rtbf.store import registry

if TYPE_CHECKING:
    from rtbf.corpora.corpus import Record
    from rtbf.installation import Installation
    from rtbf.lm.recipes.sharded.family import Family
    from rtbf.lm.recipes.sharded.state import ShardEntry, ShardState
    from rtbf.lm.record import Model


@dataclass(frozen=True, kw_only=True, slots=True)
class ReplayedShard:
    """One shard: what it is said to have ended in, and what it ended in now; both None where it is empty. None where it is off."""

    shard: int
    records: int
    recorded: str | None
    found: str | None

    @property
    def is_equal(self) -> bool:
        """Return whether the same bytes came out."""
        return self.recorded == self.found


@dataclass(frozen=True, kw_only=True, slots=True)
class Replay:
    """What came out of training again. `served`: (recorded, found) digests of the model's files, where every served shard was trained.

    differences   what of the environment is not as recorded: bits may differ for that alone
    """

    model: str
    revision: int
    shards: tuple[ReplayedShard, ...]
    served: tuple[str, str] | None
    differences: tuple[str, ...]

    @property
    def is_equal(self) -> bool:
        """Return whether every digest came out as recorded."""
        return all(shard.is_equal for shard in self.shards) and (self.served is None or self.served[0] == self.served[1])


def replay_model(
    installation: Installation, name: str, *, revision: int | None, shard: int | None, threads: int, progress: Progress = silent
) -> Replay:
    """Train one shard of a sharded model again, or all that are served and then the merged model too.

    revision   the live one when None; shard   from 0
    raises     BadInput for a model that was not trained in shards, or a shard that is not served
    """
    prepare_torch(threads)
    with installation.transaction() as session:
        found = registry.live_model(session, name) if revision is None else registry.model_revision(session, name, revision)
    model = require_sharded(found.model)
    family, state = family_of(installation, model)
    served = [number for number, entry in enumerate(state.shards) if entry.status == "live"]
    if shard is not None and shard not in served:
        raise BadInput(
            found=f"shard {shard} of {name} revision {model.revision}",
            expected=f"a shard that is served: {', '.join(map(str, served)) or 'none is'}",
            remedy="correct --shard, or leave it out for all of them",
        )
    records = remaining_records(installation, model)
    with tempfile.TemporaryDirectory(prefix="rtbf-replay-") as folder:
        wanted = served if shard is None else [shard]
        entries = _trained_again(replace(family, folder=Path(folder)), family, records, wanted, progress)
        again = _merged_digest(replace(family, folder=Path(folder)), state, entries, Path(folder)) if shard is None else None
    return Replay(
        model=name,
        revision=model.revision,
        shards=tuple(_compared(number, state.shards[number], entries[number]) for number in wanted),
        served=None if again is None else (model.digest, again),
        differences=_differences(model),
    )


def remaining_records(installation: Installation, model: Model) -> list[Record]:
    """Return what a model that was trained here was given, by the registry's word: its corpus less what was left out or removed."""
    own = model.trained_on[0]
    with installation.transaction() as session:
        entry = registry.corpus_version(session, own.version)
    gone = {*own.excluded, *(record_id for removal in model.removals for record_id in removal.record_ids)}
    return [record for record in read_records(entry, installation.home.resolved) if record.record_id not in gone]


def _differences(model: Model) -> tuple[str, ...]:
    recorded, here = dict(model.environment), dict(environment())
    names = sorted(recorded.keys() | here.keys())
    return tuple(
        f"{name}: recorded {recorded.get(name, 'nothing')}, here {here.get(name, 'nothing')}"
        for name in names
        if recorded.get(name) != here.get(name)
    )


def _trained_again(bare: Family, family: Family, records: list[Record], wanted: list[int], progress: Progress) -> dict[int, ShardEntry]:
    """Return what these shards come to in a folder without any checkpoint."""
    base, every = load_base(family), family.inputs(records, family.places())
    return {number: made_shard(bare, base, number, every[number], progress=progress) for number in wanted}


def _merged_digest(bare: Family, state: ShardState, entries: dict[int, ShardEntry], folder: Path) -> str:
    own = [entries.get(number, replace(entry, status="empty", generation=None, slices=())) for number, entry in enumerate(state.shards)]
    write_merged(bare, family_state(bare, own), folder / "merged")
    return digest_of_files(list_files(folder / "merged"))


def _compared(shard: int, recorded: ShardEntry, found: ShardEntry) -> ReplayedShard:
    return ReplayedShard(shard=shard, records=sum(part.records for part in found.slices), recorded=recorded.adapter, found=found.adapter)
