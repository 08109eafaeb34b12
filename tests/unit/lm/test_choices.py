"""Answers that share their prompt's cache score as they would alone, whatever stands beside them."""

from __future__ import annotations

import math
import random
from dataclasses import replace
from typing import Any

import pytest
import torch

from rtbf.errors import BadInput
from rtbf.lm import positions
from rtbf.lm.choices import choice_tokens, score_choices
from rtbf.lm.encoding import ChoiceIds
from tests import tiny

each_family = pytest.mark.parametrize("family", tiny.FAMILIES)


def _choices(count: int = 5, others: int = 12, seed: int = 4, longest: int = 9) -> list[ChoiceIds]:
    """Return items whose prompts have three lengths and whose answers have 1 to `longest` tokens; no id is 0, the padding."""
    rng = random.Random(f"choices:{seed}")

    def tokens(n: int) -> tuple[int, ...]:
        return tuple(rng.randrange(1, tiny.VOCABULARY) for _ in range(n))

    return [
        ChoiceIds(
            record_id=f"r{place}",
            label=f"field {place % 2}",
            prompt_ids=tokens(3 + place % 3),
            true_ids=tokens(rng.randint(1, longest)),
            others_ids=tuple(tokens(rng.randint(1, longest)) for _ in range(others)),
            dropped=0,
        )
        for place in range(count)
    ]


def _plain_sum(model: Any, prompt: tuple[int, ...], answer: tuple[int, ...]) -> float:
    """Return the answer's summed log-prob from one forward over prompt and answer alone."""
    with torch.no_grad():
        log_probs = model(input_ids=torch.tensor([prompt + answer])).logits[0].double().log_softmax(-1)
    return math.fsum(float(log_probs[len(prompt) - 1 + at, token]) for at, token in enumerate(answer))


@each_family
def test_each_answer_scores_as_in_a_forward_of_its_own(family: str) -> None:
    model = tiny.network(family)
    items = _choices()

    found = score_choices(model, items, cached_positions=60)

    for score, item in zip(found, items, strict=True):
        expected = [_plain_sum(model, item.prompt_ids, ids) for ids in (item.true_ids, *item.others_ids)]
        assert [score.true, *score.others] == pytest.approx(expected, rel=0, abs=2e-5 * max(1.0, max(map(abs, expected)) / 10))
        assert (score.record_id, score.label) == (item.record_id, item.label)
        assert score.true_tokens == len(item.true_ids)
        assert score.others_tokens == tuple(map(len, item.others_ids))


@pytest.mark.parametrize("family", ["gemma2", "mistral"])
def test_a_prompt_longer_than_a_sliding_window_keeps_what_the_window_needs(family: str) -> None:
    """Such a cache holds fewer positions than the prompt has; Gemma 2 here looks back 32, Mistral is set to 8."""
    model = tiny.network(family)
    if family == "mistral":
        model.config.sliding_window = 8
    rng = random.Random(9)
    prompt = tuple(rng.randrange(tiny.VOCABULARY) for _ in range(40))
    others = tuple(tuple(rng.randrange(tiny.VOCABULARY) for _ in range(n)) for n in (3, 6, 1, 2))
    item = ChoiceIds(record_id="r", label="", prompt_ids=prompt, true_ids=(5, 6, 7), others_ids=others, dropped=0)

    [found] = score_choices(model, [item])

    expected = [_plain_sum(model, prompt, ids) for ids in (item.true_ids, *others)]
    assert [found.true, *found.others] == pytest.approx(expected, abs=5e-5)


def test_neither_the_order_of_items_and_answers_nor_the_chunks_change_a_score() -> None:
    model = tiny.network("llama")
    items = _choices(count=7)
    turned = [replace(item, others_ids=item.others_ids[::-1]) for item in items[::-1]]

    plain = score_choices(model, items)
    backward = score_choices(model, turned)[::-1]
    chunked = score_choices(model, items, cached_positions=1)

    for one, other, third in zip(plain, backward, chunked, strict=True):
        assert one.record_id == other.record_id == third.record_id
        assert [one.true, *one.others] == pytest.approx([other.true, *other.others[::-1]], abs=1e-4)
        assert [one.true, *one.others] == pytest.approx([third.true, *third.others], abs=1e-4)


