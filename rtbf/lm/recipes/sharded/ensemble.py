"""Serve shards apart: average their logits, or ask the one shard that a question is routed to. S forward passes, or one.

For comparing what is lost by merging; the served model of this version is the merged one (`merge`). A router has to know whom a
question is about, which is itself a use of personal data.
Source: methods/exact-unlearning.md, method 1, "Serve" (i) and (ii).
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import torch

from rtbf.lm.adapters import attach_lora, trainable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rtbf.lm.recipes.sharded.merge import Adapter
    from rtbf.lm.recipes.sharded.shape import Shape
    from rtbf.lm.recipes.sharded.train import LoadedBase


class ShardEnsemble(torch.nn.Module):
    """The base with several shards' adapters, of which one is worn at a time. `forward` gives logits (B, T, V) alone.

    shards   those that answer: all of them on average, or one that was routed to
    """

    def __init__(self, base: LoadedBase, adapters: Mapping[int, Adapter], shape: Shape) -> None:
        super().__init__()
        self.config = base.network.config
        self._worn: Any = attach_lora(base.network, rank=shape.rank, alpha=shape.alpha, seed=0)
        self._own = dict(trainable(self._worn))
        self._adapters = adapters
        self.shards = tuple(sorted(adapters))
        self._worn.eval()

    def forward(self, input_ids: torch.Tensor, **_unused: Any) -> SimpleNamespace:  # noqa: ANN401 - what callers of a model pass
        """Return the mean over the shards of their logits, in the order of the shards."""
        total: torch.Tensor | None = None
        for shard in self.shards:
            with torch.no_grad():
                for name, parameter in self._own.items():
                    parameter.copy_(self._adapters[shard][name])
            logits = self._worn(input_ids=input_ids).logits
            total = logits if total is None else total + logits
        assert total is not None
        return SimpleNamespace(logits=total / len(self.shards))
