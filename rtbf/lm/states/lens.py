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
from rtbf.lm.positions import MAX_LOGITS
from rtbf.lm.states.answer_scores import answer_scores, read_labels
from rtbf.lm.states.batches import device_of, padded_batches, run_layers
from rtbf.lm.states.decoder import decoder_of, kept_states
from rtbf.progress import Progress, silent

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rtbf.lm.encoding import Item
    from rtbf.lm.item_scores import ItemScores
    from rtbf.lm.states.batches import Batch
    from rtbf.lm.states.decoder import Decoder

_BATCH_ITEMS = 16


def logit_lens(
    model: torch.nn.Module, items: Sequence[Item], *, decoder: torch.nn.Module | None = None, batch_items: int = _BATCH_ITEMS
) -> list[tuple[float, ...]]:
    """Return per item, in the given order, the mean log-probability of its answer tokens after each layer, first to last.

    Nats per token, natural logarithm, the end mark counted as a token. `decoder` is the model whose final norm and output
    layer read the states; None is the model's own, with which the last figure is the model's own mean log-probability.
    Raises BadInput for an architecture that cannot be read, ValueError for a decoder of another width or vocabulary and for no items.
    """
    own, eyes = _own_and_eyes(model, decoder)
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


def half_depth(model: torch.nn.Module) -> int:
    """Return the layer after which half of the layers have run, counted from 0: the L/2-th of L, rounded down, at least the first."""
    return max(1, len(decoder_of(model).layers) // 2) - 1


def lens_scores(
    model: torch.nn.Module,
    items: Sequence[Item],
    layer: int,
    *,
    decoder: torch.nn.Module | None = None,
    batch_items: int = _BATCH_ITEMS,
    progress: Progress = silent,
) -> list[ItemScores]:
    """Return the scores of `items`, in their order, if the model ended after `layer`, counted from 0: log-probs and hits of each token.

    `decoder` as for `logit_lens`. Logits are taken in blocks of at most `positions.MAX_LOGITS`, whatever the vocabulary.
    Raises BadInput and ValueError as `logit_lens` does, and ValueError for a layer that is not there.
    """
    own, eyes = _own_and_eyes(model, decoder)
    if not 0 <= layer < len(own.layers):
        raise ValueError(f"layer {layer} of a model with {len(own.layers)}")
    scores: dict[int, ItemScores] = {}
    for batch in padded_batches(items, device_of(model), batch_items):
        with kept_states(own.layers[layer : layer + 1]) as states:
            run_layers(model, batch)
        scores |= zip(batch.places, answer_scores(batch.items, _read(states[0], batch, eyes)), strict=True)
        progress("reading between the layers", len(scores), len(items))
    return [scores[place] for place in range(len(items))]


def _own_and_eyes(model: torch.nn.Module, decoder: torch.nn.Module | None) -> tuple[Decoder, Decoder]:
    own = decoder_of(model)
    eyes = own if decoder is None else decoder_of(decoder)
    if own.shape != eyes.shape:
        raise ValueError(f"a model with {own.shape} tokens and dimensions, a decoder with {eyes.shape}")
    return own, eyes


def _read(state: torch.Tensor, batch: Batch, eyes: Decoder) -> Iterator[tuple[list[float], list[bool]]]:
    """Yield what the decoder reads off the positions that predict an answer, block by block."""
    device = device_of(eyes.head)
    chosen, labels = state[batch.row, batch.position].to(device), batch.labels.to(device)  # (N, D), (N,)
    size = max(1, MAX_LOGITS // eyes.shape[0])
    with torch.no_grad():
        for start in range(0, len(labels), size):
            block = slice(start, start + size)
            yield read_labels(torch.log_softmax(eyes.logits(chosen[block]), dim=-1), labels[block])
