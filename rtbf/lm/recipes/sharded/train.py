"""Train the shards of a family. The same function makes a shard the first time, after an erasure, and for whoever checks it.

A step's gradient is the sum over the records that take part of each record's mean NLL per token, divided by a fixed number. A step in
which nobody takes part is taken like any other, with a gradient of zero. So a step in which a record has no part is the same
program on the same input with and without it: on a CPU, the same bits.
Source: methods/exact-unlearning.md, method 1 and "deletion-stable" 1-5.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from rtbf.lm.adapters import attach_lora, trainable
from rtbf.lm.answers import answer_logits, nll_sums
from rtbf.lm.encoding import training_items
from rtbf.lm.load import context_tokens, load_model, load_tokenizer
from rtbf.lm.recipes.sharded.assignment import rate_in, takes_part
from rtbf.lm.recipes.sharded.slices import Generation
from rtbf.lm.recipes.sharded.state import ShardEntry, ShardState, SliceEntry
from rtbf.lm.recipes.sharded.training_log import took_hash
from rtbf.lm.training import LoopSpec, run_loop
from rtbf.progress import Progress, silent

if TYPE_CHECKING:
    from collections.abc import Sequence

    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from rtbf.corpora.corpus import Record
    from rtbf.lm.encoding import Item
    from rtbf.lm.recipes.sharded.assignment import Assignment
    from rtbf.lm.recipes.sharded.family import Family, Inputs
    from rtbf.lm.recipes.sharded.shape import Shape
    from rtbf.lm.training import Checkpoints

_ITEMS_AT_ONCE = 16


@dataclass(frozen=True, kw_only=True, slots=True)
class LoadedBase:
    """The frozen base in memory; each shard's adapter is put on it and taken off again."""

    network: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    max_tokens: int


def load_base(family: Family) -> LoadedBase:
    """Return the family's base, after checking that its files are the registered ones (ArtefactMismatch)."""
    network = load_model(family.base.folder, family.base.digest, "the base model")
    return LoadedBase(network=network, tokenizer=load_tokenizer(family.base.folder), max_tokens=context_tokens(network))


def train_family(family: Family, records: Sequence[Record], *, progress: Progress = silent) -> tuple[ShardState, Assignment]:
    """Place the records and train every shard; return what the shards are. A training that was killed goes on with the same call.

    raises   BadInput as `assignment.assign`
    """
    assignment = family.place(records)
    base = load_base(family)
    every = family.inputs(records, assignment.places)
    entries = [made_shard(family, base, shard, inputs, progress=progress) for shard, inputs in enumerate(every)]
    return family_state(family, entries), assignment


def family_state(family: Family, entries: Sequence[ShardEntry]) -> ShardState:
    """Return the state that these shards make up."""
    return ShardState(
        family=family.family_id, base_digest=family.base.digest, terms_digest=family.terms(), seed=family.seed, shards=tuple(entries)
    )


def made_shard(family: Family, base: LoadedBase, shard: int, inputs: Inputs, *, progress: Progress = silent) -> ShardEntry:
    """Train one shard from where its checkpoints stand, and return what it is; with no record it is empty and nothing is run."""
    if not inputs.records:
        return ShardEntry(status="empty", generation=None, slices=())
    generation = family.generation_of(shard, inputs)
    if generation.done() < family.shape.slices:
        learn_shard(family, base, shard, inputs, generation, progress=progress)
    return shard_entry(generation, inputs)


def shard_entry(generation: Generation, inputs: Inputs) -> ShardEntry:
    """Return what a finished training of a shard is, by its log; raises ArtefactMismatch where that does not hold."""
    slices = tuple(
        SliceEntry(records=len(part), inputs=digest, state=logged.state, log=logged.head)
        for part, digest, logged in zip(inputs.slices, inputs.digests(), generation.logged(), strict=True)
    )
    return ShardEntry(status="live", generation=generation.name, slices=slices)


