"""The diff attack: who has the model of before and of after reads what was deleted off their difference (R9, A5).

Guided log p = log_softmax(log p_post + w (log p_pre − log p_post)): with w = 1 the model of before itself, above it an
exaggeration of what unlearning took away (sheet 6.3). It works against exact retraining too, so a leak here does not say
that the unlearned model holds the data: it says that base and adapter, or both releases, must not both be reachable.
Reported; gates only where the weights of before remain reachable. Not emulated: the token filter that keeps generation
fluent. A teacher-forced score needs none, and would be −∞ wherever the filter drops the true token.
"""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING

import torch

from rtbf.lm.answers import answer_logits
from rtbf.lm.item_scores import ItemScores
from rtbf.lm.states.adapter import adapter_off

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager

    from rtbf.lm.encoding import Item

WEIGHTS = (1, 2, 4)
_BATCH_ITEMS = 16


def guided_scores(
    before: torch.nn.Module, after: torch.nn.Module, items: Sequence[Item], *, batch_items: int = _BATCH_ITEMS
) -> dict[int, list[ItemScores]]:
    """Return for each w of 1, 2, 4 the scores of `items`, in their order, under the guided distribution.

    The two models run one after the other on each batch, so that only one batch's logits are held. Raises ValueError when
    both are one object (a state of it cannot be two at once) or when their vocabularies differ.
    """
    if before is after:
        raise ValueError("the models of before and after are one object; for an adapter use guided_scores_of_adapter")
    return _guided(before, nullcontext, after, items, batch_items)


def guided_scores_of_adapter(
    model: torch.nn.Module, items: Sequence[Item], *, batch_items: int = _BATCH_ITEMS
) -> dict[int, list[ItemScores]]:
    """Return the same where the base is the model of before and the base with its adapter that of after.

    Raises BadInput for a model without an unmerged, plain LoRA adapter.
    """
    return _guided(model, lambda: adapter_off(model), model, items, batch_items)


def guided_log_probs(before: torch.Tensor, after: torch.Tensor, weight: float) -> torch.Tensor:
    """Return the guided log-probabilities (N, V), natural logarithm, float32, of both models' logits (N, V)."""
    log_before = torch.log_softmax(before.float(), dim=-1)
    log_after = torch.log_softmax(after.float(), dim=-1)
    return torch.log_softmax(log_after + weight * (log_before - log_after), dim=-1)


def _guided(
    before: torch.nn.Module,
    as_before: Callable[[], AbstractContextManager[None]],
    after: torch.nn.Module,
    items: Sequence[Item],
    batch_items: int,
) -> dict[int, list[ItemScores]]:
    order = sorted(range(len(items)), key=lambda place: (-items[place].length, place))
    scores: dict[int, dict[int, ItemScores]] = {weight: {} for weight in WEIGHTS}
    for start in range(0, len(order), batch_items):
        places = order[start : start + batch_items]
        batch = [items[place] for place in places]
        with torch.no_grad():
            with as_before():
                old = answer_logits(before, batch)
            new = answer_logits(after, batch)
            if old.logits.shape != new.logits.shape:
                raise ValueError(f"vocabularies of {old.logits.shape[-1]} and {new.logits.shape[-1]} tokens")
            for weight in WEIGHTS:
                guided = guided_log_probs(old.logits.to(new.logits.device), new.logits, weight)  # (N, V)
                log_probs = guided.gather(1, new.labels[:, None])[:, 0].tolist()
                hits = (guided.argmax(dim=-1) == new.labels).tolist()
                cursor = 0
                for place, item in zip(places, batch, strict=True):
                    end = cursor + len(item.answer_ids)
                    scores[weight][place] = ItemScores(
                        record_id=item.record_id, log_probs=tuple(log_probs[cursor:end]), hits=tuple(hits[cursor:end]), has_end=item.has_end
                    )
                    cursor = end
    return {weight: [of_items[place] for place in range(len(items))] for weight, of_items in scores.items()}
