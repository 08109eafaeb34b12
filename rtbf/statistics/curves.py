"""How well a score tells members from non-members: AUC with interval, Kolmogorov–Smirnov.

A score is high when a text looks trained on. AUC = P(member > non-member) + P(equal)/2; 0.5 is no signal, and below 0.5 is a trace
too. Members and non-members are independent records, and the AUC speaks of training only if both were exchangeable before it.
Sources: specs/verification/04_mia.md §4.3, §4.5, 09_statistics.md §9.2; DeLong, DeLong & Clarke-Pearson 1988; Sun & Xu 2014 (placement
values by sorting); Hanley & McNeil 1982; Pepe 2003 (logit scale).
"""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import stats

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from numpy.typing import NDArray

_MIN_GROUP = 2
"""One record has no spread."""


@dataclass(frozen=True, kw_only=True, slots=True)
class AucInterval:
    """An AUC with its two-sided interval and the number of records on either side."""

    auc: float
    low: float
    high: float
    level: float
    n_members: int
    n_nonmembers: int


def auc(members: Sequence[float], nonmembers: Sequence[float]) -> float | None:
    """Return P(member scores higher) + P(equal)/2 over all pairs; None if a side is empty or a score is not finite."""
    placed = placement_values(members, nonmembers)
    return None if placed is None else math.fsum(placed) / len(placed)


def placement_values(members: Sequence[float], nonmembers: Sequence[float]) -> list[float] | None:
    """Return for each member the share of non-members below it, equal ones by half: its own AUC.

    Their mean is the AUC, so a difference of AUCs between two models is a mean over records, to be tested like any other: paired
    by record, given this holdout. None if a side is empty or a score is not finite.
    """
    if not _are_usable(members) or not _are_usable(nonmembers):
        return None
    return [float(value) for value in _placed(np.asarray(members, dtype=np.float64), np.asarray(nonmembers, dtype=np.float64))]


def delong_variance(members: Sequence[float], nonmembers: Sequence[float]) -> float | None:
    """Return DeLong's variance of the AUC (1988): both sides' variance of placement values, each over its number of records.

    None below two records on a side, or when a score is not finite.
    """
    pieces = _pieces(members, nonmembers)
    return None if pieces is None else pieces[1] + pieces[2]


def auc_interval(members: Sequence[float], nonmembers: Sequence[float], level: float) -> AucInterval | None:
    """Return the AUC with its interval by DeLong on the logit scale, with two corrections for small numbers.

    1. Student's t with Welch–Satterthwaite degrees of freedom instead of the normal: five members' variance is a guess.
    2. DeLong's variance is never taken below Hanley & McNeil's (the larger of both orientations). With few members near 0 or 1 the
       placements can agree by chance; alone, a 90 % interval of five members missed a true AUC of 0.9 in 17 % of draws on one
       side, and of 0.97 in 25 %. With the floor no end errs above 5 %, but for noise, in the simulations of the tests (5 to 50 members).
    An AUC of 0 or 1 has no logit. The n = min(members, non-members) disjoint pairs were then all won, so the far end is the exact
    α^(1/n). None below two records on a side, or when a score is not finite.
    """
    pieces = _pieces(members, nonmembers)
    if pieces is None:
        return None
    n, m = len(members), len(nonmembers)
    return _interval(*pieces, n, m, min(n, m), level)


def ks_two_sample_p(first: Sequence[float], second: Sequence[float]) -> float | None:
    """Return the two-sided p of "both samples have one distribution" (Kolmogorov–Smirnov; exact up to 10 000 values a side).

    Reported only: p > 0.05 shows nothing. At five records it misses a residual of half a standard deviation 98 % of the time (sheet
    9.4). With ties the exact p is too large, never too small. None if a side is empty or a value is not finite.
    """
    if not _are_usable(first) or not _are_usable(second):
        return None
    with warnings.catch_warnings():
        # SciPy warns when exact counting overflows and uses the asymptotic law, which at such sizes is as good.
        warnings.simplefilter("ignore", RuntimeWarning)
        return float(stats.ks_2samp(first, second).pvalue)


