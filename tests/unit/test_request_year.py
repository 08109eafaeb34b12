"""The simulated year: what one batch re-runs, when a ticket is done, and that one shard of one slice is a full retrain."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.request_year import Corpus, Tickets, draw_corpus, draw_tickets, run_batch, simulate, token_grid

HOUR = 1 / 24
PAIR = Corpus(  # two shards of two slices; the four subjects lie in (0, 0), (0, 1), (1, 0), (1, 1)
    tokens=np.array([0.1, 0.2, 0.3, 0.4]),
    shard_draw=np.array([0.0, 0.1, 0.6, 0.9]),
    slice_draw=np.array([0.2, 0.7, 0.3, 0.5]),
    full_training_days=10,
)


def test_a_batch_reruns_what_is_left_from_the_earliest_touched_slice() -> None:
    grid = token_grid(PAIR, 2, 2)

    rerun, touched = run_batch(grid, np.array([1, 1]), np.array([1, 0]), np.array([0.15, 0.3]))

    assert rerun == pytest.approx(0.25)  # shard 1: 0.3 + 0.4 − 0.3 − 0.15; shard 0 is left alone
    assert touched.tolist() == [1]


def test_days_and_costs_of_two_tickets_worked_by_hand() -> None:
    tickets = Tickets(subjects=np.array([0, 3]), arrived=np.array([1.0, 2.0]))

    weekly = simulate(PAIR, tickets, token_grid(PAIR, 2, 2), 7)

    # Ready on days 4 and 5, both start on day 7: shard 0 re-runs 0.2, shard 1 re-runs nothing of its emptied last slice.
    done = 7 + HOUR + 2
    assert (weekly.batches, weekly.most_rewritten_shards) == (1, 2)
    assert weekly.full_trainings == pytest.approx(0.2)
    assert weekly.baseline_trainings == pytest.approx(0.5)
    assert weekly.median_days == pytest.approx(done - 1.5)
    assert weekly.off_share == pytest.approx(((done - 4) + (done - 5)) / (2 * 365))
    assert weekly.in_time_share == 1


def test_a_shard_that_is_still_off_is_not_counted_twice() -> None:
    tickets = Tickets(subjects=np.array([0, 1]), arrived=np.array([0.0, 0.5]))

    at_once = simulate(PAIR, tickets, token_grid(PAIR, 2, 2), 0)

    # Ready on day 3 and, while shard 0's re-run of 0.2 is under way, on day 3.5: off from day 3 without a gap.
    assert at_once.batches == 2
    assert at_once.off_share == pytest.approx((2 * HOUR + 2) / (2 * 365))


def test_a_window_beyond_the_deadline_is_late() -> None:
    tickets = Tickets(subjects=np.array([0, 3]), arrived=np.array([1.0, 26.0]))

    late = simulate(PAIR, tickets, token_grid(PAIR, 2, 2), 29)

    assert late.in_time_share == 0.5  # day 29 + 2 of re-run + 2 of verification − 1 is late; − 26 is not


def test_one_shard_of_one_slice_is_a_full_retrain_in_each_batch() -> None:
    corpus = draw_corpus(3_000, 1, seed=4)
    year = simulate(corpus, draw_tickets(corpus, 5, seed=5, has_burst=True), token_grid(corpus, 1, 1), 7)

    assert year.full_trainings == pytest.approx(year.baseline_trainings)
    assert year.full_trainings < year.batches  # those who left are not trained on again


def test_nobody_asks_twice_and_the_corpus_is_the_most_that_can_ask() -> None:
    corpus = draw_corpus(50, 1, seed=4)
    tickets = draw_tickets(corpus, 100, seed=5, has_burst=False)

    assert sorted(tickets.subjects.tolist()) == list(range(50))
