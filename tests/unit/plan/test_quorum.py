"""Two approvers for a base model, one otherwise, and what is not recorded counts as base."""

from __future__ import annotations

from typing import Any

import pytest

from rtbf.lm.record import Model
from rtbf.plan.quorum import quorum_for
from tests import builders


def _model(number: int, base: int | None = None, origin: Any = "trained", **changes: Any) -> Model:
    fields: dict[str, Any] = {
        "name": f"m{number}", "revision": 1, "digest": builders.sha(number), "origin": origin, "recipe": (), "seed": None, "trained_on": (),
        "base_digest": None if base is None else builders.sha(base), "removals": (), "files": (), "environment": (),
    }  # fmt: skip
    return Model(**{**fields, **changes})


SCRATCH = _model(1)
TUNED = _model(2, base=1)
TUNED_UNLEARNED = _model(3, base=2, origin="unlearned", name="m2", revision=2)
TUNED_UNLEARNED_TWICE = _model(4, base=3, origin="unlearned", name="m2", revision=3)
SCRATCH_UNLEARNED = _model(5, base=1, origin="unlearned", name="m1", revision=2)
GRANDCHILD = _model(6, base=2)
ADDED = _model(7, origin="added")
OF_AN_UNLEARNED_ONE = _model(8, base=3)
OF_A_STRANGER = _model(9, base=99)
UNLEARNED_STRANGER = _model(10, base=99, origin="unlearned")
LOST = _model(11, base=11, origin="unlearned")


@pytest.mark.parametrize(
    ("model", "others", "approvers", "words"),
    [
        (SCRATCH, [], 2, "trained from scratch"),
        (SCRATCH, [TUNED], 2, "trained from scratch"),
        (SCRATCH_UNLEARNED, [SCRATCH], 2, "trained from scratch"),
        (ADDED, [], 2, "added without a declared base"),
        (TUNED, [SCRATCH], 1, "fine-tuned from another"),
        (TUNED, [SCRATCH, TUNED_UNLEARNED, TUNED_UNLEARNED_TWICE], 1, "fine-tuned from another"),
        (TUNED_UNLEARNED_TWICE, [SCRATCH, TUNED, TUNED_UNLEARNED], 1, "fine-tuned from another"),
        (TUNED, [SCRATCH, GRANDCHILD], 2, "1 other registered model"),
        (TUNED, [SCRATCH, TUNED_UNLEARNED, OF_AN_UNLEARNED_ONE, GRANDCHILD], 2, "2 other registered model"),
        (TUNED_UNLEARNED_TWICE, [SCRATCH, TUNED, TUNED_UNLEARNED, GRANDCHILD], 2, "1 other registered model"),
        (GRANDCHILD, [SCRATCH, TUNED], 1, "fine-tuned from another"),
        (OF_A_STRANGER, [], 1, "fine-tuned from another"),
        (UNLEARNED_STRANGER, [], 2, "not registered"),
        (LOST, [], 2, "not registered"),
    ],
)
def test_a_base_model_needs_two_and_what_is_made_from_it_one(model: Model, others: list[Model], approvers: int, words: str) -> None:
    quorum = quorum_for(model, [model, *others], changes_model=True)

    assert quorum.approvers == approvers
    assert words in quorum.reason


def test_a_plan_that_changes_no_model_needs_one() -> None:
    assert quorum_for(SCRATCH, [SCRATCH, TUNED], changes_model=False).approvers == 1


def test_the_reason_says_the_number_first() -> None:
    for model in (SCRATCH, TUNED, UNLEARNED_STRANGER):
        quorum = quorum_for(model, [SCRATCH, model], changes_model=True)

        assert quorum.reason.startswith("Two approvers" if quorum.approvers == 2 else "One approver")
