"""Effects against school arithmetic: every p by counting all arrangements, every interval by its textbook quantile."""

from __future__ import annotations

import math
import random
import statistics
from dataclasses import replace
from itertools import product
from math import comb
from typing import TYPE_CHECKING, Any

import pytest
from scipy import stats

from rtbf.verify.effects import LEVEL, NO_EFFECT, of_best_rank, of_ranks, of_records, of_trials
from rtbf.verify.values import Column, Values

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rtbf.verify.effects import Effect
    from rtbf.verify.record import Interval

AFTER, BEFORE, CONTROL = [-1.0, -1.5, -0.5, -2.0, -1.2], [-0.1, -0.2, -0.1, -0.3, -0.15], [-1.2, -1.4, -1.1, -1.9, -1.6]


def _values(
    after: Sequence[float] = AFTER, before: Sequence[float] = BEFORE, control: Sequence[float] | None = CONTROL, **changes: Any
) -> Values:
    compared = None if control is None else Column(values=list(control))
    fields: dict[str, Any] = {
        "record_ids": tuple(f"r{at}" for at in range(len(after))),
        "before": Column(values=list(before)),
        "after": Column(values=list(after)),
        "control": compared,
        "control_before": compared,
        "compared_with": None,
        "candidates": (),
        "ties": (),
        "n_items": len(after),
        "n_excluded": 0,
        "witnesses": None,
        "has_nan": False,
    }
    return Values(**(fields | changes))


def _records(values: Values, **changes: Any) -> Effect:
    told: dict[str, Any] = {"is_before": False, "has_tests": True, "is_two_sided": True, "margin": 0.1, "seed": 17}
    return of_records(values, **(told | changes))


def _less(one: Sequence[float], other: Sequence[float]) -> list[float]:
    return [left - right for left, right in zip(one, other, strict=True)]


def _student(effect: Sequence[float]) -> tuple[float, float]:
    """Return the 90 % interval of a mean by Student's t."""
    half = float(stats.t.ppf(0.95, len(effect) - 1)) * statistics.stdev(effect) / math.sqrt(len(effect))
    return statistics.fmean(effect) - half, statistics.fmean(effect) + half


def _ends(interval: Interval | None) -> tuple[float, float]:
    assert interval is not None
    assert interval.level == "0.90"
    return float(interval.low), float(interval.high)


def _sign_flips(effect: Sequence[float]) -> tuple[float, float]:
    """Return the share of all sign patterns whose mean is at least, and at most, the one that was seen."""
    means = [math.fsum(sign * value for sign, value in zip(signs, effect, strict=True)) for signs in product((1, -1), repeat=len(effect))]
    seen = math.fsum(effect)
    return sum(mean >= seen - 1e-12 for mean in means) / len(means), sum(mean <= seen + 1e-12 for mean in means) / len(means)


def _figures(effect: Effect) -> dict[str, Any]:
    return {name: getattr(effect, name) for name in effect.__slots__}


def test_records_are_paired_with_what_they_are_compared_with() -> None:
    effect = _less(AFTER, CONTROL)  # 0.2, −0.1, 0.6, −0.1, 0.4

    found = _records(_values())

    assert found.estimate == "0.200000"
    assert _ends(found.interval) == pytest.approx(_student(effect), abs=2e-6)
    assert _ends(found.assay) == pytest.approx(_student(_less(BEFORE, CONTROL)), abs=2e-6)
    assert (float(found.p_leak or -1), float(found.p_trace or -1)) == pytest.approx(_sign_flips(effect), abs=1e-9)
    assert found.p_attainable == "0.031250000"  # 2^−5


def test_pairs_are_kept_and_a_spread_that_both_share_is_no_spread() -> None:
    shared = [0.0, -5.0, 3.0, -8.0, 11.0]

    found = _records(_values([value + 0.3 for value in shared], shared, shared))

    assert _ends(found.interval) == pytest.approx((0.3, 0.3), abs=1e-6)
    assert float(found.power or 0) > 0.999


def test_against_before_nothing_else_is_compared() -> None:
    found = _records(_values(), is_before=True, has_tests=False)

    assert float(found.estimate or 0) == pytest.approx(statistics.fmean(_less(AFTER, BEFORE)), abs=1e-6)
    assert _ends(found.interval) == pytest.approx(_student(_less(AFTER, BEFORE)), abs=2e-6)
    assert (found.assay, found.p_leak, found.p_trace, found.p_attainable) == (None, None, None, None)


