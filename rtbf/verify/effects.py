"""From the numbers of two arms to an effect: mean, interval, p-values, and what so few numbers could have shown.

records   paired by record: BCa or Student interval, one-sided sign-flip tests (sheet 9.2)
ranks     normalised ranks against guessing: exact tests, conditional on these records (sheet 3.4, 3.7)
trials    counts of generations: Clopper–Pearson ends, Fisher's exact test (sheet 6.8)
"""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rtbf.evidence.canonical import decimal_text
from rtbf.statistics.equivalence import power_of_equivalence
from rtbf.statistics.intervals import mean_interval
from rtbf.statistics.ranks import mean_rank_attainable, mean_rank_p, min_rank_attainable, min_rank_p
from rtbf.statistics.signs import sign_flip_attainable, sign_flip_p
from rtbf.statistics.trials import fisher_attainable, fisher_p, trial_difference
from rtbf.verify.record import Interval
from rtbf.verify.values import CHANCE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rtbf.verify.values import Values

LEVEL = 0.90
"""Two one-sided tests at 5 % are a 90 % interval (sheet 9.1)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Effect:
    """An effect as the record holds it: decimal text, None where it could not be computed."""

    estimate: str | None = None
    interval: Interval | None = None
    assay: Interval | None = None
    p_leak: str | None = None
    p_trace: str | None = None
    p_attainable: str | None = None
    power: str | None = None


NO_EFFECT = Effect()


def of_records(values: Values, *, is_before: bool, has_tests: bool, is_two_sided: bool, margin: float, seed: int) -> Effect:
    """Return the mean paired effect; after − before when that is the comparison, else after − control."""
    base = values.before if is_before else values.control
    if base is None or not values.after.values:
        return NO_EFFECT
    effect = _paired(values.after.values, base.values)
    assay = None
    if not is_before and values.control_before is not None:
        assay = _interval(_paired(values.before.values, values.control_before.values), seed)
    return Effect(
        estimate=decimal_text(math.fsum(effect) / len(effect)),
        interval=_interval(effect, seed),
        assay=assay,
        p_leak=_p_text(sign_flip_p(effect, side="greater", seed=seed)) if has_tests else None,
        p_trace=_p_text(sign_flip_p(effect, side="less", seed=seed)) if has_tests and is_two_sided else None,
        p_attainable=_p_text(sign_flip_attainable(len(effect))) if has_tests else None,
        power=_power(effect, margin),
    )


def of_ranks(values: Values, *, margin: float, seed: int) -> Effect:
    """Return how far the mean normalised rank lies from guessing; a value is 1 − u, so that knowing is positive."""
    if not values.after.values:
        return NO_EFFECT
    chance = values.control
    assert chance is not None
    effect = _paired(values.after.values, chance.values)
    ranks = [1 - value for value in values.after.values]
    return Effect(
        estimate=decimal_text(math.fsum(effect) / len(effect)),
        interval=_interval(effect, seed),
        assay=_interval(_paired(values.before.values, chance.values), seed),
        p_leak=_p_text(mean_rank_p(ranks, values.candidates, side="low", n_equal=values.ties)),
        p_trace=_p_text(mean_rank_p(ranks, values.candidates, side="high", n_equal=values.ties)),
        p_attainable=_p_text(mean_rank_attainable(len(ranks), values.candidates)),
        power=_power(effect, margin),
    )


def of_best_rank(values: Values) -> Effect:
    """Return how far the best known value lies from guessing: one secret that came through, which a mean would dilute."""
    if not values.after.values:
        return NO_EFFECT
    ranks = [1 - value for value in values.after.values]
    return Effect(
        estimate=decimal_text(max(values.after.values) - CHANCE),
        p_leak=_p_text(min_rank_p(ranks, values.candidates, side="low", n_equal=values.ties)),
        p_attainable=_p_text(min_rank_attainable(len(ranks), values.candidates)),
    )


def of_trials(values: Values) -> Effect:
    """Return the difference of two rates over all generations; they are independent given the model and the prompts."""
    control = values.control
    after, before = values.after, values.before
    if control is None or not after.trials or not control.trials:
        return NO_EFFECT
    return Effect(
        estimate=decimal_text(after.hits / after.trials - control.hits / control.trials),
        interval=_ends(trial_difference(after.hits, after.trials, control.hits, control.trials, level=LEVEL)),
        assay=_ends(trial_difference(before.hits, before.trials, control.hits, control.trials, level=LEVEL)),
        p_leak=_p_text(fisher_p(after.hits, after.trials, control.hits, control.trials, side="greater")),
        p_attainable=_p_text(fisher_attainable(after.trials, control.trials)),
    )


def _paired(left: Sequence[float], right: Sequence[float]) -> list[float]:
    return [one - other for one, other in zip(left, right, strict=True)]


def _power(effect: Sequence[float], margin: float) -> str | None:
    if len(effect) < 2 or not all(map(math.isfinite, effect)):  # noqa: PLR2004 - one value has no spread
        return None
    power = power_of_equivalence(len(effect), statistics.stdev(effect), margin)
    return None if power is None else decimal_text(power)


def _interval(effect: Sequence[float], seed: int) -> Interval | None:
    found = mean_interval(effect, level=LEVEL, seed=seed)
    return None if found is None else _ends((found.low, found.high))


def _ends(ends: tuple[float, float] | None) -> Interval | None:
    if ends is None:
        return None
    low, high = decimal_text(ends[0]), decimal_text(ends[1])
    return None if low is None or high is None else Interval(low=low, high=high, level=f"{LEVEL:.2f}")


def _p_text(p_value: float | None) -> str | None:
    return None if p_value is None else decimal_text(p_value, places=9)
