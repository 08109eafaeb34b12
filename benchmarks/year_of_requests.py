"""A year of erasure requests against shards, slices and batching window; writes the tables and curves of docs/scaling.md.

Arithmetic over simulated arrivals (benchmarks/request_year.py): it counts tokens and days and trains nothing. The baseline
is a full retrain in place of each batch, at the same moments. Run as `python -m benchmarks.year_of_requests`; ends with 1
where a bar of DESIGN §9 is missed, and then leaves the page as it was.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.line_chart import Axis, draw_lines
from benchmarks.machine import describe_machine
from benchmarks.marked_page import fill, table
from benchmarks.request_year import draw_corpus, draw_tickets, places, run_batch, simulate, token_grid
from rtbf.plan.shard_cost import adapter_parameters, batch_share, one_subject_share, storage_bytes, subjects_until, touched_shards

if TYPE_CHECKING:
    from benchmarks.request_year import Corpus, Floats, Year

DOCS = Path(__file__).parent.parent / "docs"
PAGE, PICTURES = DOCS / "scaling.md", DOCS / "pictures"
WRITER = "year_of_requests.py"
SEED = 20_260_302
SHARDS, SLICES, WINDOWS = (1, 4, 8, 16, 32, 64), (1, 2, 4, 8, 16), (0, 1, 3, 7, 14, 25)
RATES = (1, 10, 100, 1000)
ONE_BAR, BATCH_BAR, BATCH, ONE_DRAWS, BATCH_DRAWS = 0.04, 0.50, 20, 200, 50
IN_TIME, LITTLE_WORK_DAYS, NEAR_BEST, NO_SAVING = 0.99, 36.5, 1.25, 0.90  # 36.5: a tenth of the worker's year
DP_SHARE = 0.5  # dp2unlearning.md: 3 of 6 and 5 of 10 epochs of a retrain
LLAMA_70B = tuple([(8192, 8192)] * 2 + [(8192, 1024)] * 2 + [(8192, 28672)] * 2 + [(28672, 8192)]) * 80  # q o, k v, gate up, down
RANK, GIB = 16, 2**30


@dataclass(frozen=True, kw_only=True, slots=True)
class Size:
    """A corpus: its subjects, how long a full training takes, and the most shards we would split it in."""

    subjects: int
    full_training_days: float
    most_shards: int


SIZES = (
    Size(subjects=2_000, full_training_days=0.05, most_shards=8),
    Size(subjects=50_000, full_training_days=1, most_shards=16),
    Size(subjects=1_000_000, full_training_days=10, most_shards=64),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    """One grid and window, and the two years that it was judged by."""

    shards: int
    slices: int
    window: int
    plain: Year
    burst: Year


def main() -> int:
    """Simulate, print the ratios, write the page and its pictures; return 1 when a bar is missed."""
    started_s = time.perf_counter()
    corpora = {size: draw_corpus(size.subjects, size.full_training_days, SEED) for size in SIZES}
    middle = corpora[SIZES[1]]
    one, batch = _draws(middle, 1, ONE_DRAWS), _draws(middle, BATCH, BATCH_DRAWS)
    parts = {
        "bars": _bars(one, batch),
        "grid": _grid_table(middle),
        "windows": _window_table(middle),
        "recommendation": _recommendation(corpora),
        "break-even": _break_even(),
        "large": _large(),
    }
    print("year_of_requests: simulated arrivals; tokens re-run, against a full retrain in place of each batch")
    print(f"one       {one.mean():.2%} of a full training, S=16 R=8, mean of {ONE_DRAWS} (closed form 3.52 %; bar {ONE_BAR:.0%})")
    closed = f"closed form {batch_share(BATCH, 16, 8):.1%}"
    print(f"batch     {batch.mean():.1%}, {BATCH} at once, mean of {BATCH_DRAWS} ({closed}; bar {BATCH_BAR:.0%})")
    year = _year(middle, 10, 16, 8, 7)
    ratio = year.full_trainings / year.baseline_trainings
    print(f"year      {ratio:.2f} × the baseline's tokens (50 000 subjects, 10 a week, S=16 R=8, weekly)")
    print("utility   not measured here: see docs/reference/sharding.md")
    print(f"took      {time.perf_counter() - started_s:.0f} s, seed {SEED}")
    print(describe_machine(["numpy"]))
    if one.mean() > ONE_BAR or batch.mean() > BATCH_BAR:
        return 1
    _draw_pictures(middle)
    text = PAGE.read_text(encoding="utf-8")
    for name, part in parts.items():
        text = fill(text, name, part, WRITER)
    PAGE.write_text(text, encoding="utf-8")
    return 0


def _draws(corpus: Corpus, subjects: int, draws: int) -> Floats:
    """Return what erasing random subjects from the untouched S=16, R=8 family re-runs, a share of a full training each."""
    dice = np.random.default_rng(SEED)
    grid, (shard, each) = token_grid(corpus, 16, 8), places(corpus, 16, 8)
    chosen = [dice.choice(len(corpus.tokens), subjects, replace=False) for _ in range(draws)]
    return np.array([run_batch(grid.copy(), shard[who], each[who], corpus.tokens[who])[0] for who in chosen])


def _year(corpus: Corpus, per_week: float, shards: int, slices: int, window: int, *, has_burst: bool = False) -> Year:
    tickets = draw_tickets(corpus, per_week, SEED + 1, has_burst=has_burst)
    return simulate(corpus, tickets, token_grid(corpus, shards, slices), window)


def _bars(one: Floats, batch: Floats) -> str:
    rows = [
        ("one subject", ONE_DRAWS, one, float(one_subject_share(16, 8)), ONE_BAR),
        (f"{BATCH} subjects in a batch", BATCH_DRAWS, batch, batch_share(BATCH, 16, 8), BATCH_BAR),
    ]
    told = [
        (name, str(draws), f"{found.mean():.2%} ± {found.std(ddof=1) / draws**0.5:.2%}", f"{closed:.2%}", f"{bar:.0%}")
        for name, draws, found, closed, bar in rows
    ]
    return table(("S=16, R=8", "draws", "simulated mean ± standard error", "closed form", "bar"), told)


def _grid_table(corpus: Corpus) -> str:
    rows = []
    for shards in SHARDS:
        years = [_year(corpus, 10, shards, slices, 7) for slices in SLICES]
        rows.append(
            (f"S={shards}", *(f"{year.full_trainings:.1f} ({year.full_trainings / year.baseline_trainings:.0%})" for year in years))
        )
    return table(("", *(f"R={slices}" for slices in SLICES)), rows)


def _window_table(corpus: Corpus) -> str:
    checkpoint = adapter_parameters(LLAMA_70B, RANK)
    rows = []
    for window in WINDOWS:
        for label, has_burst in (("", False), (" with a burst", True)):
            year = _year(corpus, 10, 16, 8, window, has_burst=has_burst)
            peak = storage_bytes(16, 8, checkpoint, rewritten_shards=year.most_rewritten_shards) / storage_bytes(16, 8, checkpoint)
            rows.append((
                f"{window or 'at once'}{label}", str(year.batches), f"{year.full_trainings:.1f}", f"{year.baseline_trainings:.1f}",
                f"{year.full_trainings / year.baseline_trainings:.2f}", f"{year.in_time_share:.1%}", f"{year.median_days:.1f}",
                f"{year.p95_days:.1f}", f"{year.off_share:.1%}", f"{year.busy_share:.1%}", f"{peak:.2f}",
            ))  # fmt: skip
    head = (
        "window, days", "batches", "full trainings", "baseline", "ratio", "in time", "median days", "95 % within days", "shard-days off",
        "worker busy", "peak storage ÷ S·R",
    )  # fmt: skip
    return table(head, rows)


def _recommendation(corpora: dict[Size, Corpus]) -> str:
    rows = []
    for size, corpus in corpora.items():
        for rate in RATES:
            if rate * 52 > size.subjects / 2:
                continue  # most of the corpus would be gone within the year
            rows.append((f"{size.subjects:,}", f"{size.full_training_days:g}", str(rate), *_told(_choose(size, corpus, rate))))
    head = (
        "subjects", "full training, days", "requests a week", "S", "R", "window, days", "full trainings a year", "baseline",
        "in time (burst)", "median days", "shard-days off",
    )  # fmt: skip
    return table(head, rows)


def _choose(size: Size, corpus: Corpus, rate: float) -> Choice | None:
    """Return the grid and window by the page's rule, or None where none keeps the deadline."""
    tickets = [draw_tickets(corpus, rate, SEED + 1, has_burst=has_burst) for has_burst in (False, True)]
    fit = []
    for shards in (each for each in SHARDS if each <= size.most_shards):
        for slices in SLICES:
            grid = token_grid(corpus, shards, slices)
            for window in WINDOWS:
                plain, burst = (simulate(corpus, each, grid, window) for each in tickets)
                if min(plain.in_time_share, burst.in_time_share) >= IN_TIME:
                    fit.append(Choice(shards=shards, slices=slices, window=window, plain=plain, burst=burst))
    if not fit:
        return None
    enough = max(LITTLE_WORK_DAYS / size.full_training_days, NEAR_BEST * min(each.plain.full_trainings for each in fit))
    chosen = min(
        (each for each in fit if each.plain.full_trainings <= enough),
        key=lambda each: (each.window, each.shards * each.slices, each.shards),
    )
    full = [each for each in fit if each.shards == each.slices == 1]
    if full and chosen.plain.full_trainings > NO_SAVING * chosen.plain.baseline_trainings:
        near = [each for each in full if each.plain.full_trainings <= enough]
        return min(near, key=lambda each: each.window) if near else min(full, key=lambda each: each.plain.full_trainings)
    return chosen