def learn_shard(family: Family, base: LoadedBase, shard: int, inputs: Inputs, states: Checkpoints, *, progress: Progress = silent) -> None:
    """Run a shard's training on from the newest of its states to the end, and keep a state after each slice."""
    shape, key = family.shape, family.keys.family_key()
    model: Any = attach_lora(base.network, rank=shape.rank, alpha=shape.alpha, seed=shard_seed(family.seed, shard))
    # Dropout of a base, if it has any, would draw from one stream for all who take part.
    model.eval()
    parameters = trainable(model)
    items = {record.record_id: training_items([record], base.tokenizer, base.max_tokens) for part in inputs.slices for record in part}

    def gradient_at(step: int) -> float:
        drawn = drawn_records(shape, key, inputs, step)
        if isinstance(states, Generation):
            states.note_took(len(drawn), took_hash(key, step, drawn))
        return _lay_down(model, [parameter for _, parameter in parameters], [items[record_id] for record_id in drawn], shape.batch)

    run_loop(
        _loop_spec(family, shard),
        parameters,
        gradient_at,
        after_step=lambda _step, _loss: False,
        checkpoint=states,
        progress=progress,
        step_name=f"shard {shard + 1} of {shape.shards}",
    )
    model.unload()


def expected_took(family: Family, inputs: Inputs) -> list[list[str]]:
    """Return, for each slice, the hash of who takes part in each of its steps when the shard is trained on these records."""
    shape, key = family.shape, family.keys.family_key()
    return [
        [
            took_hash(key, step, drawn_records(shape, key, inputs, step))
            for step in range(place * shape.steps + 1, (place + 1) * shape.steps + 1)
        ]
        for place in range(shape.slices)
    ]


def drawn_records(shape: Shape, key: bytes, inputs: Inputs, step: int) -> list[str]:
    """Return who takes part in a step of a shard's training, counted from 1: of its slice and, less often, of earlier ones; sorted."""
    current = (step - 1) // shape.steps + 1
    rates = [rate_in(shape, own, current) for own in range(1, current + 1)]
    return sorted(
        record.record_id
        for rate, part in zip(rates, inputs.slices, strict=False)
        if rate > 0
        for record in part
        if takes_part(key, record.record_id, step, rate)
    )


def shard_seed(seed: int, shard: int) -> int:
    """Return the seed of a shard's first weights: public, and another one for every shard, so that adapters do not share directions."""
    return int.from_bytes(hashlib.sha256(f"rtbf.sharded/1:{seed}:{shard}".encode()).digest()[:4]) >> 1


def _lay_down(model: torch.nn.Module, parameters: Sequence[torch.nn.Parameter], drawn: Sequence[Sequence[Item]], divisor: int) -> float:
    """Put the gradient of Σ_records (mean NLL per token) / divisor into the parameters; return that sum."""
    for parameter in parameters:
        parameter.grad = torch.zeros_like(parameter)
    weighed = [(item, 1 / (divisor * sum(len(part.answer_ids) for part in items))) for items in drawn for item in items]
    total = 0.0
    for start in range(0, len(weighed), _ITEMS_AT_ONCE):
        part = weighed[start : start + _ITEMS_AT_ONCE]
        sums, _ = nll_sums(answer_logits(model, [item for item, _ in part]))
        loss = (sums * torch.tensor([weight for _, weight in part], dtype=sums.dtype, device=sums.device)).sum()
        value = float(loss.detach())
        total += value
        if math.isfinite(value):
            loss.backward()  # type: ignore[no-untyped-call]
    return total


def _loop_spec(family: Family, shard: int) -> LoopSpec:
    """Return how the loop runs. Nothing in it knows the records: a state of before an erasure is one of after it."""
    values, shape = dict(family.parameters), family.shape
    return LoopSpec(
        run_digest=family.terms_of_shard(shard),
        seed=shard_seed(family.seed, shard),
        max_steps=shape.slices * shape.steps,
        learning_rate=values["learning_rate"],
        warmup_steps=int(values["warmup_steps"]),
        final_rate_fraction=values["final_rate_fraction"],
        beta1=values["beta1"],
        beta2=values["beta2"],
        clip_norm=values["clip_norm"],
        checkpoint_every=shape.steps,
    )
