"""Where subjects lie and who takes part: each by a keyed hash of its own, so that nobody's leaving moves anybody else."""

from __future__ import annotations

import itertools
import random
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from rtbf.corpora.corpus import Record
from rtbf.errors import BadInput
from rtbf.lm.recipes.sharded.assignment import Assignment, assign, rate_in, takes_part
from rtbf.lm.recipes.sharded.family import Inputs
from rtbf.lm.recipes.sharded.shape import Shape, shape_of, sharded_parameters
from rtbf.lm.recipes.sharded.train import drawn_records
from rtbf.plan.shard_cost import one_subject_share

KEY = bytes(range(32))


def _record(number: int, *names: str) -> Record:
    fields = tuple((f"subject#{place}", name) for place, name in enumerate(names))
    return Record(record_id=f"aaaaaaaaaaaa:{number}", prompt="p", completion="c", fields=fields)


def _shape(**changes: str) -> Shape:
    return shape_of(dict(sharded_parameters({"shards": "4", "slices": "3", **changes})))


def _assigned(records: list[Record], **changes: str) -> Assignment:
    return assign(records, _shape(**changes), KEY)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000), people=st.integers(6, 30), gone=st.integers(0, 5))
def test_where_records_name_one_person_each_nobody_moves_when_others_leave(seed: int, people: int, gone: int) -> None:
    dice = random.Random(seed)
    records = [_record(number, f"person {dice.randrange(people)}") for number in range(4 * people)]
    leaving = {f"person {one}" for one in dice.sample(range(people), gone)}
    staying = [record for record in records if record.fields[0][1] not in leaving]
    if len({record.fields for record in staying}) < 4:
        return

    before, after = _assigned(records), _assigned(staying)

    assert after.places == {record.record_id: before.places[record.record_id] for record in staying}


def test_the_order_of_the_records_plays_no_part() -> None:
    records = [_record(number, f"person {number % 9}", f"person {(number * 7) % 9}") for number in range(60)]
    shuffled = random.Random(3).sample(records, len(records))

    assert _assigned(shuffled) == _assigned(records)


def test_all_records_of_a_person_lie_in_one_place_and_people_whom_one_record_names_lie_together() -> None:
    records = [_record(1, "a"), _record(2, "a"), _record(3, "b"), _record(4, "c"), _record(5, "a", "b"), _record(6, "d"), _record(7, "e")]

    found = _assigned(records)

    assert len({found.places[f"aaaaaaaaaaaa:{number}"] for number in (1, 2, 3, 5)}) == 1
    assert (found.subjects, found.several, found.scattered, found.largest_subject) == (5, 1, 0, 3)


def test_a_group_that_would_pass_the_cap_is_not_joined_and_its_record_lies_with_one_of_them() -> None:
    chain = [_record(number, f"person {number}", f"person {number + 1}") for number in range(30)]

    together = _assigned(chain, group_cap="31", shards="8")
    apart = _assigned(chain, group_cap="5", shards="8")

    assert len(set(together.places.values())) == 1
    assert together.scattered == 0
    assert len(set(apart.places.values())) > 1
    assert 0 < apart.scattered < 30
    # No more than five lie together because of being named together: 31 people make seven groups at least.
    own = [_record(100 + number, f"person {number}") for number in range(31)]
    places = assign([*chain, *own], _shape(group_cap="5", shards="31", slices="900"), KEY).places
    assert max([places[record.record_id] for record in own].count(place) for place in places.values()) <= 5


def test_a_record_that_names_nobody_is_a_unit_of_its_own() -> None:
    nameless = [Record(record_id=f"aaaaaaaaaaaa:{number}", prompt="p", completion="c", fields=()) for number in range(200)]

    found = _assigned(nameless)

    assert (found.subjects, found.several, found.largest_subject) == (200, 0, 1)
    assert len(set(found.places.values())) == 12


