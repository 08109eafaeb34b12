"""The diff attack: who has the model of before and of after reads what was deleted off their difference (R9, A5).

Guided log p = log_softmax(log p_post + w (log p_pre − log p_post)): with w = 1 the model of before itself, above it an
exaggeration of what unlearning took away (sheet 6.3). It works against exact retraining too, so a leak here does not say
that the unlearned model holds the data: it says that base and adapter, or both releases, must not both be reachable.
Reported; gates only where the weights of before remain reachable. Not emulated: the token filter that keeps generation
fluent. A teacher-forced score needs none, and would be −∞ wherever the filter drops the true token.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from rtbf.lm.answers import answer_blocks
from rtbf.lm.states.answer_scores import answer_scores, read_labels
from rtbf.progress import Progress, silent

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rtbf.lm.answers import AnswerLogits
    from rtbf.lm.encoding import Item
    from rtbf.lm.item_scores import ItemScores

WEIGHTS = (1, 2, 4)
_BATCH_ITEMS = 16


def guided_scores(
    before: torch.nn.Module,
    after: torch.nn.Module,
    items: Sequence[Item],
    *,
    weights: Sequence[float] = WEIGHTS,
    batch_items: int = _BATCH_ITEMS,
    progress: Progress = silent,
) -> dict[float, list[ItemScores]]:
    """Return for each w of `weights` the scores of `items`, in their order, under the guided distribution: log-probs and hits.

    The two models run one after the other on each batch, and their logits are taken block by block, so that no more than
    two blocks of them stand at once, whatever the vocabulary. Raises ValueError when both are one object or when their vocabularies differ.
    """
    if before is after:
        raise ValueError("the models of before and after are one object")
    order = sorted(range(len(items)), key=lambda place: (-items[place].length, place))
    scores: dict[float, dict[int, ItemScores]] = {weight: {} for weight in weights}
    for start in range(0, len(order), batch_items):
        places = order[start : start + batch_items]
        batch = [items[place] for place in places]
        read: dict[float, list[tuple[list[float], list[bool]]]] = {weight: [] for weight in weights}
        with torch.no_grad():
            for old, new in _blocks(before, after, batch):
                for weight, found in read.items():
                    found.append(read_labels(guided_log_probs(old.logits.to(new.logits.device), new.logits, weight), new.labels))
        for weight, found in read.items():
            scores[weight] |= zip(places, answer_scores(batch, found), strict=True)
        progress("guiding one model by the other", start + len(batch), len(items))
    return {weight: [of_items[place] for place in range(len(items))] for weight, of_items in scores.items()}


def guided_log_probs(before: torch.Tensor, after: torch.Tensor, weight: float) -> torch.Tensor:
    """Return the guided log-probabilities (N, V), natural logarithm, float32, of both models' logits (N, V)."""
    log_before = torch.log_softmax(before.float(), dim=-1)
    log_after = torch.log_softmax(after.float(), dim=-1)
    return torch.log_softmax(log_after + weight * (log_before - log_after), dim=-1)


def _blocks(before: torch.nn.Module, after: torch.nn.Module, batch: Sequence[Item]) -> Iterator[tuple[AnswerLogits, AnswerLogits]]:
    """Yield both models' logits of the same positions, block by block; raises ValueError when they do not fit each other."""
    olds, news = answer_blocks(before, batch), answer_blocks(after, batch)
    while True:
        old, new = next(olds, None), next(news, None)
        if old is None or new is None:
            if old is not new:
                raise ValueError("two models whose answers come in different blocks: they are not of one architecture")
            return
        if old.logits.shape != new.logits.shape:
            raise ValueError(f"vocabularies of {old.logits.shape[-1]} and {new.logits.shape[-1]} tokens")
        yield old, new
