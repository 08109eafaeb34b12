"""Quantised states: the codes are those of a plain reference, a second pass changes nothing, nothing stays behind."""

from __future__ import annotations

from typing import Any, get_args

import numpy as np
import pytest
import torch
from scipy.stats import norm

from rtbf.lm.states.adapter import adapter_off, merged_copy
from rtbf.lm.states.quantise import NF4_LEVELS, Kind, quantised, quantised_rows
from rtbf.lm.states.weights import linear_layers
from tests import tiny
from tests.unit.lm.states.bits import adapted, fingerprint, furthest, log_probs

each_family = pytest.mark.parametrize("family", tiny.FAMILIES)
each_kind = pytest.mark.parametrize("kind", get_args(Kind))

REFERENCE_LEVELS = (
    *(-1.0, -0.6962, -0.5251, -0.3949, -0.2844, -0.1848, -0.0911),
    *(0.0, 0.0796, 0.1609, 0.2461, 0.3379, 0.4407, 0.5626, 0.7230, 1.0),
)
"""As the paper's appendix E prints them, to four digits."""


def _int8_by_hand(rows: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    made = np.zeros_like(rows, dtype=np.float64)
    for place, row in enumerate(rows.astype(np.float64)):
        top = np.abs(row).max()
        if top > 0:
            made[place] = np.rint(row / top * 127) / 127 * top
    return made


def _nf4_codes_by_hand(rows: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return the nearest of the sixteen levels for each weight, block by block along the rows."""
    flat = rows.astype(np.float64).ravel()
    blocks = np.split(flat, range(64, len(flat), 64))
    return np.concatenate([np.abs(block[:, None] / (np.abs(block).max() or 1.0) - NF4_LEVELS).argmin(axis=1) for block in blocks])


def _nf4_by_hand(rows: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    flat = rows.astype(np.float64).ravel()
    levels = np.array(NF4_LEVELS)[_nf4_codes_by_hand(rows)]
    tops = np.concatenate([np.full(len(block), np.abs(block).max()) for block in np.split(flat, range(64, len(flat), 64))])
    made: np.ndarray[Any, Any] = (levels * tops).reshape(rows.shape)
    return made


BY_HAND = {"int8": _int8_by_hand, "nf4": _nf4_by_hand}


def test_the_sixteen_levels_are_quantiles_of_a_normal_distribution() -> None:
    """QLoRA, section 3 and appendix E.

    Eight quantiles above zero and seven below, evenly spaced in probability between ½ and 1 − (1/30 + 1/32)/2, a zero
    between them, all divided by the greatest.
    """
    end = 1 - (1 / 30 + 1 / 32) / 2
    above = norm.ppf(np.linspace(0.5, end, 9)[1:])
    below = -norm.ppf(np.linspace(0.5, end, 8)[1:])

    expected = np.sort(np.concatenate([below, [0.0], above])) / norm.ppf(end)

    assert np.array(NF4_LEVELS) == pytest.approx(expected, abs=1e-4)
    assert np.array(NF4_LEVELS) == pytest.approx(REFERENCE_LEVELS, abs=1e-4)


def test_int8_of_a_row_by_hand() -> None:
    rows = torch.tensor([[1.27, -0.4049, 0.004, 0.0], [0.0, 0.0, 0.0, 0.0]])

    found = quantised_rows(rows, "int8")

    # The scale is 0.01: codes 127, −40, 0, 0. A row of zeros has no scale.
    assert found.tolist() == [pytest.approx([1.27, -0.40, 0.0, 0.0], abs=1e-6), [0.0, 0.0, 0.0, 0.0]]


def test_nf4_of_a_block_by_hand() -> None:
    rows = torch.tensor([[2.0, -2.0, 1.0, 0.1, -0.05, 0.0]])

    found = quantised_rows(rows, "nf4")

    # Halves: 1, −1, 0.5 (nearest 0.4407), 0.05 (nearest 0.0796), −0.025 (nearest 0), 0.
    assert found[0].tolist() == pytest.approx([2.0, -2.0, 0.88142, 0.15916, 0.0, 0.0], abs=1e-5)


@each_kind
@pytest.mark.parametrize("shape", [(3, 64), (5, 48), (7, 13), (1, 1), (2, 200)])
def test_a_weight_becomes_what_a_plain_reference_makes_of_it(kind: Kind, shape: tuple[int, int]) -> None:
    rows = torch.randn(shape, generator=torch.Generator().manual_seed(4))
    rows[0] = 0.0 if shape[0] > 1 else rows[0]

    found = quantised_rows(rows, kind)

    np.testing.assert_allclose(found.numpy(), BY_HAND[kind](rows.numpy()), rtol=0, atol=1e-5)
    assert found.shape == rows.shape


@each_kind
@each_family
def test_every_linear_weight_is_quantised_and_nothing_else_and_all_is_put_back(family: str, kind: Kind) -> None:
    model = tiny.network(family)
    before, plain = fingerprint(model), log_probs(model)
    own = {layer.name: layer.rows().clone() for layer in linear_layers(model)}
    others = {name: tensor.clone() for name, tensor in model.state_dict().items() if name.removesuffix(".weight") not in own}

    with quantised(model, kind):
        inside = log_probs(model)
        made = {layer.name: layer.rows().clone() for layer in linear_layers(model)}
        kept = {name: tensor.clone() for name, tensor in model.state_dict().items() if name in others}

    for name, rows in own.items():
        np.testing.assert_allclose(made[name].numpy(), BY_HAND[kind](rows.numpy()), rtol=0, atol=1e-4)
    assert {"embed", "wte"} & {part for name in others for part in name.replace("_", ".").split(".")}
    assert all(torch.equal(kept[name], others[name]) for name in others)
    assert furthest(inside, plain) > 1e-4
    assert fingerprint(model) == before
    assert log_probs(model) == plain


@each_kind
@each_family
def test_quantising_what_is_quantised_changes_no_bit(family: str, kind: Kind) -> None:
    model = tiny.network(family)

    with quantised(model, kind):
        once = fingerprint(model)
        with quantised(model, kind):
            twice = fingerprint(model)

    assert twice == once


@each_kind
@each_family
def test_under_an_adapter_the_base_is_quantised_and_the_adapter_kept(family: str, kind: Kind) -> None:
    model = adapted(family)
    before, served = fingerprint(model), log_probs(model)
    base = tiny.network(family)
    with quantised(base, kind):
        expected_base = log_probs(base)
    own = {name: tensor.clone() for name, tensor in model.named_parameters() if "lora_" in name}

    with quantised(model, kind):
        inside = log_probs(model)
        with adapter_off(model):
            found_base = log_probs(model)
        kept = {name: tensor.clone() for name, tensor in model.named_parameters() if "lora_" in name}

    assert found_base == expected_base
    assert furthest(inside, served) > 1e-4
    assert furthest(inside, found_base) > 1e-2
    assert all(torch.equal(kept[name], own[name]) for name in own)
    assert fingerprint(model) == before


@each_kind
def test_a_merged_copy_is_quantised_as_any_plain_model(kind: Kind) -> None:
    plain = merged_copy(adapted(), torch.bfloat16)
    before = fingerprint(plain)

    with quantised(plain, kind):
        merged_then = log_probs(plain)
    model = adapted()
    with quantised(model, kind):
        base_then = log_probs(model)

    assert fingerprint(plain) == before
    assert furthest(merged_then, base_then) > 1e-4  # quantising base + adapter is not adapter over quantised base


@each_kind
def test_an_error_inside_leaves_the_weights_as_they_were(kind: Kind) -> None:
    model = adapted("gpt2")
    before = fingerprint(model)

    with pytest.raises(KeyError), quantised(model, kind):
        raise KeyError

    assert fingerprint(model) == before


def test_an_unknown_kind_is_refused_before_anything_changes() -> None:
    model = tiny.network("llama")

    with pytest.raises(ValueError, match="int3"), quantised(model, "int3"):  # type: ignore[arg-type]
        pass
