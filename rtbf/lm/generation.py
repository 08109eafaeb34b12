"""Let a model speak: batched, cached decoding whose replies do not depend on what else was asked in the same call.

A prompt runs once, however many samples follow it. A sampled token is the inverse of the cumulative distribution at a
uniform number that a hash gives for (seed, prompt, sample, step): neither the batch nor the order of prompts has a part
in it. Batching can still change the last bits of a logit, and so decide between tokens that are equal to about 1e-6.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import torch

from rtbf.errors import BadInput
from rtbf.lm.decoding import Choosing, Reply, Row, decode_rows
from rtbf.lm.encoding import prompt_ids
from rtbf.lm.positions import require_known_ids, transformer_of
from rtbf.progress import Progress, silent

if TYPE_CHECKING:
    from collections.abc import Sequence

    from transformers import PreTrainedTokenizerBase

    from rtbf.lm.encoding import Item
    from rtbf.lm.item_scores import ItemScores

BATCH_ROWS = 32
"""Replies that are decoded side by side."""
_UNIFORM_BITS = 52
"""A float64 sum times 1 − 2⁻⁵² lies below that sum, so a drawn number never passes the last token."""


def generate(
    model: torch.nn.Module,
    tokenizer: PreTrainedTokenizerBase,
    prompts: Sequence[Sequence[int]],
    *,
    max_new_tokens: int,
    samples: int = 1,
    temperature: float = 0.0,
    top_p: float = 1.0,
    seed: int = 0,
    batch_rows: int = BATCH_ROWS,
    stop_early: bool = False,
    progress: Progress = silent,
    step: str = "generating",
) -> list[tuple[Reply, ...]]:
    """Return `samples` replies to each prompt, in order; greedy at temperature 0, where all samples are equal.

    A reply has exactly `max_new_tokens` ids, whatever follows an end mark in it (`cut_at_end`), so that the cost is known
    beforehand: `reply_tokens`. With `stop_early` it ends with its first end mark, which it holds, and costs less.
    A prompt that occurs again gets samples of its own.
    returns   None in place of a reply at whose making the logits were no numbers
    raises    BadInput for a prompt that is empty, holds an unknown id, or leaves no room for the reply in the model's window
    """
    if max_new_tokens < 1 or temperature < 0 or not 0 < top_p <= 1:
        raise BadInput(
            found=f"max_new_tokens {max_new_tokens}, temperature {temperature}, top_p {top_p}",
            expected="at least one token, a temperature of 0 or above, and a top_p in (0, 1]",
            remedy="change the decoding settings",
        )
    _require_room(model, prompts, [max_new_tokens] * len(prompts))
    rows = [
        Row(prompt=place, n_new=max_new_tokens, uniforms=_uniforms(f"{seed}:{sample}:{key}", max_new_tokens) if temperature else ())
        for place, key in enumerate(_keys(prompts))
        for sample in range(samples)
    ]
    choosing = Choosing(temperature=temperature, top_p=top_p, ends=_end_ids(tokenizer) if stop_early else frozenset())
    replies = decode_rows(model, prompts, rows, choosing, batch_rows=batch_rows, told=lambda done: progress(step, done, len(rows)))
    return [tuple(replies[place * samples : (place + 1) * samples]) for place in range(len(prompts))]


def reply_tokens(prompts: Sequence[Sequence[int]], *, max_new_tokens: int, samples: int = 1) -> int:
    """Return how many tokens `generate` runs forward without `stop_early`: each prompt once, of each reply all but its last token."""
    return sum(map(len, prompts)) + len(prompts) * samples * (max_new_tokens - 1)


def greedy_against(
    model: torch.nn.Module,
    tokenizer: PreTrainedTokenizerBase,
    items: Sequence[Item],
    scores: Sequence[ItemScores],
    *,
    max_new_tokens: int,
    batch_rows: int = BATCH_ROWS,
) -> list[Reply]:
    """Return the greedy reply to each item's prompt up to its first end mark, from what the scoring pass already saw.

    Teacher-forced arg-maxes are the greedy reply as long as all of them hit: a row that hits up to its end mark needs no
    generation, any other one starts behind its hits. The replies are those of `generate` with `stop_early`.
    raises   as `generate`; ValueError when items and scores differ in number
    """
    ends = _end_ids(tokenizer)
    known = [_known_start(item, score, ends, max_new_tokens) for item, score in zip(items, scores, strict=True)]
    is_whole = [len(ids) >= max_new_tokens or (bool(ids) and ids[-1] in ends) for ids in known]
    places = [place for place, whole in enumerate(is_whole) if not whole]
    prefixes = [items[place].prompt_ids + known[place] for place in places]
    rows = [Row(prompt=at, n_new=max_new_tokens - len(known[place])) for at, place in enumerate(places)]
    _require_room(model, prefixes, [row.n_new for row in rows])
    made = decode_rows(model, prefixes, rows, Choosing(ends=ends), batch_rows=batch_rows, told=lambda _: None)
    replies: list[Reply] = list(known)
    for place, rest in zip(places, made, strict=True):
        replies[place] = None if rest is None else known[place] + rest
    return replies


def cut_at_end(reply: Sequence[int], tokenizer: PreTrainedTokenizerBase) -> tuple[int, ...]:
    """Return the reply up to its first end mark, which is left out."""
    ends = _end_ids(tokenizer)
    return tuple(reply[: next((place for place, token in enumerate(reply) if token in ends), len(reply))])


def window_of(model: torch.nn.Module) -> int | None:
    """Return how many tokens the model can hold at once; None where it names no limit."""
    limit = getattr(transformer_of(model).config, "max_position_embeddings", None)
    return None if limit is None else int(limit)


def complete(model: torch.nn.Module, tokenizer: PreTrainedTokenizerBase, prompt: str, max_new_tokens: int = 64) -> str:
    """Return the greedy continuation of `prompt`, without special tokens, as a person at the prompt would read it.

    Unlike `generate` it obeys the generation settings that came with the model.
    """
    given = torch.tensor([prompt_ids(prompt, tokenizer)], device=next(model.parameters()).device)
    generator: Any = model
    with torch.no_grad():
        output = generator.generate(
            input_ids=given,
            attention_mask=torch.ones_like(given),
            do_sample=False,
            max_new_tokens=max_new_tokens,
            pad_token_id=tokenizer.eos_token_id,
        )
    return str(tokenizer.decode(output[0, given.shape[1] :], skip_special_tokens=True)).strip()


def _keys(prompts: Sequence[Sequence[int]]) -> list[str]:
    """Return a key for each prompt in which its place has no part; a prompt that occurs again gets another one each time."""
    seen: dict[str, int] = {}
    keys = []
    for prompt in prompts:
        text = ",".join(map(str, prompt))
        seen[text] = seen.get(text, 0) + 1
        keys.append(f"{text}#{seen[text]}")
    return keys


def _uniforms(key: str, count: int) -> tuple[float, ...]:
    start = hashlib.sha256(key.encode()).digest()
    words = (int.from_bytes(hashlib.sha256(start + number.to_bytes(4, "big")).digest()[:8], "big") for number in range(count))
    return tuple((word >> (64 - _UNIFORM_BITS)) / 2**_UNIFORM_BITS for word in words)


def _known_start(item: Item, score: ItemScores, ends: frozenset[int], max_new_tokens: int) -> tuple[int, ...]:
    """Return the leading answer tokens that greedy decoding gives, up to the first end mark."""
    n_hits = next((place for place, is_hit in enumerate(score.hits) if not is_hit), len(score.hits))
    ids = item.answer_ids[: min(n_hits, max_new_tokens)]
    end = next((place for place, token in enumerate(ids) if token in ends), None)
    return ids if end is None else ids[: end + 1]


def _end_ids(tokenizer: PreTrainedTokenizerBase) -> frozenset[int]:
    return frozenset() if tokenizer.eos_token_id is None else frozenset({int(tokenizer.eos_token_id)})


def _require_room(model: torch.nn.Module, prompts: Sequence[Sequence[int]], n_new: Sequence[int]) -> None:
    if not all(prompts):
        raise BadInput(found="an empty prompt", expected="at least one token", remedy="give a prompt, or a tokenizer with a start mark")
    require_known_ids(model, torch.tensor([token for prompt in prompts for token in prompt], dtype=torch.long))
    window = window_of(model)
    # The last token is chosen and not run, so it needs no position.
    longest = max((len(prompt) + n - 1 for prompt, n in zip(prompts, n_new, strict=True)), default=0)
    if window is not None and longest > window:
        raise BadInput(
            found=f"a prompt and its reply of {longest} tokens",
            expected=f"at most {window}, the model's window",
            remedy="ask for shorter replies or shorten the prompt",
        )
