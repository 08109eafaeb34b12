"""Adapter states: off is the base, one is as served, merged is a copy; the served model is never touched."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import numpy as np
import pytest
import torch
from peft import LoraConfig, get_peft_model

from rtbf.errors import BadInput
from rtbf.lm.states.adapter import adapter_off, adapter_scaled, merged, merged_copy
from rtbf.lm.states.weights import linear_layers
from tests import tiny
from tests.unit.lm.states.bits import adapted, fingerprint, furthest, log_probs

each_family = pytest.mark.parametrize("family", tiny.FAMILIES)


@each_family
def test_off_is_the_base_bit_for_bit_and_afterwards_the_adapter_is_on_and_as_frozen_as_before(family: str) -> None:
    model = adapted(family)
    before, served = fingerprint(model), log_probs(model)

    with adapter_off(model):
        off = log_probs(model)

    assert off == log_probs(tiny.network(family))
    assert furthest(off, served) > 1e-2
    assert fingerprint(model) == before
    assert log_probs(model) == served


@each_family
def test_a_scale_of_one_is_as_served_and_of_nought_the_base(family: str) -> None:
    model = adapted(family)
    before, served = fingerprint(model), log_probs(model)

    with adapter_scaled(model, 1.0):
        one = log_probs(model)
    with adapter_scaled(model, 0.0):
        nought = log_probs(model)

    assert one == served
    assert nought == log_probs(tiny.network(family))
    assert fingerprint(model) == before


@each_family
def test_a_quarter_is_the_base_and_a_quarter_of_the_change_in_every_weight(family: str) -> None:
    model = adapted(family)
    before = fingerprint(model)
    by_hand = tiny.network(family)
    with torch.no_grad():
        for own, served in zip(linear_layers(by_hand), linear_layers(merged_copy(model, None)), strict=True):
            own.weight.add_(0.25 * (served.weight - own.weight))

    with adapter_scaled(model, 0.25):
        inside = log_probs(model)

    assert furthest(inside, log_probs(by_hand)) < 1e-3
    assert furthest(inside, log_probs(model)) > 1e-2
    assert fingerprint(model) == before


def test_scales_put_back_the_exact_number_also_nested_and_after_an_error() -> None:
    """0.1 × 3 / 3 is not 0.1: the number is kept, never computed back."""
    model = adapted()
    layers: list[Any] = [module for module in model.modules() if hasattr(module, "scaling") and hasattr(module, "lora_A")]
    for layer in layers:
        layer.scaling["default"] = 0.1
    before = fingerprint(model)

    with suppress(KeyError), adapter_scaled(model, 3.0):
        with adapter_scaled(model, 1 / 3):
            inner = layers[0].scaling["default"]
        outer = layers[0].scaling["default"]
        raise KeyError

    assert (inner, outer) == (0.1 * 3.0 * (1 / 3), 0.1 * 3.0)
    assert fingerprint(model) == before


def test_a_trainable_adapter_is_trainable_again_after_it_was_off() -> None:
    model = adapted()
    for name, parameter in model.named_parameters():
        parameter.requires_grad_("lora_B" in name)
    before = fingerprint(model)

    with pytest.raises(KeyError), adapter_off(model):
        raise KeyError

    assert fingerprint(model) == before


@each_family
def test_merging_makes_a_plain_model_and_touches_no_bit_of_the_served_one(family: str) -> None:
    model = adapted(family)
    before, served = fingerprint(model), log_probs(model)

    with merged(model, None) as plain:
        found = log_probs(plain)
        shared = {tensor.data_ptr() for tensor in plain.parameters()} & {tensor.data_ptr() for tensor in model.parameters()}

    assert furthest(found, served) < 1e-3
    assert not any("lora" in name for name, _ in plain.named_parameters())
    assert not plain.training
    assert shared == set()
    assert fingerprint(model) == before


def test_merging_in_place_and_unmerging_would_not_give_the_weights_back() -> None:
    """Why a copy is merged. In floating point (w + d) − d is often not w."""
    model = adapted()
    own = [layer.weight.detach().clone() for layer in linear_layers(model)]

    model.merge_adapter()
    model.unmerge_adapter()

    changed = sum(int((layer.weight != weight).sum()) for layer, weight in zip(linear_layers(model), own, strict=True))
    assert changed > 100


@each_family
def test_a_merged_model_is_stored_in_bfloat16_weight_by_weight(family: str) -> None:
    model = adapted(family)
    exact = merged_copy(model, None).state_dict()

    plain = merged_copy(model, torch.bfloat16)

    for name, tensor in plain.state_dict().items():
        assert tensor.dtype == torch.float32
        # bfloat16 keeps the upper 16 bits of a float32: round to nearest, ties to even.
        bits = exact[name].numpy().view(np.uint32).astype(np.uint64)
        rounded = ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16 << 16).astype(np.uint32).view(np.float32)
        assert np.array_equal(tensor.numpy(), rounded)
    assert furthest(log_probs(plain), log_probs(merged_copy(model, None))) > 1e-4
    if model.config.tie_word_embeddings:
        assert plain.get_output_embeddings().weight is plain.get_input_embeddings().weight  # type: ignore[operator]


def test_a_base_in_bfloat16_is_merged_in_float32() -> None:
    model = adapted("llama_untied", size=0.001)
    exact = merged_copy(model.to(torch.bfloat16), None)
    rounded = [(layer.rows() - layer.rows().bfloat16().float()).abs().max().item() for layer in linear_layers(exact)]

    assert {parameter.dtype for parameter in exact.parameters()} == {torch.float32}
    assert min(rounded) > 0  # a merge in bfloat16 would have left bfloat16 numbers


def test_a_scaled_adapter_is_merged_as_it_is_scaled() -> None:
    model = adapted()

    with adapter_scaled(model, 0.0), merged(model, None) as plain:
        found = log_probs(plain)

    assert found == log_probs(tiny.network())


def test_a_model_without_an_adapter_or_with_a_merged_one_is_refused() -> None:
    merged_in_place = adapted()
    merged_in_place.merge_adapter()

    for model in (tiny.network(), merged_in_place):
        with pytest.raises(BadInput, match="without an unmerged LoRA adapter"), adapter_off(model):
            pass
        with pytest.raises(BadInput, match="without an unmerged LoRA adapter"), adapter_scaled(model, 0.5):
            pass
        with pytest.raises(BadInput, match="without an unmerged LoRA adapter"):
            merged_copy(model, None)


def test_an_adapter_that_is_off_is_not_merged() -> None:
    model = adapted()

    with adapter_off(model), pytest.raises(BadInput, match="switched off"):
        merged_copy(model, None)


@pytest.mark.parametrize("change", [{"use_dora": True}, {"bias": "all"}, {"modules_to_save": ["norm"]}])
def test_an_adapter_that_is_no_plain_lora_cannot_be_halved(change: dict[str, Any]) -> None:
    """DoRA rescales whole rows, trained biases and saved layers are no product of two matrices: half of it means nothing."""
    config = LoraConfig(r=2, target_modules=["q_proj"], task_type="CAUSAL_LM", **change)
    model = get_peft_model(tiny.network(), config)

    with pytest.raises(BadInput, match="more than LoRA's two matrices"), adapter_scaled(model, 0.5):
        pass


def test_a_scale_that_is_no_number_is_refused() -> None:
    with pytest.raises(ValueError, match="nan"), adapter_scaled(adapted(), float("nan")):
        pass
