"""Logits at answer positions: what the fast path gives is what the whole model gives, whatever the padding."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch

from rtbf.lm import answers
from rtbf.lm.answers import answer_logits, nll_sums, token_log_probs
from tests import tiny

each_family = pytest.mark.parametrize("family", tiny.FAMILIES)


def _plain_logits(model: Any, item: Any) -> torch.Tensor:
    """Return (T_answer, V): the whole model on one item alone, sliced where the answer is predicted."""
    ids = torch.tensor([item.prompt_ids + item.answer_ids])
    with torch.no_grad():
        logits = model(input_ids=ids).logits[0]
    return logits[len(item.prompt_ids) - 1 : item.length - 1]


@each_family
def test_answer_logits_are_those_of_the_whole_model_on_each_item_alone(family: str) -> None:
    model = tiny.network(family)
    batch = tiny.items()

    found = answer_logits(model, batch)

    expected = torch.cat([_plain_logits(model, item) for item in batch])
    assert expected.std() > 0.1  # otherwise anything would agree with anything
    torch.testing.assert_close(found.logits.detach(), expected, rtol=1e-4, atol=1e-4)
    assert found.labels.tolist() == [token for item in batch for token in item.answer_ids]
    assert found.row.tolist() == [place for place, item in enumerate(batch) for _ in item.answer_ids]


def test_a_model_that_caps_its_logits_is_run_whole() -> None:
    """Gemma 2 bends its logits after the output layer; the output layer alone would give larger ones."""
    model = tiny.network("gemma2")

    found = answer_logits(model, tiny.items())

    hidden = model.base_model(input_ids=torch.tensor([[1, 2, 3]])).last_hidden_state
    assert model.get_output_embeddings()(hidden).abs().max() > 1.0
    assert found.logits.abs().max() <= 0.5


def test_a_cap_that_an_untrained_model_does_not_show_is_respected_once_it_does() -> None:
    """The choice of path is made once a model. Before training every logit is far below the cap, where a cap changes nothing."""
    model = tiny.network("gemma2")
    item = tiny.item((0, 4), (5, 6, 7))
    with torch.no_grad():
        model.get_output_embeddings().weight.mul_(1e-4)
        answer_logits(model, [item])
        model.get_output_embeddings().weight.mul_(1e4)

    found = answer_logits(model, [item])

    torch.testing.assert_close(found.logits.detach(), _plain_logits(model, item), rtol=1e-4, atol=1e-4)


def test_choosing_the_path_uses_no_random_numbers_and_leaves_dropout_as_it_was() -> None:
    """A killed and resumed run chooses at another step than an undisturbed one; both must draw the same dropout."""
    model = tiny.network("gpt2")
    model.transformer.drop.p = 0.5
    model.train()
    model.transformer.h[0].eval()
    item = tiny.item((0, 4), (5, 6, 7))

    torch.manual_seed(1)
    first = answer_logits(model, [item]).logits
    torch.manual_seed(1)
    second = answer_logits(model, [item]).logits

    assert torch.equal(first, second)
    assert model.transformer.drop.training
    assert not model.transformer.h[0].training


def test_the_output_layer_runs_on_answer_positions_only() -> None:
    model = tiny.network("llama")
    seen: list[tuple[int, ...]] = []
    answer_logits(model, [tiny.item((0,), (1,))])  # the self-test of the fast path is over now
    model.get_output_embeddings().register_forward_hook(lambda _layer, given, _out: seen.append(tuple(given[0].shape)))

    answer_logits(model, [tiny.item((0, 4, 5, 6), (7, 8)), tiny.item((0,), (9, 9, 9))])

    assert seen == [(5, 16)]


@each_family
def test_padding_never_changes_the_loss(family: str) -> None:
    model = tiny.network(family)
    short, long = tiny.item((0, 7), (8, 9, 1)), tiny.item((0,), tuple(range(2, 42)), "r1")

    alone = nll_sums(answer_logits(model, [short]))[0]
    padded = nll_sums(answer_logits(model, [short, long]))[0]

    torch.testing.assert_close(padded[:1], alone, rtol=1e-5, atol=1e-5)


def test_the_order_of_items_changes_no_items_loss() -> None:
    model = tiny.network("llama")
    batch = tiny.items()

    forward = nll_sums(answer_logits(model, batch))[0]
    backward = nll_sums(answer_logits(model, batch[::-1]))[0]

    torch.testing.assert_close(backward.flip(0), forward, rtol=1e-5, atol=1e-5)


def test_nll_sums_are_sums_over_answer_tokens_in_nats() -> None:
    model = tiny.network("gpt2")
    batch = tiny.items()

    sums, counts = nll_sums(answer_logits(model, batch))

    for place, item in enumerate(batch):
        logits = _plain_logits(model, item).double()
        plain = 0.0
        for row, token in zip(logits.tolist(), item.answer_ids, strict=True):
            top = max(row)
            plain += top + math.log(math.fsum(math.exp(value - top) for value in row)) - row[token]
        assert sums[place].item() == pytest.approx(plain, rel=1e-5)
        assert counts[place].item() == len(item.answer_ids)


def test_log_probs_are_float32_whatever_the_logits_are() -> None:
    logits = torch.tensor([[30.0, 0.0, 0.0], [0.0, 0.0, 0.0]], dtype=torch.bfloat16)
    made = answers.AnswerLogits(logits=logits, labels=torch.tensor([0, 2]), row=torch.tensor([0, 0]), n_items=1)

    found = token_log_probs(made)

    assert found.dtype == torch.float32
    assert found.tolist() == pytest.approx([0.0, -1.0986123], abs=1e-6)  # −ln 3


def test_losses_reach_the_weights_through_the_fast_path() -> None:
    model = tiny.network("llama_untied")

    nll_sums(answer_logits(model, tiny.items()))[0].sum().backward()

    missing = [name for name, parameter in model.named_parameters() if parameter.grad is None]
    assert missing == []
