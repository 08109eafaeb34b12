"""Finished passes are kept and known again by what they follow from: a run that was killed goes on, and takes no other's numbers."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest

from rtbf.verify import arms
from tests.results import sha
from tests.unit.verify.arms_bench import Bench, Shelf, asked_of, item_of, key_of, make_on, work_of


def test_what_a_pass_gives_is_what_is_kept_of_it(bench: Bench) -> None:
    """Nine places: a run that goes on from the shelf must give the record of one that was never killed."""
    bench.level, shelf = -1 / 3, Shelf()
    work = work_of(store=shelf)

    first = make_on(bench, key_of(), work=work)
    again = make_on(bench, key_of(), work=work)

    scores: Any = first.found[key_of()]
    assert [one.log_probs for one in scores] == [(-0.333333333,)] * 2
    assert again == first
    assert bench.loaded == ["unlearned"]  # the second time nothing was loaded, and its tokens count all the same
    assert again.tokens == {"forget": 10}


def test_numbers_that_are_none_come_back_as_none(bench: Bench) -> None:
    bench.level, shelf = math.nan, Shelf()
    work = work_of(store=shelf)

    found = [make_on(bench, key_of(), work=work).found[key_of()] for _ in range(2)]

    assert all(math.isnan(value) for entries in found for entry in entries for value in entry.log_probs)  # type: ignore[union-attr]


def test_what_failed_is_tried_again(bench: Bench) -> None:
    shelf = Shelf()
    work = work_of(store=shelf)
    bench.raises[("unlearned", "", "forget")] = RuntimeError()

    failed = make_on(bench, key_of(), key_of(items="secrets"), work=work)
    bench.raises.clear()
    mended = make_on(bench, key_of(), key_of(items="secrets"), work=work)

    assert len(failed.failed) == 1
    assert (len(mended.found), mended.failed) == (2, {})
    assert bench.asked.count(("unlearned", "", "secrets")) == 1


ACTIVE = {"unlearned": {"adapter_state": "active"}}
OTHER_ORIGINAL = {"original": {"digest": sha(66)}}
OTHER_ITEMS = {"forget": asked_of(items=(item_of(0), item_of(5)))}


def _attack(**changes: Any) -> dict[str, Any]:
    attack = work_of().attacks["relearn-rtt"]
    return {"attacks": {"relearn-rtt": replace(attack, **changes)}}


@pytest.mark.parametrize(
    ("state", "arm", "work"),
    [
        ("", {"unlearned": {"digest": sha(66)}}, {}),
        ("", {"unlearned": {"tokenizer": sha(66)}}, {}),
        ("", ACTIVE, {}),
        ("", {}, {"asked": OTHER_ITEMS}),
        ("", {}, {"asked": {"forget": asked_of(samples=2)}}),
        ("", {}, {"asked": {"forget": asked_of(temperature="0.7")}}),
        ("", {}, {"seed": 18}),
        ("relearn-rtt@0", {}, _attack(learning_rate=0.003)),
        ("relearn-rtt@0", {}, _attack(items=[item_of(6)])),
        ("pruned-0.3", {}, {"calibration": [item_of(9)]}),
        ("lens-half", OTHER_ORIGINAL, {}),
    ],
)
def test_a_kept_pass_is_not_taken_for_another(bench: Bench, state: str, arm: dict[str, Any], work: dict[str, Any]) -> None:
    shelf = Shelf()
    make_on(bench, key_of(state=state), work=work_of(store=shelf))
    before = len(bench.asked)

    make_on(bench, key_of(state=state), work=work_of(store=shelf, **work), arm=arm)

    assert len(bench.asked) == before + 1


def test_an_adapter_is_not_known_without_the_base_that_it_is_served_over(bench: Bench) -> None:
    shelf = Shelf()
    make_on(bench, key_of(), work=work_of(store=shelf), arm=ACTIVE)

    make_on(bench, key_of(), work=work_of(store=shelf), arm={**ACTIVE, **OTHER_ORIGINAL})

    assert len(bench.asked) == 2


@pytest.mark.parametrize(("name", "changed"), [("LAYOUT", (16, 4)), ("environment", lambda: (("torch", "0.0"),))])
def test_a_kept_pass_of_another_layout_or_build_is_not_taken(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, name: str, changed: Any
) -> None:
    shelf = Shelf()
    make_on(bench, key_of(), work=work_of(store=shelf))

    monkeypatch.setattr(arms, name, changed)
    make_on(bench, key_of(), work=work_of(store=shelf))

    assert len(bench.asked) == 2


@pytest.mark.parametrize(
    ("state", "arm", "work"),
    [
        ("", {}, {}),
        # What a pass does not follow from: the attacks and the calibration of other states, the limit of time, and names.
        ("", {}, _attack(learning_rate=0.003)),
        ("nf4", {}, {"calibration": [item_of(9)]}),
        ("", {}, {"time_out_s": 100.0}),
        ("nf4", OTHER_ORIGINAL, {}),
        ("", {"unlearned": {"role": "control", "seed": 5}}, {}),
        ("", {}, {"asked": {"forget": asked_of(source_digest=sha(55))}}),
    ],
)
def test_a_kept_pass_is_known_again_by_what_it_follows_from(bench: Bench, state: str, arm: dict[str, Any], work: dict[str, Any]) -> None:
    shelf = Shelf()
    make_on(bench, key_of(state=state), work=work_of(store=shelf))

    made = make_on(bench, key_of(state=state), work=work_of(store=shelf, **work), arm=arm)

    assert len(bench.asked) == 1
    assert list(made.found) == [key_of(state=state)]


def test_the_same_files_under_another_name_are_the_same_and_other_files_under_the_same_name_are_not(bench: Bench) -> None:
    shelf = Shelf()
    work = work_of(store=shelf)
    make_on(bench, key_of("control-1"), work=work, arm={"control-1": {"digest": sha(70)}})

    make_on(bench, key_of("unlearned"), work=work, arm={"unlearned": {"digest": sha(70)}})
    same = len(bench.asked)
    make_on(bench, key_of("control-1"), work=work, arm={"control-1": {"digest": sha(71)}})

    assert (same, len(bench.asked)) == (1, 2)
