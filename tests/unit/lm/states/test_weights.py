"""Which weights a state changes, and that each is its own again afterwards whatever happens in between."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
import torch
import transformers

from rtbf.errors import BadInput, Fault
from rtbf.lm.states.weights import exchanged, linear_layers
from tests import tiny
from tests.unit.lm.states.bits import adapted, fingerprint

if TYPE_CHECKING:
    from rtbf.lm.states.weights import LinearLayer

each_family = pytest.mark.parametrize("family", tiny.FAMILIES)

A_LAYERS_OWN = {
    "llama": 7,  # q, k, v, o, gate, up, down
    "llama_untied": 7,
    "gpt2": 4,  # c_attn and c_proj, c_fc and c_proj
    "qwen2": 7,
    "gemma2": 7,
    "gpt_neox": 4,  # query_key_value and dense, dense_h_to_4h and dense_4h_to_h
    "mistral": 7,
    "olmo": 7,
}


@each_family
def test_the_linear_layers_are_those_of_the_decoder_and_neither_embedding_nor_output_layer(family: str) -> None:
    model = tiny.network(family)

    layers = linear_layers(model)

    assert len(layers) == 2 * A_LAYERS_OWN[family]
    others = {id(model.get_output_embeddings().weight), id(model.get_input_embeddings().weight)}
    assert {id(layer.weight) for layer in layers} & others == set()
    assert all(layer.rows().shape[0] * layer.rows().shape[1] == layer.weight.numel() for layer in layers)


@each_family
def test_an_adapter_changes_neither_the_names_nor_the_weights_that_are_found(family: str) -> None:
    plain = {layer.name: layer.rows() for layer in linear_layers(tiny.network(family))}

    worn = {layer.name: layer.rows() for layer in linear_layers(adapted(family))}

    assert list(worn) == list(plain)
    assert all(torch.equal(worn[name], plain[name]) for name in plain)


def test_an_adapter_on_the_output_layer_does_not_make_it_a_linear_layer() -> None:
    from peft import LoraConfig, get_peft_model  # noqa: PLC0415 - the recipe never puts one there

    model = get_peft_model(tiny.network("llama_untied"), LoraConfig(r=2, target_modules=["q_proj", "lm_head"], task_type="CAUSAL_LM"))

    assert len(linear_layers(model)) == 14


def test_rows_are_outputs_also_where_the_weight_lies_transposed() -> None:
    model = tiny.network("gpt2")

    layer = next(layer for layer in linear_layers(model) if layer.name.endswith("c_attn"))

    assert tuple(layer.weight.shape) == (16, 48)
    assert tuple(layer.rows().shape) == (48, 16)
    assert torch.equal(layer.stored(layer.rows()), layer.weight)


def test_an_error_while_weights_are_made_leaves_every_weight_its_own() -> None:
    model = tiny.network("gpt2")
    before, pointers = fingerprint(model), [layer.weight.data_ptr() for layer in linear_layers(model)]
    made: list[str] = []

    def breaks_at_the_third(layer: LinearLayer) -> torch.Tensor:
        made.append(layer.name)
        return layer.rows() * 2 if len(made) < 3 else layer.rows()[:, :, 0]

    with pytest.raises(IndexError), exchanged(linear_layers(model), breaks_at_the_third):
        pass

    assert len(made) == 3
    assert fingerprint(model) == before
    assert [layer.weight.data_ptr() for layer in linear_layers(model)] == pointers


def test_an_error_while_weights_are_exchanged_leaves_every_weight_its_own() -> None:
    model = tiny.network("gpt2")
    before, inside = fingerprint(model), ""

    with suppress(KeyError), exchanged(linear_layers(model), lambda layer: layer.rows() * 2):
        inside = fingerprint(model)
        raise KeyError

    assert inside not in {"", before}
    assert fingerprint(model) == before


def test_a_weight_that_two_layers_share_is_exchanged_once() -> None:
    model = tiny.network("llama")
    model.model.layers[1].mlp.up_proj.weight = model.model.layers[0].mlp.up_proj.weight
    before = model.model.layers[0].mlp.up_proj.weight.detach().clone()

    with exchanged(linear_layers(model), lambda layer: layer.rows() * 2):
        inside = model.model.layers[1].mlp.up_proj.weight.detach().clone()

    assert torch.equal(inside, before * 2)
    assert torch.equal(model.model.layers[1].mlp.up_proj.weight, before)


def test_weights_that_are_not_finite_are_a_fault_and_no_state() -> None:
    model = tiny.network("llama")
    with torch.no_grad():
        model.model.layers[1].mlp.up_proj.weight[0, 0] = float("nan")

    with pytest.raises(Fault, match="not a finite number"), exchanged(linear_layers(model), lambda layer: layer.rows()):
        pass


def test_a_model_that_keeps_its_experts_in_one_block_is_refused() -> None:
    """Changing only its attention would be called a quantised model and hide what its experts bring back."""
    shape: dict[str, Any] = {"vocab_size": 61, "hidden_size": 16, "intermediate_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2}
    config = transformers.MixtralConfig(**shape, num_key_value_heads=2, num_local_experts=2, max_position_embeddings=64)

    with pytest.raises(BadInput, match="2 weights that are no matrices"):
        linear_layers(transformers.MixtralForCausalLM(config))
