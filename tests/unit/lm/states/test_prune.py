"""The pruned state: Wanda's choice is that of a plain reference, per output row, and every weight comes back."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from rtbf.errors import Fault
from rtbf.lm.states.adapter import merged_copy
from rtbf.lm.states.prune import activation_norms, pruned
from rtbf.lm.states.weights import linear_layers
from tests import tiny
from tests.unit.lm.states.bits import adapted, fingerprint, furthest, log_probs

each_family = pytest.mark.parametrize("family", tiny.FAMILIES)


def _norms_one_by_one(model: Any) -> dict[str, np.ndarray[Any, Any]]:
    """Run each item alone, without any padding, keep what every layer is given, and take the norms in numpy."""
    given: dict[str, list[np.ndarray[Any, Any]]] = {layer.name: [] for layer in linear_layers(model)}

    def keep(name: str) -> Any:
        def kept(_module: Any, inputs: Any, _output: Any) -> None:
            given[name].append(inputs[0][0].detach().double().numpy())

        return kept

    handles = [layer.module.register_forward_hook(keep(layer.name)) for layer in linear_layers(model)]
    for item in tiny.items():
        with torch.no_grad():
            model(input_ids=torch.tensor([item.prompt_ids + item.answer_ids]))
    for handle in handles:
        handle.remove()
    return {name: np.sqrt((np.concatenate(states) ** 2).sum(axis=0)) for name, states in given.items()}


def _wanda_by_hand(rows: np.ndarray[Any, Any], norms: np.ndarray[Any, Any], n_zeros: int) -> np.ndarray[Any, Any]:
    made = rows.copy()
    for row in made:
        for _, place in sorted((abs(weight) * norm, place) for place, (weight, norm) in enumerate(zip(row, norms, strict=True)))[:n_zeros]:
            row[place] = 0.0
    return made


@each_family
def test_norms_are_those_of_each_item_run_alone_whatever_the_batches(family: str) -> None:
    model = tiny.network(family)
    before = fingerprint(model)

    found = activation_norms(model, tiny.items())
    by_fours = activation_norms(model, tiny.items(), batch_items=4)

    expected = _norms_one_by_one(model)
    assert list(found) == list(expected)
    for name, norm in expected.items():
        np.testing.assert_allclose(found[name].numpy(), norm, rtol=1e-4)
        np.testing.assert_allclose(by_fours[name].numpy(), norm, rtol=1e-4)
    assert fingerprint(model) == before


def test_the_first_layers_norms_by_hand() -> None:
    """What the first projection of a Llama is given is the embedding, root-mean-square normed with weights of one."""
    model = tiny.network("llama")
    ids = [token for item in tiny.items() for token in item.prompt_ids + item.answer_ids]
    embedded = model.get_input_embeddings().weight.detach().double().numpy()[ids]  # (all tokens, 16)
    normed = embedded / np.sqrt((embedded**2).mean(axis=1, keepdims=True) + 1e-6)

    found = activation_norms(model, tiny.items())["model.layers.0.self_attn.q_proj"]

    np.testing.assert_allclose(found.numpy(), np.sqrt((normed**2).sum(axis=0)), rtol=1e-4)


def test_an_adapter_that_is_on_has_its_part_in_what_flows() -> None:
    bare, worn, served = (activation_norms(model, tiny.items()) for model in (tiny.network(), adapted(), merged_copy(adapted(), None)))

    name = "model.layers.1.mlp.down_proj"
    assert list(worn) == list(bare)
    assert float((worn[name] - bare[name]).abs().max()) > 0.1
    torch.testing.assert_close(worn[name], served[name], rtol=1e-3, atol=1e-3)


@each_family
def test_the_least_important_of_each_row_go_and_all_come_back(family: str) -> None:
    model = tiny.network(family)
    norms = activation_norms(model, tiny.items())
    before, plain = fingerprint(model), log_probs(model)
    own = {layer.name: layer.rows().clone() for layer in linear_layers(model)}

    with pruned(model, 0.3, norms):
        inside = log_probs(model)
        made = {layer.name: layer.rows().clone() for layer in linear_layers(model)}

    for name, rows in own.items():
        n_zeros = rows.shape[1] * 3 // 10
        np.testing.assert_array_equal(made[name].numpy(), _wanda_by_hand(rows.numpy(), norms[name].numpy(), n_zeros))
    assert furthest(inside, plain) > 1e-3
    assert fingerprint(model) == before
    assert log_probs(model) == plain


@each_family
def test_a_share_of_nought_is_as_served(family: str) -> None:
    model = tiny.network(family)
    plain = log_probs(model)

    with pruned(model, 0.0, activation_norms(model, tiny.items())):
        inside = log_probs(model)

    assert inside == plain


@each_family
def test_under_an_adapter_the_base_is_pruned_and_the_adapter_kept(family: str) -> None:
    model = adapted(family)
    norms = activation_norms(model, tiny.items())
    before, served = fingerprint(model), log_probs(model)
    own = {name: tensor.clone() for name, tensor in model.named_parameters() if "lora_" in name}

    with pruned(model, 0.3, norms):
        inside = log_probs(model)
        zeros = [float((layer.rows() == 0).float().mean()) for layer in linear_layers(model)]
        kept = {name: tensor.clone() for name, tensor in model.named_parameters() if "lora_" in name}

    assert min(zeros) >= 0.25  # 4 of 16, 7 of 24, 19 of 64
    assert max(zeros) <= 0.30
    assert all(torch.equal(kept[name], own[name]) for name in own)
    assert furthest(inside, served) > 1e-3
    assert fingerprint(model) == before


def test_norms_decide_and_not_magnitude_alone() -> None:
    model = tiny.network("llama")
    ones = {layer.name: torch.ones(layer.rows().shape[1]) for layer in linear_layers(model)}
    first_needed = {name: torch.cat([torch.full((4,), 1e6), norm[4:]]) for name, norm in ones.items()}

    with pruned(model, 0.5, first_needed):
        zeros = torch.stack([(layer.rows() == 0)[:, :4].any() for layer in linear_layers(model)])
    with pruned(model, 0.5, ones):
        by_magnitude = torch.stack([(layer.rows() == 0)[:, :4].any() for layer in linear_layers(model)])

    assert not bool(zeros.any())
    assert bool(by_magnitude.all())


@pytest.mark.parametrize(("share", "n_zeros"), [(0.25, 4), (0.3125, 5), (0.3, 4), (0.9999, 15), (7 / 16, 7)])
def test_a_row_of_sixteen_loses_the_whole_weights_of_its_share(share: float, n_zeros: int) -> None:
    model = tiny.network("llama")
    ones = {layer.name: torch.ones(layer.rows().shape[1]) for layer in linear_layers(model)}

    with pruned(model, share, ones):
        found = (linear_layers(model)[0].rows() == 0).sum(dim=1)

    assert set(found.tolist()) == {n_zeros}


def test_an_error_inside_leaves_the_weights_as_they_were() -> None:
    model = adapted("gpt2")
    norms = activation_norms(model, tiny.items())
    before = fingerprint(model)

    with pytest.raises(KeyError), pruned(model, 0.5, norms):
        raise KeyError

    assert fingerprint(model) == before


def test_shares_and_norms_that_mean_nothing_are_refused_before_a_weight_changes() -> None:
    model = tiny.network("llama")
    norms = activation_norms(model, tiny.items())
    name = next(iter(norms))
    before = fingerprint(model)

    for share in (-0.1, 1.0, float("nan")):
        with pytest.raises(ValueError, match="outside"), pruned(model, share, norms):
            pass
    for wrong in (norms[name][:-1], norms[name] * float("nan")):
        with pytest.raises(ValueError, match="no finite activation norms"), pruned(model, 0.3, {**norms, name: wrong}):
            pass
    with pytest.raises(ValueError, match="no finite activation norms"), pruned(model, 0.3, {}):
        pass
    with pytest.raises(ValueError, match="no items"):
        activation_norms(model, [])
    assert fingerprint(model) == before


def test_a_layer_that_no_token_reaches_is_a_fault() -> None:
    model = tiny.network("llama")
    model.model.layers[0].spare = torch.nn.Linear(16, 16)

    with pytest.raises(Fault, match="1 linear layers that no token reached"):
        activation_norms(model, tiny.items())
