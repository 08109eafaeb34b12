"""Equivalence tests and their power, against intervals, simulation and the table of sheet 9.4."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest
from scipy import stats

from rtbf.statistics.curves import auc
from rtbf.statistics.equivalence import auc_records_needed, power_of_equivalence, records_needed, tost_p
from rtbf.statistics.intervals import mean_interval


def test_a_p_of_five_per_cent_is_a_ninety_per_cent_interval_within_the_margin() -> None:
    rng = random.Random("tost")
    inside = 0
    for _ in range(200):
        values = [rng.gauss(0.1, 0.5) for _ in range(rng.randint(2, 9))]  # below ten records the interval is Student's
        interval = mean_interval(values, level=0.90, seed=1)
        assert interval is not None
        for side, is_inside in (
            ("below", interval.high < 0.5),
            ("above", interval.low > -0.5),
            ("both", interval.high < 0.5 and interval.low > -0.5),
        ):
            p = tost_p(values, 0.5, side)  # type: ignore[arg-type]
            assert p is not None
            assert (p < 0.05) == is_inside
            inside += is_inside
    assert 100 < inside < 500


def test_each_side_is_scipys_one_sample_test_against_its_margin() -> None:
    values = [0.1, -0.3, 0.25, 0.05, 0.4, -0.1]

    below = stats.ttest_1samp(values, 0.3, alternative="less").pvalue
    above = stats.ttest_1samp(values, -0.3, alternative="greater").pvalue

    assert tost_p(values, 0.3, "below") == pytest.approx(below)
    assert tost_p(values, 0.3, "above") == pytest.approx(above)
    assert tost_p(values, 0.3, "both") == pytest.approx(max(below, above))


@pytest.mark.parametrize("mean", [0.5, -0.5])
def test_at_the_margin_equivalence_is_shown_as_seldom_as_it_says(mean: float) -> None:
    """The true mean is at the margin: at most 5 % may pass, and with 20 records nearly that many do."""
    rng = np.random.default_rng(7)
    trials = 2000

    shown = sum((tost_p(list(sample), 0.5, "both") or 0) <= 0.05 for sample in rng.normal(mean, 0.5, (trials, 20)))

    assert 0.03 <= shown / trials <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / trials)


@pytest.mark.parametrize(("value", "p"), [(0.1, 0.0), (0.5, 1.0), (0.7, 1.0), (-0.5, 1.0), (-0.1, 0.0)])
def test_values_without_spread_are_within_the_margin_or_not(value: float, p: float) -> None:
    assert tost_p([value] * 6, 0.5, "both") == p


@pytest.mark.parametrize(
    ("values", "margin"), [([], 0.1), ([0.1], 0.1), ([0.1, math.nan], 0.1), ([0.1, math.inf], 0.1), ([0.1, 0.2], math.nan)]
)
def test_too_few_values_or_one_that_is_not_finite_have_no_p(values: list[float], margin: float) -> None:
    assert tost_p(values, margin, "both") is None


def test_a_negative_margin_is_refused() -> None:
    with pytest.raises(ValueError, match="negative margin"):
        tost_p([0.1, 0.2], -0.1, "both")


@pytest.mark.parametrize(("n", "margin", "shift"), [(2, 3.0, 0.0), (5, 1.5, 0.3), (15, 0.8, 0.0), (36, 0.5, 0.2), (36, 0.2, 0.0)])
def test_power_is_what_simulated_records_give(n: int, margin: float, shift: float) -> None:
    """s² is drawn from its χ² and the mean from its normal: the same as drawing n records, and faster."""
    rng = np.random.default_rng(n)
    trials = 200_000
    means = rng.normal(shift, 1 / math.sqrt(n), trials)
    half = stats.t.isf(0.05, n - 1) * np.sqrt(rng.chisquare(n - 1, trials) / (n - 1) / n)

    share = float(np.mean((means + half < margin) & (means - half > -margin)))

    found = power_of_equivalence(n, 1.0, margin, shift=shift)
    assert found is not None
    assert found == pytest.approx(share, abs=4 * math.sqrt(max(share * (1 - share), 1e-5) / trials))


def test_power_at_the_margin_is_the_level_and_depends_on_spread_and_margin_by_their_ratio_only() -> None:
    assert power_of_equivalence(50, 0.5, 0.5, shift=0.5) == pytest.approx(0.05, abs=1e-6)
    assert power_of_equivalence(12, 0.3, 0.2) == pytest.approx(power_of_equivalence(12, 3.0, 2.0))
    assert power_of_equivalence(3, 1.0, 0.01) == pytest.approx(0.0, abs=1e-6)
    assert power_of_equivalence(400, 1.0, 1.0) == pytest.approx(1.0)


@pytest.mark.parametrize(("margin", "n"), [(0.2, 216), (0.3, 97), (0.5, 36), (0.8, 15), (1.0, 11)])
def test_the_records_needed_are_those_of_the_sheet(margin: float, n: int) -> None:
    """Sheet 9.4 prints 16 for 0.8: by the exact power 15 suffice with 80.6 %, which a million simulated samples confirm."""
    assert records_needed(1.0, margin) == n
    assert records_needed(2.5, 2.5 * margin) == n
    enough, one_less = power_of_equivalence(n, 1.0, margin), power_of_equivalence(n - 1, 1.0, margin)
    assert enough is not None
    assert one_less is not None
    assert one_less < 0.8 <= enough


@pytest.mark.parametrize(("margin", "n"), [(0.05, 286), (0.10, 72), (0.15, 32), (0.20, 18)])
def test_the_members_needed_for_an_auc_are_those_of_the_sheet(margin: float, n: int) -> None:
    assert auc_records_needed(margin) == n
    assert auc_records_needed(margin, holdout=10**9) == n


def test_a_small_holdout_needs_more_members_or_is_out_of_reach() -> None:
    with_500 = auc_records_needed(0.10, holdout=500)

    assert with_500 is not None
    assert 72 < with_500 < 100
    assert auc_records_needed(0.05, holdout=50) is None


def test_the_members_needed_do_show_equivalence_eight_times_in_ten() -> None:
    """Members and 2 000 others of one kind; an interval from the null variance lies within 0.5 ± 0.1 in 80 % of draws."""
    rng = np.random.default_rng(12)
    n, m = auc_records_needed(0.10, holdout=2000) or 0, 2000
    half = float(stats.norm.isf(0.05)) * math.sqrt((n + m + 1) / (12 * n * m))
    shown = 0
    for _ in range(1500):
        found = auc(list(rng.normal(size=n)), list(rng.normal(size=m)))
        assert found is not None
        shown += abs(found - 0.5) + half < 0.1

    assert shown / 1500 == pytest.approx(0.8, abs=3 * math.sqrt(0.8 * 0.2 / 1500))


@pytest.mark.parametrize(("spread", "margin"), [(0.0, 0.5), (-1.0, 0.5), (1.0, 0.0), (1.0, -0.5), (math.nan, 0.5), (1.0, math.inf)])
def test_without_a_spread_or_a_margin_no_number_of_records_is_named(spread: float, margin: float) -> None:
    assert power_of_equivalence(10, spread, margin) is None
    assert records_needed(spread, margin) is None


def test_what_is_out_of_reach_is_none() -> None:
    assert records_needed(1.0, 1e-4) is None
    assert power_of_equivalence(1, 1.0, 0.5) is None
    assert auc_records_needed(0.0) is None
    assert auc_records_needed(math.nan) is None
