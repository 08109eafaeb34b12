"""Weights as a pruned release has them: in each output row the least important are zero (sheet 6.4).

Wanda (arXiv 2306.11695, eq. 1): importance S_ij = |W_ij| · ‖X_j‖₂, with X_j the j-th input of the layer over a
calibration text; the lowest share of each row goes. No weight is updated afterwards.
It stands for one-shot, unstructured pruning of the linear layers. Not emulated: N:M patterns, pruning layer by layer
with the norms of the layers pruned before (the paper's loop; here all norms are those of the whole model), SparseGPT's
weight update, and training afterwards. The calibration items are the caller's: on an arm's forget items the pruner
spares what they need, on other items it does not. Embeddings, output layer and an adapter's matrices are kept.
"""

from __future__ import annotations

import math
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch

from rtbf.errors import Fault
from rtbf.lm.states.batches import device_of, padded_batches, run_layers
from rtbf.lm.states.weights import exchanged, linear_layers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from rtbf.lm.encoding import Item
    from rtbf.lm.states.weights import LinearLayer

_BATCH_ITEMS = 16
_ROUNDED_DIGITS = 9
"""0.29 × 100 is a hair below 29 in binary; a count must not depend on it."""


def activation_norms(model: torch.nn.Module, items: Sequence[Item], *, batch_items: int = _BATCH_ITEMS) -> dict[str, torch.Tensor]:
    """Return per linear layer ‖X_j‖₂ (in,), float32: the root of the sum of squares of input j over all real positions.

    Keys are the layers' names without an adapter. An adapter that is on has its part in what flows. Raises ValueError
    without items, Fault for a layer that the items never reach or that sees something else than (B, T, in).
    """
    layers = linear_layers(model)
    squares: dict[str, torch.Tensor] = {}
    handles = []
    is_real: list[torch.Tensor] = []
    try:
        handles = [layer.module.register_forward_pre_hook(_adding_squares(layer.name, squares, is_real)) for layer in layers]
        for batch in padded_batches(items, device_of(model), batch_items):
            is_real[:] = [batch.is_real]
            run_layers(model, batch)
    finally:
        for handle in handles:
            handle.remove()
    unseen = len(layers) - len(squares)
    if unseen:
        raise Fault(
            found=f"{unseen} linear layers that no token reached",
            expected="every layer to take part",
            remedy="leave the pruned state out of the plan for this architecture",
        )
    return {name: total.sqrt().float() for name, total in squares.items()}


@contextmanager
def pruned(model: torch.nn.Module, share: float, norms: Mapping[str, torch.Tensor]) -> Iterator[None]:
    """Set the least important `share` of each output row to 0; afterwards every weight is its own again, bit for bit.

    A row of n weights loses ⌊share · n⌋; equal importances go from the left. A share of 0 is as served. Raises
    ValueError for a share outside [0, 1), for a layer without norms, and for norms that are not finite.
    """
    if not 0 <= share < 1:
        raise ValueError(f"a share of {share}, outside [0, 1)")
    layers = linear_layers(model)
    for layer in layers:
        norm = norms.get(layer.name)
        if norm is None or norm.shape != (layer.n_inputs,) or not bool(torch.isfinite(norm).all()):
            raise ValueError(f"no finite activation norms of the right size for layer '{layer.name}'")

    def without_least(layer: LinearLayer) -> torch.Tensor:
        rows = layer.rows()
        importance = rows.abs() * norms[layer.name].to(rows.device)
        n_zeros = math.floor(round(share * rows.shape[1], _ROUNDED_DIGITS))
        least = importance.argsort(dim=1, stable=True)[:, :n_zeros]
        return rows.scatter(1, least, 0.0)

    with exchanged(layers, without_least):
        yield


def _adding_squares(name: str, squares: dict[str, torch.Tensor], is_real: list[torch.Tensor]) -> Callable[[Any, Any], None]:
    def add(_module: torch.nn.Module, given: tuple[torch.Tensor, ...]) -> None:
        states = given[0]
        if states.shape[:-1] != is_real[0].shape:
            raise Fault(
                found=f"an input of shape {tuple(states.shape)} in layer '{name}'",
                expected=f"one state for each of {tuple(is_real[0].shape)} positions",
                remedy="leave the pruned state out of the plan for this architecture",
            )
        # Float64: thousands of squares of unlike size are added up.
        total = states.detach()[is_real[0]].double().square().sum(dim=0)
        squares[name] = squares[name] + total if name in squares else total

    return add
