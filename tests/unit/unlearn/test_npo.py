"""NPO against its paper: value and gradient from a plain float64 reference, its limits, and the parameters it proposes."""

from __future__ import annotations

import math
import random

import pytest
import torch

from rtbf.plan.card import method_card, parse_parameters
from rtbf.unlearn.method import Pair
from rtbf.unlearn.methods import npo

LN_2 = 0.6931471805599453


def _pair(
    rises: list[float],
    *,
    beta: float = 0.1,
    gamma: float = 1.0,
    alpha: float = 0.0,
    weights: list[float] | None = None,
    retain: list[float] | None = None,
    retain_tokens: list[float] | None = None,
    reference: float = 12.0,
) -> Pair:
    """Return a pair whose forget items have risen by `rises` nats above the reference, in float64."""
    return Pair(
        forget_nll=torch.tensor([reference + rise for rise in rises], dtype=torch.float64, requires_grad=True),
        forget_tokens=torch.full((len(rises),), 7.0, dtype=torch.float64),
        forget_nll_reference=torch.full((len(rises),), reference, dtype=torch.float64),
        forget_weight=torch.tensor(weights or [1.0] * len(rises), dtype=torch.float64),
        retain_nll=torch.tensor(retain or [3.0], dtype=torch.float64, requires_grad=True),
        retain_tokens=torch.tensor(retain_tokens or [4.0], dtype=torch.float64),
        parameters={"beta": beta, "gamma": gamma, "alpha": alpha},
    )


def _reference(rises: list[float], beta: float) -> float:
    """Return −(2/β) · mean log σ(β·d), equation 3, one plain number at a time."""
    return -(2 / beta) * math.fsum(math.log(1 / (1 + math.exp(-beta * rise))) for rise in rises) / len(rises)


@pytest.mark.parametrize("seed", range(5))
def test_the_loss_is_equation_3_plus_the_mean_retain_loss(seed: int) -> None:
    rng = random.Random(f"npo:{seed}")
    rises = [rng.uniform(-30, 90) for _ in range(6)]
    retain, tokens = [rng.uniform(1, 40) for _ in range(5)], [float(rng.randint(1, 30)) for _ in range(5)]
    beta, gamma, alpha = rng.uniform(0.01, 2), rng.uniform(0.1, 3), rng.uniform(0.1, 30)

    found = npo.loss(_pair(rises, beta=beta, gamma=gamma, alpha=alpha, retain=retain, retain_tokens=tokens))

    assert found.shape == ()
    assert found.item() == pytest.approx(gamma * _reference(rises, beta) + alpha * sum(retain) / sum(tokens), rel=1e-12)


@pytest.mark.parametrize("beta", [0.01, 0.1, 1.0])
def test_where_nothing_has_moved_the_forget_term_is_two_ln_two_over_beta(beta: float) -> None:
    found = npo.loss(_pair([0.0, 0.0, 0.0], beta=beta))

    assert found.item() == pytest.approx(2 / beta * LN_2, rel=1e-12)


@pytest.mark.parametrize(
    ("log_ratio", "weight"),
    [(0.0, 1.0), (-5.0, 0.7551), (-20.0, 0.2384), (-50.0, 0.0134)],  # w = 2 r^β / (1 + r^β), methods/npo.md: 1.0, 0.76, 0.24, 0.013
)
def test_the_gradient_is_that_of_ascent_times_the_fading_weight(log_ratio: float, weight: float) -> None:
    pair = _pair([-log_ratio], beta=0.1)

    npo.loss(pair).backward()

    assert pair.forget_nll.grad is not None
    assert pair.forget_nll.grad.item() == pytest.approx(-weight, abs=5e-5)


def test_each_item_pulls_by_its_own_weight_and_the_batch_is_a_mean() -> None:
    pair = _pair([0.0, 20.0, 50.0, -5.0], beta=0.1)

    npo.loss(pair).backward()

    expected = [-2 / (1 + math.exp(0.1 * rise)) / 4 for rise in (0.0, 20.0, 50.0, -5.0)]
    assert pair.forget_nll.grad is not None
    assert pair.forget_nll.grad.tolist() == pytest.approx(expected, rel=1e-12)


def test_as_beta_goes_to_nothing_npo_becomes_gradient_ascent() -> None:
    pair = _pair([0.0, 5.0, 20.0, 50.0], beta=1e-9)

    npo.loss(pair).backward()

    assert pair.forget_nll.grad is not None
    assert pair.forget_nll.grad.tolist() == pytest.approx([-0.25] * 4, rel=1e-6)


def test_an_item_of_weight_zero_pulls_nothing_and_the_others_as_before() -> None:
    held, free = _pair([0.0, 20.0], weights=[0.0, 1.0]), _pair([0.0, 20.0])

    npo.loss(held).backward()
    npo.loss(free).backward()

    assert held.forget_nll.grad is not None
    assert free.forget_nll.grad is not None
    assert held.forget_nll.grad[0].item() == 0.0
    assert held.forget_nll.grad[1].item() == free.forget_nll.grad[1].item() != 0.0


def test_the_loss_stays_finite_however_far_an_item_has_gone() -> None:
    pair = _pair([1e6, -1e6], beta=0.5)

    loss = npo.loss(pair)
    loss.backward()

    assert math.isfinite(loss.item())
    assert pair.forget_nll.grad is not None
    assert pair.forget_nll.grad.tolist() == pytest.approx([0.0, -1.0])  # w → 0 and w → 2, over a batch of two


def test_the_reference_is_a_constant() -> None:
    pair = _pair([3.0])
    pair.forget_nll_reference.requires_grad_()

    npo.loss(pair).backward()

    assert pair.forget_nll.grad is not None
    assert pair.forget_nll.grad.item() < 0


@pytest.mark.parametrize("drop", [None, -50.0, 0.0, 1e-9, 0.4, 15.0, 200.0, 1e9])
@pytest.mark.parametrize("tokens", [1.0, 14.6, 99.0, 5_000.0])
@pytest.mark.parametrize("parameters", [1_000, 99_999_999, 100_000_000, 10**12])
def test_what_is_proposed_lies_within_the_card(drop: float | None, tokens: float, parameters: int) -> None:
    proposed = npo.propose(sequence_drop_nats=drop, answer_tokens=tokens, model_parameters=parameters)

    parsed = dict(parse_parameters(method_card("npo"), proposed))

    assert set(parsed) == {"beta", "gamma", "alpha", "learning_rate"}
    assert ("beta" in proposed) == (drop is not None and drop > 0)
    assert parsed["gamma"] == "1"


def test_the_proposed_beta_lets_the_pull_fade_at_the_level_of_the_control() -> None:
    proposed = npo.propose(sequence_drop_nats=30.0, answer_tokens=14.6, model_parameters=600_000)

    beta = float(proposed["beta"])
    assert beta == pytest.approx(0.25)  # 7.5 / 30
    assert 2 / (1 + math.exp(beta * 30)) < 0.0015
    assert proposed["alpha"] == "15"
    assert proposed["learning_rate"] == "0.0003"
