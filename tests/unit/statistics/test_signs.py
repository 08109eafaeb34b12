"""The sign-flip test, against full enumeration and under no effect."""

from __future__ import annotations

import itertools
import math
import random

import numpy as np
import pytest
import scipy.stats

from rtbf.statistics.signs import sign_flip_attainable, sign_flip_p


def _enumerated(values: list[float], side: str) -> float:
    """Return the share of all 2^n sign patterns whose mean is at least (at most) the observed one."""
    observed = math.fsum(values)
    sums = [
        math.fsum(sign * value for sign, value in zip(signs, values, strict=True))
        for signs in itertools.product((1, -1), repeat=len(values))
    ]
    # Equal up to rounding counts as equal: the observed arrangement is always one of them.
    slack = 1e-9 * (1 + math.fsum(abs(value) for value in values))
    extreme = sum(1 for total in sums if (total >= observed - slack if side == "greater" else total <= observed + slack))
    return extreme / len(sums)


@pytest.mark.parametrize("side", ["greater", "less"])
@pytest.mark.parametrize("n", range(1, 11))
def test_sign_flip_p_is_the_share_of_all_sign_patterns(n: int, side: str) -> None:
    rng = random.Random(f"flips:{n}")
    values = [rng.gauss(0.4, 1.0) for _ in range(n)]

    found = sign_flip_p(values, side=side, seed=1)  # type: ignore[arg-type]

    assert found == pytest.approx(_enumerated(values, side), abs=1e-12)


def test_ties_and_zeros_count_as_at_least_as_extreme() -> None:
    values = [0.0, 0.5, 0.5, -0.5, 0.25]

    found = sign_flip_p(values, side="greater", seed=1)

    assert found == pytest.approx(_enumerated(values, "greater"), abs=1e-12)
    assert sign_flip_p([0.0, 0.0, 0.0], side="greater", seed=1) == 1.0


@pytest.mark.parametrize(("n", "smallest"), [(1, 0.5), (5, 0.03125), (7, 0.0078125), (10, 0.0009765625)])
def test_all_positive_records_give_the_smallest_attainable_p(n: int, smallest: float) -> None:
    values = [1.0 + place for place in range(n)]

    found = sign_flip_p(values, side="greater", seed=1)

    assert found == pytest.approx(smallest)
    assert sign_flip_attainable(n) == smallest
    assert sign_flip_p(values, side="less", seed=1) == 1.0


@pytest.mark.parametrize("n", [40, 200])
def test_many_records_are_drawn_and_p_is_never_nought(n: int) -> None:
    values = [1.0 + place / n for place in range(n)]

    found = sign_flip_p(values, side="greater", seed=1)

    assert found == pytest.approx(sign_flip_attainable(n))
    assert sign_flip_attainable(n) == 1 / 100_000
    assert found is not None
    assert found > 0


def test_the_same_seed_draws_the_same_p() -> None:
    rng = random.Random("drawn")
    values = [rng.gauss(0.2, 1.0) for _ in range(40)]

    assert sign_flip_p(values, side="greater", seed=5) == sign_flip_p(values, side="greater", seed=5)


def test_under_no_effect_small_p_values_are_rare() -> None:
    """A one-sided test at 5 %, exact for n = 8: at most 5 % of null samples may be called significant."""
    rng = random.Random("null")

    alarms = sum((sign_flip_p([rng.gauss(0, 1) for _ in range(8)], side="greater", seed=1) or 0) <= 0.05 for _ in range(400))

    assert alarms <= 34  # 20 expected, standard deviation 4.4


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_value_that_is_not_finite_has_no_p(bad: float) -> None:
    assert sign_flip_p([0.1, 0.2, bad, 0.4], side="greater", seed=1) is None


def test_no_value_has_no_p() -> None:
    assert sign_flip_p([], side="less", seed=1) is None


@pytest.mark.parametrize("n", [2, 8, 16, 17, 30])
def test_both_sides_come_from_one_set_of_signs_and_are_scipys_own(n: int) -> None:
    values = [math.sin(7 * place) + 0.2 for place in range(n)]

    for side in ("greater", "less"):
        alone = scipy.stats.permutation_test(
            (np.asarray(values),), np.mean, permutation_type="samples", n_resamples=99_999, alternative=side, batch=10_000,
            vectorized=True, rng=np.random.default_rng(5),
        ).pvalue  # fmt: skip
        assert sign_flip_p(values, side=side, seed=5) == float(alone)