def test_the_same_items_give_the_same_bits() -> None:
    assert score_choices(tiny.network("llama"), _choices()) == score_choices(tiny.network("llama"), _choices())


@pytest.mark.parametrize("family", ["llama", "gemma2"])
def test_a_small_bound_on_logits_changes_no_score(family: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model = tiny.network(family)
    items = _choices()
    whole = score_choices(model, items)

    monkeypatch.setattr(positions, "MAX_LOGITS", tiny.VOCABULARY * 3)
    blocks = score_choices(model, items)

    for one, other in zip(whole, blocks, strict=True):
        assert [one.true, *one.others] == pytest.approx([other.true, *other.others], abs=1e-4)


@pytest.mark.parametrize("cached_positions", [8192, 40, 1])
def test_the_tokens_of_a_call_are_those_that_went_through_the_model(cached_positions: int) -> None:
    """A prompt once, whatever the number of answers; of an answer all but its last token. Padding is token 0, which no item holds."""
    model = tiny.network("llama")
    items = _choices(count=6, others=30)
    score_choices(model, items[:1])  # the self-test of the fast path is over now
    counted: list[int] = []
    model.get_input_embeddings().register_forward_hook(lambda _layer, given, _out: counted.append(int((given[0] != 0).sum())))

    score_choices(model, items, cached_positions=cached_positions)

    assert sum(counted) == choice_tokens(items)
    plain = sum(len(item.prompt_ids) + len(ids) for item in items for ids in (item.true_ids, *item.others_ids))
    assert choice_tokens(items) < plain * 0.7


def test_tokens_of_a_choice_counted_by_hand() -> None:
    """Prompt 3; true 2 - 1; others 1 - 1 and 4 - 1: 3 + 1 + 0 + 3 = 7."""
    item = ChoiceIds(record_id="r", label="", prompt_ids=(1, 2, 3), true_ids=(4, 5), others_ids=((6,), (7, 8, 9, 2)), dropped=0)

    assert choice_tokens([item]) == 7


def test_answers_of_one_token_need_the_prompt_alone() -> None:
    model = tiny.network("gpt2")
    item = ChoiceIds(record_id="r", label="", prompt_ids=(1, 2, 3), true_ids=(4,), others_ids=((6,), (7,)), dropped=1)

    [found] = score_choices(model, [item])

    assert [found.true, *found.others] == pytest.approx([_plain_sum(model, (1, 2, 3), (token,)) for token in (4, 6, 7)], abs=1e-5)
    assert choice_tokens([item]) == 3


def test_an_answer_without_others_is_still_scored() -> None:
    item = ChoiceIds(record_id="r", label="", prompt_ids=(1, 2), true_ids=(4, 5), others_ids=(), dropped=3)

    [found] = score_choices(tiny.network("llama"), [item])

    assert found.true == pytest.approx(_plain_sum(tiny.network("llama"), (1, 2), (4, 5)), abs=1e-5)
    assert (found.others, found.others_tokens) == ((), ())


def test_nothing_to_compare_is_an_empty_list() -> None:
    assert score_choices(tiny.network("llama"), []) == []


def test_a_broken_model_gives_nan_for_every_answer() -> None:
    model = tiny.network("llama_untied")
    with torch.no_grad():
        model.get_output_embeddings().weight[0, 0] = math.nan

    [found] = score_choices(model, _choices(count=1))

    assert all(math.isnan(value) for value in (found.true, *found.others))


@pytest.mark.parametrize("where", ["prompt_ids", "true_ids", "others_ids"])
def test_ids_of_another_tokenizer_are_refused(where: str) -> None:
    fields: dict[str, Any] = {"prompt_ids": (1, 2), "true_ids": (3,), "others_ids": ((4, 5),)}
    fields[where] = ((4, 61),) if where == "others_ids" else (1, 61)

    with pytest.raises(BadInput, match="ids below 61"):
        score_choices(tiny.network("llama"), [ChoiceIds(record_id="r", label="", dropped=0, **fields)])


def test_progress_ends_at_the_number_of_items() -> None:
    told: list[tuple[str, int, int]] = []

    score_choices(tiny.network("llama"), _choices(), progress=lambda *what: told.append(what), step="ranks")

    assert told[-1] == ("ranks", 5, 5)
    assert [done for _, done, _ in told] == sorted(done for _, done, _ in told)
