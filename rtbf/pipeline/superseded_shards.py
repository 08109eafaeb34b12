"""Checkpoints of shards that no served model rests on any more: found for the purge, and their keys destroyed with it.

What is kept is what the live and the candidate models of a family are read from. A shard that is switched off keeps nothing once the
ticket is closed: its checkpoints hold the person's records, and a later training of it begins with its first slice.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rtbf.lm.recipes.sharded.shape import FAMILY, STATE
from rtbf.lm.recipes.sharded.state import read_state
from rtbf.pipeline.copies import Copy
from rtbf.pipeline.shard_keys import family_owner
from rtbf.store import registry
from rtbf.store.records import newest_record
from rtbf.store.ticket_keys import destroy_ticket_key
from rtbf.unlearn.record import Unlearned

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.orm import Session

    from rtbf.installation import Installation

KIND = "shard_checkpoints"
_RESTS_ON = frozenset({"live", "candidate"})
_SHARD = "shard-"


def superseded_checkpoints(session: Session, installation: Installation, ticket_id: str) -> list[Copy]:
    """Return the checkpoints that a closed ticket's sharded model has left behind: of trainings that no model in use rests on.

    Only what a registered model once rested on is named: a training that another ticket runs at this moment is nobody's yet.
    raises   ArtefactMismatch where the state of a model in use cannot be read: then nobody knows what may go
    """
    unlearned = newest_record(session, ticket_id, Unlearned)
    shards = None if unlearned is None or unlearned.proof is None else unlearned.proof.shards
    if shards is None:
        return []
    folder = installation.home.shards_of(shards.family)
    needed: set[tuple[int, str]] = set()
    known: set[tuple[int, str]] = set()
    for registered in registry.all_models(session):
        recipe = dict(registered.model.recipe)
        if recipe.get(FAMILY) != shards.family:
            continue
        is_in_use = registered.status in _RESTS_ON
        for shard, entry in enumerate(read_state(folder, recipe[STATE]).shards):
            if entry.generation is None:
                continue
            known.add((shard, entry.generation))
            # What this ticket switched off and closed on is not kept for a later training: it holds the person's records.
            is_own_off = entry.status == "off" and recipe[STATE] == shards.state_after
            if is_in_use and not is_own_off:
                needed.add((shard, entry.generation))
    left = ((folder / f"{_SHARD}{shard:04d}" / name) for shard, name in sorted(known - needed))
    return [Copy(kind=KIND, path=path) for path in left if path.is_dir()]


def destroy_keys(session: Session, paths: Sequence[str]) -> int:
    """Delete the keys of the trainings whose folders were deleted, by their stored paths; return how many there were.

    A backup of the key store from before still opens a backup of the checkpoints: both lapse with the backups' own time.
    """
    owners = (_owner_of(path) for path in paths)
    return sum(destroy_ticket_key(session, owner) for owner in owners if owner is not None)


def _owner_of(path: str) -> str | None:
    """Return whose key seals the checkpoints in "shards/FAMILY/shard-0003/GENERATION"; None for any other path."""
    parts = path.split("/")
    if len(parts) != 4 or parts[0] != "shards" or not parts[2].startswith(_SHARD):  # noqa: PLR2004 - as in the docstring
        return None
    return family_owner(parts[1], int(parts[2].removeprefix(_SHARD)), parts[3])
