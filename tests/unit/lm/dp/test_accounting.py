"""Budgets and noise, against the sheet's table, the closed form of one unsampled Gaussian, and the rules on δ and N."""

from __future__ import annotations

import math
from typing import Any

import pytest
from opacus.accountants.utils import get_noise_multiplier
from scipy import stats

from rtbf.errors import BadInput
from rtbf.lm.recipes.dp.accounting import account, noise_for, require_useful, signal_bound, subjects_needed

SHEET: dict[str, Any] = {"rate": 0.064, "steps": 390, "delta": 1e-6}


@pytest.mark.parametrize(("rate", "sigma", "prv", "rdp"), [(0.064, 1.0, 9.79, 10.65), (0.064, 2.0, 3.32, 3.57), (0.256, 4.0, 6.63, 7.08)])
def test_the_sheets_table_comes_out(rate: float, sigma: float, prv: float, rdp: float) -> None:
    """methods/dp-sgd-practice.md prints two decimals."""
    found = account(sigma=sigma, rate=rate, steps=390, delta=1e-6)

    assert found.epsilon_prv == pytest.approx(prv, abs=0.006)
    assert found.epsilon_rdp == pytest.approx(rdp, abs=0.006)


@pytest.mark.parametrize(("epsilon", "sigma"), [(8.0, 1.12), (3.0, 2.16)])
def test_the_sheets_noise_comes_out_and_keeps_the_budget(epsilon: float, sigma: float) -> None:
    found = noise_for(epsilon=epsilon, **SHEET)

    assert found.sigma == pytest.approx(sigma, abs=0.006)
    assert epsilon - 0.02 < found.epsilon_prv <= epsilon
    assert found.epsilon_rdp >= found.epsilon_prv


@pytest.mark.filterwarnings("ignore:Optimal order")
def test_the_noise_is_that_of_opacus_own_search() -> None:
    """Both stop within 0.01 of ε = 3, where ε falls by about 2 for each 1 of σ."""
    theirs = get_noise_multiplier(target_epsilon=3.0, target_delta=1e-6, sample_rate=0.064, steps=390, accountant="prv")

    assert noise_for(epsilon=3.0, **SHEET).sigma == pytest.approx(theirs, abs=0.01)


@pytest.mark.parametrize("sigma", [1.0, 2.0, 5.0])
def test_one_step_of_everybody_is_the_plain_gaussian_mechanism(sigma: float) -> None:
    """δ(ε) = Φ(1/2σ − εσ) − e^ε Φ(−1/2σ − εσ) for sensitivity 1 (Balle & Wang 2018, Theorem 8); PRV's bound lies above by ≤ 0.02."""
    found = account(sigma=sigma, rate=1.0, steps=1, delta=1e-5).epsilon_prv

    def delta_at(epsilon: float) -> float:
        half = 1 / (2 * sigma)
        return float(stats.norm.cdf(half - epsilon * sigma) - math.exp(epsilon) * stats.norm.cdf(-half - epsilon * sigma))

    assert delta_at(found) <= 1e-5 <= delta_at(found - 0.025)


def test_steps_without_sampling_are_one_step_with_less_noise() -> None:
    """T Gaussians of σ compose to one of σ/√T (Dong, Roth & Su 2019)."""
    many = account(sigma=10.0, rate=1.0, steps=100, delta=1e-5).epsilon_prv
    one = account(sigma=1.0, rate=1.0, steps=1, delta=1e-5).epsilon_prv

    assert many == pytest.approx(one, abs=0.03)


def test_the_signal_bound_is_the_ratio_of_the_two_norms() -> None:
    # 1000 subjects · 0.064 = 64 a step; 64 · √400 = 1280; noise 2 · √1e6 = 2000.
    assert signal_bound(subjects=1000, rate=0.064, steps=400, sigma=2.0, dimensions=10**6) == pytest.approx(0.64)


def test_the_number_of_subjects_needed_is_the_least_that_is_accepted() -> None:
    asked: dict[str, Any] = {"epsilon": 8.0, **SHEET, "dimensions": 10**6}

    needed = subjects_needed(**asked)

    assert needed is not None
    # σ√d / (q√T) = 1.116 · 1000 / (0.064 · 19.748) = 883, ± 1 for σ ± 0.001; δ = 1e-6 is below 1/8830.
    assert needed == pytest.approx(883, abs=1)
    assert require_useful(subjects=needed, **asked).sigma == pytest.approx(1.116, abs=0.002)
    with pytest.raises(BadInput, match=f"at least {needed} subjects") as refused:
        require_useful(subjects=needed - 1, **asked)
    assert "rank" in refused.value.remedy


def test_a_delta_that_more_subjects_forbid_raises_the_number_needed() -> None:
    """With 50 subjects δ = 0.002 is permitted, with those needed it is not: less δ, more noise, more subjects."""
    asked: dict[str, Any] = {"epsilon": 8.0, "rate": 0.064, "steps": 390}
    # σ√d / (q√T) with √d = 1000.
    by_noise = 1000 / (0.064 * math.sqrt(390))

    needed = subjects_needed(delta=0.002, **asked, dimensions=10**6)

    assert needed is not None
    assert needed > noise_for(delta=0.002, **asked).sigma * by_noise + 1
    assert needed >= noise_for(delta=1 / (10 * needed), **asked).sigma * by_noise
    assert needed - 1 < noise_for(delta=1 / (10 * (needed - 1)), **asked).sigma * by_noise


def test_a_delta_above_a_tenth_of_one_subject_is_refused() -> None:
    asked: dict[str, Any] = {"epsilon": 8.0, "rate": 0.064, "steps": 390, "dimensions": 4}

    assert require_useful(subjects=1000, delta=1e-4, **asked).sigma > 0
    with pytest.raises(BadInput, match=r"1/\(10·N\)"):
        require_useful(subjects=1001, delta=1e-4, **asked)


@pytest.mark.parametrize("epsilon", [0.0, -1.0, 20.5, math.inf, math.nan])
def test_an_epsilon_that_bounds_nothing_is_refused(epsilon: float) -> None:
    with pytest.raises(BadInput, match="epsilon"):
        noise_for(epsilon=epsilon, **SHEET)


def test_no_subject_and_no_noise_are_refused() -> None:
    with pytest.raises(BadInput, match="no subject"):
        require_useful(subjects=0, epsilon=8.0, **SHEET, dimensions=4)
    for sigma in (0.0, math.inf, math.nan):
        with pytest.raises(BadInput, match="sigma"):
            account(sigma=sigma, **SHEET)


@pytest.mark.parametrize("change", [{"rate": 0.0}, {"rate": 1.1}, {"steps": 0}, {"delta": 0.0}, {"delta": 1.0}])
def test_numbers_that_are_no_mechanism_are_refused(change: dict[str, Any]) -> None:
    with pytest.raises(BadInput, match="rate"):
        account(sigma=1.0, **{**SHEET, **change})
