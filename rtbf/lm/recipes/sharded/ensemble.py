"""Ask shards apart: the mean of their logits, or the one shard that a question is routed to. S forward passes, or one.

For comparing what is lost by merging; the served model of this version is the merged one (`merge`). A router has to know whom a
question is about, which is itself a use of personal data.
Source: methods/exact-unlearning.md, method 1, "Serve" (i) and (ii).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch

from rtbf.errors import BadInput
from rtbf.lm.adapters import attach_lora, trainable
from rtbf.lm.answers import AnswerLogits, answer_logits

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from rtbf.lm.encoding import Item
    from rtbf.lm.recipes.sharded.merge import Adapter
    from rtbf.lm.recipes.sharded.shape import Shape
    from rtbf.lm.recipes.sharded.train import LoadedBase


def shard_logits(
    base: LoadedBase, adapters: Mapping[int, Adapter], shape: Shape, shards: Iterable[int], items: Sequence[Item]
) -> AnswerLogits:
    """Return the mean over these shards of the logits at the items' answer tokens; with one shard, its own.

    raises   BadInput for no shard, or for one that is not served: an average over nothing would pass for an answer
    """
    chosen = sorted(set(shards))
    if not chosen or not adapters.keys() >= set(chosen):
        raise BadInput(
            found=f"shards {chosen} of those that are served: {sorted(adapters)}", expected="at least one of these", remedy="choose another"
        )
    total: torch.Tensor | None = None
    found: AnswerLogits | None = None
    with torch.no_grad():
        for worn in _worn(base, [adapters[shard] for shard in chosen], shape):
            found = answer_logits(worn, items)
            total = found.logits if total is None else total + found.logits
    assert found is not None
    assert total is not None
    return replace(found, logits=total / len(chosen))


def _worn(base: LoadedBase, adapters: Sequence[Adapter], shape: Shape) -> Iterator[torch.nn.Module]:
    """Yield the base with each of the adapters on it in turn; afterwards it wears none."""
    model: Any = attach_lora(base.network, rank=shape.rank, alpha=shape.alpha, seed=0)
    model.eval()
    try:
        for adapter in adapters:
            for name, parameter in trainable(model):
                parameter.copy_(adapter[name])
            yield model
    finally:
        model.unload()
