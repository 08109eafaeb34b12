"""S1: the restoration ratio against hand-worked numbers, and the cases in which there is none."""

from __future__ import annotations

import math

import pytest

from rtbf.lm.choice_scores import ChoiceScores
from rtbf.verify.observed import Observed, PassKey
from rtbf.verify.probes.restoration import summary


def _asked(answers: str) -> tuple[ChoiceScores, ...]:
    """Return one choice per mark: `x` answered rightly, `.` wrongly, `=` tied with one other."""
    others = {"x": -9.0, ".": -1.0, "=": -5.0, "n": math.nan}
    return tuple(
        ChoiceScores(record_id=f"r{place}", label="employer", true=-5.0, true_tokens=2, others=(others[mark],), others_tokens=(2,))
        for place, mark in enumerate(answers)
    )


def _observed(original: str, unlearned: str, *controls: str, items: str = "neighbours") -> Observed:
    answers = {"original": original, "unlearned": unlearned} | {f"control-{seed}": marks for seed, marks in enumerate(controls)}
    return Observed(arms=tuple(answers), passes={PassKey(items=items, arm=arm, state=""): _asked(marks) for arm, marks in answers.items()})


@pytest.mark.parametrize(
    ("unlearned", "ratio"),
    [
        ("xx........", 0.0),  # as the original: silenced at best
        ("xxxxxx....", 1.0),  # as the clean mean, 0.6
        ("xxxx......", 0.5),
        ("..........", -0.5),  # (0 − 0.2)/0.4: damaged further
        ("xx==......", 0.25),  # two ties give one point: (0.3 − 0.2)/0.4
    ],
)
def test_the_ratio_is_the_way_back_to_the_clean_model(unlearned: str, ratio: float) -> None:
    """Original 2 of 10; clean models 5 and 7 of 10, mean 0.6."""
    found = summary(_observed("xx........", unlearned, "xxxxx.....", "xxxxxxx..."))

    assert found is not None
    assert found.before == pytest.approx(0.2)
    assert found.control == pytest.approx(0.6)
    assert found.estimate == pytest.approx(ratio)


def test_where_the_records_changed_nothing_there_is_no_ratio() -> None:
    """A difference of 1 in 100 under the ratio would turn one flipped answer into a ρ of ±1."""
    found = summary(_observed("x" * 50 + "." * 50, "x" * 40 + "." * 60, "x" * 51 + "." * 49))

    assert found is not None
    assert found.estimate is None
    assert found.after == pytest.approx(0.4)
    assert "changed nothing there" in found.note


def test_without_a_clean_model_there_is_no_ratio() -> None:
    found = summary(_observed("xx..", "xxx."))

    assert found is not None
    assert (found.control, found.estimate) == (None, None)
    assert "not evaluable" in found.note


def test_without_the_set_there_is_no_figure() -> None:
    assert summary(_observed("xx..", "xxx.", "xxxx", items="secrets")) is None


def test_a_pass_that_failed_is_not_an_answer() -> None:
    observed = _observed("xx..", "xxx.", "xxxx")
    passes = {key: found for key, found in observed.passes.items() if key.arm != "unlearned"}

    with pytest.raises(KeyError):
        summary(Observed(arms=observed.arms, passes=passes))


@pytest.mark.parametrize("arms", [("nx..", "xx..", "xxxx"), ("xx..", "nx..", "xxxx"), ("xx..", "xxx.", "nxxx")])
def test_a_nan_surfaces(arms: tuple[str, str, str]) -> None:
    found = summary(_observed(*arms))

    assert found is not None
    assert found.estimate is not None
    assert math.isnan(found.estimate)
