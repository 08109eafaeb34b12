"""What a model is worth whose corpus was trained in shards, and what an erasure takes. Run as `make bench-sharding`.

Trains tiny models on a CPU with fixed seeds: a base on some people, then others' records in S = 1, 4, 8, 16 shards, served in each
way, against one plain adapter with the same visits to each record. Writes the tables of docs/reference/sharding.md and its pictures.
`--quick` takes the demo community and S = 4 only, prints, and writes nothing. Ends with 1, and leaves the page as it was,
where bytes differ that must be equal or a bar of DESIGN §9 is missed.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from fractions import Fraction
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING

from benchmarks.line_chart import Axis, draw_lines
from benchmarks.machine import describe_machine
from benchmarks.marked_page import fill, table
from benchmarks.shard_erasure import Erasures, drawn_share, erase, visits
from benchmarks.shard_serving import AVERAGED, MERGED, ROUTED, Row, Speed, worth
from benchmarks.shard_trial import TOFU, Corpus, community, tofu
from rtbf.lm.load import prepare_torch
from rtbf.lm.recipes.sharded.shape import shape_of, sharded_parameters
from rtbf.plan.shard_cost import batch_share, one_subject_share

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

DOCS = Path(__file__).parent.parent / "docs"
PAGE, PICTURES = DOCS / "reference" / "sharding.md", DOCS / "pictures"
WRITER = "sharding.py"
SHARDS = (1, 4, 8, 16)
RANK = 8
"""Of one shard's adapter; sixteen of them have the width of the models."""
SETTINGS = {
    "slices": "4", "steps": "30", "rate": "0.5", "rehearsal": "0.05", "batch": "8", "rank": str(RANK), "alpha": str(2 * RANK),
    "learning_rate": "0.003",
}  # fmt: skip
"""Of every family. A record is visited rate · steps times in its own slice and a twentieth of that in each later one."""
GRID = {**SETTINGS, "shards": "16", "slices": "8", "steps": "15"}
"""Of DESIGN §9's bars; fewer steps a slice, or three whole trainings would take half of the time."""
PICTURED = (ROUTED, AVERAGED, MERGED["mean"], MERGED["sum"])
ONE_BAR, BATCH_BAR, BATCH, ONE_DRAWS, BATCH_DRAWS = 0.04, 0.50, 20, 200, 50


def main() -> int:
    """Train, measure, print, write; return 1 when an erasure's bytes are not those of a training without the people, or a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="the demo community, S = 4, one erasure; prints only")
    is_quick = parser.parse_args().quick
    if not is_quick and not TOFU.is_file():
        raise SystemExit(f"no TOFU authors at {TOFU}: lay the developer data beside the project, or take --quick")
    started_s = time.perf_counter()
    prepare_torch(1)
    print("sharding: a corpus in S shards, each way of serving, against one plain adapter with the same visits to each record", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        if is_quick:
            corpus = community(root, members=8, others=24, base_epochs=6)
            rows, _ = worth(corpus, (4,), SETTINGS, [_plain(SETTINGS, RANK)], root)
            found = erase(corpus, {**SETTINGS, "shards": "4"}, (1,), _plain(SETTINGS, RANK), root / "erase")
            _print_worth(corpus, rows)
            is_well = _print_erasures(found)
        else:
            is_well = _whole(root)
    print(f"took      {time.perf_counter() - started_s:.0f} s")
    print(describe_machine(["torch", "transformers", "peft"], threads=1))
    return 0 if is_well else 1


def _whole(root: Path) -> bool:
    corpora = (
        community(root / "community", members=24, others=68, base_epochs=6),
        tofu(root / "tofu", members=20, others=40, base_epochs=8),
    )
    every: dict[str, list[Row]] = {}
    speeds: list[Speed] = []
    for corpus, name in zip(corpora, ("community", "tofu"), strict=True):
        every[name], speeds = worth(corpus, SHARDS, SETTINGS, [_plain(SETTINGS, RANK * SHARDS[-1]), _plain(SETTINGS, RANK)], root / name)
        _print_worth(corpus, every[name])
    found = erase(corpora[0], GRID, (1, 6), _plain(GRID, RANK), root / "erase")
    are_equal = _print_erasures(found)
    bars, are_kept = _bars()
    if not (are_equal and are_kept):
        return False
    parts = {
        **{name: _worth_table(rows) for name, rows in every.items()},
        "speed": _speed_table(speeds),
        "bars": bars,
        "erasures": _erasure_table(found),
        "machine": describe_machine(["torch", "transformers", "peft"], threads=1).removeprefix("machine").strip(),
    }
    text = PAGE.read_text(encoding="utf-8")  # as late as this: somebody may have written on it meanwhile
    for name, part in parts.items():
        text = fill(text, name, part, WRITER)
    PAGE.write_text(text, encoding="utf-8")
    for name, rows in every.items():
        (PICTURES / f"sharding-{name}.svg").write_text(_picture(name, rows), encoding="utf-8")
    return True


def _plain(settings: Mapping[str, str], rank: int) -> dict[str, str]:
    """Return the settings of one plain adapter that visits each record as often as a family of these settings does."""
    epochs = round(visits(shape_of(dict(sharded_parameters(settings)))))
    return {
        "rank": str(rank), "alpha": str(2 * rank), "epochs": str(epochs), "batch": settings["batch"],
        "learning_rate": settings["learning_rate"],
    }  # fmt: skip


def _told(row: Row) -> tuple[str, ...]:
    known = row.members
    return (
        f"{row.shards or '–'}", row.way, f"{known.nll_nats:.2f}", f"{known.exact:.0%}", f"{known.right:.0%}", f"{row.shown.nll_nats:.2f}",
        f"{row.held.nll_nats:.2f}",
    )  # fmt: skip


def _worth_table(rows: Sequence[Row]) -> str:
    head = ("S", "served as", "members, nats a token", "answers word for word", "tokens right", "base's people, shown", "not shown")
    return table(head, [_told(row) for row in rows])


def _print_worth(corpus: Corpus, rows: Sequence[Row]) -> None:
    print(f"worth     {corpus.name}: nats a token on members, their answers word for word, tokens right; nats on the base's people")
    for row in rows:
        shards, way, *numbers = _told(row)
        print(f"          S={shards:<2} {way:26} {'  '.join(f'{number:>5}' for number in numbers)}")


def _speed_table(speeds: Sequence[Speed]) -> str:
    rows = [(speed.way, f"{speed.ratio:.2f}", f"{speed.weight_bytes / 2**20:.1f}") for speed in speeds]
    return table((f"S={SHARDS[-1]}, rank {SETTINGS['rank']}", "rate ÷ plain adapter's", "weights in memory, MiB"), rows)


def _bars() -> tuple[str, bool]:
    """Return the table, and whether the bars hold at the rehearsal that the families here have, which is the recipe's default."""
    rows = []
    are_kept = True
    for rehearsal in ("0", SETTINGS["rehearsal"], "0.1"):
        shape = shape_of(dict(sharded_parameters({**GRID, "rehearsal": rehearsal})))
        share = Fraction(rehearsal)
        for subjects, draws, closed, bar in (
            (1, ONE_DRAWS, float(one_subject_share(16, 8, share)), ONE_BAR),
            (BATCH, BATCH_DRAWS, batch_share(BATCH, 16, 8, share), BATCH_BAR),
        ):
            mean = fmean(drawn_share(shape, subjects, draw) for draw in range(draws))
            print(
                f"bar       {subjects} at once, S=16 R=8, rehearsal {rehearsal}: {mean:.2%} of a full training (bar {bar:.0%})", flush=True
            )
            are_kept = are_kept and (mean <= bar or rehearsal != SETTINGS["rehearsal"])
            rows.append(
                (rehearsal, f"{subjects}", f"{draws}", f"{mean:.2%}", f"{closed:.2%}", f"{bar:.0%}", "kept" if mean <= bar else "missed")
            )
    return table(("rehearsal", "people at once", "draws", "mean share re-run", "closed form", "bar", ""), rows), are_kept