def _told(choice: Choice | None) -> tuple[str, ...]:
    if choice is None:
        return ("none keeps the deadline", *["–"] * 7)
    year, ratio = choice.plain, choice.plain.full_trainings / choice.plain.baseline_trainings
    grid = ("full retrain", "–") if choice.shards == choice.slices == 1 else (f"{choice.shards}", f"{choice.slices}")
    return (
        *grid, f"{choice.window or 'at once'}", f"{year.full_trainings:.1f}", f"{year.baseline_trainings:.1f} (× {ratio:.2f})",
        f"{year.in_time_share:.1%} ({choice.burst.in_time_share:.1%})", f"{year.median_days:.1f}", f"{year.off_share:.1%}",
    )  # fmt: skip


def _break_even() -> str:
    rows = []
    for shards, slices in ((4, 4), (8, 4), (16, 8), (32, 8), (64, 16)):
        batches = [f"{subjects_until(share, shards, slices)}" for share in (0.25, DP_SHARE, 0.75, NO_SAVING)]
        rows.append((f"S={shards}, R={slices}", f"{shards * slices}", f"{float(one_subject_share(shards, slices)):.2%}", *batches))
    return table(("", "S·R", "one request", "K for 25 %", "K for 50 % (dp2unlearning)", "K for 75 %", "K for 90 % (full retrain)"), rows)


