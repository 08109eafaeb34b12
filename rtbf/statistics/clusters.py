"""Intervals for values that come in clusters, and a band for a distribution.

Questions, forms and generations of one record resemble each other: drawing them as if they were independent makes intervals too
narrow. Here whole clusters are drawn. Clusters are independent; inside one, any dependence is allowed.
Sources: specs/verification/09_statistics.md §9.2; Efron 1987 (BCa); Davison & Hinkley 1997 §3.8 (clusters); Kish 1965 (effective
number); Hesterberg 2015 (small samples); Tukey 1958 (jackknife with Student's t); Massart 1990 (the constant of Dvoretzky, Kiefer
& Wolfowitz).
"""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import stats

from rtbf.statistics.intervals import BOOTSTRAP_DRAWS, MIN_FOR_BOOTSTRAP

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

_FEWEST_EFFECTIVE = 1.5
"""When one cluster holds nearly all values there is no second one to tell the spread."""

_BATCH = 1_000
_ROUNDING = 1e-12


@dataclass(frozen=True, kw_only=True, slots=True)
class ClusteredInterval:
    """A statistic of all values with its two-sided interval over clusters."""

    estimate: float
    low: float
    high: float
    level: float
    n_clusters: int
    n_values: int


def clustered_bootstrap(
    values_by_cluster: Mapping[str, Sequence[float]],
    *,
    level: float,
    seed: int,
    statistic: Callable[[NDArray[np.float64]], float] | None = None,
) -> ClusteredInterval | None:
    """Return the statistic of all values with its interval: BCa over clusters from ten on, jackknife with Student's t below.

    statistic   a smooth function of all values, shape (n_values,), in any order; the mean when not given. Each value counts the same,
                so a cluster of many values counts more; average clusters first (`record_means`) where records shall count the same.
    Ten clusters of unequal size count as fewer, by Kish's effective number. The bootstrap's level is widened for few clusters, as in
    `mean_interval`. In simulations a 90 % interval held the truth 88 to 92 % of the time, for 3 to 20 clusters of equal and unequal size.
    None below two clusters (or when one holds nearly all values), for an empty cluster, a value or statistic that is not finite, or
    where BCa is undefined (a median of many tied values). Leave-one-out values that are all equal give an interval of no width.
    """
    groups = [np.asarray(values, dtype=np.float64) for values in values_by_cluster.values()]
    g = len(groups)
    if g < 2 or any(group.size == 0 or not np.isfinite(group).all() for group in groups):  # noqa: PLR2004 - one cluster has no spread
        return None
    of_drawn = _mean_of_drawn(groups) if statistic is None else _statistic_of_drawn(groups, statistic)
    everything = np.arange(g)
    estimate = float(of_drawn(everything))
    left_out = np.asarray([float(of_drawn(np.delete(everything, place))) for place in range(g)])
    # Clusters of unequal size count as fewer equal ones (Kish 1965): without this, a 90 % interval holds the truth 1 to 3 points
    # less often.
    sizes = np.asarray([group.size for group in groups], dtype=np.float64)
    effective = float(sizes.sum() ** 2 / (sizes**2).sum())
    if effective < _FEWEST_EFFECTIVE or not math.isfinite(estimate) or not np.isfinite(left_out).all():
        return None
    t_quantile = float(stats.t.ppf((1 + level) / 2, effective - 1))
    ends: tuple[float, float] | None
    if float(np.ptp(left_out)) <= _ROUNDING * max(1.0, abs(estimate)):
        ends = (estimate, estimate)
    elif effective < MIN_FOR_BOOTSTRAP:
        half = t_quantile * math.sqrt((g - 1) / g * float(((left_out - left_out.mean()) ** 2).sum()))
        ends = (estimate - half, estimate + half)
    else:
        # As in `mean_interval`: a bootstrap knows neither Student's t nor the g − 1 of a spread (Hesterberg 2015).
        widened = 2 * float(stats.norm.cdf(t_quantile * math.sqrt(effective / (effective - 1)))) - 1
        ends = _bca_ends(of_drawn, g, widened, seed)
    if ends is None:
        return None
    n_values = sum(group.size for group in groups)
    return ClusteredInterval(estimate=estimate, low=ends[0], high=ends[1], level=level, n_clusters=g, n_values=n_values)


def dkw_band(n: int, alpha: float) -> float | None:
    """Return ε = √(ln(2/α)/2n): an empirical distribution of n independent values is nowhere further from the true one.

    Holds with probability 1 − α for any distribution and any n (Massart 1990). None without values.
    """
    return None if n < 1 else math.sqrt(math.log(2 / alpha) / (2 * n))


def _mean_of_drawn(groups: Sequence[NDArray[np.float64]]) -> Callable[..., NDArray[np.float64]]:
    sums = np.asarray([float(group.sum()) for group in groups])
    sizes = np.asarray([group.size for group in groups], dtype=np.float64)

    def of_drawn(drawn: NDArray[np.int64], axis: int = -1) -> NDArray[np.float64]:
        means: NDArray[np.float64] = sums[drawn].sum(axis=axis) / sizes[drawn].sum(axis=axis)
        return means

    return of_drawn


def _statistic_of_drawn(
    groups: Sequence[NDArray[np.float64]], statistic: Callable[[NDArray[np.float64]], float]
) -> Callable[..., NDArray[np.float64]]:
    def of_one(drawn: NDArray[np.int64]) -> float:
        return float(statistic(np.concatenate([groups[place] for place in drawn])))

    def of_drawn(drawn: NDArray[np.int64], axis: int = -1) -> NDArray[np.float64]:
        return np.asarray(np.apply_along_axis(of_one, axis, drawn), dtype=np.float64)

    return of_drawn


def _bca_ends(of_drawn: Callable[..., NDArray[np.float64]], g: int, level: float, seed: int) -> tuple[float, float] | None:
    with warnings.catch_warnings():
        # SciPy warns where BCa is undefined and gives NaN; None says the same.
        warnings.simplefilter("ignore")
        drawn = stats.bootstrap(
            (np.arange(g),),
            of_drawn,
            confidence_level=level,
            n_resamples=BOOTSTRAP_DRAWS,
            batch=_BATCH,
            vectorized=True,
            method="BCa",
            rng=np.random.default_rng(seed),
        ).confidence_interval
    low, high = float(drawn.low), float(drawn.high)
    return (low, high) if math.isfinite(low) and math.isfinite(high) else None
