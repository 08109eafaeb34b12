"""The diff attack: guided probabilities by hand, weight one is the model of before, and a difference is amplified."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
import transformers

from rtbf.lm.scoring import score_items
from rtbf.lm.states.diff import guided_log_probs, guided_scores
from tests import tiny

each_family = pytest.mark.parametrize("family", tiny.FAMILIES)


def _log_softmax(logits: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    shifted = logits - logits.max(axis=-1, keepdims=True)
    made: np.ndarray[Any, Any] = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    return made


def _answer_logits(model: Any, item: Any) -> np.ndarray[Any, Any]:
    with torch.no_grad():
        logits = model(input_ids=torch.tensor([item.prompt_ids + item.answer_ids])).logits[0].double().numpy()
    made: np.ndarray[Any, Any] = logits[len(item.prompt_ids) - 1 : -1]
    return made


def test_guided_log_probs_by_hand() -> None:
    before, after = torch.log(torch.tensor([[0.5, 0.25, 0.25]])), torch.log(torch.tensor([[0.25, 0.5, 0.25]]))

    found = guided_log_probs(before, after, 2.0)

    # p_post (p_pre / p_post)²: 0.25 · 4, 0.5 · ¼, 0.25 · 1, whose sum is 1.375.
    assert found.exp()[0].tolist() == pytest.approx([1 / 1.375, 0.125 / 1.375, 0.25 / 1.375])


def test_a_weight_of_nought_is_the_model_of_after_and_of_one_the_model_of_before() -> None:
    generator = torch.Generator().manual_seed(1)
    before, after = torch.randn(5, 61, generator=generator) * 4, torch.randn(5, 61, generator=generator) * 4 + 100

    assert guided_log_probs(before, after, 0.0).numpy() == pytest.approx(_log_softmax(after.double().numpy()), abs=1e-4)
    assert guided_log_probs(before, after, 1.0).numpy() == pytest.approx(_log_softmax(before.double().numpy()), abs=1e-4)


def test_logits_in_half_precision_are_guided_in_float32() -> None:
    before, after = torch.tensor([[8.0, 0.0]], dtype=torch.bfloat16), torch.tensor([[0.0, 0.0]], dtype=torch.bfloat16)

    found = guided_log_probs(before, after, 4.0)

    assert found.dtype == torch.float32
    assert found[0, 1].item() == pytest.approx(-32.0, abs=1e-4)


@each_family
def test_scores_are_those_of_a_plain_reference_for_each_weight(family: str) -> None:
    before, after = tiny.network(family, seed=3), tiny.network(family, seed=4)

    found = guided_scores(before, after, tiny.items(), batch_items=4)

    assert sorted(found) == [1, 2, 4]
    for weight, scores in found.items():
        for item, score in zip(tiny.items(), scores, strict=True):
            old, new = (_log_softmax(_answer_logits(model, item)) for model in (before, after))
            guided = _log_softmax(new + weight * (old - new))
            assert score.log_probs == pytest.approx([row[token] for row, token in zip(guided, item.answer_ids, strict=True)], abs=1e-3)
            assert score.hits == tuple(int(row.argmax()) == token for row, token in zip(guided, item.answer_ids, strict=True))
            assert (score.record_id, score.has_end) == (item.record_id, item.has_end)


def test_a_weight_of_one_scores_as_the_model_of_before() -> None:
    before, after = tiny.network("llama", seed=3), tiny.network("llama", seed=4)

    found = guided_scores(before, after, tiny.items())[1]

    for score, own in zip(found, score_items(before, tiny.items()), strict=True):
        assert score.log_probs == pytest.approx(own.log_probs, abs=1e-4)
        assert score.hits == own.hits


def test_what_was_taken_from_a_token_is_given_back_with_interest() -> None:
    """The model of after holds one token back by 3 nats in its output layer; guided by 2 it is ahead of the model of before."""
    before, after = tiny.network("gpt_neox"), tiny.network("gpt_neox")
    item = tiny.item((0, 5, 6), (9, 9, 9))
    head = torch.nn.Linear(16, 61)
    with torch.no_grad():
        head.weight.copy_(after.get_output_embeddings().weight)
        head.bias.zero_()
        head.bias[9] = -3.0
    after.set_output_embeddings(head)

    mean = {weight: np.mean(scores[0].log_probs) for weight, scores in guided_scores(before, after, [item]).items()}

    assert np.mean(score_items(after, [item])[0].log_probs) < mean[1] < mean[2] < mean[4]


def test_one_object_and_other_vocabularies_are_refused() -> None:
    model = tiny.network("llama")
    shape: dict[str, Any] = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 8}
    other = transformers.LlamaForCausalLM(transformers.LlamaConfig(vocab_size=64, **shape))

    with pytest.raises(ValueError, match="one object"):
        guided_scores(model, model, tiny.items())
    with pytest.raises(ValueError, match="vocabularies of 61 and 64 tokens"):
        guided_scores(model, other, tiny.items())
