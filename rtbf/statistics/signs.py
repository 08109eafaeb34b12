"""The exact test of a mean over records by random signs.

Source: specs/verification/09_statistics.md §9.2; Fisher's randomisation test (The Design of Experiments, 1935, §21).
"""

from __future__ import annotations

import functools
import math
from typing import TYPE_CHECKING, Literal

import numpy as np
from scipy import stats

if TYPE_CHECKING:
    from collections.abc import Sequence

SIGN_FLIPS = 99_999


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
    greater, less = _both_p(tuple(values), seed)
    return greater if side == "greater" else less


def sign_flip_attainable(n: int) -> float:
    """Return the smallest p that `sign_flip_p` can give with n records: 2^−n, or 1/(draws + 1) when drawn."""
    return max(2.0**-n, 1 / (SIGN_FLIPS + 1))


@functools.lru_cache(maxsize=256)
def _both_p(values: tuple[float, ...], seed: int) -> tuple[float, float]:
    """Return p of "greater" and of "less" from one set of signs: drawing them is nearly all of the work."""
    sample = np.asarray(values, dtype=np.float64)
    result = stats.permutation_test(
        # That −values lie above zero is that values lie below it; both rows get the same signs.
        (np.stack([sample, -sample]),),
        lambda rows, axis: np.mean(rows, axis=axis),
        permutation_type="samples",
        vectorized=True,
        n_resamples=SIGN_FLIPS,
        batch=10_000,
        alternative="greater",
        axis=-1,
        rng=np.random.default_rng(seed),
    )
    return float(result.pvalue[0]), float(result.pvalue[1])