def test_a_one_sided_probe_has_no_p_for_the_side_that_is_no_fault() -> None:
    found = _records(_values(), is_two_sided=False)

    assert found.p_leak is not None
    assert found.p_trace is None


def test_the_sibling_of_the_original_and_that_of_the_artefact_are_two() -> None:
    theirs = Column(values=[-9.0, -9.5, -9.0, -9.5, -9.0])

    found = _records(_values(control_before=theirs))

    assert found.estimate == "0.200000"
    assert _ends(found.assay) == pytest.approx(_student(_less(BEFORE, theirs.values)), abs=2e-6)


def test_what_was_measured_without_a_before_of_the_same_kind_has_no_assay() -> None:
    assert _records(_values(control_before=None)).assay is None


@pytest.mark.parametrize("values", [_values(control=None), _values([], [], [])])
def test_without_a_comparison_or_records_there_is_no_effect_and_no_nought(values: Values) -> None:
    assert _records(values) == NO_EFFECT
    assert set(_figures(NO_EFFECT).values()) == {None}


def test_one_record_has_an_estimate_and_neither_interval_nor_power() -> None:
    found = _records(_values([-1.0], [-0.1], [-1.2]))

    assert (found.estimate, found.interval, found.power) == ("0.200000", None, None)
    assert (found.p_leak, found.p_trace, found.p_attainable) == ("0.500000000", "1.000000000", "0.500000000")


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_number_that_is_none_gives_no_figure(bad: float) -> None:
    found = _records(_values([bad, *AFTER[1:]]))

    assert _figures(found) | {"assay": None, "p_attainable": None} == _figures(NO_EFFECT)


@pytest.mark.parametrize("n", [8, 30])
def test_power_is_the_chance_that_two_tests_of_no_difference_both_reject(n: int) -> None:
    """Two one-sided t-tests at 5 % by simulation: 4000 samples of no difference, with the spread that was seen."""
    rng = random.Random(n)
    effect = [rng.gauss(0.0, 0.1) for _ in range(n)]
    spread, margin = statistics.stdev(effect), 0.08
    hits, rounds = 0, 4000
    quantile = float(stats.t.ppf(0.95, n - 1))
    for _ in range(rounds):
        sample = [rng.gauss(0.0, spread) for _ in range(n)]
        half = quantile * statistics.stdev(sample) / math.sqrt(n)
        hits += -margin < statistics.fmean(sample) - half and statistics.fmean(sample) + half < margin

    found = _records(_values(effect, effect, [0.0] * n), margin=margin)

    # Four standard errors of a simulated share.
    assert float(found.power or -1) == pytest.approx(hits / rounds, abs=4 * math.sqrt(0.25 / rounds))


def _ranks(places: Sequence[int], candidates: Sequence[int], ties: Sequence[int] | None = None) -> Values:
    """Return values of true answers that stand at these places, 1 being the likeliest."""
    known = [1 - (place - 0.5) / (count + 1) for place, count in zip(places, candidates, strict=True)]
    chance = [0.5] * len(places)
    return _values(known, known, chance, candidates=tuple(candidates), ties=tuple(ties or [0] * len(places)))


def _sums(size: int, n: int) -> dict[int, int]:
    """Return sum of n ranks 1..size → how many of the size^n rank vectors have it."""
    counts = {0: 1}
    for _ in range(n):
        longer: dict[int, int] = {}
        for total, ways in counts.items():
            for rank in range(1, size + 1):
                longer[total + rank] = longer.get(total + rank, 0) + ways
        counts = longer
    return counts


@pytest.mark.parametrize("places", [(1, 1, 1), (2, 5, 9), (10, 10, 9), (5, 6, 5)])
def test_ranks_are_tested_by_counting_every_arrangement(places: tuple[int, ...]) -> None:
    sums = _sums(10, 3)
    low = sum(ways for total, ways in sums.items() if total <= sum(places)) / 1000
    high = sum(ways for total, ways in sums.items() if total >= sum(places)) / 1000

    found = of_ranks(_ranks(places, (9, 9, 9)), margin=0.1, seed=17)

    assert (float(found.p_leak or -1), float(found.p_trace or -1)) == pytest.approx((low, high), abs=1e-9)
    assert found.p_attainable == "0.001000000"
    mean_rank = (sum(places) / 3 - 0.5) / 10
    assert float(found.estimate or 0) == pytest.approx(0.5 - mean_rank, abs=1e-6)  # knowing is positive
    effect = [0.5 - (place - 0.5) / 10 for place in places]
    assert _ends(found.interval) == pytest.approx(_student(effect), abs=2e-6)
    assert found.assay == found.interval  # before and after are the same here


