"""The attacker's part and the held-out part: disjoint, complete, seeded, and none below four records."""

from __future__ import annotations

import pytest

from rtbf.lm.states.split import split_records


@pytest.mark.parametrize(("n", "n_attacker"), [(4, 1), (5, 1), (8, 2), (19, 4), (20, 5), (21, 6), (30, 15), (41, 20)])
def test_the_halves_are_disjoint_and_together_all_records(n: int, n_attacker: int) -> None:
    records = [f"abcdef:{place}" for place in range(n)]

    halves = split_records(records, seed=3)

    assert halves is not None
    attacker, held_out = halves
    assert len(attacker) == n_attacker
    assert sorted(attacker + held_out) == sorted(records)
    assert list(attacker) == sorted(attacker)
    assert list(held_out) == sorted(held_out)


def test_the_split_depends_on_the_records_and_the_seed_and_on_nothing_else() -> None:
    records = [f"abcdef:{place}" for place in range(20)]

    assert split_records(records, 3) == split_records(reversed(records + records), 3)
    assert len({split_records(records, seed) for seed in range(20)}) > 15


def test_every_record_is_in_either_part_under_some_seed() -> None:
    attackers = [halves[0] for seed in range(200) if (halves := split_records("abcd", seed)) is not None]

    # Each of four is drawn in a quarter of the seeds: 50 ± 6; within four deviations.
    assert all(25 < sum(record in attacker for attacker in attackers) < 75 for record in "abcd")


@pytest.mark.parametrize("n", range(20, 60))
def test_from_twenty_records_on_the_held_out_part_can_be_decided_and_the_attacker_has_a_quarter_at_least(n: int) -> None:
    halves = split_records([f"r{place}" for place in range(n)], 1)

    assert halves is not None
    assert len(halves[1]) >= 15
    assert n // 4 <= len(halves[0]) <= n // 2


def test_fewer_than_four_records_have_no_halves() -> None:
    assert split_records(["a", "b", "c", "c", "c"], 1) is None
    assert split_records([], 1) is None
