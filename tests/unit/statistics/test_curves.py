"""AUC, its variance and interval, against plain loops, a bootstrap, and simulated coverage."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest
from scipy import stats

from rtbf.statistics.curves import auc, auc_interval, blind_auc_interval, delong_variance, ks_two_sample_p, placement_values


def _wins(member: float, other: float) -> float:
    return 1.0 if member > other else 0.5 if member == other else 0.0


def _plain_delong(members: list[float], others: list[float]) -> tuple[float, float]:
    """Return AUC and variance by the definition, O(n·m), with no sorting (DeLong et al. 1988)."""
    n, m = len(members), len(others)
    theta = sum(_wins(x, y) for x in members for y in others) / (n * m)
    v10 = [sum(_wins(x, y) for y in others) / m for x in members]
    v01 = [sum(_wins(x, y) for x in members) / n for y in others]
    s10 = sum((v - theta) ** 2 for v in v10) / (n - 1)
    s01 = sum((v - theta) ** 2 for v in v01) / (m - 1)
    return theta, s10 / n + s01 / m


def _scores(seed: str, n: int, m: int, shift: float, decimals: int) -> tuple[list[float], list[float]]:
    rng = random.Random(seed)
    return [round(rng.gauss(shift, 1), decimals) for _ in range(n)], [round(rng.gauss(0, 1), decimals) for _ in range(m)]


@pytest.mark.parametrize("decimals", [0, 6])
@pytest.mark.parametrize(("n", "m", "shift"), [(2, 2, 0.0), (5, 40, 0.5), (30, 7, -0.8), (25, 25, 1.5)])
def test_auc_and_variance_are_delongs_by_definition(n: int, m: int, shift: float, decimals: int) -> None:
    members, others = _scores(f"delong:{n}:{m}", n, m, shift, decimals)
    theta, variance = _plain_delong(members, others)

    assert auc(members, others) == pytest.approx(theta)
    assert delong_variance(members, others) == pytest.approx(variance)
    assert auc(others, members) == pytest.approx(1 - theta)
    assert auc(members, others) == pytest.approx(stats.mannwhitneyu(members, others).statistic / (n * m))


def test_the_variance_is_that_of_a_bootstrap_of_both_sides() -> None:
    members, others = _scores("bootstrap", 60, 80, 0.7, 6)
    rng = np.random.default_rng(3)
    drawn = [auc(list(rng.choice(members, 60)), list(rng.choice(others, 80))) for _ in range(1500)]

    assert delong_variance(members, others) == pytest.approx(float(np.var(np.asarray(drawn, dtype=float))), rel=0.15)


def test_placement_values_are_the_members_own_auc() -> None:
    assert placement_values([1.0, 3.0, 2.0], [0.0, 2.0]) == [0.5, 1.0, 0.75]


@pytest.mark.parametrize(("n", "m"), [(5, 200), (10, 200), (20, 20), (50, 50)])
@pytest.mark.parametrize("truth", [0.5, 0.7, 0.9])
def test_no_end_of_an_interval_errs_more_often_than_it_says(n: int, m: int, truth: float) -> None:
    """90 %: 5 % at each end, for members that spread as the others do."""
    rng = np.random.default_rng([n, m, round(100 * truth)])
    shift = float(stats.norm.ppf(truth)) * math.sqrt(2)
    trials, above, below = 250, 0, 0
    for _ in range(trials):
        found = auc_interval(list(rng.normal(shift, 1, n)), list(rng.normal(0, 1, m)), 0.90)
        assert found is not None
        above += found.low > truth
        below += found.high < truth

    limit = 0.05 + 3 * math.sqrt(0.05 * 0.95 / trials)
    assert above / trials <= limit
    assert below / trials <= limit


def test_delong_alone_would_miss_a_high_auc_of_five_members_too_often() -> None:
    """Why the variance has a floor: the plain interval on the same scale, with Student's t, errs with 15 % instead of 5 %."""
    rng = np.random.default_rng(17)
    shift = float(stats.norm.ppf(0.9)) * math.sqrt(2)
    plain = ours = 0
    for _ in range(400):
        members, others = list(rng.normal(shift, 1, 5)), list(rng.normal(0, 1, 200))
        theta, variance = auc(members, others), delong_variance(members, others)
        assert theta is not None
        assert variance is not None
        if theta < 1:
            low = stats.logistic.cdf(math.log(theta / (1 - theta)) - stats.t.isf(0.05, 4) * math.sqrt(variance) / (theta * (1 - theta)))
            plain += low > 0.9
        found = auc_interval(members, others, 0.90)
        assert found is not None
        ours += found.low > 0.9

    assert plain / 400 > 0.10
    assert ours / 400 <= 0.05


