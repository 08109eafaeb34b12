"""Retrain the touched shards without the records, from before the earliest touched slice; every other shard stays as it is.

Exact to the bit on a CPU with one build and thread count: the weights are those of a training, with the same places, that never had
the records. On other hardware the same holds in law, and the record says so. What remains of a subject is, at most, that others whom
records named with it lie in one shard. The base and its tokenizer are the recipe's given, not made anew.
One slice, drawn by the seed among all that are served, is run a second time; kept steps are compared with who must have taken part.
Source: specs/methods/exact-unlearning.md, method 1 with the "deletion-stable" design; Bourtoule et al. 2021 (SISA), IEEE S&P.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rtbf.lm.recipes.sharded.retrain import retrain_shards, run_one_slice_again
from rtbf.unlearn.shards import served, shard_work

if TYPE_CHECKING:
    from rtbf.unlearn.method import Rebuild, Rebuilt

CARD = {
    "name": "shard_retrain",
    "title": "Retrain the touched shards",
    "paper": "Bourtoule et al. 2021, Machine Unlearning (SISA), on LoRA adapters",
    "source": "specs/methods/exact-unlearning.md, method 1",
    "needs": ["a model trained here by the recipe sharded, with its sealed checkpoints and keys"],
    "artefact": "weights",
    "class_cap": "exact",
    "works_on": ["sharded"],
    "cost_formula": "3 · steps of the touched shards from the earliest touched slice on, and one slice again",
    "warnings": ["the base and its tokenizer are kept as they are; the places of others were drawn when the records were there"],
}


def rebuild(work: Rebuild) -> Rebuilt:
    """Train the touched shards again and write the merged weights; then run one slice a second time."""
    shards = shard_work(work)
    state, changes = retrain_shards(shards.family, shards.state, work.records, progress=work.progress)
    second = run_one_slice_again(shards.family, state, work.records, shards.seed, progress=work.progress)
    return served(work, state, changes, second)
