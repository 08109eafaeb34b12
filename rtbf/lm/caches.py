"""Key-value caches that several continuations of one prompt share. The prompt is run once; each continuation gets a copy of its rows."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from transformers import DynamicCache

from rtbf.lm.positions import transformer_of

if TYPE_CHECKING:
    import torch


def empty_cache(model: torch.nn.Module) -> DynamicCache:
    """Return a cache with nothing in it, of the kinds of layer that the model has (a sliding window keeps less)."""
    return DynamicCache(config=transformer_of(model).config)


def rows_of(cache: Any, places: torch.Tensor) -> Any:  # noqa: ANN401 - a transformers Cache
    """Return a cache of the rows at `places` (n,) in that order, a row as often as it is named; `cache` is left as it was."""
    chosen = copy.copy(cache)
    # Layers hold their tensors by reference and replace them when they grow or select: a shallow copy of each is enough.
    chosen.layers = [copy.copy(layer) for layer in cache.layers]
    chosen.batch_select_indices(places)
    return chosen
