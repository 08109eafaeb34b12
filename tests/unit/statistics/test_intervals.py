"""Intervals of a mean, against tables and simulated coverage."""

from __future__ import annotations

import math
import random

import pytest

from rtbf.statistics import intervals
from rtbf.statistics.intervals import mean_interval, record_means


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_value_that_is_not_finite_has_no_interval(bad: float) -> None:
    values = [0.1, 0.2, bad, 0.4]

    assert mean_interval(values, level=0.90, seed=1) is None


def test_fewer_than_two_values_have_no_interval() -> None:
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
    assert (found.mean, found.n, found.level) == pytest.approx((mean, len(values), 0.90))
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
    assert (found.low, found.high) == pytest.approx((0.2, 0.2))


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
