"""The logit lens: what each layer's state would answer if the model ended there (sheet 5.2).

Every layer's state at the positions that predict the answer goes through the final norm and the output layer. With the
decoder of another model (usually the original) all arms are read by the same eyes, so an arm that only bent its own
output layer does not look erased. The state is taken where it leaves the layer: transformers' `hidden_states[-1]` is
the last layer's after the final norm, and a lens on it norms twice.
It observes and changes nothing. It proves nothing about removal: a rotated state looks erased to it, though the model
still uses it (sheet 5.2: 0.80 by lens, 0.21 by patching).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from rtbf.lm.answers import AnswerLogits, nll_sums
from rtbf.lm.states.batches import device_of, padded_batches, run_layers
from rtbf.lm.states.decoder import decoder_of, kept_states

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rtbf.lm.encoding import Item

_BATCH_ITEMS = 16


def logit_lens(
    model: torch.nn.Module, items: Sequence[Item], *, decoder: torch.nn.Module | None = None, batch_items: int = _BATCH_ITEMS
) -> list[tuple[float, ...]]:
    """Return per item, in the given order, the mean log-probability of its answer tokens after each layer, first to last.

    Nats per token, natural logarithm, the end mark counted as a token. `decoder` is the model whose final norm and output
    layer read the states; None is the model's own, with which the last figure is the model's own mean log-probability.
    Raises BadInput for an architecture that cannot be read, ValueError for a decoder of another width or vocabulary and for no items.
    """
    own = decoder_of(model)
    eyes = own if decoder is None else decoder_of(decoder)
    if own.shape != eyes.shape:
        raise ValueError(f"a model with {own.shape} tokens and dimensions, a decoder with {eyes.shape}")
    lens: dict[int, tuple[float, ...]] = {}
    for batch in padded_batches(items, device_of(model), batch_items):
        with kept_states(own.layers) as states:
            run_layers(model, batch)
        by_layer = []
        for state in states:
            with torch.no_grad():
                logits = eyes.logits(state[batch.row, batch.position].to(device_of(eyes.head)))  # (N, V)
                answers = AnswerLogits(
                    logits=logits, labels=batch.labels.to(logits.device), row=batch.row.to(logits.device), n_items=len(batch.items)
                )
                sums, counts = nll_sums(answers)
            by_layer.append((-sums / counts).tolist())
        for row, place in enumerate(batch.places):
            lens[place] = tuple(layer[row] for layer in by_layer)
    return [lens[place] for place in range(len(items))]
