"""Intervals and exact tests as reports up to the third version were computed with. Draws by numpy and scipy.

The unit is the record: several items of one record are averaged first, so they never count as independent.
Sources: specs/verification/09_statistics.md; Efron 1987 (BCa); Hesterberg 2015, arXiv 1411.5279 (small samples);
Fisher's randomisation test (sign flips).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, Literal

import numpy as np
from scipy import stats

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

BOOTSTRAP_DRAWS = 9_999
SIGN_FLIPS = 99_999
MIN_FOR_BOOTSTRAP = 10
"""Below this many records a bootstrap interval is too narrow; Student's t is used instead (sheet 9.2)."""

_ROUNDING = 1e-12


@dataclass(frozen=True, kw_only=True, slots=True)
class MeanInterval:
    """A mean over records with its two-sided interval."""

    mean: float
    low: float
    high: float
    level: float
    n: int


def record_means(values: Mapping[str, Sequence[float]]) -> list[float]:
    """Return one mean per record, in the mapping's order."""
    return [math.fsum(entries) / len(entries) for entries in values.values()]


def mean_interval(values: Sequence[float], *, level: float, seed: int) -> MeanInterval | None:
    """Return mean and interval: BCa bootstrap from 10 records on, Student's t from 2; None below, or when not finite.

    Values that are all equal, but for the last bits of a difference, give an interval of no width.
    """
    n = len(values)
    if n < 2 or not all(math.isfinite(value) for value in values):  # noqa: PLR2004 - one value has no spread
        return None
    sample = np.asarray(values, dtype=np.float64)
    mean = float(sample.mean())
    if float(np.ptp(sample)) <= _ROUNDING * max(1.0, float(np.abs(sample).max())):
        return MeanInterval(mean=mean, low=mean, high=mean, level=level, n=n)
    t_quantile = float(stats.t.ppf((1 + level) / 2, n - 1))
    if n < MIN_FOR_BOOTSTRAP:
        half = t_quantile * float(sample.std(ddof=1)) / math.sqrt(n)
        return MeanInterval(mean=mean, low=mean - half, high=mean + half, level=level, n=n)
    # A bootstrap knows neither Student's t nor the n − 1 of a spread: at 90 % it would hold the truth 87 % of the time for
    # n = 20 and 85 % for n = 10. The level is widened by just that (Hesterberg 2015, "expanded percentile").
    widened = 2 * float(stats.norm.cdf(t_quantile * math.sqrt(n / (n - 1)))) - 1
    drawn = stats.bootstrap(
        (sample,), np.mean, confidence_level=widened, n_resamples=BOOTSTRAP_DRAWS, method="BCa", rng=np.random.default_rng(seed)
    ).confidence_interval
    if not (math.isfinite(drawn.low) and math.isfinite(drawn.high)):
        return None
    return MeanInterval(mean=mean, low=float(drawn.low), high=float(drawn.high), level=level, n=n)


def sign_flip_p(values: Sequence[float], *, side: Literal["greater", "less"], seed: int) -> float | None:
    """Return the one-sided p-value of "the mean is not zero" under random signs; None for no values.

    Exact while 2^n ≤ 99 999, else Monte Carlo with the observed arrangement counted (never 0).
    """
    if not values or not all(math.isfinite(value) for value in values):
        return None
    if len(values) == 1:
        # Two arrangements, v and −v; SciPy refuses a single observation.
        is_extreme = values[0] > 0 if side == "greater" else values[0] < 0
        return 0.5 if is_extreme else 1.0
    result = stats.permutation_test(
        (np.asarray(values, dtype=np.float64),),
        lambda sample, axis: np.mean(sample, axis=axis),
        permutation_type="samples",
        vectorized=True,
        n_resamples=SIGN_FLIPS,
        batch=10_000,
        alternative=side,
        rng=np.random.default_rng(seed),
    )
    return float(result.pvalue)


def sign_flip_attainable(n: int) -> float:
    """Return the smallest p that `sign_flip_p` can give with n records: 2^−n, or 1/(draws + 1) when drawn."""
    return max(2.0**-n, 1 / (SIGN_FLIPS + 1))


def drawn_by() -> tuple[tuple[str, str], ...]:
    """Return the libraries, with versions, that draw the bootstrap's samples and the signs: other ones may draw others."""
    return tuple((name, version(name)) for name in ("numpy", "scipy"))
