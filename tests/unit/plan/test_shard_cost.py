"""The cost of an erasure in shards and slices: the closed forms against every case there is, and against a seeded draw."""

from __future__ import annotations

import itertools
import random
import statistics
from fractions import Fraction

import pytest

from rtbf.errors import BadInput
from rtbf.plan.shard_cost import (
    adapter_parameters,
    batch_share,
    one_subject_share,
    rerun_share,
    rerun_tokens,
    storage_bytes,
    subjects_until,
    touched_shards,
)

APART, ALL = Fraction(0), Fraction(1)


def _run(places: tuple[tuple[int, int], ...], shards: int, slices: int, rehearsal: Fraction = APART) -> Fraction:
    """Walk each shard's slices in order and add up those that run once a touched one has been met: no minimum, no formula.

    A slice costs its own records and, of each slice before it, the share that is rehearsed.
    """
    run = Fraction(0)
    for shard in range(shards):
        is_running = False
        for each in range(1, slices + 1):
            is_running = is_running or (shard, each) in places
            run += (1 + sum((rehearsal for _ in range(1, each)), APART)) if is_running else 0
    return run


def _slices_run(places: tuple[tuple[int, int], ...], shards: int, slices: int) -> int:
    return int(_run(places, shards, slices))


def _whole(shards: int, slices: int, rehearsal: Fraction) -> Fraction:
    return _run(tuple((shard, 1) for shard in range(shards)), shards, slices, rehearsal)


@pytest.mark.parametrize("rehearsal", [APART, Fraction(1, 10), Fraction(1, 4), ALL])
@pytest.mark.parametrize(("shards", "slices", "subjects"), [(1, 1, 1), (1, 4, 3), (2, 3, 1), (3, 2, 3), (2, 3, 4), (4, 1, 3), (3, 3, 2)])
def test_the_closed_forms_equal_the_mean_over_every_case(shards: int, slices: int, subjects: int, rehearsal: Fraction) -> None:
    grid = list(itertools.product(range(shards), range(1, slices + 1)))
    whole = _whole(shards, slices, rehearsal)

    cases = list(itertools.product(grid, repeat=subjects))
    share = sum((_run(case, shards, slices, rehearsal) for case in cases), APART) / (len(cases) * whole)
    touched = sum(len({shard for shard, _ in case}) for case in cases) / len(cases)

    assert batch_share(subjects, shards, slices, rehearsal) == pytest.approx(float(share), rel=1e-12)
    assert touched_shards(subjects, shards) == pytest.approx(touched, rel=1e-12)
    assert subjects > 1 or one_subject_share(shards, slices, rehearsal) == share
    assert all(rerun_share(case, shards, slices, rehearsal) == _run(case, shards, slices, rehearsal) / whole for case in cases)


@pytest.mark.parametrize(("shards", "slices"), [(16, 8), (8, 4), (1, 1), (3, 7)])
def test_slices_apart_and_cumulative_ones_cost_what_the_sheet_says(shards: int, slices: int) -> None:
    """specs/methods/exact-unlearning.md, method 1: (1/S)(R+1)/(2R) and (1/S)(2R+1)/(3R)."""
    apart, cumulative = one_subject_share(shards, slices), one_subject_share(shards, slices, ALL)

    assert apart == Fraction(slices + 1, 2 * slices * shards)
    assert cumulative == Fraction(2 * slices + 1, 3 * slices * shards)


@pytest.mark.parametrize("rehearsal", [Fraction(-1, 10), Fraction(11, 10)])
def test_a_rehearsal_that_is_no_share_is_refused(rehearsal: Fraction) -> None:
    with pytest.raises(BadInput, match="rehearsal"):
        one_subject_share(16, 8, rehearsal)


@pytest.mark.parametrize(("shards", "slices", "subjects"), [(16, 8, 20), (8, 4, 5), (64, 16, 100)])
def test_the_closed_form_lies_within_three_standard_errors_of_a_draw(shards: int, slices: int, subjects: int) -> None:
    dice = random.Random(11)

    draws = []
    for _ in range(600):
        case = tuple((dice.randrange(shards), dice.randint(1, slices)) for _ in range(subjects))
        draws.append(_slices_run(case, shards, slices) / (shards * slices))
    error = statistics.stdev(draws) / len(draws) ** 0.5

    assert abs(batch_share(subjects, shards, slices) - statistics.fmean(draws)) < 3 * error
    assert error < 0.01  # else the line above would pass for a wrong formula


def test_the_sheets_examples() -> None:
    assert one_subject_share(16, 8) == Fraction(9, 256)  # 3.5 % of a full training
    assert touched_shards(20, 16) == pytest.approx(11.6, abs=0.05)
    assert batch_share(20, 16, 8) == pytest.approx(0.48, abs=0.005)


def test_a_batch_far_above_the_grid_is_a_full_training_and_no_subject_costs_nothing() -> None:
    assert batch_share(0, 16, 8) == 0
    assert batch_share(100_000, 16, 8) == pytest.approx(1)
    assert batch_share(7, 1, 1) == pytest.approx(1)


def test_the_break_even_is_the_first_batch_that_reaches_the_share() -> None:
    batch = subjects_until(0.5, 16, 8)

    assert batch_share(batch - 1, 16, 8) < 0.5 <= batch_share(batch, 16, 8)
    assert subjects_until(0.9, 1, 1) == 1


def test_tokens_are_counted_from_the_earliest_touched_slice_on() -> None:
    tokens = {(0, 1): 5, (0, 2): 70, (0, 3): 900, (1, 1): 11, (1, 3): 13}

    assert rerun_tokens([(0, 3), (0, 2), (0, 3)], tokens, 2, 3) == 970
    assert rerun_tokens([(1, 2)], tokens, 2, 3) == 13  # the touched slice is empty now; what came after it runs again
    assert rerun_tokens([], tokens, 2, 3) == 0


def test_storage_counts_weights_and_both_moments_and_the_shards_written_anew() -> None:
    parameters = adapter_parameters([(10, 20), (20, 10)], rank=4)

    assert parameters == 240  # 2 · 4 · 30
    assert storage_bytes(3, 2, parameters) == 17_280  # 6 checkpoints · 240 · (4 + 4 + 4)
    assert storage_bytes(3, 2, parameters, rewritten_shards=1) == 23_040  # and 2 more


@pytest.mark.parametrize("place", [(2, 1), (-1, 1), (0, 0), (0, 4)])
def test_a_place_outside_the_grid_is_refused(place: tuple[int, int]) -> None:
    with pytest.raises(BadInput, match="place"):
        rerun_share([place], 2, 3)


def test_a_grid_of_nothing_a_negative_batch_and_an_impossible_share_are_refused() -> None:
    for refused in (
        lambda: one_subject_share(0, 1),
        lambda: touched_shards(-1, 2),
        lambda: batch_share(1, 2, 0),
        lambda: storage_bytes(0, 1, 1),
        lambda: subjects_until(1.0, 2, 2),
    ):
        with pytest.raises(BadInput):
            refused()
