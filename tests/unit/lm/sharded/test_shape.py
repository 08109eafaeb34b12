"""The terms of a sharded training: every parameter as plain text, bad ones refused in words, nothing that a corpus could change."""

from __future__ import annotations

import pytest

from rtbf.errors import BadInput
from rtbf.lm.recipes.effort import expected_epochs
from rtbf.lm.recipes.sharded.shape import FAMILY, STATE, shape_of, sharded_parameters, terms_of


def test_what_is_not_set_is_the_default_and_all_of_it_is_recorded() -> None:
    found = dict(sharded_parameters({"shards": "16", "merge": "sum"}))

    assert (found["recipe"], found["shards"], found["merge"], found["final_rate_fraction"]) == ("sharded", "16", "sum", "1")
    shape = shape_of(found)
    assert (shape.shards, shape.slices, shape.rehearsal, shape.merge) == (16, 4, 0.05, "sum")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("shards", "0"), ("shards", "08"), ("shards", "1.5"), ("shards", "100001"), ("slices", "-1"), ("steps", "\u0661"), ("batch", ""),
        ("rate", "0"), ("rate", "1.01"), ("rate", "nan"), ("rate", "1e-1"), ("rate", " 0.5"), ("rehearsal", "-0.1"), ("rehearsal", "2"),
        ("learning_rate", "inf"), ("learning_rate", "0"), ("merge", "median"), ("subject_field", " "), ("subject_field", "a\nb"),
    ],
)  # fmt: skip
def test_a_text_that_no_run_could_use_is_refused(name: str, text: str) -> None:
    with pytest.raises(BadInput, match="positive number"):
        sharded_parameters({name: text})


@pytest.mark.parametrize("name", ["recipe", "beta1", "tune", "epochs", "family"])
def test_a_name_that_is_no_parameter_is_refused_with_those_that_are(name: str) -> None:
    with pytest.raises(BadInput, match=f"'{name}'") as refused:
        sharded_parameters({name: "1"})

    assert "group_cap" in str(refused.value)


def test_family_and_state_are_no_terms_of_a_training() -> None:
    parameters = dict(sharded_parameters({}))

    assert terms_of({**parameters, FAMILY: "0123", STATE: "sha256:1"}) == terms_of(parameters)
    assert terms_of({**parameters, "rate": "0.5"}) != terms_of(parameters)


def test_the_recipe_of_another_kind_has_no_shape() -> None:
    with pytest.raises(BadInput, match="plain"):
        shape_of({"recipe": "plain"})


def test_how_often_a_record_is_looked_at_counts_its_rehearsals() -> None:
    """Rate 0.5, 12 steps a slice, 4 slices: 6 looks in its own, and a tenth of that in each of 1.5 later ones on average."""
    recipe = dict(sharded_parameters({"rate": "0.5", "steps": "12", "slices": "4", "rehearsal": "0.1"}))

    assert expected_epochs(recipe) == pytest.approx(6 + 6 * 0.1 * 1.5)
