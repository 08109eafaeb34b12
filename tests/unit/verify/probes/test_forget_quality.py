"""TOFU.forget_quality: KS by counting lattice paths, and why a large value shows nothing."""

from __future__ import annotations

import math
import random
from fractions import Fraction
from typing import TYPE_CHECKING

import pytest

from rtbf.lm.choice_scores import ChoiceScores
from rtbf.verify.observed import Observed, PassKey
from rtbf.verify.probes.forget_quality import summary

if TYPE_CHECKING:
    from collections.abc import Sequence


def _asked(ratios: Sequence[float]) -> tuple[ChoiceScores, ...]:
    """Return choices of the given log R: the paraphrase at −2 nats per token, one to three wrong answers that average −2 + log R."""
    return tuple(
        ChoiceScores(
            record_id=f"r{place}",
            label="",
            true=-8.0,
            true_tokens=4,
            others=(3 * (ratio - 2),) * (1 + place % 3),
            others_tokens=(3,) * (1 + place % 3),
        )
        if not math.isnan(ratio)
        else ChoiceScores(record_id=f"r{place}", label="", true=math.nan, true_tokens=4, others=(-3.0,), others_tokens=(1,))
        for place, ratio in enumerate(ratios)
    )


def _observed(original: Sequence[float], unlearned: Sequence[float], *controls: Sequence[float], items: str = "wrong_answers") -> Observed:
    found = {"original": original, "unlearned": unlearned} | {f"control-{seed}": ratios for seed, ratios in enumerate(controls)}
    return Observed(arms=tuple(found), passes={PassKey(items=items, arm=arm, state=""): _asked(ratios) for arm, ratios in found.items()})


def _ks_p(first: Sequence[float], second: Sequence[float]) -> float:
    """Return the exact p by counting: of all orders of n + m values, the share whose largest gap is at least the observed one."""
    n, m = len(first), len(second)
    observed = max(abs(Fraction(sum(a <= t for a in first), n) - Fraction(sum(b <= t for b in second), m)) for t in (*first, *second))
    inside = {(0, 0): 1}
    for i in range(n + 1):
        for j in range(m + 1):
            if (i, j) != (0, 0):
                is_inside = abs(Fraction(i, n) - Fraction(j, m)) < observed
                inside[i, j] = (inside.get((i - 1, j), 0) + inside.get((i, j - 1), 0)) if is_inside else 0
    return 1 - inside[n, m] / math.comb(n + m, n)


def test_complete_separation_of_three_and_three_is_one_in_ten() -> None:
    """Only 2 of C(6, 3) = 20 orders part the samples completely: p = 0.1, the smallest that three questions can give."""
    found = summary(_observed([-3.0, -2.5, -2.0], [-1.0, -0.5, -0.25], [0.5, 1.0, 2.0]))

    assert found is not None
    assert found.before == found.after == pytest.approx(0.1)
    assert found.estimate == found.after
    assert found.control is None


def test_p_values_are_those_of_counted_paths_averaged_over_controls() -> None:
    drawn = random.Random(11)
    original, unlearned, one, other = ([drawn.gauss(shift, 1) for _ in range(20)] for shift in (-1.5, -0.4, 0.0, 0.1))

    found = summary(_observed(original, unlearned, one, other))

    assert found is not None
    assert found.before == pytest.approx((_ks_p(original, one) + _ks_p(original, other)) / 2)
    assert found.after == pytest.approx((_ks_p(unlearned, one) + _ks_p(unlearned, other)) / 2)
    assert found.control == pytest.approx(_ks_p(one, other))


def test_a_model_that_remembers_passes_the_usual_threshold_when_questions_are_few() -> None:
    """Half a standard deviation of remembering at five questions: p is above 0.05 nearly always, so the note says what that is worth."""
    control = [-1.0, -0.5, 0.0, 0.5, 1.0]

    found = summary(_observed([value - 0.5 for value in control], [value - 0.45 for value in control], control))

    assert found is not None
    assert found.before is not None
    assert found.before > 0.5
    assert "no evidence" in found.note


def test_one_log_read_twice_is_no_perfect_forgetting() -> None:
    """Issue 19: the same file on both sides gives p = 1, the best value there is."""
    found = summary(_observed([-1.0, -2.0], [0.25, 0.5], [0.0, 1.0], [0.25, 0.5]))

    assert found is not None
    assert (found.before, found.after, found.estimate) == (None, None, None)
    assert "read twice" in found.note


def test_without_a_control_there_is_no_figure() -> None:
    """The published code returns None with a log line; here the note says so."""
    found = summary(_observed([-1.0], [0.0]))

    assert found is not None
    assert (found.after, found.estimate) == (None, None)
    assert "no control" in found.note


def test_without_the_set_there_is_no_summary() -> None:
    assert summary(_observed([-1.0], [0.0], [0.5], items="secrets")) is None


@pytest.mark.parametrize(("unlearned", "control"), [([math.nan, 0.0], [0.5, 1.0]), ([0.25, 0.0], [math.nan, 1.0])])
def test_a_nan_surfaces(unlearned: list[float], control: list[float]) -> None:
    found = summary(_observed([-1.0, -2.0], unlearned, control, [0.1, 0.2]))

    assert found is not None
    assert found.after is not None
    assert math.isnan(found.after)
