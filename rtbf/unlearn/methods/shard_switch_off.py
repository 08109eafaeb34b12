"""Stop serving the shards that hold the records: at once, without training. What is served is what the other shards learned.

Exact for what it says: the weights are those of the recipe without anybody of these shards. It is containment, not an answer: whoever
shares a shard with the person is missing too, until the shard is trained again (shard_retrain).
Source: specs/methods/exact-unlearning.md, "Which gives a provable exact retrain at least cost?", (a).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rtbf.lm.recipes.sharded.retrain import switch_off
from rtbf.unlearn.shards import served, shard_work

if TYPE_CHECKING:
    from rtbf.unlearn.method import Rebuild, Rebuilt

CARD = {
    "name": "shard_switch_off",
    "title": "Switch the touched shards off",
    "paper": "Bourtoule et al. 2021, Machine Unlearning (SISA), on LoRA adapters",
    "source": "specs/methods/exact-unlearning.md, recommended design, step (a)",
    "needs": ["a model trained here by the recipe sharded, with its sealed checkpoints and keys"],
    "artefact": "weights",
    "class_cap": "exact",
    "works_on": ["sharded"],
    "trains_on": "untouched",
    "takes_effect": "at_once",
    "cost_formula": "0",
    "warnings": [
        "the model that is served changes before it is measured",
        "everybody else in the touched shards is missing until they are trained again",
    ],
}


def rebuild(work: Rebuild) -> Rebuilt:
    """Write the merged weights of the untouched shards. `work.records` are theirs alone."""
    shards = shard_work(work)
    state, changes = switch_off(shards.family, shards.state, work.records)
    return served(work, state, changes, None)
