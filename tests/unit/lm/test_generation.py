"""Replies are those of the library's own generation, sampled by the model's exact distribution, and alone in their batch or not."""

from __future__ import annotations

import itertools
import math
import random
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from scipy.stats import chisquare

from rtbf.errors import BadInput
from rtbf.lm.generation import cut_at_end, generate, greedy_against, reply_tokens
from rtbf.lm.scoring import score_items
from tests import tiny

each_family = pytest.mark.parametrize("family", tiny.FAMILIES)

TOKENIZER: Any = SimpleNamespace(eos_token_id=1)


def _prompts(lengths: tuple[int, ...] = (3, 9, 3, 5, 12, 1), seed: int = 6) -> list[tuple[int, ...]]:
    """Return prompts without token 0 (the padding) and 1 (the end mark)."""
    rng = random.Random(f"prompts:{seed}")
    return [tuple(rng.randrange(2, tiny.VOCABULARY) for _ in range(length)) for length in lengths]


def _by_library(model: Any, prompt: tuple[int, ...], max_new_tokens: int) -> tuple[int, ...]:
    given = torch.tensor([prompt])
    with torch.no_grad():
        out = model.generate(
            input_ids=given,
            attention_mask=torch.ones_like(given),
            do_sample=False,
            max_new_tokens=max_new_tokens,
            eos_token_id=1,
            pad_token_id=1,
        )
    return tuple(out[0, len(prompt) :].tolist())


@each_family
def test_greedy_replies_are_the_librarys_token_for_token(family: str) -> None:
    """Prompts of six lengths, alone and padded beside one another. Gemma 2 passes its sliding window of 32 here."""
    model = tiny.network(family)
    prompts = [*_prompts(), *_prompts((30,), seed=2)]
    expected = [_by_library(model, prompt, 20) for prompt in prompts]

    stopped = generate(model, TOKENIZER, prompts, max_new_tokens=20, stop_early=True)
    fixed = generate(model, TOKENIZER, prompts, max_new_tokens=20, batch_rows=2)

    assert [reply for (reply,) in stopped] == expected
    assert [len(reply or ()) for (reply,) in fixed] == [20] * len(prompts)
    assert [(reply or ())[: len(gold)] for (reply,), gold in zip(fixed, expected, strict=True)] == expected
    assert len(set(expected)) > 1


def _short_answers(model: Any) -> Any:
    """Return the model, made so likely to end that replies of many lengths come out."""
    with torch.no_grad():
        model.get_output_embeddings().weight[1] *= 3
    return model


def test_rows_that_end_leave_the_batch_and_disturb_no_other() -> None:
    model = _short_answers(tiny.network("llama_untied"))
    prompts = _prompts(tuple(range(1, 13)) * 3)

    found = [reply for (reply,) in generate(model, TOKENIZER, prompts, max_new_tokens=25, stop_early=True)]

    assert found == [_by_library(model, prompt, 25) for prompt in prompts]
    assert len({len(reply or ()) for reply in found}) > 3


def test_sampled_replies_depend_neither_on_the_batch_nor_on_the_order() -> None:
    model = tiny.network("llama")
    prompts = _prompts()
    settings: dict[str, Any] = {"max_new_tokens": 8, "samples": 5, "temperature": 1.0, "seed": 3}

    together = generate(model, TOKENIZER, prompts, **settings)
    by_three = generate(model, TOKENIZER, prompts, **settings, batch_rows=3)
    backward = generate(model, TOKENIZER, prompts[::-1], **settings)[::-1]
    alone = [generate(model, TOKENIZER, [prompt], **settings)[0] for prompt in prompts]

    assert together == by_three == backward == alone
    assert len({reply for replies in together for reply in replies}) == 30


def test_another_seed_or_sample_or_repeated_prompt_is_another_reply() -> None:
    model = tiny.network("llama")
    [prompt] = _prompts((4,))
    settings: dict[str, Any] = {"max_new_tokens": 10, "samples": 2, "temperature": 1.0}

    first, second = generate(model, TOKENIZER, [prompt, prompt], **settings, seed=1)
    [other] = generate(model, TOKENIZER, [prompt], **settings, seed=2)
    [again] = generate(model, TOKENIZER, [prompt], **settings, seed=1)

    assert len({*first, *second, *other}) == 6
    assert again == first


def _peaked() -> Any:
    """Return a network whose distributions have likely tokens and a tail, as a trained model's have."""
    model = tiny.network("llama_untied")
    with torch.no_grad():
        model.get_output_embeddings().weight.mul_(2.5)
    return model