def test_a_tie_is_never_counted_for_either_claim() -> None:
    """One item of nine candidates, eight of them as likely: its middle place is 5, which alone would be no evidence at all."""
    tied = of_ranks(_ranks((5,), (9,), (8,)), margin=0.1, seed=17)
    clear = of_ranks(_ranks((5,), (9,), (0,)), margin=0.1, seed=17)

    assert (tied.p_leak, tied.p_trace) == ("0.900000000", "1.000000000")
    assert (clear.p_leak, clear.p_trace) == ("0.500000000", "0.600000000")


def test_one_known_value_among_many_is_found_where_the_mean_dilutes_it() -> None:
    values = _ranks((1, *([60] * 9)), (99,) * 10)

    best, mean = of_best_rank(values), of_ranks(values, margin=0.1, seed=17)

    assert best.p_leak == "0.100000000"  # 10 items times 1/100
    assert best.p_attainable == "0.100000000"
    assert best.estimate == "0.495000"  # 1 − 0.005 − 0.5
    assert float(mean.p_leak or 0) > 0.5
    assert (best.interval, best.assay, best.p_trace, best.power) == (None, None, None, None)


def test_the_best_rank_of_unequal_candidates_is_the_smallest_share() -> None:
    found = of_best_rank(_ranks((2, 1), (99, 9)))

    assert found.p_leak == "0.040000000"  # 2 items times 2/100, which is less than 2 times 1/10


@pytest.mark.parametrize("effect", [of_best_rank(_ranks((), ())), of_ranks(_ranks((), ()), margin=0.1, seed=17)])
def test_without_ranked_items_there_is_no_effect(effect: Effect) -> None:
    assert effect == NO_EFFECT


def _trials(after: tuple[int, int], control: tuple[int, int] | None, before: tuple[int, int] = (9, 10)) -> Values:
    columns = [Column(values=[0.0], hits=pair[0], trials=pair[1]) if pair else None for pair in (before, after, control)]
    return replace(_values([0.0], [0.0], [0.0]), before=columns[0], after=columns[1], control=columns[2])  # type: ignore[arg-type]


def _hypergeometric(hits: int, trials: int, control_hits: int, control_trials: int) -> float:
    """Return P(at least so many of all hits fall to the first arm), had they been dealt out by chance."""
    both = hits + control_hits
    ways = [comb(trials, count) * comb(control_trials, both - count) for count in range(hits, min(trials, both) + 1)]
    return sum(ways) / comb(trials + control_trials, both)


@pytest.mark.parametrize(("after", "control"), [((4, 10), (1, 20)), ((0, 10), (0, 20)), ((1, 3), (5, 6)), ((10, 10), (0, 20))])
def test_generations_are_tested_by_dealing_out_all_hits(after: tuple[int, int], control: tuple[int, int]) -> None:
    found = of_trials(_trials(after, control))

    assert float(found.p_leak or -1) == pytest.approx(_hypergeometric(*after, *control), abs=1e-9)
    difference = after[0] / after[1] - control[0] / control[1]
    assert float(found.estimate or 9) == pytest.approx(difference, abs=1e-6)
    low, high = _ends(found.interval)
    assert low <= difference <= high
    assert found.p_trace is None


def test_fewer_generations_could_show_less() -> None:
    few, many = of_trials(_trials((0, 2), (0, 2))), of_trials(_trials((0, 20), (0, 20)))

    assert few.p_attainable == f"{1 / 6:.9f}"  # two hits of two and none of two: 1 of 6 ways
    assert float(many.p_attainable or 1) == pytest.approx(1 / comb(40, 20), abs=1e-9)
    assert _width(few) > _width(many)


def _width(effect: Effect) -> float:
    low, high = _ends(effect.interval)
    return high - low


def test_the_assay_of_generations_is_the_original_against_the_control() -> None:
    found = of_trials(_trials((0, 50), (0, 50), before=(50, 50)))

    low, high = _ends(found.assay)
    assert low > 0.8
    assert high == 1.0


@pytest.mark.parametrize("values", [_trials((1, 10), None), _trials((0, 0), (0, 10)), _trials((1, 10), (0, 0))])
def test_without_generations_on_both_sides_there_is_no_rate(values: Values) -> None:
    assert of_trials(values) == NO_EFFECT


def test_two_one_sided_tests_at_five_percent_are_a_ninety_percent_interval() -> None:
    assert LEVEL == 0.90
