"""Holm's adjustment, against a plain loop and under no effect."""

from __future__ import annotations

import math
import random

import pytest

from rtbf.statistics.multiplicity import can_reject, first_step, holm, smallest_adjusted


def _rejected(p_values: list[float], alpha: float) -> set[int]:
    """Return Holm's rejections as Holm 1979 states them: smallest first, stop at the first that is not small enough."""
    left = sorted(range(len(p_values)), key=lambda place: p_values[place])
    rejected: set[int] = set()
    while left and p_values[left[0]] <= alpha / len(left):
        rejected.add(left.pop(0))
    return rejected


def test_an_adjusted_p_at_most_alpha_is_holms_rejection() -> None:
    rng = random.Random("holm")
    for _ in range(300):
        p_values = [rng.random() ** 4 for _ in range(rng.randint(1, 9))]
        adjusted = holm(list(p_values))
        for alpha in (0.01, 0.05, 0.2):
            assert {place for place, p in enumerate(adjusted) if p is not None and p <= alpha} == _rejected(p_values, alpha)


def test_a_known_example() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([]) == []
    assert holm([0.5, 0.5]) == [1.0, 1.0]


def test_a_test_without_p_still_counts_as_one_of_the_family() -> None:
    assert holm([0.01, None, 0.2]) == [pytest.approx(0.03), None, pytest.approx(0.4)]
    assert holm([0.01, math.nan]) == [pytest.approx(0.02), None]


@pytest.mark.parametrize("bad", [-0.1, 1.1])
def test_what_is_no_probability_is_refused(bad: float) -> None:
    with pytest.raises(ValueError, match="outside 0 to 1"):
        holm([0.5, bad])


def test_any_false_alarm_in_the_family_is_rare() -> None:
    """All hypotheses true, p-values that hang together: the family errs with at most 5 %."""
    rng = random.Random("family")
    trials = 3000
    alarms = 0
    for _ in range(trials):
        shared = rng.random()
        adjusted = holm([shared if rng.random() < 0.3 else rng.random() for _ in range(6)])
        alarms += any(p is not None and p <= 0.05 for p in adjusted)

    assert 0.02 <= alarms / trials <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / trials)


def test_ten_fields_of_99_candidates_can_never_reject_at_one_per_cent() -> None:
    assert can_reject([0.01] * 10, 0.01) == [False] * 10
    assert can_reject([0.001] * 10, 0.01) == [True] * 10
    assert smallest_adjusted([0.01] * 10) == pytest.approx([0.1] * 10)


def test_a_test_that_can_reject_only_after_others_fails_the_first_step() -> None:
    attainable = [1e-6, 0.008, None]

    assert can_reject(attainable, 0.01) == [True, False, False]
    assert can_reject([1e-6, 0.004, None], 0.01) == [True, True, False]
    assert first_step([1e-6, 0.004, None], 0.01) == [True, False, False]


def test_no_data_can_beat_the_smallest_adjusted_p() -> None:
    rng = random.Random("attainable")
    attainable = [0.002, 0.01, 0.03, 0.0001]
    least = smallest_adjusted(list(attainable))
    for _ in range(200):
        adjusted = holm([max(p, rng.random() ** 8) for p in attainable])
        assert all(p is not None and bound is not None and p >= bound for p, bound in zip(adjusted, least, strict=True))