def _large() -> str:
    parameters = adapter_parameters(LLAMA_70B, RANK)
    checkpoint = storage_bytes(1, 1, parameters)
    gpu_hours = 6 * 70e9 * 1e6 * 2_000 * 2 / (989e12 * 0.4) / 3600  # 6 · N · tokens; 2 000 a subject, twice; H100 at 40 %
    rows = []
    for shards, slices in ((8, 4), (16, 8), (32, 8), (64, 16)):
        shares = (float(one_subject_share(shards, slices)), batch_share(20, shards, slices), batch_share(200, shards, slices))
        rows.append((
            f"S={shards}, R={slices}", f"{storage_bytes(shards, slices, parameters) / GIB:,.0f} GiB", f"{shards * RANK}",
            *(f"{share * gpu_hours:,.0f} ({share:.1%})" for share in shares), f"{touched_shards(20, shards):.1f}",
        ))  # fmt: skip
    head = ("", "slice checkpoints", "rank of the merge", "GPU-hours, one request", "20 at once", "200 at once", "shards that 20 touch")
    told = f"One adapter: {parameters:,} parameters; one slice checkpoint: {checkpoint / GIB:.2f} GiB"
    return f"{told}; one full training: {gpu_hours:,.0f} GPU-hours.\n\n{table(head, rows)}"


def _draw_pictures(corpus: Corpus) -> None:
    rates = (1, 2, 5, 10, 20, 50, 100, 200)
    grids = ((1, 1), (4, 4), (8, 4), (16, 8), (32, 8), (64, 16))
    by_rate = [
        (_grid_name(shards, slices), [(rate, _year(corpus, rate, shards, slices, 7).full_trainings) for rate in rates])
        for shards, slices in grids
    ]
    by_window = [
        (_grid_name(shards, slices), [(window, _year(corpus, 10, shards, slices, window).full_trainings) for window in WINDOWS])
        for shards, slices in grids
    ]
    sizes = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000)
    by_batch = [
        (_grid_name(shards, slices), [(count, 100 * batch_share(count, shards, slices)) for count in sizes]) for shards, slices in grids
    ]
    per_year = "full trainings a year"
    pictures = {
        "scaling-rate": draw_lines(
            "Tokens re-run in a year, weekly batches",
            Axis(title="requests a week", ticks=rates, is_logarithmic=True),
            Axis(title=per_year, ticks=(0.5, 1, 2, 5, 10, 20, 50, 100), is_logarithmic=True),
            by_rate,
        ),
        "scaling-window": draw_lines(
            "Tokens re-run in a year, ten requests a week",
            Axis(title="batching window, days (0: at once)", ticks=(0, 3, 7, 14, 25)),
            Axis(title=per_year, ticks=(2, 5, 10, 20, 50, 100, 200, 600), is_logarithmic=True),
            by_window,
        ),
        "scaling-batch": draw_lines(
            "One batch, closed form",
            Axis(title="requests in the batch", ticks=(1, 10, 100, 1000, 2000), is_logarithmic=True),
            Axis(title="% of a full training", ticks=(0, 25, 50, 75, 100)),
            by_batch,
        ),
    }
    for name, picture in pictures.items():
        (PICTURES / f"{name}.svg").write_text(picture, encoding="utf-8")


def _grid_name(shards: int, slices: int) -> str:
    return "full retrain" if shards == slices == 1 else f"S={shards}, R={slices}"


if __name__ == "__main__":
    sys.exit(main())
