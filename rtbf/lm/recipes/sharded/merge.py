"""Put the adapters of the served shards into the base's weights: concatenated along the rank, which is exactly their sum.

Averaging the factors apart would be another function. A shard that is not served is left out; the mean divides by the number of
all shards, or the others' share would tell that one left.
Source: methods/exact-unlearning.md, method 1, "Serve".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from safetensors.torch import load

from rtbf.lm.adapters import attach_lora, merge, trainable
from rtbf.lm.recipes.plain import save_model
from rtbf.lm.recipes.sharded.train import LoadedBase, load_base

if TYPE_CHECKING:
    from pathlib import Path

    from transformers import PreTrainedModel

    from rtbf.lm.recipes.sharded.family import Family
    from rtbf.lm.recipes.sharded.shape import Shape
    from rtbf.lm.recipes.sharded.state import ShardState

_WEIGHT = "weight."
_SIDES = {"lora_A": 0, "lora_B": 1}
"""The axis of each factor that counts ranks: A is (r, inputs), B is (outputs, r)."""

Adapter = dict[str, torch.Tensor]


def write_merged(family: Family, state: ShardState, target: Path) -> None:
    """Write the served model as a complete folder at `target`, all or nothing; raises ArtefactMismatch as `shard_adapters`."""
    base = load_base(family)
    model = merged(base, list(served_adapters(family, state).values()), family.shape)
    save_model(model, base.tokenizer, target)


def served_adapters(family: Family, state: ShardState) -> dict[int, Adapter]:
    """Return the adapters of the shards that are served, by shard; raises ArtefactMismatch where a state is missing or another one."""
    found: dict[int, Adapter] = {}
    for shard, entry in enumerate(state.shards):
        if entry.status == "live" and entry.generation is not None:
            tensors = load(family.generation(shard, entry.generation).state_after(family.shape.slices))
            found[shard] = {name.removeprefix(_WEIGHT): value for name, value in tensors.items() if name.startswith(_WEIGHT)}
    return found


def merged(base: LoadedBase, adapters: list[Adapter], shape: Shape) -> PreTrainedModel:
    """Return the base with the sum, or the mean over all shards, of the adapters' changes in its weights; with none, the base."""
    if not adapters:
        return base.network
    count = len(adapters)
    # alpha/rank is the scale of a change: both grow alike, so it stays what each shard was trained with.
    model: Any = attach_lora(base.network, rank=shape.rank * count, alpha=shape.alpha * count, seed=0)
    share = 1 / shape.shards if shape.merge == "mean" else 1.0
    with torch.no_grad():
        for name, parameter in trainable(model):
            axis = next(axis for side, axis in _SIDES.items() if f".{side}." in name)
            joined = torch.cat([adapter[name] for adapter in adapters], dim=axis)
            parameter.copy_(joined * share if axis == 1 else joined)
    return merge(model)