def _shares(model: Any, prompt: tuple[int, ...], temperature: float) -> torch.Tensor:
    with torch.no_grad():
        logits: torch.Tensor = model(input_ids=torch.tensor([prompt])).logits[0, -1]
    return (logits.double() / temperature).softmax(-1)


@pytest.mark.parametrize("temperature", [1.0, 0.7])
def test_sampling_frequencies_are_the_models_probabilities(temperature: float) -> None:
    """Chi-square over 4 000 first tokens, those below five expected draws pooled; and the likeliest reply of two tokens.

    Its share is exp(sum of log p), here within four standard errors.
    """
    model = _peaked()
    [prompt] = _prompts((4,))
    n = 4_000

    [replies] = generate(model, TOKENIZER, [prompt], max_new_tokens=2, samples=n, temperature=temperature, seed=11, batch_rows=500)

    shares = _shares(model, prompt, temperature)
    counts = torch.bincount(torch.tensor([reply[0] for reply in replies if reply]), minlength=tiny.VOCABULARY).double()
    is_common = shares * n >= 5
    seen = [*counts[is_common].tolist(), float(counts[~is_common].sum())]
    expected = [*(shares[is_common] * n).tolist(), float(shares[~is_common].sum()) * n]
    assert len(seen) > 5
    assert expected[-1] > 5
    assert chisquare(seen, expected).pvalue > 0.001
    first = int(shares.argmax())
    second = _shares(model, (*prompt, first), temperature)
    likeliest = (first, int(second.argmax()))
    p = math.exp(math.log(float(shares[first])) + math.log(float(second[likeliest[1]])))
    assert abs(replies.count(likeliest) / n - p) < 4 * math.sqrt(p * (1 - p) / n)


def test_a_nucleus_holds_the_likeliest_tokens_that_reach_its_share_and_no_other() -> None:
    model = _peaked()
    [prompt] = _prompts((4,))
    shares = _shares(model, prompt, 1.0)
    order = shares.argsort(descending=True).tolist()
    sums = list(itertools.accumulate(float(shares[token]) for token in order))
    nucleus = order[: next(place for place, total in enumerate(sums) if total >= 0.8) + 1]

    [replies] = generate(model, TOKENIZER, [prompt], max_new_tokens=1, samples=3_000, temperature=1.0, top_p=0.8, seed=5, batch_rows=500)

    counts = torch.bincount(torch.tensor([reply[0] for reply in replies if reply]), minlength=tiny.VOCABULARY)
    assert 1 < len(nucleus) < tiny.VOCABULARY / 2
    assert set(counts.nonzero().flatten().tolist()) == set(nucleus)
    kept = shares[nucleus] / shares[nucleus].sum()
    assert chisquare(counts[nucleus].tolist(), (kept * 3_000).tolist()).pvalue > 0.001


@pytest.mark.parametrize(("samples", "batch_rows"), [(1, 32), (1, 2), (7, 3), (7, 32)])
def test_the_tokens_of_a_call_are_those_that_went_through_the_model(samples: int, batch_rows: int) -> None:
    """Prompts once, however many samples follow; padding, which the mask names, not counted."""
    model = tiny.network("llama")
    prompts = _prompts()
    generate(model, TOKENIZER, prompts[:1], max_new_tokens=1)  # the self-test of the fast path is over now
    counted: list[int] = []

    def count(_module: Any, _args: Any, given: dict[str, Any]) -> None:
        width = given["input_ids"].shape[1]
        mask = given["attention_mask"]
        counted.append(given["input_ids"].numel() if mask is None else int(mask[:, -width:].sum()))

    model.base_model.register_forward_pre_hook(count, with_kwargs=True)
    generate(model, TOKENIZER, prompts, max_new_tokens=6, samples=samples, temperature=1.0, batch_rows=batch_rows)

    assert sum(counted) == reply_tokens(prompts, max_new_tokens=6, samples=samples)
    assert reply_tokens([(1, 2, 3), (4,)], max_new_tokens=6, samples=7) == 4 + 2 * 7 * 5


