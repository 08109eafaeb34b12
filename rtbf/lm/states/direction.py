"""The steering attack: add back, between the layers, what unlearning took out of the mean state (sheets 5.6, 5.7, R8).

The direction of a layer is the original's mean state minus the unlearned model's on some of the subject's questions;
alpha times it is added to every position while other questions are answered. It needs no training, but the original.
It stands for an attacker who edits activations at serving time. Not emulated: removing a direction (ablation), and
directions found by training. Adding at several layers adds more than once: the difference at a layer contains that of
the layers before. Proves nothing without directions of subjects that were never shown: any push moves the answers.
"""

from __future__ import annotations

import math
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch

from rtbf.lm.states.batches import device_of, padded_batches, run_layers
from rtbf.lm.states.decoder import decoder_of, kept_states, state_in
from rtbf.progress import Progress, silent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from rtbf.lm.encoding import Item

_BATCH_ITEMS = 16


def middle_layers(model: torch.nn.Module) -> range:
    """Return the layers L/2 up to 3L/4, counted from 0 and the last one left out; at least one (sheet 5.7)."""
    n_layers = len(decoder_of(model).layers)
    first = n_layers // 2
    return range(first, max(first + 1, 3 * n_layers // 4))


def mean_state(
    model: torch.nn.Module,
    items: Sequence[Item],
    layers: Iterable[int],
    *,
    batch_items: int = _BATCH_ITEMS,
    progress: Progress = silent,
) -> dict[int, torch.Tensor]:
    """Return per layer (counted from 0) the mean state (D,) that leaves it, in float32.

    The mean is over the positions that predict an answer token, first within each item and then over the items, so that
    a long answer has no more weight than a short one. Raises ValueError for no items or a layer that is not there.
    """
    chosen, stack = _chosen(model, layers)
    totals: dict[int, torch.Tensor] = {}
    n_done = 0
    for batch in padded_batches(items, device_of(model), batch_items):
        with kept_states(stack) as states:
            run_layers(model, batch)
        for layer, state in zip(chosen, states, strict=True):
            at_answers = state[batch.row, batch.position].double()  # (N, D)
            zeros = at_answers.new_zeros(len(batch.items), at_answers.shape[1])
            counts = at_answers.new_zeros(len(batch.items)).index_add(0, batch.row, at_answers.new_ones(len(batch.row)))
            of_items = zeros.index_add(0, batch.row, at_answers) / counts[:, None]  # (B, D)
            totals[layer] = totals[layer] + of_items.sum(dim=0) if layer in totals else of_items.sum(dim=0)
        n_done += len(batch.items)
        progress("averaging states", n_done, len(items))
    return {layer: (total / len(items)).float() for layer, total in totals.items()}


def direction_between(original: Mapping[int, torch.Tensor], unlearned: Mapping[int, torch.Tensor]) -> dict[int, torch.Tensor]:
    """Return per layer mean h_original − mean h_unlearned (D,); raises ValueError when they are not of the same layers."""
    if original.keys() != unlearned.keys():
        raise ValueError(f"states of layers {sorted(original)} and {sorted(unlearned)}")
    return {layer: state - unlearned[layer].to(state.device) for layer, state in original.items()}


@contextmanager
def direction_restore(model: torch.nn.Module, layers: Iterable[int], direction: Mapping[int, torch.Tensor], alpha: float) -> Iterator[None]:
    """Add `alpha` × the layer's direction to every position's state that leaves each of `layers`; afterwards no longer.

    Weights are not touched. An alpha of 0 is as served. Raises ValueError for an alpha or a direction that is not finite, a
    layer that is not there or that has no direction.
    """
    chosen, stack = _chosen(model, layers)
    missing = [layer for layer in chosen if layer not in direction or not bool(torch.isfinite(direction[layer]).all())]
    if missing or not math.isfinite(alpha):
        raise ValueError(f"an alpha of {alpha}, and no finite direction for layers {missing}")
    handles = []
    try:
        for layer, module in zip(chosen, stack, strict=True):
            handles.append(module.register_forward_hook(_adding(alpha * direction[layer])))
        yield
    finally:
        for handle in handles:
            handle.remove()


def _chosen(model: torch.nn.Module, layers: Iterable[int]) -> tuple[list[int], list[torch.nn.Module]]:
    """Return the distinct numbers in order of the layers, and the layers."""
    stack = decoder_of(model).layers
    chosen = sorted(set(layers))
    if not chosen or chosen[0] < 0 or chosen[-1] >= len(stack):
        raise ValueError(f"layers {chosen} of a model with {len(stack)}")
    return chosen, [stack[layer] for layer in chosen]


def _adding(push: torch.Tensor) -> Callable[[Any, Any, Any], Any]:
    def add(_layer: torch.nn.Module, _given: object, output: Any) -> Any:  # noqa: ANN401 - a tensor, or a tuple that begins with it
        state = state_in(output)
        moved = state + push.to(device=state.device, dtype=state.dtype)
        return moved if isinstance(output, torch.Tensor) else (moved, *output[1:])

    return add
