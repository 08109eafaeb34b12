"""Exact inference on counts of hits: how often may a model give something away, having done so in k of n generations.

Trials are independent draws from the model for fixed prompts; a bound holds for these prompts and this sampler, not for any
prompt. With equally many draws per prompt the prompts may differ: hits are then spread no wider than a binomial's
(Hoeffding 1956), and the bounds hold for the mean rate. Greedy decoding of one prompt is one trial, however often repeated.
Sources: specs/verification/03_memorisation.md §3.6, 09_statistics.md §9.2; Clopper & Pearson 1934; Fisher 1935 (exact test
of a 2 × 2 table).
"""

from __future__ import annotations

import math
import sys
from typing import Literal

from scipy import stats

HIGH_SHARE = 0.8
"""Share of the permitted error that goes to the arm whose upper end is used; the rest goes to the other arm's lower end.

An equal share makes intervals 4 % narrower in the middle of the scale, and 13 % wider where no arm has a hit, which is where
a verifier looks. Fixed beforehand: a share chosen after seeing the counts would void the level.
"""


def clopper_pearson(hits: int, trials: int, level: float) -> tuple[float, float] | None:
    """Return the exact two-sided interval of a rate: each end errs with at most (1 − level)/2, for any rate and n.

    Source: Clopper & Pearson 1934, by quantiles of the beta distribution. None without trials; raises ValueError for counts
    that do not fit each other.
    """
    _require_counts(hits, trials)
    if trials == 0:
        return None
    error = (1 - level) / 2
    return _low(hits, trials, error), _high(hits, trials, error)


def zero_hit_bound(trials: int, alpha: float = 0.05) -> float | None:
    """Return 1 − α^(1/N): the one-sided upper bound of a rate that gave no hit in N trials (59 → 5 %, 299 → 1 %).

    None without trials. Does not hold for a test that was stopped because it had no hit yet, nor one started again after one.
    """
    _require_counts(0, trials)
    # expm1 keeps the digits of rates far below 1e-16.
    return None if trials == 0 else -math.expm1(math.log(alpha) / trials)


def trial_difference(hits: int, trials: int, control_hits: int, control_trials: int, level: float) -> tuple[float, float] | None:
    """Return an interval of rate − control rate whose two ends each err with at most (1 − level)/2, for any rates and counts.

    Each end joins one Clopper–Pearson end of either arm. The arms are independent, so with errors a and b of the two,
    1 − (1 − a)(1 − b) is the error of the difference; a is `HIGH_SHARE` of what is permitted.
    We rejected Newcombe's square-and-add (Newcombe 1998, method 10; MOVER) with Clopper–Pearson limits. It is narrower (by 8 % without
    hits, by 40 % in the middle of the scale), but has no guarantee: one end of a 90 % interval errs with up to 7.9 % (10 against 10
    trials, rates .05 and .94) and with 5.4 % for differences as small as .3 (50 against 7), where a margin rests on each end alone.
    None if an arm has no trial; raises ValueError for counts that do not fit each other.
    """
    _require_counts(hits, trials)
    _require_counts(control_hits, control_trials)
    if trials == 0 or control_trials == 0:
        return None
    error = (1 - level) / 2
    for_high = HIGH_SHARE * error
    for_low = 1 - (1 - error) / (1 - for_high)
    low = _low(hits, trials, for_low) - _high(control_hits, control_trials, for_high)
    high = _high(hits, trials, for_high) - _low(control_hits, control_trials, for_low)
    return low, high


def fisher_p(hits: int, trials: int, control_hits: int, control_trials: int, side: Literal["greater", "less"]) -> float | None:
    """Return the one-sided p of "hits are more (less) frequent than in the control", given the total of hits.

    Exact and conservative for equal rates (Fisher 1935); it says nothing about the size of a difference. None if an arm has no
    trial; raises ValueError for counts that do not fit each other.
    """
    _require_counts(hits, trials)
    _require_counts(control_hits, control_trials)
    if trials == 0 or control_trials == 0:
        return None
    given = stats.hypergeom(trials + control_trials, hits + control_hits, trials)
    found = given.sf(hits - 1) if side == "greater" else given.cdf(hits)
    return min(1.0, max(float(found), sys.float_info.min))


def fisher_attainable(trials: int, control_trials: int) -> float:
    """Return the smallest p that `fisher_p` can give: all of one arm hit and none of the other; 1.0 if an arm has no trial."""
    _require_counts(0, trials)
    _require_counts(0, control_trials)
    one_way = math.lgamma(trials + 1) + math.lgamma(control_trials + 1) - math.lgamma(trials + control_trials + 1)
    return max(math.exp(one_way), sys.float_info.min)


def _low(hits: int, trials: int, error: float) -> float:
    return 0.0 if hits == 0 else float(stats.beta.ppf(error, hits, trials - hits + 1))


def _high(hits: int, trials: int, error: float) -> float:
    return 1.0 if hits == trials else float(stats.beta.isf(error, hits + 1, trials - hits))


def _require_counts(hits: int, trials: int) -> None:
    if trials < 0 or not 0 <= hits <= trials:
        raise ValueError(f"{hits} hits in {trials} trials; expected a count between none and all of them")