def test_with_many_records_the_interval_is_narrow_and_close_to_delongs() -> None:
    members, others = _scores("many", 300, 400, 0.5, 6)
    found, variance = auc_interval(members, others, 0.90), delong_variance(members, others)

    assert found is not None
    assert variance is not None
    assert (found.n_members, found.n_nonmembers, found.level) == (300, 400, 0.90)
    assert found.low < found.auc < found.high
    assert (found.high - found.low) / 2 == pytest.approx(1.645 * math.sqrt(variance), rel=0.05)


def test_perfect_separation_is_bounded_by_its_disjoint_pairs() -> None:
    found, turned = auc_interval([5.0, 6.0, 7.0], [1.0, 2.0, 3.0, 4.0], 0.90), auc_interval([1.0, 2.0, 3.0], [5.0, 6.0, 7.0, 8.0], 0.90)

    assert found is not None
    assert turned is not None
    assert (found.auc, found.low, found.high) == pytest.approx((1.0, 0.05 ** (1 / 3), 1.0))
    assert (turned.auc, turned.low, turned.high) == pytest.approx((0.0, 0.0, 1 - 0.05 ** (1 / 3)))


def test_scores_that_are_all_equal_show_nothing_rather_than_equivalence() -> None:
    found = auc_interval([1.0] * 4, [1.0] * 50, 0.90)

    assert found is not None
    assert found.auc == 0.5
    assert found.low < 0.3
    assert found.high > 0.7


def test_an_interval_turns_round_with_its_sides() -> None:
    members, others = _scores("turn", 12, 30, 0.8, 6)
    one, other = auc_interval(members, others, 0.90), auc_interval(others, members, 0.90)

    assert one is not None
    assert other is not None
    assert (one.low, one.high) == pytest.approx((1 - other.high, 1 - other.low))


@pytest.mark.parametrize(("n", "m"), [(5, 9), (30, 40)])
def test_kolmogorov_smirnov_is_the_largest_gap_of_both_distributions(n: int, m: int) -> None:
    members, others = _scores("ks", n, m, 0.3, 6)
    gap = max(abs(sum(x <= z for x in members) / n - sum(y <= z for y in others) / m) for z in members + others)
    rng = random.Random("ks draws")
    pooled = members + others
    draws, at_least = 1000, 0
    for _ in range(draws):
        rng.shuffle(pooled)
        one, two = pooled[:n], pooled[n:]
        at_least += max(abs(sum(x <= z for x in one) / n - sum(y <= z for y in two) / m) for z in pooled) >= gap - 1e-12

    found = ks_two_sample_p(members, others)

    assert found is not None
    assert found == pytest.approx(at_least / draws, abs=4 * math.sqrt(found * (1 - found) / draws))


def test_kolmogorov_smirnov_overlooks_half_a_standard_deviation_at_five_records() -> None:
    """Sheet 9.4: "p > 0.05" misses it 98 % of the time; the reason why it decides nothing here."""
    rng = np.random.default_rng(5)

    missed = sum((ks_two_sample_p(list(rng.normal(0.5, 1, 5)), list(rng.normal(0, 1, 5))) or 0) > 0.05 for _ in range(400))

    assert missed / 400 > 0.95


