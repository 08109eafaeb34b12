"""Decode rows of tokens side by side from prompts that are run once: the machinery under `generation`.

Rows of one prompt length run without a mask; where lengths differ they are padded on the left and masked. A row that is
done leaves the batch. Logits that are no numbers make a reply None: a token chosen by them would look like any other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from rtbf.lm.caches import empty_cache, rows_of
from rtbf.lm.positions import next_logits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

_PAD_ID = 0

Reply = tuple[int, ...] | None
"""Token ids after the prompt; None where the model gave no numbers to choose by."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One reply to be made.

    prompt     its place among the prompts
    n_new      the most tokens it may have, at least 1
    uniforms   one number in [0, 1) for each of them; empty when decoding is greedy
    """

    prompt: int
    n_new: int
    uniforms: tuple[float, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Choosing:
    """How tokens are chosen. temperature 0 is greedy; top_p keeps the likeliest tokens that together reach that share.

    ends   the ids that end a reply; none for replies of exactly their rows' length
    """

    temperature: float = 0.0
    top_p: float = 1.0
    ends: frozenset[int] = frozenset()


@dataclass(frozen=True, kw_only=True, slots=True)
class _Started:
    """Prompts that were run: their cache, the logits (G, V) after each, their lengths (G,), and the mask (G, P) or None."""

    cache: Any
    logits: torch.Tensor
    lengths: torch.Tensor
    mask: torch.Tensor | None


def decode_rows(
    model: torch.nn.Module,
    prompts: Sequence[Sequence[int]],
    rows: Sequence[Row],
    choosing: Choosing,
    *,
    batch_rows: int,
    told: Callable[[int], None],
) -> list[Reply]:
    """Return the reply of each row in order, and tell after each batch how many are done."""
    replies: list[Reply] = [None] * len(rows)
    done = 0
    for group in _groups(prompts, rows, batch_rows):
        with torch.no_grad():
            started = _start(model, [prompts[prompt] for prompt, _ in group])
            queue = [(slot, place) for slot, (_, places) in enumerate(group) for place in places]
            for at in range(0, len(queue), batch_rows):
                chunk = queue[at : at + batch_rows]
                made = _continue(model, started, [slot for slot, _ in chunk], [rows[place] for _, place in chunk], choosing)
                for (_, place), reply in zip(chunk, made, strict=True):
                    replies[place] = reply
                done += len(chunk)
                told(done)
    return replies


def _groups(prompts: Sequence[Sequence[int]], rows: Sequence[Row], batch_rows: int) -> Iterator[list[tuple[int, list[int]]]]:
    """Yield (prompt, places of its rows) of prompts that run together: of about one length, as many as fill one batch."""
    places: dict[int, list[int]] = {}
    for place, row in enumerate(rows):
        places.setdefault(row.prompt, []).append(place)
    group: list[tuple[int, list[int]]] = []
    size = 0
    for prompt in sorted(places, key=lambda prompt: (-len(prompts[prompt]), prompt)):
        if group and size + len(places[prompt]) > batch_rows:
            yield group
            group, size = [], 0
        group.append((prompt, places[prompt]))
        size += len(places[prompt])
    if group:
        yield group


def _start(model: torch.nn.Module, prompts: Sequence[Sequence[int]]) -> _Started:
    """Run the prompts, padded on the left to the longest."""
    device = next(model.parameters()).device
    width = max(map(len, prompts))
    input_ids = torch.full((len(prompts), width), _PAD_ID, dtype=torch.long)
    mask = torch.zeros_like(input_ids)
    for place, prompt in enumerate(prompts):
        input_ids[place, width - len(prompt) :] = torch.tensor(prompt)
        mask[place, width - len(prompt) :] = 1
    given = None if bool(mask.all()) else mask.to(device)
    # A padded position is masked out for every other one; which place it claims for itself does not matter.
    positions = None if given is None else (given.cumsum(dim=1) - 1).clamp(min=0)
    cache = empty_cache(model)
    logits = next_logits(model, input_ids.to(device), cache, attention_mask=given, position_ids=positions)
    return _Started(cache=cache, logits=logits, lengths=mask.sum(dim=1).to(device), mask=given)


def _continue(model: torch.nn.Module, started: _Started, slots: Sequence[int], rows: Sequence[Row], choosing: Choosing) -> list[Reply]:
    """Return the replies of `rows`, which follow the started prompts at `slots`."""
    chosen = torch.tensor(slots, device=started.logits.device)
    cache, logits, lengths = rows_of(started.cache, chosen), started.logits[chosen], started.lengths[chosen]
    mask = None if started.mask is None else started.mask[chosen]
    ids: list[list[int]] = [[] for _ in rows]
    is_broken = [False] * len(rows)
    live = list(range(len(rows)))
    for at in range(max(row.n_new for row in rows)):
        tokens, is_number = _choose(logits, [rows[place].uniforms[at] for place in live] if choosing.temperature else [], choosing)
        for place, token, is_one in zip(live, tokens.tolist(), is_number.tolist(), strict=True):
            ids[place].append(token)
            is_broken[place] = is_broken[place] or not is_one
        kept = [slot for slot, place in enumerate(live) if len(ids[place]) < rows[place].n_new and ids[place][-1] not in choosing.ends]
        if not kept:
            break
        tokens = tokens.to(logits.device)
        if len(kept) < len(live):
            live = [live[slot] for slot in kept]
            chosen = torch.tensor(kept, device=logits.device)
            cache.batch_select_indices(chosen)
            tokens, lengths, mask = tokens[chosen], lengths[chosen], None if mask is None else mask[chosen]
        if mask is not None:
            mask = torch.cat((mask, mask.new_ones((len(live), 1))), dim=1)
        positions = None if mask is None else (lengths + at).unsqueeze(1)
        logits = next_logits(model, tokens.unsqueeze(1), cache, attention_mask=mask, position_ids=positions)
    return [None if is_broken[place] else tuple(ids[place]) for place in range(len(rows))]


def _choose(logits: torch.Tensor, uniforms: Sequence[float], choosing: Choosing) -> tuple[torch.Tensor, torch.Tensor]:
    """Return (tokens, whether the row's logits are numbers), both (B,)."""
    greedy = logits.argmax(dim=-1)
    # The arg-max of a row that holds a NaN is that NaN, so a look at the largest logit tells.
    is_number = logits.gather(1, greedy.unsqueeze(1)).squeeze(1).isfinite()
    if not choosing.temperature:
        return greedy, is_number
    # In float64 and on the CPU: a cumulative sum has no deterministic form on a GPU.
    shares = (logits.double().cpu() / choosing.temperature).softmax(dim=-1)
    if choosing.top_p < 1:
        ordered, places = shares.sort(dim=-1, descending=True, stable=True)
        is_kept = ordered.cumsum(dim=-1) - ordered < choosing.top_p
        shares = torch.zeros_like(shares).scatter(1, places, ordered * is_kept)
    sums = shares.cumsum(dim=-1)
    drawn = torch.tensor(uniforms, dtype=torch.float64).unsqueeze(1) * sums[:, -1:]
    # The first token whose cumulative share lies above the drawn one; none of share 0 can be it.
    return torch.searchsorted(sums, drawn, right=True).squeeze(1).clamp(max=sums.shape[1] - 1), is_number.cpu()
