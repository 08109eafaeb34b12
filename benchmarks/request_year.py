"""A year of erasure requests, simulated: arrivals, batches, one worker, and what it re-runs. Nothing here trains a model.

What is assumed, and changes the results: subjects ask uniformly and independently, except on a burst day; one worker re-runs
at the rate at which it trained; the sharded training passes as many tokens as the plain one; a batch takes everybody
whose identity is settled when it starts, so a worker that falls behind is batched by its queue.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]
    Whole = npt.NDArray[np.int64]

DAYS = 365
DEADLINE_DAYS = 30  # GDPR Art. 12(3) says one month, without the extension
INTAKE_DAYS = 3  # identity and approval, before a ticket may be batched
VERIFY_DAYS = 2  # the model's verification and the report, after the re-run and before the deadline
OVERHEAD_DAYS = 1 / 24  # each batch: loading, merging, swapping the served model
BURST_DAY, BURST_FACTOR = 200, 60  # a news story: sixty ordinary days' requests on one day
TAIL, MOST_RECORDS = 1.5, 10_000  # records of a subject: Pareto, capped


@dataclass(frozen=True, kw_only=True, slots=True)
class Corpus:
    """The tokens of each subject as a share of one full training, with the draws that place it in any grid."""

    tokens: Floats
    shard_draw: Floats
    slice_draw: Floats
    full_training_days: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Tickets:
    """Who asks, in order of arrival; days since the year began."""

    subjects: Whole
    arrived: Floats


@dataclass(frozen=True, kw_only=True, slots=True)
class Year:
    """What the year took. Shares are of one full training, of all tickets, or of all shard-days, as named."""

    full_trainings: float
    baseline_trainings: float
    batches: int
    in_time_share: float
    median_days: float
    p95_days: float
    off_share: float
    busy_share: float
    most_rewritten_shards: int


def draw_corpus(subjects: int, full_training_days: float, seed: int) -> Corpus:
    """Return subjects with a heavy tail of records and uniform draws for their places."""
    dice = np.random.default_rng(seed)
    records = np.minimum(np.floor(1 + dice.pareto(TAIL, subjects)), MOST_RECORDS)
    shard_draw, slice_draw = dice.random(subjects), dice.random(subjects)
    return Corpus(tokens=records / records.sum(), shard_draw=shard_draw, slice_draw=slice_draw, full_training_days=full_training_days)


def draw_tickets(corpus: Corpus, per_week: float, seed: int, *, has_burst: bool) -> Tickets:
    """Return a Poisson year of requests, each subject at most once, with the burst day's on top where there is one."""
    dice = np.random.default_rng(seed)
    arrived = dice.random(dice.poisson(per_week * DAYS / 7)) * DAYS
    if has_burst:
        arrived = np.concatenate([arrived, BURST_DAY + dice.random(dice.poisson(BURST_FACTOR * per_week / 7))])
    arrived = np.sort(arrived)[: len(corpus.tokens)]
    return Tickets(subjects=dice.choice(len(corpus.tokens), len(arrived), replace=False), arrived=arrived)


def places(corpus: Corpus, shards: int, slices: int) -> tuple[Whole, Whole]:
    """Return each subject's shard and slice, both from 0."""
    return (corpus.shard_draw * shards).astype(np.int64), (corpus.slice_draw * slices).astype(np.int64)


def token_grid(corpus: Corpus, shards: int, slices: int) -> Floats:
    """Return the share of a full training that passes through each (shard, slice)."""
    shard, each = places(corpus, shards, slices)
    totals = np.bincount(shard * slices + each, corpus.tokens, shards * slices)
    return np.asarray(totals, dtype=np.float64).reshape(shards, slices)


def run_batch(grid: Floats, shard: Whole, each: Whole, tokens: Floats) -> tuple[float, Whole]:
    """Take the subjects' tokens out of the grid (it is changed), and return what is re-run and the touched shards."""
    np.subtract.at(grid, (shard, each), tokens)
    first = np.full(len(grid), grid.shape[1])
    np.minimum.at(first, shard, each)
    touched = np.flatnonzero(first < grid.shape[1])
    rerun = grid[touched][np.arange(grid.shape[1]) >= first[touched, None]].sum()
    return float(rerun), touched


def simulate(corpus: Corpus, tickets: Tickets, grid: Floats, window_days: float) -> Year:
    """Return what this year of tickets takes in a grid of shards and slices, batched at whole multiples of the window.

    window_days   0 starts a batch as soon as a ticket is ready and the worker is free
    """
    grid, (shards, slices) = grid.copy(), grid.shape
    all_shards, all_slices = places(corpus, shards, slices)
    shard, each, tokens = all_shards[tickets.subjects], all_slices[tickets.subjects], corpus.tokens[tickets.subjects]
    ready = tickets.arrived + INTAKE_DAYS
    removed, back = np.empty(len(ready)), np.zeros(shards)
    free = rerun = baseline = off = busy = 0.0
    batches = begin = most = 0
    while begin < len(ready):
        start = max(free, float(ready[begin]))
        if window_days:
            start = math.ceil(start / window_days) * window_days
        end = int(np.searchsorted(ready, start, "right"))
        taken = slice(begin, end)
        cost, touched = run_batch(grid, shard[taken], each[taken], tokens[taken])
        spent = OVERHEAD_DAYS + cost * corpus.full_training_days
        free = start + spent
        removed[taken] = free
        # A shard goes off with its first ticket that is ready and comes back with the batch; it may still be off for an earlier one.
        named, firsts = np.unique(shard[taken], return_index=True)
        off += float((free - np.maximum(ready[taken][firsts], back[named])).sum())
        back[named] = free
        rerun, baseline, busy = rerun + cost, baseline + float(grid.sum()), busy + spent
        batches, begin, most = batches + 1, end, max(most, len(touched))
    waited = removed - tickets.arrived
    span = max(DAYS, free)  # the last batch may end after the year
    return Year(
        full_trainings=rerun,
        baseline_trainings=baseline,
        batches=batches,
        in_time_share=float((waited + VERIFY_DAYS <= DEADLINE_DAYS).mean()),
        median_days=float(np.median(waited)),
        p95_days=float(np.quantile(waited, 0.95)),
        off_share=off / (shards * span),
        busy_share=busy / span,
        most_rewritten_shards=most,
    )
