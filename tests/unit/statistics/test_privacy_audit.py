"""The one-run audit: closed forms, the sheet's table, and exact calibration over all outcomes of trainings that are as private as said."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from scipy import stats

from rtbf.statistics.privacy_audit import best_refutable, one_run_p, refuted_epsilon


@pytest.mark.parametrize("epsilon", [0.0, 0.5, 2.0])
def test_without_delta_the_p_is_a_binomial_tail(epsilon: float) -> None:
    q = math.exp(epsilon) / (1 + math.exp(epsilon))
    tail = sum(math.comb(40, k) * q**k * (1 - q) ** (40 - k) for k in range(29, 41))

    assert one_run_p(canaries=50, guesses=40, right=29, epsilon=epsilon, delta=0.0) == pytest.approx(tail, rel=1e-9)


def test_the_delta_term_is_the_theorems() -> None:
    """Plainly over every i from 1 to m = 12, at v = 7 of r = 9."""
    q = math.e / (1 + math.e)
    pmf = [math.comb(9, k) * q**k * (1 - q) ** (9 - k) for k in range(10)]
    most = max(sum(pmf[max(0, 7 - i) : 7]) / i for i in range(1, 13))

    found = one_run_p(canaries=12, guesses=9, right=7, epsilon=1.0, delta=0.003)

    assert found == pytest.approx(sum(pmf[7:]) + 2 * 12 * 0.003 * most, rel=1e-9)


def test_the_papers_example_comes_out() -> None:
    """Appendix D prints 0.673 for 75 right of 100 guesses about 1000 canaries at δ = 1e-4."""
    assert refuted_epsilon(canaries=1000, guesses=100, right=75, delta=1e-4) == pytest.approx(0.673, abs=0.0005)


@pytest.mark.parametrize(
    ("guesses", "epsilon", "least_right"), [(100, 1.0, 81), (100, 2.0, 94), (100, 4.0, None), (200, 4.0, 200), (200, 8.0, None)]
)
def test_the_sheets_power_table_comes_out(guesses: int, epsilon: float, least_right: int | None) -> None:
    """verification/09_statistics.md: the fewest right guesses that refute ε."""
    refuting = [
        right
        for right in range(guesses + 1)
        if (found := refuted_epsilon(canaries=guesses, guesses=guesses, right=right, delta=0.0)) is not None and found >= epsilon
    ]

    assert min(refuting, default=None) == least_right


@pytest.mark.parametrize("guesses", [5, 50, 100, 200, 1000])
def test_the_best_refutable_epsilon_has_a_closed_form(guesses: int) -> None:
    """All right: q^r = .05, ε = ln(q / (1 − q))."""
    q = 0.05 ** (1 / guesses)

    assert best_refutable(canaries=guesses, guesses=guesses, delta=0.0) == pytest.approx(math.log(q / (1 - q)), abs=1e-6)


def test_four_guesses_refute_nothing() -> None:
    # 2⁻⁴ = .0625 is not below .05, 2⁻⁵ is.
    assert best_refutable(canaries=4, guesses=4, delta=0.0) is None
    assert best_refutable(canaries=5, guesses=5, delta=0.0) is not None


@pytest.mark.parametrize("epsilon", [0.0, 0.3, 1.0, 2.0, 3.0])
@pytest.mark.parametrize("guesses", [5, 30, 120])
def test_randomised_response_is_called_worse_than_it_is_in_at_most_a_twentieth(guesses: int, epsilon: float) -> None:
    """Exact over all outcomes of the least private ε-private answer there is."""
    q = 1 / (1 + math.exp(-epsilon))
    wrong = sum(
        float(stats.binom.pmf(right, guesses, q))
        for right in range(guesses + 1)
        if (found := refuted_epsilon(canaries=guesses, guesses=guesses, right=right, delta=0.0)) is not None and found >= epsilon
    )

    assert wrong <= 0.05


@pytest.mark.parametrize("delta", [1e-4, 0.01, 0.04])
def test_a_training_that_publishes_everything_with_probability_delta_is_called_worse_in_at_most_a_twentieth(delta: float) -> None:
    """Randomised response, but with probability δ all canaries lie open: (1, δ)-private. Without the δ term .04 is too often."""
    q, guesses = 1 / (1 + math.exp(-1)), 40

    def called_worse(at_delta: float) -> float:
        chance = 0.0
        for right in range(guesses + 1):
            found = refuted_epsilon(canaries=guesses, guesses=guesses, right=right, delta=at_delta)
            if found is not None and found >= 1.0:
                chance += (1 - delta) * float(stats.binom.pmf(right, guesses, q)) + delta * (right == guesses)
        return chance

    assert called_worse(delta) <= 0.05
    assert called_worse(0.0) > 0.05 or delta < 0.04


def test_more_right_guesses_refute_more_and_more_delta_less() -> None:
    by_right = [refuted_epsilon(canaries=100, guesses=100, right=right, delta=1e-5) or 0.0 for right in range(60, 101)]
    by_delta = [refuted_epsilon(canaries=100, guesses=100, right=95, delta=delta) or 0.0 for delta in (0.0, 1e-5, 1e-3, 1e-2)]

    assert all(one <= other for one, other in pairwise(by_right))
    assert by_right[-1] > by_right[0]
    assert all(one >= other for one, other in pairwise(by_delta))


@pytest.mark.parametrize(
    "change", [{"right": 11}, {"right": -1}, {"guesses": 21}, {"epsilon": -0.1}, {"epsilon": math.nan}, {"delta": 1.0}, {"delta": -0.1}]
)
def test_counts_that_do_not_fit_are_refused(change: dict[str, float]) -> None:
    fitting: dict[str, float] = {"canaries": 20, "guesses": 10, "right": 5, "epsilon": 1.0, "delta": 0.0}

    with pytest.raises(ValueError, match="canaries"):
        one_run_p(**{**fitting, **change})  # type: ignore[arg-type]