def _erasure_rows(found: Erasures) -> list[tuple[str, ...]]:
    return [
        (
            f"{one.subjects}", f"{one.token_share:.1%}", f"{one.shards}", f"{one.steps}",
            f"{one.took.wall / one.fresh_took.wall:.2f} ({one.took.cpu / one.fresh_took.cpu:.2f})",
            f"{one.took.wall / found.plain_took.wall:.2f} ({one.took.cpu / found.plain_took.cpu:.2f})",
            f"`{one.digest[7:19]}…`", f"`{one.fresh_digest[7:19]}…`", "yes" if one.digest == one.fresh_digest else "NO",
        )
        for one in found.erasures
    ]  # fmt: skip


def _erasure_table(found: Erasures) -> str:
    head = (
        "people at once", "tokens re-run", "shards", "steps", "time ÷ same family in full", "time ÷ one plain adapter",
        "merged after erasing", "merged, never had them", "equal",
    )  # fmt: skip
    told = (
        f"Seconds on this machine: the family {found.family_took.wall:.0f}, one plain adapter {found.plain_took.wall:.0f}. "
        f"Sealed states of one shard: {found.sealed_bytes_per_shard / 2**20:.2f} MiB."
    )
    return f"{table(head, _erasure_rows(found))}\n\n{told}"


def _print_erasures(found: Erasures) -> bool:
    for one in found.erasures:
        print(f"erase     {one.subjects} at once: {one.token_share:.1%} of the tokens, {one.shards} shards, {one.steps} steps; took")
        against = f"{one.took.wall / one.fresh_took.wall:.2f} × the same family in full"
        print(f"          {against} ({one.took.wall:.1f} s, {one.fresh_took.wall:.1f} s),")
        print(f"          {one.took.wall / found.plain_took.wall:.2f} × one plain adapter ({found.plain_took.wall:.1f} s)")
        print(f"bytes     after erasing   {one.digest}")
        print(f"          never had them  {one.fresh_digest}  {'equal' if one.digest == one.fresh_digest else 'NOT EQUAL'}")
    print(f"sealed    {found.sealed_bytes_per_shard / 2**20:.2f} MiB a shard", flush=True)
    return all(one.digest == one.fresh_digest for one in found.erasures)


def _picture(name: str, rows: Sequence[Row]) -> str:
    """Return the share of members' tokens right against S, one line a way; S = 1 has one way only, where all begin."""
    start = next(row.members.right for row in rows if row.shards == 1)
    lines = [(row.way, [(count, 100 * row.members.right) for count in (1, SHARDS[-1])]) for row in reversed(rows) if not row.shards]
    for way in PICTURED:
        points = [(row.shards, 100 * row.members.right) for row in rows if row.way == way]
        lines.append((way, [(1, 100 * start), *points]))
    title = {"community": "Demo community: members' answers", "tofu": "TOFU authors: members' answers"}[name]
    return draw_lines(
        title,
        Axis(title="shards", ticks=SHARDS, is_logarithmic=True),
        Axis(title="% of tokens right", ticks=(0, 20, 40, 60, 80, 100)),
        lines,
    )


if __name__ == "__main__":
    sys.exit(main())
