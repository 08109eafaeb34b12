"""The clustered bootstrap, against Student's t, the plain bootstrap and simulated coverage; the DKW band."""

from __future__ import annotations

import math

import numpy as np
import pytest

from rtbf.statistics import clusters
from rtbf.statistics.clusters import clustered_bootstrap, dkw_band
from rtbf.statistics.intervals import mean_interval


def _clustered(rng: np.random.Generator, n_clusters: int, *, equal: bool) -> dict[str, list[float]]:
    """Return clusters around their own means: spread 1 between them, 0.7 inside, truth 0."""
    sizes = [5] * n_clusters if equal else [int(size) for size in rng.integers(2, 9, n_clusters)]
    return {f"record {place}": list(rng.normal(rng.normal(), 0.7, size)) for place, size in enumerate(sizes)}


@pytest.mark.parametrize("sizes", ["equal", "unequal"])
@pytest.mark.parametrize("n_clusters", [5, 10, 20])
def test_an_interval_over_clusters_holds_the_truth_and_one_over_values_does_not(
    monkeypatch: pytest.MonkeyPatch, n_clusters: int, sizes: str
) -> None:
    """90 % promised. Values drawn as if they were independent hold it about half the time: far too narrow."""
    monkeypatch.setattr(clusters, "BOOTSTRAP_DRAWS", 499)
    rng = np.random.default_rng([n_clusters, len(sizes)])
    trials, held, naively = 300, 0, 0
    for seed in range(trials):
        values = _clustered(rng, n_clusters, equal=sizes == "equal")
        found = clustered_bootstrap(values, level=0.90, seed=seed)
        assert found is not None
        held += found.low <= 0 <= found.high
        flat = np.concatenate([np.asarray(its) for its in values.values()])
        naively += abs(float(flat.mean())) <= 1.645 * float(flat.std(ddof=1)) / math.sqrt(flat.size)

    assert 0.90 - 3 * 0.0174 <= held / trials <= 0.90 + 3 * 0.0174
    assert naively / trials < 0.70


def test_below_ten_clusters_of_equal_size_it_is_students_interval_of_their_means() -> None:
    values = _clustered(np.random.default_rng(1), 6, equal=True)
    means = mean_interval([float(np.mean(its)) for its in values.values()], level=0.90, seed=1)

    found = clustered_bootstrap(values, level=0.90, seed=1)

    assert found is not None
    assert means is not None
    assert (found.estimate, found.low, found.high) == pytest.approx((means.mean, means.low, means.high))
    assert (found.n_clusters, found.n_values) == (6, 30)


def test_clusters_of_one_value_are_records_and_draw_the_same_interval() -> None:
    values = [float(value) for value in np.random.default_rng(2).exponential(size=30)]
    plain = mean_interval(values, level=0.90, seed=4)

    found = clustered_bootstrap({str(place): [value] for place, value in enumerate(values)}, level=0.90, seed=4)

    assert found is not None
    assert plain is not None
    assert (found.estimate, found.low, found.high) == pytest.approx((plain.mean, plain.low, plain.high))


def test_a_statistic_of_ones_own_draws_the_same_clusters() -> None:
    values = _clustered(np.random.default_rng(3), 15, equal=True)

    built_in = clustered_bootstrap(values, level=0.90, seed=7)
    given = clustered_bootstrap(values, level=0.90, seed=7, statistic=lambda drawn: float(drawn.mean()))
    spread = clustered_bootstrap(values, level=0.90, seed=7, statistic=lambda drawn: float(drawn.std()))

    assert built_in is not None
    assert given is not None
    assert spread is not None
    assert (given.estimate, given.low, given.high) == pytest.approx((built_in.estimate, built_in.low, built_in.high))
    assert spread.low < spread.estimate < spread.high


def test_the_same_seed_draws_the_same_interval_and_another_one_another() -> None:
    values = _clustered(np.random.default_rng(4), 15, equal=True)

    first, again, other = (clustered_bootstrap(values, level=0.90, seed=seed) for seed in (1, 1, 2))

    assert first == again
    assert first != other


def test_a_cluster_of_many_values_counts_as_many() -> None:
    found = clustered_bootstrap({"a": [1.0] * 9, "b": [3.0] * 3, "c": [3.0] * 3}, level=0.90, seed=1)

    assert found is not None
    assert found.estimate == pytest.approx((9 + 9 + 9) / 15)


@pytest.mark.parametrize("count", [2, 12])
def test_values_that_are_all_equal_give_an_interval_of_no_width(count: int) -> None:
    found = clustered_bootstrap({str(place): [0.1, 0.1] for place in range(count)}, level=0.90, seed=1)

    assert found is not None
    assert found.low == found.high == pytest.approx(0.1)


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"a": [1.0, 2.0]},
        {"a": [1.0], "b": []},
        {"a": [1.0], "b": [math.nan]},
        {"a": [1.0], "b": [math.inf, 1.0]},
        {"a": [1.0, 2.0] * 50, "b": [2.0]},
    ],
    ids=["none", "one cluster", "an empty cluster", "nan", "infinite", "one holds all"],
)
def test_what_cannot_show_a_spread_gives_no_interval(values: dict[str, list[float]]) -> None:
    assert clustered_bootstrap(values, level=0.90, seed=1) is None


def test_a_statistic_that_is_not_finite_gives_no_interval() -> None:
    values = _clustered(np.random.default_rng(5), 12, equal=True)

    assert clustered_bootstrap(values, level=0.90, seed=1, statistic=lambda _: math.nan) is None


@pytest.mark.parametrize(("n", "alpha", "width"), [(50, 0.05, 0.19206), (200, 0.10, 0.08654)])
def test_the_band_is_massarts(n: int, alpha: float, width: float) -> None:
    assert dkw_band(n, alpha) == pytest.approx(width, abs=1e-5)
    assert dkw_band(0, alpha) is None


def test_a_distribution_stays_within_its_band_as_often_as_it_says() -> None:
    rng = np.random.default_rng(6)
    n, trials = 30, 2000
    band = dkw_band(n, 0.10)
    assert band is not None
    drawn = np.sort(rng.random((trials, n)), axis=1)
    steps = np.arange(1, n + 1) / n
    gaps = np.maximum(np.abs(steps - drawn), np.abs(drawn - (steps - 1 / n))).max(axis=1)

    outside = float(np.mean(gaps > band))

    assert 0.05 <= outside <= 0.10 + 3 * math.sqrt(0.1 * 0.9 / trials)
