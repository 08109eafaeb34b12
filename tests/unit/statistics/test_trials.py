"""Counts of hits, against SciPy's own tests, closed forms, and exact coverage over all outcomes."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest
from scipy import stats

from rtbf.statistics.trials import clopper_pearson, fisher_attainable, fisher_p, trial_difference, zero_hit_bound

RATES = sorted({0.0, 0.001, 0.005, 0.01, 0.02, 0.98, 0.99, 1.0, *(place / 25 for place in range(26))})


@pytest.mark.parametrize("level", [0.90, 0.95, 0.99])
@pytest.mark.parametrize(("hits", "trials"), [(0, 1), (1, 1), (0, 59), (3, 59), (29, 59), (59, 59), (1, 2995)])
def test_the_interval_of_a_rate_is_clopper_and_pearsons(hits: int, trials: int, level: float) -> None:
    theirs = stats.binomtest(hits, trials).proportion_ci(confidence_level=level, method="exact")

    assert clopper_pearson(hits, trials, level) == pytest.approx((theirs.low, theirs.high), abs=1e-9)


@pytest.mark.parametrize(("trials", "bound"), [(59, 0.05), (299, 0.01), (2995, 0.001)])
def test_no_hit_in_n_trials_bounds_the_rate(trials: int, bound: float) -> None:
    """Sheet 3.6: 59 generations for 5 %, 299 for 1 %, 2 995 for 0.1 %, each the fewest that do."""
    found, one_less = zero_hit_bound(trials), zero_hit_bound(trials - 1)

    assert found is not None
    assert one_less is not None
    assert found <= bound < one_less
    assert (1 - found) ** trials == pytest.approx(0.05)
    ends = clopper_pearson(0, trials, 0.90)
    assert ends is not None
    assert found == pytest.approx(ends[1])


def test_a_bound_keeps_its_digits_for_very_many_trials() -> None:
    assert zero_hit_bound(10**15, 0.05) == pytest.approx(-math.log(0.05) * 1e-15, rel=1e-9)


@pytest.mark.parametrize(("n", "m"), [(5, 5), (8, 15), (20, 12), (30, 30)])
def test_each_end_of_a_difference_errs_at_most_half_the_error_for_any_rates(n: int, m: int) -> None:
    """Exact: every outcome is weighed with its probability, for a grid of both rates. 90 %: 5 % at each end."""
    ends = np.asarray([[trial_difference(a, n, b, m, 0.90) for b in range(m + 1)] for a in range(n + 1)])
    ours = [stats.binom.pmf(range(n + 1), n, rate) for rate in RATES]
    theirs = [stats.binom.pmf(range(m + 1), m, rate) for rate in RATES]

    worst = 0.0
    for (i, rate), (j, control) in product(enumerate(RATES), repeat=2):
        above = ours[i] @ (ends[..., 0] > rate - control + 1e-12) @ theirs[j]
        below = ours[i] @ (ends[..., 1] < rate - control - 1e-12) @ theirs[j]
        worst = max(worst, float(above), float(below))

    assert 0.03 < worst <= 0.05


def test_square_and_add_was_rejected_because_one_end_errs_too_often() -> None:
    """Newcombe's method 10 with Clopper–Pearson limits: a 90 % interval whose ends should err with 5 % each, and do not."""
    n, rate, control = 10, 0.05, 0.94
    limits = [clopper_pearson(hits, n, 0.90) or (0.0, 1.0) for hits in range(n + 1)]
    missed = 0.0
    for a, b in product(range(n + 1), repeat=2):
        p, q = a / n, b / n
        low = p - q - math.hypot(p - limits[a][0], limits[b][1] - q)
        missed += (low > rate - control) * stats.binom.pmf(a, n, rate) * stats.binom.pmf(b, n, control)

    assert missed > 0.07


def test_where_no_arm_has_a_hit_the_end_is_nearly_the_bound_of_one_arm() -> None:
    found, bound = trial_difference(0, 128, 0, 128, 0.90), zero_hit_bound(128)

    assert found is not None
    assert bound is not None
    assert found[0] == pytest.approx(-found[1])
    assert bound < found[1] < 1.08 * bound


def test_a_difference_turns_round_with_its_arms() -> None:
    one, other = trial_difference(3, 20, 9, 30, 0.90), trial_difference(9, 30, 3, 20, 0.90)

    assert one is not None
    assert other is not None
    assert one == pytest.approx((-other[1], -other[0]))
    assert one[0] < 3 / 20 - 9 / 30 < one[1]


@pytest.mark.parametrize(
    ("hits", "trials", "control_hits", "control_trials"), [(7, 10, 1, 12), (0, 10, 0, 10), (3, 5, 3, 5), (1, 300, 9, 280)]
)
@pytest.mark.parametrize("side", ["greater", "less"])
def test_fishers_test_is_scipys(hits: int, trials: int, control_hits: int, control_trials: int, side: str) -> None:
    table = [[hits, trials - hits], [control_hits, control_trials - control_hits]]

    found = fisher_p(hits, trials, control_hits, control_trials, side)  # type: ignore[arg-type]

    assert found == pytest.approx(stats.fisher_exact(table, alternative=side).pvalue)


def test_fishers_test_keeps_its_level_for_any_common_rate() -> None:
    """Exact: every outcome of 12 against 9 trials is weighed with its probability."""
    alarm = np.asarray([[(fisher_p(a, 12, b, 9, "greater") or 0) <= 0.05 for b in range(10)] for a in range(13)])

    sizes = [stats.binom.pmf(range(13), 12, rate) @ alarm @ stats.binom.pmf(range(10), 9, rate) for rate in RATES]

    assert 0.01 < max(sizes) <= 0.05


@pytest.mark.parametrize(("n", "m"), [(1, 1), (5, 5), (3, 20)])
def test_the_smallest_p_of_fishers_test_is_all_against_none(n: int, m: int) -> None:
    assert fisher_attainable(n, m) == pytest.approx(1 / math.comb(n + m, n))
    assert fisher_p(n, n, 0, m, "greater") == pytest.approx(fisher_attainable(n, m))


def test_strong_evidence_is_never_nought() -> None:
    assert (fisher_p(50_000, 50_000, 0, 50_000, "greater") or 0) > 0
    assert fisher_attainable(50_000, 50_000) > 0


def test_without_trials_nothing_is_known() -> None:
    assert clopper_pearson(0, 0, 0.90) is None
    assert zero_hit_bound(0) is None
    assert trial_difference(0, 0, 1, 5, 0.90) is None
    assert trial_difference(1, 5, 0, 0, 0.90) is None
    assert fisher_p(0, 0, 1, 5, "greater") is None
    assert fisher_attainable(0, 5) == 1.0


@pytest.mark.parametrize(("hits", "trials"), [(6, 5), (-1, 5), (0, -1)])
def test_counts_that_do_not_fit_are_refused(hits: int, trials: int) -> None:
    for call in (
        lambda: clopper_pearson(hits, trials, 0.90),
        lambda: trial_difference(hits, trials, 0, 5, 0.90),
        lambda: trial_difference(0, 5, hits, trials, 0.90),
        lambda: fisher_p(hits, trials, 0, 5, "less"),
    ):
        with pytest.raises(ValueError, match="hits in"):
            call()