def _blind_scores(rng: np.random.Generator, n: int, m: int) -> tuple[list[float], list[float], list[int], list[int]]:
    """Return scores of a nearest-mean classifier in eight dimensions, each record scored by one that was not trained on it."""
    members, others = rng.normal(size=(n, 8)), rng.normal(size=(m, 8))
    folds, other_folds = [place % 5 for place in range(n)], [place % 5 for place in range(m)]
    scored: tuple[list[float], list[float]] = ([], [])
    for kind, its_folds, scores in ((members, folds, scored[0]), (others, other_folds, scored[1])):
        for row, fold in zip(kind, its_folds, strict=True):
            one = members[[its != fold for its in folds]].mean(axis=0)
            two = others[[its != fold for its in other_folds]].mean(axis=0)
            scores.append(float(np.sum((row - two) ** 2) - np.sum((row - one) ** 2)))
    return scored[0], scored[1], folds, other_folds


def test_a_blind_classifier_with_nothing_to_find_is_held_by_its_interval() -> None:
    """Folds share training records. Without the correction for it, or with scores of all folds pooled, one half is missed too often."""
    rng = np.random.default_rng(23)
    trials, held, pooled, middles = 150, 0, 0, []
    for _ in range(trials):
        members, others, folds, other_folds = _blind_scores(rng, 30, 30)
        found = blind_auc_interval(members, others, 0.90, member_folds=folds, nonmember_folds=other_folds)
        assert found is not None
        held += found.low <= 0.5 <= found.high
        middles.append(found.auc)
        plain = auc_interval(members, others, 0.90)
        assert plain is not None
        pooled += plain.low <= 0.5 <= plain.high

    assert held / trials >= 0.90
    assert pooled / trials < 0.85
    assert abs(float(np.mean(middles)) - 0.5) < 3 * 0.109 / math.sqrt(trials)


def test_only_scores_of_one_fold_are_compared() -> None:
    """The second fold's classifier gives everything a hundred more; within folds members always win."""
    members, others = [2.0, 3.0, 102.0, 103.0], [1.0, 1.5, 101.0, 101.5]

    found = blind_auc_interval(members, others, 0.90, member_folds=[0, 0, 1, 1], nonmember_folds=[0, 0, 1, 1])

    assert found is not None
    assert found.auc == 1.0
    assert found.low == pytest.approx(0.05 ** (1 / 4))
    assert auc(members, others) == 0.75


def test_with_one_fold_or_none_named_it_is_the_plain_interval() -> None:
    members, others = _scores("one fold", 12, 30, 0.8, 6)

    plain = auc_interval(members, others, 0.90)

    assert blind_auc_interval(members, others, 0.90) == plain
    one = blind_auc_interval(members, others, 0.90, member_folds=[0] * 12, nonmember_folds=[0] * 30)
    assert one is not None
    assert plain is not None
    assert (one.auc, one.low, one.high) == pytest.approx((plain.auc, plain.low, plain.high))


@pytest.mark.parametrize(("members", "others"), [([], [1.0]), ([1.0], []), ([math.nan, 1.0], [1.0, 2.0]), ([1.0, 2.0], [math.inf, 1.0])])
def test_an_empty_side_or_a_score_that_is_not_finite_gives_no_number(members: list[float], others: list[float]) -> None:
    assert auc(members, others) is None
    assert placement_values(members, others) is None
    assert delong_variance(members, others) is None
    assert auc_interval(members, others, 0.90) is None
    assert ks_two_sample_p(members, others) is None
    assert blind_auc_interval(members, others, 0.90) is None
    folds = {"member_folds": [0] * len(members), "nonmember_folds": [0] * len(others)}
    assert blind_auc_interval(members, others, 0.90, **folds) is None


def test_one_record_on_a_side_has_an_auc_and_no_interval() -> None:
    assert auc([1.0], [0.0, 2.0]) == 0.5
    assert auc_interval([1.0], [0.0, 2.0], 0.90) is None
    assert blind_auc_interval([1.0, 2.0], [0.0, 3.0], 0.90, member_folds=[0, 1], nonmember_folds=[2, 3]) is None


def test_folds_that_do_not_fit_the_scores_are_refused() -> None:
    for folds in ({"member_folds": [0, 1]}, {"member_folds": [0], "nonmember_folds": [0, 1]}):
        with pytest.raises(ValueError, match="folds that do not fit"):
            blind_auc_interval([1.0, 2.0], [0.0, 3.0], 0.90, **folds)
