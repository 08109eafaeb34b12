"""The pure parts of benchmarks/sharding.py: visits by place, the share that random people re-run, every nth record, a page's markers."""

from __future__ import annotations

import pytest

from benchmarks.marked_page import fill, table
from benchmarks.shard_erasure import DRAWN_SUBJECTS, drawn_share, expected_visits, visits
from benchmarks.shard_trial import every_nth
from rtbf.corpora.corpus import Record
from rtbf.lm.recipes.sharded.assignment import Place
from rtbf.lm.recipes.sharded.shape import Shape, shape_of, sharded_parameters


def _shape(**changes: str) -> Shape:
    return shape_of(dict(sharded_parameters({"shards": "2", "slices": "2", "steps": "10", "rate": "0.5", "rehearsal": "0.2", **changes})))


def test_a_later_slice_visits_its_own_records_in_full_and_earlier_ones_by_the_rehearsal() -> None:
    records = {Place(shard=0, slice=1): 4, Place(shard=0, slice=2): 2, Place(shard=1, slice=2): 6}

    visits = expected_visits(records, _shape())

    # Own: 10 steps · 0.5 · records; of four earlier records another 10 · 0.5 · 0.2 · 4 = 4.
    assert visits == pytest.approx({(0, 1): 20, (0, 2): 14, (1, 1): 0, (1, 2): 30})


def test_a_record_is_visited_as_often_as_its_place_gives_on_average() -> None:
    # First slice: 10 · 0.5 and then 10 · 0.5 · 0.2; last slice: 10 · 0.5.
    assert visits(_shape()) == pytest.approx((6 + 5) / 2)


def test_in_one_shard_of_one_slice_everybody_who_stays_is_run_again() -> None:
    share = drawn_share(_shape(shards="1", slices="1"), 10, draw=3)

    assert share == pytest.approx(1 - 10 / DRAWN_SUBJECTS)


def test_no_draw_runs_more_again_than_the_touched_shard_holds() -> None:
    shares = [drawn_share(_shape(shards="4"), 1, draw) for draw in range(3)]

    assert all(0 < share < 1 / 3 for share in shares)  # a quarter each, and a thousand people are spread about evenly
    assert len(set(shares)) == 3


def test_every_nth_record_begins_one_later_with_each_person() -> None:
    records = [Record(record_id=f"{person}:{place}", prompt="", completion="", fields=()) for person in range(2) for place in range(20)]

    chosen = every_nth(records, 5)

    assert [record.record_id for record in chosen] == ["0:0", "0:5", "0:10", "0:15", "1:4", "1:9", "1:14", "1:19"]


def test_a_page_keeps_what_a_person_wrote_around_the_tables() -> None:
    page = "before\n<!-- one: written by benchmarks/x.py -->\nold\n<!-- end of one -->\nafter"

    filled = fill(page, "one", table(("a", "b"), [("1", "2")]), "x.py")

    assert filled.startswith("before\n<!-- one")
    assert filled.endswith("-->\nafter")
    assert "| a | b |\n| --- | --- |\n| 1 | 2 |" in filled
    assert "old" not in filled


def test_a_page_that_lost_a_marker_is_refused() -> None:
    with pytest.raises(SystemExit, match="found 0 places for 'one'"):
        fill("<!-- one: written by benchmarks/x.py -->", "one", "new", "x.py")