def blind_auc_interval(
    members: Sequence[float],
    nonmembers: Sequence[float],
    level: float,
    *,
    member_folds: Sequence[Hashable] | None = None,
    nonmember_folds: Sequence[Hashable] | None = None,
) -> AucInterval | None:
    """Return the AUC of a classifier that never saw the model, from its scores on records it was not trained on.

    member_folds, nonmember_folds   the fold of each record: only scores of one fold, given by one classifier, are compared. Pooled
        scores of several classifiers are not on one scale, and lean to an AUC below 0.5 when there is nothing to find.
    The AUC is that of all pairs within folds, with DeLong's variance of the placements within folds. The k classifiers share training
    records, and DeLong alone is too sure of itself: with nothing to find, the AUC of five folds spreads 1.3 to 1.4 times as wide as it
    says, and a 90 % interval held 0.5 in 77 to 81 % of simulations. There is no unbiased estimate (Bengio & Grandvalet 2004); the
    variance is multiplied by 1 + k/(k − 1), as Nadeau & Bengio 2003 do, which errs on the wide side. A wide interval is no evidence of a
    fair split: a gate must look at the AUC itself as well.
    None below two records on a side, when a score is not finite, or when no fold holds both kinds; raises ValueError for folds that do
    not fit the scores.
    """
    if member_folds is None and nonmember_folds is None:
        return auc_interval(members, nonmembers, level)
    if member_folds is None or nonmember_folds is None or len(member_folds) != len(members) or len(nonmember_folds) != len(nonmembers):
        raise ValueError("folds that do not fit the scores; expected one fold per member and per non-member")
    if not _are_usable(members) or not _are_usable(nonmembers):
        return None
    above: list[NDArray[np.float64]] = []
    below: list[NDArray[np.float64]] = []
    for fold in dict.fromkeys(member_folds):
        inside = np.asarray([score for score, its in zip(members, member_folds, strict=True) if its == fold], dtype=np.float64)
        others = np.asarray([score for score, its in zip(nonmembers, nonmember_folds, strict=True) if its == fold], dtype=np.float64)
        if inside.size and others.size:
            above.append(_placed(inside, others))
            below.append(1 - _placed(others, inside))
    if sum(map(len, above)) < _MIN_GROUP or sum(map(len, below)) < _MIN_GROUP:
        return None
    pairs = [len(mine) * len(theirs) for mine, theirs in zip(above, below, strict=True)]
    theta = math.fsum(count * float(mine.mean()) for count, mine in zip(pairs, above, strict=True)) / sum(pairs)
    disjoint = sum(min(len(mine), len(theirs)) for mine, theirs in zip(above, below, strict=True))
    v10, v01 = np.concatenate(above), np.concatenate(below)
    shared = 1 + len(pairs) / (len(pairs) - 1) if len(pairs) > 1 else 1.0
    s10, s01 = shared * float(v10.var(ddof=1)) / v10.size, shared * float(v01.var(ddof=1)) / v01.size
    return _interval(theta, s10, s01, v10.size, v01.size, disjoint, level)


def _are_usable(scores: Sequence[float]) -> bool:
    return len(scores) > 0 and all(math.isfinite(score) for score in scores)


def _placed(scores: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return for each score the share of the others below it, equal ones by half."""
    ordered = np.sort(others)
    placed: NDArray[np.float64] = (np.searchsorted(ordered, scores, "left") + np.searchsorted(ordered, scores, "right")) / (2 * others.size)
    return placed


def _pieces(members: Sequence[float], nonmembers: Sequence[float]) -> tuple[float, float, float] | None:
    """Return the AUC, and the members' and the non-members' part of its variance."""
    if min(len(members), len(nonmembers)) < _MIN_GROUP or not _are_usable(members) or not _are_usable(nonmembers):
        return None
    x, y = np.asarray(members, dtype=np.float64), np.asarray(nonmembers, dtype=np.float64)
    v10, v01 = _placed(x, y), 1 - _placed(y, x)
    return math.fsum(v10) / x.size, float(v10.var(ddof=1)) / x.size, float(v01.var(ddof=1)) / y.size


def _interval(theta: float, s10: float, s01: float, n: int, m: int, disjoint: int, level: float) -> AucInterval:
    error = (1 - level) / 2
    if min(theta, 1 - theta) < 1 / (4 * n * m):  # no pair lost, or none won, not even by half
        bound = error ** (1 / disjoint)
        low, high = (bound, 1.0) if theta > 0.5 else (0.0, 1 - bound)  # noqa: PLR2004 - 0.5 is the AUC of no signal
    else:
        variance = max(s10 + s01, _hanley_mcneil(theta, n, m), _hanley_mcneil(1 - theta, m, n))
        parts = s10**2 / (n - 1) + s01**2 / (m - 1)
        freedom = (s10 + s01) ** 2 / parts if parts > 0 else min(n, m) - 1
        half = float(stats.t.isf(error, freedom)) * math.sqrt(variance) / (theta * (1 - theta))
        logit = math.log(theta / (1 - theta))
        # stats.logistic.cdf is 1/(1 + e^−z) without overflow.
        low, high = float(stats.logistic.cdf(logit - half)), float(stats.logistic.cdf(logit + half))
    return AucInterval(auc=theta, low=low, high=high, level=level, n_members=n, n_nonmembers=m)


def _hanley_mcneil(theta: float, n: int, m: int) -> float:
    """Return the AUC's variance for exponential scores (Hanley & McNeil 1982, with their Q1 and Q2)."""
    q1, q2 = theta / (2 - theta), 2 * theta**2 / (1 + theta)
    return (theta * (1 - theta) + (n - 1) * (q1 - theta**2) + (m - 1) * (q2 - theta**2)) / (n * m)
