"""What the methods on sharded models have in common: the new state is written, merged and checked, and the proof drawn up."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import torch

from rtbf.errors import Fault
from rtbf.evidence.canonical import digest_of
from rtbf.lm.recipes.sharded.merge import write_merged
from rtbf.lm.recipes.sharded.retrain import check_log
from rtbf.lm.recipes.sharded.state import write_state
from rtbf.unlearn.method import Rebuilt, ShardWork
from rtbf.unlearn.record import Rerun, ShardChange, ShardsProof

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rtbf.lm.recipes.sharded.retrain import Change, SecondRun
    from rtbf.lm.recipes.sharded.state import ShardState
    from rtbf.unlearn.method import Rebuild


def shard_work(work: Rebuild) -> ShardWork:
    """Return the shards that a method works on; raises Fault for a model without any: its card says what it works on."""
    if work.shards is None:
        raise Fault(
            found="a model that was not trained in shards",
            expected="one whose recipe is sharded, as the method's card says",
            remedy="nothing was changed; report this as a defect",
        )
    return work.shards


def served(work: Rebuild, state: ShardState, changes: Sequence[Change], second: SecondRun | None) -> Rebuilt:
    """Write state and merged weights, compare the kept log with what remains, and return what the record has to say.

    second   a slice that was run again; None where nothing was
    """
    shards = shard_work(work)
    family = shards.family
    log = check_log(family, state, changes, work.records)
    write_merged(family, state, work.target)
    state_after = write_state(state, family.folder)
    return Rebuilt(
        steps=sum(change.steps for change in changes),
        rerun=None
        if second is None
        else Rerun(
            from_step=second.from_step,
            to_step=second.to_step,
            expected=second.expected,
            found=second.found,
            is_bitwise=not torch.cuda.is_available(),
        ),
        shards=ShardsProof(
            family=family.family_id,
            shards=family.shape.shards,
            slices=family.shape.slices,
            slice_steps=family.shape.steps,
            state_before=digest_of(shards.state),
            state_after=state_after,
            changes=tuple(ShardChange(**asdict(change)) for change in changes),
            kept_steps=log.kept_steps,
            differing_steps=log.differing_steps,
            together_with=shards.together_with,
            rerun_shard=None if second is None else second.shard,
        ),
    )
