"""Items laid out for a pass through the layers alone: padded on the right, with the true positions marked.

`rtbf.lm.answers` scores answers and gives logits only. The states that look at what flows between the layers need to
know as well which positions are real. Padding runs without an attention mask there and here: later positions of a
causal model cannot reach earlier ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from rtbf.lm.states.weights import plain_part

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rtbf.lm.encoding import Item

_PAD_ID = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Batch:
    """Some items as one padded block.

    items     the items, in the block's order; places says where each stands in the whole list
    input_ids (B, T) long, padded on the right
    is_real   (B, T) bool, False on padding
    row       (N,) which item an answer token belongs to
    position  (N,) the position whose state predicts it: one before the token itself
    labels    (N,) the answer token
    """

    items: tuple[Item, ...]
    places: tuple[int, ...]
    input_ids: torch.Tensor
    is_real: torch.Tensor
    row: torch.Tensor
    position: torch.Tensor
    labels: torch.Tensor


def padded_batches(items: Sequence[Item], device: torch.device, batch_items: int) -> Iterator[Batch]:
    """Yield all items, longest first, `batch_items` at a time; raises ValueError when there is none."""
    if not items:
        raise ValueError("no items: nothing can be learned of a model from none")
    order = sorted(range(len(items)), key=lambda place: (-items[place].length, place))
    for start in range(0, len(order), batch_items):
        places = tuple(order[start : start + batch_items])
        yield _padded(tuple(items[place] for place in places), places, device)


def run_layers(model: torch.nn.Module, batch: Batch) -> None:
    """Send the batch through all layers and the final norm, without the output layer; hooks see what passes. No gradients."""
    with torch.no_grad():
        plain_part(model).base_model(input_ids=batch.input_ids, use_cache=False)


def device_of(model: torch.nn.Module) -> torch.device:
    """Return the device that holds the model's first parameter."""
    return next(model.parameters()).device


def _padded(items: tuple[Item, ...], places: tuple[int, ...], device: torch.device) -> Batch:
    lengths = torch.tensor([item.length for item in items])
    input_ids = torch.full((len(items), int(lengths.max())), _PAD_ID, dtype=torch.long)
    for row, item in enumerate(items):
        input_ids[row, : item.length] = torch.tensor(item.prompt_ids + item.answer_ids)
    predicted = [(row, at) for row, item in enumerate(items) for at in range(len(item.prompt_ids) - 1, item.length - 1)]
    return Batch(
        items=items,
        places=places,
        input_ids=input_ids.to(device),
        is_real=(torch.arange(input_ids.shape[1]) < lengths[:, None]).to(device),
        row=torch.tensor([row for row, _ in predicted], device=device),
        position=torch.tensor([at for _, at in predicted], device=device),
        labels=torch.tensor([token for item in items for token in item.answer_ids], device=device),
    )
