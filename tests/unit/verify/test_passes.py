"""Which passes are planned for which cards, arms and kinds of artefact, against lists written out by hand."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from rtbf.plan.card import probe_cards
from rtbf.verify.observed import PassKey
from rtbf.verify.passes import (
    ADAPTER_STATES,
    forwards_of,
    forwards_of_sets,
    is_white_box,
    may_use_siblings,
    planned_passes,
    sets_of,
    state_for,
)

ARMS = ("original", "unlearned", "control-101", "control-102")
ALONE = ARMS[:2]
REPEAT = [("unlearned", "", "forget"), ("unlearned", "again", "forget")]


def _card(items: str = "forget", *states: str, **changes: Any) -> Any:
    return SimpleNamespace(**{"items": items, "states": states or ("",), "baseline": "control", "reads": "score", "needs": ""} | changes)


def _planned(*cards: Any, sets: set[str] | None = None, arms: tuple[str, ...] = ARMS, kind: str = "merged") -> list[tuple[str, str, str]]:
    """Return (arm, state, set) of every planned pass, in the order that they are made in."""
    at_hand = {"forget", "holdout", "secrets", "siblings"} if sets is None else sets
    return [(key.arm, key.state, key.items) for key in planned_passes(cards, at_hand, arms, artefact_kind=kind)]


def test_every_arm_is_asked_what_the_artefact_is_asked() -> None:
    assert _planned(_card("secrets", "", "nf4")) == [
        ("original", "", "secrets"),
        ("original", "nf4", "secrets"),
        ("unlearned", "", "forget"),
        ("unlearned", "", "secrets"),
        ("unlearned", "again", "forget"),
        ("unlearned", "nf4", "secrets"),
        ("control-101", "", "secrets"),
        ("control-101", "nf4", "secrets"),
        ("control-102", "", "secrets"),
        ("control-102", "nf4", "secrets"),
    ]


@pytest.mark.parametrize("state", ["relearn-rtt@25", "steered-1.0", "guided-2.0"])
def test_an_attack_that_needs_the_original_runs_on_the_artefact_and_on_every_control_and_leaves_the_original_alone(state: str) -> None:
    assert _planned(_card("secrets", state), sets={"secrets"}) == [
        ("original", "", "secrets"),
        ("unlearned", state, "secrets"),
        ("control-101", state, "secrets"),
        ("control-102", state, "secrets"),
    ]


@pytest.mark.parametrize("state", ["lens-half", "nf4", "int8", "pruned-0.3"])
def test_other_attacks_run_on_the_original_too_which_shows_whether_they_see_the_records_at_all(state: str) -> None:
    assert _planned(_card("secrets", state), sets={"secrets"}) == [(arm, state, "secrets") for arm in ARMS]


@pytest.mark.parametrize("state", sorted(ADAPTER_STATES))
def test_only_an_artefact_with_an_adapter_of_its_own_is_looked_at_in_a_state_of_adapters(state: str) -> None:
    card = _card("secrets", state)

    active, merged = (_planned(card, sets={"secrets"}, arms=ARMS[:3], kind=kind) for kind in ("adapter", "merged"))

    assert active == [("original", "", "secrets"), ("unlearned", state, "secrets"), ("control-101", "", "secrets")]
    assert merged == [("original", "", "secrets"), ("unlearned", "", "secrets"), ("control-101", "", "secrets")]


@pytest.mark.parametrize("kind", ["merged", "unchanged"])
def test_a_probe_that_needs_an_adapter_asks_nothing_where_there_is_none(kind: str) -> None:
    assert _planned(_card("secrets", "adapter-off", needs="adapter"), kind=kind) == REPEAT
    assert ("unlearned", "adapter-off", "secrets") in _planned(_card("secrets", "adapter-off", needs="adapter"), kind="adapter")


def test_siblings_are_asked_of_both_arms_where_no_control_is_and_of_nobody_where_one_is() -> None:
    card = _card("forget", "", "nf4")

    alone, controlled = _planned(card, arms=ALONE), _planned(card, arms=ARMS[:3])

    assert [one for one in alone if one[2] == "siblings"] == [(arm, state, "siblings") for arm in ALONE for state in ("", "nf4")]
    assert [one for one in controlled if one[2] == "siblings"] == []


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, True),
        ({"baseline": "before"}, False),
        ({"baseline": "chance"}, False),
        ({"reads": "choice"}, False),
        ({"reads": "reply"}, False),
        ({"items": "holdout"}, False),
        ({"items": "forget+siblings"}, False),
    ],
)
def test_siblings_stand_in_only_for_scores_of_the_persons_own_records_that_a_control_would_be_compared_by(
    changes: dict[str, Any], *, expected: bool
) -> None:
    card = _card(**changes)

    assert may_use_siblings(card) is expected
    assert (("unlearned", "", "siblings") in _planned(card, sets={"forget", "siblings"}, arms=ALONE)) is (
        expected or "siblings" in changes.get("items", "")
    )


def test_siblings_that_were_not_made_are_not_asked() -> None:
    assert _planned(_card(), sets={"forget"}, arms=ALONE) == [("original", "", "forget"), *REPEAT]


def test_two_joined_sets_are_asked_one_by_one() -> None:
    card = _card("holdout+secrets")

    assert sets_of(card) == ("holdout", "secrets")
    assert _planned(card, sets={"holdout", "secrets"}, arms=ALONE) == [(arm, "", name) for arm in ALONE for name in ("holdout", "secrets")]


def test_a_set_that_is_not_at_hand_is_asked_of_nobody() -> None:
    assert _planned(_card("secrets"), _card("holdout"), sets={"holdout"}) == [(arm, "", "holdout") for arm in ARMS]


def test_a_pass_that_several_probes_read_is_made_once() -> None:
    once = _planned(_card("forget", ""), _card("forget", "", "nf4"))

    assert len(once) == len(set(once)) == 9  # four arms, two states, and the repeat


def test_the_persons_records_are_asked_again_in_the_other_layout_of_the_artefact_alone_whatever_the_probes_read() -> None:
    assert _planned(sets={"forget"}) == REPEAT
    assert _planned(sets={"holdout"}) == []


def test_relearning_is_looked_at_in_the_order_of_its_steps_and_not_of_their_digits() -> None:
    steps = ("relearn-rtt@50", "relearn-rtt@1", "relearn-rtt@5", "relearn-rtt@25", "relearn-rtt@10")

    planned = _planned(_card("secrets", *steps), sets={"secrets"}, arms=ALONE)

    assert [state for arm, state, _ in planned if arm == "unlearned"] == [f"relearn-rtt@{step}" for step in (1, 5, 10, 25, 50)]


def test_arms_come_in_their_own_order_so_that_each_is_loaded_once() -> None:
    arms = ("zebra", "yak", "ant")

    assert [arm for arm, _, _ in _planned(_card("secrets"), sets={"secrets"}, arms=arms)] == ["zebra", "yak", "ant"]


def test_a_set_costs_as_many_forwards_as_its_passes_make() -> None:
    passes = [
        PassKey(items="forget", arm="unlearned", state=state) for state in ("", "again", "lens-half", "steered-1.0", "guided-2.0", "nf4")
    ] + [PassKey(items="secrets", arm="original", state="")]

    # 1 + 1 + 1 + 3 + 2 + 1: steering takes each model's mean state before it scores, guiding runs both models.
    assert forwards_of_sets(passes) == {"forget": 9, "secrets": 1}
    assert [forwards_of(key.state) for key in passes] == [1, 1, 1, 3, 2, 1, 1]
    assert [is_white_box(key.state) for key in passes] == [False, False, True, True, True, False, False]


@pytest.mark.parametrize(
    ("state", "is_original", "has_adapter", "expected"),
    [
        ("", True, False, ""),
        ("nf4", True, False, "nf4"),
        ("relearn-rtt@5", True, False, ""),
        ("relearn-rtt@5", False, False, "relearn-rtt@5"),
        ("scale-0.5", False, True, "scale-0.5"),
        ("scale-0.5", False, False, ""),
        ("again", False, False, "again"),
    ],
)
def test_the_state_that_an_arm_is_looked_at_in(state: str, expected: str, *, is_original: bool, has_adapter: bool) -> None:
    assert state_for(state, is_original=is_original, has_adapter=has_adapter) == expected


@pytest.mark.parametrize("arms", [ARMS, ALONE])
@pytest.mark.parametrize("kind", ["merged", "adapter", "unchanged"])
def test_no_pass_of_the_shipped_probes_is_wanting_and_none_is_made_for_nobody(kind: str, arms: tuple[str, ...]) -> None:
    """The plain rule, written a second time: card by card, arm by arm, what the card reads."""
    cards = list(probe_cards().values())
    sets = {name for card in cards for name in card.items.split("+")} | {"siblings"}
    adapters = {"adapter-off", "scale-0.25", "scale-0.5", "scale-0.75", "merged-bf16", "merged-int8", "merged-nf4"}
    expected = {("unlearned", "", "forget"), ("unlearned", "again", "forget")}
    for card in cards:
        if card.needs == "adapter" and kind != "adapter":
            continue
        names = set(card.items.split("+"))
        if arms == ALONE and (card.baseline, card.reads, card.items) == ("control", "score", "forget"):
            names.add("siblings")
        for arm in arms:
            for state in card.states:
                is_spared = arm == "original" and state.split("-")[0] in {"relearn", "steered", "guided"}
                is_another_adapter = state in adapters and not (kind == "adapter" and arm == "unlearned")
                expected |= {(arm, "" if is_spared or is_another_adapter else state, name) for name in names}

    planned = _planned(*cards, sets=sets, arms=arms, kind=kind)

    assert set(planned) == expected
    assert len(planned) == len(expected)
