"""Showing that a mean is within a margin, and how many records that takes.

Not finding a difference proves nothing; a small p here does: the mean is inside the margin. Assumes independent records and
a mean that is nearly normal (Student's t); `mean_interval` bootstraps from ten records on and may differ a little.
Sources: specs/verification/09_statistics.md §9.1, §9.4; Schuirmann 1987 (two one-sided tests); Owen 1965 (its exact power, here
by integration over the sample's spread); Phillips 1990.
"""

from __future__ import annotations

import math
from functools import cache
from typing import TYPE_CHECKING, Literal

import numpy as np
from scipy import stats

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

Bounds = Literal["both", "below", "above"]
"""both: −margin < mean < margin (equivalence) · below: mean < margin (not worse) · above: mean > −margin."""

MOST_RECORDS = 1_000_000
"""A design that needs more records is out of reach; None says so."""

_NODES = 200
_ROUNDING = 1e-12


def tost_p(values: Sequence[float], margin: float, side: Bounds) -> float | None:
    """Return the p-value of "the mean lies beyond the margin": small p shows equivalence (both) or no inferiority (one side).

    For both sides it is the larger of the two one-sided p-values, and needs no correction (intersection–union); p ≤ 0.05 is the
    same as "the 90 % Student interval lies within the margin" (Schuirmann 1987).
    Values that are equal, but for rounding, have no spread: p is 0 within the margin and 1 from it on, as their interval has no
    width. None below two values, or when a value or the margin is not finite; raises ValueError for a negative margin.
    """
    n = len(values)
    if n < 2 or not all(math.isfinite(number) for number in (*values, margin)):  # noqa: PLR2004 - one value has no spread
        return None
    if margin < 0:
        raise ValueError("a negative margin; expected the largest difference that does not matter, at least 0")
    sample = np.asarray(values, dtype=np.float64)
    mean, error = float(sample.mean()), float(sample.std(ddof=1)) / math.sqrt(n)
    has_spread = float(np.ptp(sample)) > _ROUNDING * max(1.0, float(np.abs(sample).max()))
    gaps = {"below": margin - mean, "above": margin + mean}
    tails = {
        end: float(stats.t.sf(gap / error, n - 1)) if has_spread else float(gap <= _ROUNDING * max(1.0, margin))
        for end, gap in gaps.items()
    }
    return max(tails.values()) if side == "both" else tails[side]


def power_of_equivalence(n: int, spread: float, margin: float, alpha: float = 0.05, shift: float = 0.0) -> float | None:
    """Return the probability that n records show equivalence at level α, for normal values of this standard deviation.

    spread   standard deviation of one record's paired difference · shift   the true mean, 0 if nothing remains
    Exact but for quadrature (error below 1e-9): given the sample's spread s the mean is normal, and s² is χ² with n − 1 degrees of
    freedom (Owen 1965). None below two records, for a spread or margin that is not positive, or a number that is not finite.
    """
    if n < 2 or not all(math.isfinite(x) for x in (spread, margin, shift)) or spread <= 0 or margin <= 0:  # noqa: PLR2004 - as in tost_p
        return None
    freedom = n - 1
    t, scale = float(stats.t.isf(alpha, freedom)), math.sqrt(n) / spread
    # Beyond this ratio of sample to true spread the interval is wider than the margins, and nothing can be shown.
    widest = margin * scale / t
    chi = stats.chi(freedom)
    low, high = float(chi.ppf(1e-14)) / math.sqrt(freedom), min(widest, float(chi.isf(1e-14)) / math.sqrt(freedom))
    if high <= low:
        return 0.0
    nodes, weights = _quadrature()
    ratio = low + (high - low) * (nodes + 1) / 2
    inside = stats.norm.cdf((margin - shift) * scale - t * ratio) - stats.norm.cdf((-margin - shift) * scale + t * ratio)
    density = chi.pdf(ratio * math.sqrt(freedom)) * math.sqrt(freedom)
    return float(np.clip((high - low) / 2 * np.sum(weights * density * np.maximum(inside, 0.0)), 0.0, 1.0))


def records_needed(spread: float, margin: float, power: float = 0.8, alpha: float = 0.05) -> int | None:
    """Return the fewest records with which equivalence is shown with this power, if nothing remains.

    None when a number is not positive and finite, or beyond a million records: the margin is then out of reach.
    """
    if power_of_equivalence(2, spread, margin, alpha) is None:
        return None

    def suffices(n: int) -> bool:
        return (power_of_equivalence(n, spread, margin, alpha) or 0.0) >= power

    high = 2
    while not suffices(high):
        high *= 2
        if high > MOST_RECORDS:
            return None
    low = high // 2  # does not suffice, but for high = 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if suffices(middle) else (middle, high)
    return high


def auc_records_needed(margin: float, power: float = 0.8, alpha: float = 0.05, holdout: int | None = None) -> int | None:
    """Return the fewest members with which "AUC within 0.5 ± margin" is shown with this power, if members look like others.

    holdout   number of non-members; None: so many that their own noise is nothing
    By the normal approximation with the exact null variance (n + m + 1)/(12 n m) (Mann & Whitney 1947), for large m 1/(12 n). That is
    also the variance of a mean normalised rank, so without a holdout the same number of items is needed for "mean rank within
    0.5 ± margin". None when the margin is not positive and finite, or no number of members suffices with this holdout.
    """
    if not math.isfinite(margin) or margin <= 0:
        return None
    quantiles = float(stats.norm.isf(alpha)) + float(stats.norm.isf((1 - power) / 2))
    variance = (margin / quantiles) ** 2
    if holdout is None:
        return math.ceil(1 / (12 * variance))
    gain = 12 * holdout * variance - 1
    return None if gain <= 0 else math.ceil((holdout + 1) / gain)


@cache
def _quadrature() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return Gauss and Legendre's nodes and weights on −1 … 1; a search for a number of records asks for them at each step."""
    return np.polynomial.legendre.leggauss(_NODES)