@each_family
def test_a_reply_that_starts_behind_the_hits_is_the_greedy_one(family: str) -> None:
    """Golds that the model gives back whole, in part and not at all; ended, cut, and longer than the reply may be."""
    model = tiny.network(family)
    prompts = _prompts((3, 9, 3, 5, 12, 1, 6, 4))
    plain = [reply or () for (reply,) in generate(model, TOKENIZER, prompts, max_new_tokens=12, stop_early=True)]
    golds = [plain[0], plain[1][:4], (*plain[2][:3], 7, 8, 9), (2, 3), plain[4], (*plain[5], *plain[5]), plain[6][:1], (1,)]
    items = [tiny.item(prompt, gold, has_end=gold[-1] == 1) for prompt, gold in zip(prompts, golds, strict=True)]
    scores = score_items(model, items)

    found = greedy_against(model, TOKENIZER, items, scores, max_new_tokens=12)

    assert found == plain
    assert all(scores[0].hits)
    assert not all(scores[2].hits)


def test_rows_that_hit_to_their_end_mark_need_no_generation() -> None:
    """A model that always repeats the last token until the end: the replies are known, so nothing runs."""
    model = _short_answers(tiny.network("llama_untied"))
    prompts = _prompts(tuple(range(1, 13)) * 3)
    replies = [reply or () for (reply,) in generate(model, TOKENIZER, prompts, max_new_tokens=25, stop_early=True)]
    ended = [place for place, reply in enumerate(replies) if reply[-1] == 1]
    items = [tiny.item(prompts[place], replies[place]) for place in ended]
    scores = score_items(model, items)
    seen: list[Any] = []
    model.base_model.register_forward_pre_hook(lambda *_: seen.append(1))

    found = greedy_against(model, TOKENIZER, items, scores, max_new_tokens=25)

    assert len(ended) > 3
    assert found == [replies[place] for place in ended]
    assert seen == []


def test_a_broken_model_gives_no_reply() -> None:
    model = tiny.network("llama_untied")
    with torch.no_grad():
        model.get_output_embeddings().weight[0, 0] = math.nan

    for temperature in (0.0, 1.0):
        assert generate(model, TOKENIZER, [(3, 4), (5,)], max_new_tokens=3, temperature=temperature, samples=2) == [(None, None)] * 2
    item = tiny.item((3, 4), (0, 0))
    assert greedy_against(model, TOKENIZER, [item], score_items(model, [item]), max_new_tokens=3) == [None]


def test_a_reply_is_cut_before_its_first_end_mark() -> None:
    assert cut_at_end((5, 6, 1, 7, 1), TOKENIZER) == (5, 6)
    assert cut_at_end((1,), TOKENIZER) == ()
    assert cut_at_end((5, 6), TOKENIZER) == (5, 6)
    assert cut_at_end((5, 1), replace_end(None)) == (5, 1)


def replace_end(end: int | None) -> Any:
    return SimpleNamespace(eos_token_id=end)


@pytest.mark.parametrize(
    ("prompt", "changes", "words"),
    [
        ((), {}, "an empty prompt"),
        ((61,), {}, "ids below 61"),
        ((2,) * 60, {"max_new_tokens": 6}, "at most 64"),
        ((2,), {"max_new_tokens": 0}, "at least one token"),
        ((2,), {"temperature": -1.0}, "temperature of 0 or above"),
        ((2,), {"top_p": 0.0}, "top_p in"),
    ],
)
def test_what_cannot_be_asked_is_refused(prompt: tuple[int, ...], changes: dict[str, Any], words: str) -> None:
    settings: dict[str, Any] = {"max_new_tokens": 5, **changes}

    with pytest.raises(BadInput, match=words):
        generate(tiny.network("gpt2"), TOKENIZER, [prompt], **settings)


def test_a_prompt_may_fill_the_window_but_for_what_is_run_of_its_reply() -> None:
    [(reply,)] = generate(tiny.network("gpt2"), TOKENIZER, [(2,) * 60], max_new_tokens=5)

    assert len(reply or ()) == 5


def test_nobody_asked_is_nobody_answered() -> None:
    assert generate(tiny.network("llama"), TOKENIZER, [], max_new_tokens=3) == []


def test_scores_of_other_items_are_refused() -> None:
    model = tiny.network("llama")
    item = tiny.item((3,), (4,))

    with pytest.raises(ValueError, match="argument 2 is longer"):
        greedy_against(model, TOKENIZER, [item], score_items(model, [item, replace(item, record_id="r1")]), max_new_tokens=3)


def test_progress_ends_at_the_number_of_replies() -> None:
    told: list[tuple[str, int, int]] = []

    generate(
        tiny.network("llama"), TOKENIZER, _prompts(), max_new_tokens=2, samples=3, progress=lambda *what: told.append(what), batch_rows=4
    )

    assert told[-1] == ("generating", 18, 18)
