"""Intervals and exact tests, against full enumeration, tables and simulated coverage."""

from __future__ import annotations

import itertools
import math
import random

import pytest

from rtbf.statistics import intervals
from rtbf.statistics.intervals import mean_interval, record_means
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
def test_a_value_that_is_not_finite_has_no_p_and_no_interval(bad: float) -> None:
    values = [0.1, 0.2, bad, 0.4]

    assert sign_flip_p(values, side="greater", seed=1) is None
    assert mean_interval(values, level=0.90, seed=1) is None


def test_no_value_has_no_p_and_fewer_than_two_no_interval() -> None:
    assert sign_flip_p([], side="less", seed=1) is None
    assert mean_interval([], level=0.90, seed=1) is None
    assert mean_interval([0.3], level=0.90, seed=1) is None


@pytest.mark.parametrize(
    ("values", "half"),
    [
        ([1.0, 3.0], 6.313752 * 1.0),  # t(0.95, 1) · s/√2, s = √2
        ([1.0, 2.0, 3.0, 4.0, 5.0], 2.131847 * math.sqrt(2.5 / 5)),  # t(0.95, 4) = 2.131847, s² = 2.5
        ([2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0], 1.894579 * math.sqrt(32 / 7 / 8)),  # t(0.95, 7) = 1.894579, s² = 32/7
    ],
)
def test_below_ten_records_the_interval_is_students(values: list[float], half: float) -> None:
    found = mean_interval(values, level=0.90, seed=1)

    assert found is not None
    mean = sum(values) / len(values)
    assert (found.mean, found.n, found.level) == (pytest.approx(mean), len(values), 0.90)
    assert found.low == pytest.approx(mean - half, abs=1e-5)
    assert found.high == pytest.approx(mean + half, abs=1e-5)


@pytest.mark.parametrize("count", [2, 9, 10, 30])
def test_values_that_are_all_equal_give_an_interval_of_no_width(count: int) -> None:
    found = mean_interval([0.1] * count, level=0.90, seed=1)

    assert found is not None
    assert found.low == found.high == found.mean == pytest.approx(0.1)


def test_from_ten_records_on_the_interval_is_bootstrapped_and_seeded() -> None:
    rng = random.Random("skew")
    values = [rng.expovariate(1.0) for _ in range(30)]

    first, again, other = (mean_interval(values, level=0.90, seed=seed) for seed in (1, 1, 2))

    assert first == again
    assert first is not None
    assert other is not None
    assert first != other
    assert other.low == pytest.approx(first.low, abs=0.02)
    assert first.high - first.mean > first.mean - first.low  # right-skewed data: BCa leans to the right


@pytest.mark.parametrize("n", [5, 10, 20])
def test_a_ninety_per_cent_interval_holds_the_truth_about_as_often_as_it_says(monkeypatch: pytest.MonkeyPatch, n: int) -> None:
    """A plain BCa bootstrap holds it 87 % of the time at n = 20 and 85 % at n = 10: too seldom for evidence."""
    monkeypatch.setattr(intervals, "BOOTSTRAP_DRAWS", 999)  # the law is about coverage, not about the last digit
    rng = random.Random(f"coverage:{n}")

    held = 0
    for trial in range(400):
        interval = mean_interval([rng.gauss(0.3, 1.0) for _ in range(n)], level=0.90, seed=trial)
        assert interval is not None
        held += interval.low <= 0.3 <= interval.high

    assert 348 <= held <= 372  # 360 expected, standard deviation 6; 87 % to 93 %


def test_equal_values_that_differ_in_their_last_bits_are_equal() -> None:
    """0.3 − 0.1 and 0.4 − 0.2 differ by 3e-17; a bootstrap of such a sample divides by nothing."""
    values = [0.3 - 0.1, 0.4 - 0.2, 0.2 - 0.0] * 5

    found = mean_interval(values, level=0.90, seed=1)

    assert len(set(values)) > 1
    assert found is not None
    assert (found.low, found.high) == (pytest.approx(0.2), pytest.approx(0.2))


def test_a_wider_level_gives_a_wider_interval() -> None:
    rng = random.Random("level")
    values = [rng.gauss(0, 1) for _ in range(20)]

    narrow, wide = mean_interval(values, level=0.80, seed=1), mean_interval(values, level=0.99, seed=1)

    assert narrow is not None
    assert wide is not None
    assert wide.low < narrow.low < narrow.high < wide.high


def test_items_of_one_record_are_averaged_before_records_are() -> None:
    assert record_means({"b": [1.0, 2.0, 6.0], "a": [5.0]}) == [3.0, 5.0]
    assert record_means({}) == []
