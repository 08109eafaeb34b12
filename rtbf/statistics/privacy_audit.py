"""Which (ε, δ) a single training refutes, from guesses about canaries that were each put in or left out by a fair coin.

An auditor who sees the trained model guesses of r of m canaries whether they were in. A private training bounds how many can
be right: v right guesses are a test of "this training is (ε, δ)-private for one canary", at any ε. It refutes; it never
confirms. A training may be worse than any auditor finds, and with r guesses no ε above `best_refutable` could have been refuted.
The coins must be fair, independent and unseen by the training, and r fixed before the guesses are compared with them.
Source: Steinke, Nasr & Jagielski 2023, "Privacy Auditing with One (1) Training Run", Theorem 5.2; verification sheet 9.2.
"""

from __future__ import annotations

import math

import numpy as np
from scipy import stats

_STEP = 0.25
_MOST_EPSILON = 64.0
_HALVINGS = 40


def one_run_p(*, canaries: int, guesses: int, right: int, epsilon: float, delta: float) -> float:
    """Return the largest probability that an (ε, δ)-private training permits `right` of `guesses` guesses, or more, to be right.

    With W ~ Binomial(r, e^ε/(1+e^ε)), the right guesses of randomised response, it is

        P[W ≥ v] + 2·m·δ · max_{1 ≤ i ≤ m} P[v > W ≥ v − i] / i

    where m counts all canaries, those the auditor abstains on too. At δ = 0 nothing but the first term is left.
    returns  at most 1; a p of the hypothesis "(ε, δ)-private with respect to one canary"
    raises   ValueError for counts that do not fit each other
    """
    if not 0 <= right <= guesses <= canaries or not epsilon >= 0 or not 0 <= delta < 1:
        raise ValueError(f"{right} of {guesses} guesses about {canaries} canaries at epsilon {epsilon}, delta {delta}")
    honest = stats.binom(guesses, 1 / (1 + math.exp(-epsilon)))
    found = float(honest.sf(right - 1))
    if delta > 0 and right > 0:
        # Beyond i = v the numerator does not grow any more.
        near = np.cumsum(honest.pmf(np.arange(right - 1, -1, -1))) / np.arange(1, right + 1)
        found += 2 * canaries * delta * float(near.max())
    return min(1.0, found)


def refuted_epsilon(*, canaries: int, guesses: int, right: int, delta: float, level: float = 0.95) -> float | None:
    """Return the ε up to which all are refuted at `level`, rounded down by less than 1e-9; None where not even ε = 0 is.

    A lower bound of the training's true ε at this δ, wrong with at most 1 − level. Where the δ term makes the p fall again at a
    larger ε, that ε is not used: picking the best of several tests would void the level.
    raises   as `one_run_p`
    """

    def is_refuted(epsilon: float) -> bool:
        return one_run_p(canaries=canaries, guesses=guesses, right=right, epsilon=epsilon, delta=delta) < 1 - level

    if not is_refuted(0.0):
        return None
    low, high = 0.0, _STEP
    while is_refuted(high) and high < _MOST_EPSILON:
        low, high = high, high + _STEP
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if is_refuted(middle) else (low, middle)
    return low


def best_refutable(*, canaries: int, guesses: int, delta: float, level: float = 0.95) -> float | None:
    """Return what `refuted_epsilon` would have said had every guess been right: above it an audit of this size is blind."""
    return refuted_epsilon(canaries=canaries, guesses=guesses, right=guesses, delta=delta, level=level)
