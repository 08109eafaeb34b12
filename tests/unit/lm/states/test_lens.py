"""The logit lens: each layer's state is normed once, read by the output layer, and the last layer is the model itself."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
import transformers

from rtbf.errors import BadInput
from rtbf.lm.scoring import score_items
from rtbf.lm.states.adapter import merged_copy
from rtbf.lm.states.decoder import decoder_of, state_in
from rtbf.lm.states.lens import logit_lens
from tests import tiny
from tests.unit.lm.states.bits import adapted, fingerprint

each_family = pytest.mark.parametrize("family", tiny.FAMILIES)


def _states_by_hand(model: Any, item: Any) -> list[np.ndarray[Any, Any]]:
    """Return each layer's state (T, D) of a Llama as it leaves the layer: transformers' list, the last by running the layer."""
    ids = torch.tensor([item.prompt_ids + item.answer_ids])
    last: list[torch.Tensor] = []
    handle = model.model.layers[-1].register_forward_hook(lambda _layer, _given, output: last.append(state_in(output)))
    with torch.no_grad():
        listed = model(input_ids=ids, output_hidden_states=True).hidden_states
    handle.remove()
    # listed[0] is the embedding, listed[1] leaves the first layer, listed[-1] has the final norm on it already.
    return [*(state[0].double().numpy() for state in listed[1:-1]), last[0][0].double().numpy()]


def _read_by_hand(model: Any, item: Any, state: np.ndarray[Any, Any]) -> float:
    """Return the mean log-probability of the item's answer read off a state, in numpy: RMS norm, output layer, softmax."""
    weight, head = model.model.norm.weight.detach().double().numpy(), model.lm_head.weight.detach().double().numpy()
    normed = state / np.sqrt((state**2).mean(axis=1, keepdims=True) + 1e-6) * weight
    logits = (normed @ head.T)[len(item.prompt_ids) - 1 : -1]
    log_probs = logits - logits.max(axis=1, keepdims=True)
    log_probs -= np.log(np.exp(log_probs).sum(axis=1, keepdims=True))
    return float(np.mean([row[token] for row, token in zip(log_probs, item.answer_ids, strict=True)]))


def _uneven_norm(model: Any, seed: int = 1) -> Any:
    """Return the model with a final norm that is not all ones, so that norming twice shows."""
    with torch.no_grad():
        model.model.norm.weight.copy_(torch.rand(16, generator=torch.Generator().manual_seed(seed)) * 3)
    return model


def test_the_lens_by_hand_on_every_layer() -> None:
    model = _uneven_norm(tiny.network("llama_untied"))

    found = logit_lens(model, tiny.items())

    for item, layers in zip(tiny.items(), found, strict=True):
        expected = [_read_by_hand(model, item, state) for state in _states_by_hand(model, item)]
        assert layers == pytest.approx(expected, abs=1e-4)


def test_the_last_of_transformers_hidden_states_is_normed_already_and_would_give_another_lens() -> None:
    """The bug this file is written around: hidden_states[-1] through the final norm is normed twice."""
    model, item = _uneven_norm(tiny.network("llama_untied")), tiny.items()[0]
    with torch.no_grad():
        listed = model(input_ids=torch.tensor([item.prompt_ids + item.answer_ids]), output_hidden_states=True).hidden_states[-1]

    found = logit_lens(model, [item])[0][-1]

    assert abs(_read_by_hand(model, item, listed[0].double().numpy()) - found) > 0.05
    assert _read_by_hand(model, item, _states_by_hand(model, item)[-1]) == pytest.approx(found, abs=1e-4)


@each_family
def test_the_last_layer_is_the_models_own_score_and_the_first_is_not(family: str) -> None:
    model = tiny.network(family)
    before = fingerprint(model)

    found = logit_lens(model, tiny.items())

    own = [sum(score.log_probs) / len(score.log_probs) for score in score_items(model, tiny.items())]
    assert {len(layers) for layers in found} == {2}
    assert [layers[-1] for layers in found] == pytest.approx(own, abs=1e-4)
    assert max(abs(layers[0] - layers[-1]) for layers in found) > 1e-2
    assert fingerprint(model) == before


@each_family
def test_an_adapter_is_read_as_its_merged_form_and_batches_change_nothing(family: str) -> None:
    model = adapted(family)

    worn = logit_lens(model, tiny.items())

    served = logit_lens(merged_copy(model, None), tiny.items())
    by_fours = logit_lens(model, tiny.items(), batch_items=4)
    for one, other, third in zip(worn, served, by_fours, strict=True):
        assert one == pytest.approx(other, abs=1e-3)
        assert one == pytest.approx(third, abs=1e-4)


def test_a_fixed_decoder_reads_the_models_states_with_another_models_norm_and_output_layer() -> None:
    model, original = tiny.network("llama_untied", seed=3), _uneven_norm(tiny.network("llama_untied", seed=4))

    found = logit_lens(model, tiny.items(), decoder=original)

    for item, layers in zip(tiny.items(), found, strict=True):
        expected = [_read_by_hand(original, item, state) for state in _states_by_hand(model, item)]
        assert layers == pytest.approx(expected, abs=1e-4)


def test_a_bent_output_layer_looks_erased_to_its_own_eyes_and_not_to_the_originals() -> None:
    original, bent = tiny.network("llama_untied"), tiny.network("llama_untied")
    with torch.no_grad():
        bent.lm_head.weight.mul_(-1)

    own, fixed = logit_lens(bent, tiny.items()), logit_lens(bent, tiny.items(), decoder=original)

    assert fixed == logit_lens(original, tiny.items())
    assert max(abs(a[-1] - b[-1]) for a, b in zip(own, fixed, strict=True)) > 0.5


def test_a_model_is_its_own_fixed_decoder() -> None:
    model = tiny.network("gpt_neox")

    assert logit_lens(model, tiny.items(), decoder=model) == logit_lens(model, tiny.items())


def test_a_decoder_of_another_width_and_an_empty_list_are_refused() -> None:
    shape: dict[str, Any] = {"vocab_size": 61, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 8}
    wider = transformers.LlamaForCausalLM(transformers.LlamaConfig(hidden_size=32, **shape))

    with pytest.raises(ValueError, match=r"\(61, 16\) tokens and dimensions, a decoder with \(61, 32\)"):
        logit_lens(tiny.network("llama"), tiny.items(), decoder=wider)
    with pytest.raises(ValueError, match="no items"):
        logit_lens(tiny.network("llama"), [])


def test_an_architecture_that_bends_its_logits_in_an_unknown_way_is_refused_and_not_misread() -> None:
    shape: dict[str, Any] = {"vocab_size": 61, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 8}
    granite = transformers.GraniteForCausalLM(transformers.GraniteConfig(**shape, num_key_value_heads=2, logits_scaling=8.0))
    with torch.no_grad():
        granite.model.embed_tokens.weight.mul_(50)

    with pytest.raises(BadInput, match="GraniteForCausalLM"):
        logit_lens(granite, tiny.items())


@each_family
def test_the_decoder_names_layers_norm_and_output_layer_of_each_family(family: str) -> None:
    model = tiny.network(family)

    found = decoder_of(model)

    assert [type(layer).__name__.endswith(("DecoderLayer", "Block", "GPTNeoXLayer")) for layer in found.layers] == [True, True]
    assert "Norm" in type(found.norm).__name__
    assert found.head is model.get_output_embeddings()
    assert found.cap == (0.5 if family == "gemma2" else None)