def test_a_subject_with_ten_thousand_records_lies_in_one_slice_and_is_told_of() -> None:
    records = [_record(number, "many") for number in range(10_000)] + [_record(10_000 + number, f"person {number}") for number in range(9)]

    found = _assigned(records)

    assert found.largest_subject == 10_000
    assert len({found.places[record.record_id] for record in records[:10_000]}) == 1


def test_more_shards_than_subjects_are_refused_with_the_field_that_was_read() -> None:
    with pytest.raises(BadInput, match="4 shards for 3 subjects \\(field 'subject'\\)"):
        _assigned([_record(number, f"person {number % 3}") for number in range(30)])


def test_places_are_spread_evenly() -> None:
    """Pearson's chi-square over 16 × 8 places of 8 000 people: the key is fixed, so is the p-value."""
    places = assign([_record(number, f"person {number}") for number in range(8_000)], _shape(shards="16", slices="8"), KEY).places
    counts = [0] * 128
    for place in places.values():
        counts[place.shard * 8 + place.slice - 1] += 1

    assert stats.chisquare(counts).pvalue > 0.01


def test_a_record_takes_part_as_often_as_the_rate_says_and_independently_of_the_step() -> None:
    drawn = [takes_part(KEY, f"aaaaaaaaaaaa:{number}", step, 0.25) for number in range(200) for step in range(1, 51)]
    pairs = sum(one and other for one, other in itertools.pairwise(drawn))

    assert stats.binomtest(sum(drawn), len(drawn), 0.25).pvalue > 0.01
    assert stats.binomtest(pairs, len(drawn) - 1, 0.0625).pvalue > 0.01
    assert not any(takes_part(KEY, "aaaaaaaaaaaa:1", step, 0.0) for step in range(1, 50))
    assert all(takes_part(KEY, "aaaaaaaaaaaa:1", step, 1.0) for step in range(1, 50))


def test_no_record_takes_part_before_its_slice_and_fewer_do_after_it() -> None:
    shape = _shape(rate="0.5", rehearsal="0.1")

    assert [rate_in(shape, 2, current) for current in (1, 2, 3)] == [0.0, 0.5, 0.05]


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), step=st.integers(1, 36))
def test_removing_a_subject_never_changes_who_else_takes_part(seed: int, step: int) -> None:
    dice = random.Random(seed)
    records = [_record(number, f"person {number % 7}") for number in range(40)]
    gone = {record.record_id for record in records if record.fields[0][1] == f"person {dice.randrange(7)}"}
    shape = _shape(rate="0.5", rehearsal="0.2", steps="12")
    slices: Any = [[], [], []]
    for record in records:
        slices[dice.randrange(3)].append(record)
    whole = Inputs(slices=tuple(tuple(part) for part in slices))
    rest = Inputs(slices=tuple(tuple(record for record in part if record.record_id not in gone) for part in slices))

    before, after = drawn_records(shape, KEY, whole, step), drawn_records(shape, KEY, rest, step)

    assert after == [record_id for record_id in before if record_id not in gone]
    assert before == sorted(before)


@pytest.mark.parametrize("rehearsal", ["0", "0.1", "1"])
def test_the_mean_work_of_erasing_one_of_two_hundred_people_is_the_closed_form(rehearsal: str) -> None:
    """Counted from places and rates alone, record by record and step by step; 200 people of equal size, S = 16, R = 8."""
    shape = _shape(shards="16", slices="8", rate="0.5", steps="6", rehearsal=rehearsal)
    places = assign([_record(number, f"person {number}") for number in range(2_000)], shape, KEY).places
    looks = [[0.0] * 9 for _ in range(16)]  # expected draws of each shard's slices
    for place in places.values():
        for current in range(1, 9):
            looks[place.shard][current] += rate_in(shape, place.slice, current) * shape.steps
    whole = sum(map(sum, looks))

    shares = [sum(looks[place.shard][place.slice :]) / whole for place in list(places.values())[:200]]

    mean = sum(shares) / len(shares)
    error = (sum((share - mean) ** 2 for share in shares) / (len(shares) - 1) / len(shares)) ** 0.5
    assert abs(mean - float(one_subject_share(16, 8, Fraction(rehearsal)))) < 3 * error
