"""Gradient difference: ascent on the forget tokens' mean, descent on the retain tokens' mean."""

from __future__ import annotations

import pytest
import torch

from rtbf.unlearn.method import Pair, retain_nll_mean
from rtbf.unlearn.methods import gradient_difference


def _pair(weights: list[float], gamma: float = 2.0, alpha: float = 3.0) -> Pair:
    return Pair(
        forget_nll=torch.tensor([2.0, 8.0], requires_grad=True),
        forget_tokens=torch.tensor([4.0, 6.0]),
        forget_nll_reference=torch.tensor([-1e9, 1e9]),
        forget_weight=torch.tensor(weights),
        retain_nll=torch.tensor([5.0, 1.0, 6.0], requires_grad=True),
        retain_tokens=torch.tensor([10.0, 1.0, 5.0]),
        parameters={"gamma": gamma, "alpha": alpha},
    )


def test_the_loss_is_the_weighted_difference_of_means_over_tokens() -> None:
    found = gradient_difference.loss(_pair([1.0, 1.0]))

    assert found.item() == pytest.approx(3 * 12 / 16 - 2 * 10 / 10)  # α · 12/16 − γ · (2 + 8)/(4 + 6)


def test_each_token_pulls_alike() -> None:
    pair = _pair([1.0, 1.0])

    gradient_difference.loss(pair).backward()

    assert pair.forget_nll.grad is not None
    assert pair.retain_nll.grad is not None
    assert pair.forget_nll.grad.tolist() == pytest.approx([-0.2, -0.2])  # −γ / 10
    assert pair.retain_nll.grad.tolist() == pytest.approx([0.1875] * 3)  # α / 16


def test_an_item_of_weight_zero_pulls_nothing_and_the_others_as_before() -> None:
    pair = _pair([0.0, 1.0])

    gradient_difference.loss(pair).backward()

    assert pair.forget_nll.grad is not None
    assert pair.forget_nll.grad.tolist() == pytest.approx([0.0, -0.2])


def test_gamma_nought_leaves_the_retain_term_alone() -> None:
    pair = _pair([1.0, 1.0], gamma=0.0, alpha=1.0)

    found = gradient_difference.loss(pair)

    assert found.item() == pytest.approx(0.75) == retain_nll_mean(pair).item()
