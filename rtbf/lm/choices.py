"""Score a true answer among many others: the prompt runs once, and every answer continues from its key-value cache.

Prompts of one length run together and answers of about one length continue together, so nothing is masked: padding
stands on the right, where a causal model does not look. Each sum equals that of a plain forward over prompt and answer
up to float32 rounding.
Source: PROTOCOL F4; specs/verification/03_memorisation.md §3.4.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from rtbf.lm.caches import empty_cache, rows_of
from rtbf.lm.choice_scores import ChoiceScores
from rtbf.lm.positions import logit_blocks, positions_at_once, require_known_ids
from rtbf.progress import Progress, silent

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rtbf.lm.encoding import ChoiceIds

CACHED_POSITIONS = 2048
"""Positions, prompt and answer together, of the rows that run at once: what the cache of one forward holds."""
_PAD_ID = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class _Answer:
    """One answer: of which prompt of its group, at which place among that prompt's answers (0 is the true one)."""

    prompt: int
    place: int
    ids: tuple[int, ...]


def score_choices(
    model: torch.nn.Module,
    items: Sequence[ChoiceIds],
    *,
    cached_positions: int = CACHED_POSITIONS,
    progress: Progress = silent,
    step: str = "comparing answers",
) -> list[ChoiceScores]:
    """Return the scores of `items` in their given order. Tokens used: `choice_tokens(items)`.

    raises   BadInput for a token id that the model does not have
    """
    scores: dict[int, ChoiceScores] = {}
    for places in _groups(items, min(cached_positions, positions_at_once(model))):
        group = [items[place] for place in places]
        with torch.no_grad():
            sums = _group_sums(model, group, cached_positions)
        for number, (place, item) in enumerate(zip(places, group, strict=True)):
            true, *others = (sums[number, slot] for slot in range(1 + len(item.others_ids)))
            scores[place] = ChoiceScores(
                record_id=item.record_id,
                label=item.label,
                true=true,
                true_tokens=len(item.true_ids),
                others=tuple(others),
                others_tokens=tuple(map(len, item.others_ids)),
            )
        progress(step, len(scores), len(items))
    return [scores[place] for place in range(len(items))]


def choice_tokens(items: Sequence[ChoiceIds]) -> int:
    """Return how many tokens `score_choices` runs forward, padding not counted: a prompt once, of each answer all but its last token."""
    return sum(len(item.prompt_ids) + sum(len(ids) - 1 for ids in (item.true_ids, *item.others_ids)) for item in items)


def _groups(items: Sequence[ChoiceIds], positions: int) -> Iterator[list[int]]:
    """Yield the places of items that run together: prompts of one length, at most `positions` tokens of them."""
    order = sorted(range(len(items)), key=lambda place: (-len(items[place].prompt_ids), place))
    start = 0
    while start < len(order):
        length = len(items[order[start]].prompt_ids)
        most = start + max(1, positions // length)
        end = start + 1
        while end < min(most, len(order)) and len(items[order[end]].prompt_ids) == length:
            end += 1
        yield order[start:end]
        start = end


def _group_sums(model: torch.nn.Module, group: Sequence[ChoiceIds], cached_positions: int) -> dict[tuple[int, int], float]:
    """Return the summed log-prob of each answer, by (item, place among its answers)."""
    answers = [
        _Answer(prompt=number, place=place, ids=ids)
        for number, item in enumerate(group)
        for place, ids in enumerate((item.true_ids, *item.others_ids))
    ]
    prompts = torch.tensor([item.prompt_ids for item in group])
    cache = empty_cache(model)
    firsts = _first_log_probs(model, prompts, answers, cache)
    terms = {(answer.prompt, answer.place): [first] for answer, first in zip(answers, firsts, strict=True)}
    # An answer of one token is told by the prompt alone.
    longer = sorted(
        (answer for answer in answers if len(answer.ids) > 1), key=lambda answer: (-len(answer.ids), answer.prompt, answer.place)
    )
    start = 0
    while start < len(longer):
        width = len(longer[start].ids) - 1
        size = max(1, min(cached_positions // (prompts.shape[1] + width), positions_at_once(model) // width))
        chunk = longer[start : start + size]
        for answer, log_probs in zip(chunk, _rest_log_probs(model, chunk, cache), strict=True):
            terms[answer.prompt, answer.place] += log_probs
        start += size
    return {key: math.fsum(values) for key, values in terms.items()}


def _first_log_probs(model: torch.nn.Module, prompts: torch.Tensor, answers: Sequence[_Answer], cache: Any) -> list[float]:  # noqa: ANN401 - a Cache
    """Return each answer's first log-prob, and leave the prompts (G, P) in `cache`."""
    require_known_ids(model, prompts)
    require_known_ids(model, torch.tensor([token for answer in answers for token in answer.ids]))
    device = next(model.parameters()).device
    row = torch.arange(prompts.shape[0], device=device)
    last = torch.full_like(row, prompts.shape[1] - 1)
    firsts: list[float] = []
    done, cursor = 0, 0
    for logits in logit_blocks(model, prompts.to(device), row, last, cache):
        log_probs = torch.log_softmax(logits.float(), dim=-1)
        end = cursor
        while end < len(answers) and answers[end].prompt < done + logits.shape[0]:
            end += 1
        own = answers[cursor:end]
        firsts += log_probs[[answer.prompt - done for answer in own], [answer.ids[0] for answer in own]].tolist()
        done, cursor = done + logits.shape[0], end
    return firsts


def _rest_log_probs(model: torch.nn.Module, chunk: Sequence[_Answer], cache: Any) -> list[list[float]]:  # noqa: ANN401 - a Cache
    """Return the log-probs of each answer's tokens after its first."""
    device = next(model.parameters()).device
    input_ids = torch.full((len(chunk), len(chunk[0].ids) - 1), _PAD_ID, dtype=torch.long)
    rows: list[int] = []
    positions: list[int] = []
    labels: list[int] = []
    for row, answer in enumerate(chunk):
        n = len(answer.ids) - 1
        input_ids[row, :n] = torch.tensor(answer.ids[:-1])
        rows += [row] * n
        positions += range(n)
        labels += answer.ids[1:]
    shared = rows_of(cache, torch.tensor([answer.prompt for answer in chunk], device=device))
    wanted = torch.tensor(labels, device=device)
    found: list[float] = []
    for logits in logit_blocks(
        model, input_ids.to(device), torch.tensor(rows, device=device), torch.tensor(positions, device=device), shared
    ):
        own = wanted[len(found) : len(found) + logits.shape[0]]
        found += (-torch.nn.functional.cross_entropy(logits.float(), own, reduction="none")).tolist()
    cursor, split = 0, []
    for answer in chunk:
        split.append(found[cursor : cursor + len(answer.ids) - 1])
        cursor += len(answer.ids) - 1
    return split
