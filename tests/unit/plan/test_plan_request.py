"""What a person may ask of a plan: read from words, and refused with the word that was wrong."""

from __future__ import annotations

import re

import pytest

from rtbf.errors import BadInput
from rtbf.plan.request import MAX_STEPS, PlanRequest, plan_request


def _ask(*sets: str, guarantee: str = "approximate") -> PlanRequest:
    return plan_request(method=None, model=None, guarantee=guarantee, sets=sets, seed=None)


def test_nothing_asked_leaves_the_method_open_and_is_merged_and_braked() -> None:
    asked = _ask()

    assert (asked.method, asked.is_merged, asked.is_braked, asked.guarantee, asked.max_steps, asked.seed) == (
        None, True, True, "approximate", MAX_STEPS, None,
    )  # fmt: skip
    assert dict(asked.parameters) == {}


def test_settings_of_the_plan_and_of_the_method_are_told_apart() -> None:
    asked = _ask("beta=0.05", "merge=no", "brake=no", "max_steps=7")

    assert dict(asked.parameters) == {"beta": "0.05"}
    assert (asked.is_merged, asked.is_braked, asked.max_steps) == (False, False, 7)


@pytest.mark.parametrize(
    "entry",
    [
        "beta",
        "=1",
        "beta=",
        "merge=",
        "merge=true",
        "brake=1",
        "max_steps=0",
        "max_steps=-1",
        "max_steps=1.0",
        "max_steps=٣",
        "max_steps=100001",
    ],
)
def test_a_setting_that_cannot_be_read_is_refused(entry: str) -> None:
    with pytest.raises(BadInput, match=re.escape(entry.partition("=")[0] or entry)):
        _ask(entry)


def test_a_setting_given_twice_is_refused() -> None:
    with pytest.raises(BadInput, match="beta=2"):
        _ask("beta=1", "beta=2")


@pytest.mark.parametrize("guarantee", ["", "exactly", "APPROXIMATE"])
def test_an_unknown_guarantee_is_refused(guarantee: str) -> None:
    with pytest.raises(BadInput, match="guarantee"):
        _ask(guarantee=guarantee)


def test_a_request_names_its_method_only_once_one_was_asked_for_or_chosen() -> None:
    asked = plan_request(method="npo", model=None, guarantee=None, sets=(), seed=None)

    assert asked.named_method == "npo"
    with pytest.raises(BadInput, match="no method"):
        _ = _ask().named_method
