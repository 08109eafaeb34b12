"""Probes on teacher-forced log-probabilities: means, sums, the worst state and the area under a relearning curve."""

from __future__ import annotations

import math
from itertools import permutations
from typing import Any

import pytest

from rtbf.lm.item_scores import ItemScores
from rtbf.verify.probe import Point
from rtbf.verify.probes import (
    adapter_off,
    adapter_scaled,
    answer_probability,
    depth,
    difference_attack,
    earlier_tickets,
    emission,
    emission_cool,
    merged_lower,
    pruned,
    quantised_int8,
    quantised_nf4,
    relearning,
    relearning_benign,
    retain_loss,
    steering,
)

WORST_STATE = [adapter_scaled, merged_lower, steering, difference_attack]
CURVES = [relearning, relearning_benign]
MEANS = [answer_probability, adapter_off, quantised_nf4, quantised_int8, pruned, depth, earlier_tickets, *WORST_STATE, *CURVES]


def _scores(*log_probs: float, has_end: bool = True, cool: tuple[float, ...] = ()) -> ItemScores:
    return ItemScores(
        record_id="r1", log_probs=log_probs, hits=(False,) * len(log_probs), has_end=has_end and bool(log_probs), cool_log_probs=cool
    )


def _points(values: dict[str, list[float]]) -> list[Point]:
    return [Point(label="biography", state=state, value=value) for state, found in values.items() for value in found]


@pytest.mark.parametrize("probe", MEANS)
def test_answer_probability_is_a_mean_over_all_tokens_in_nats(probe: Any) -> None:
    """(−0.5 − 1 − 3) / 3 = −1.5, the end mark included."""
    assert probe.value(_scores(-0.5, -1.0, -3.0)) == pytest.approx(-1.5)


def test_the_exponential_of_the_mean_is_tofus_probability() -> None:
    """P(a|q)^(1/|a|): tokens of probability 1/2, 1/4 and 1/8 multiply to 1/64, whose cube root is 1/4."""
    value = answer_probability.value(_scores(math.log(1 / 2), math.log(1 / 4), math.log(1 / 8)))

    assert value is not None
    assert math.exp(value) == pytest.approx(1 / 4)


def test_retain_loss_is_the_same_mean_with_the_other_sign() -> None:
    assert retain_loss.value(_scores(-0.5, -1.0, -3.0)) == pytest.approx(1.5)


@pytest.mark.parametrize("probe", [*MEANS, retain_loss, emission, emission_cool])
def test_no_token_has_no_number(probe: Any) -> None:
    assert probe.value(_scores()) is None


@pytest.mark.parametrize("probe", [*MEANS, retain_loss, emission])
def test_a_number_that_is_not_finite_is_handed_on_as_it_is(probe: Any) -> None:
    assert math.isnan(probe.value(_scores(-1.0, math.nan)))
    assert math.isinf(probe.value(_scores(-1.0, -math.inf)))


def test_emission_is_the_whole_answers_probability_in_decades() -> None:
    """1/10 · 1/100 · 1/10 (the end mark) = 10^−4; without the end mark it would be 10^−3."""
    assert emission.value(_scores(math.log(0.1), math.log(0.01), math.log(0.1))) == pytest.approx(-4)
    assert emission.value(_scores(math.log(0.1), math.log(0.01), has_end=False)) == pytest.approx(-3)


def test_emission_is_a_chance_that_sampling_would_find() -> None:
    """Sheet 3.3: ln 2 / p replies emit with a chance of one half: 1 − (1 − p)^n."""
    value = emission.value(_scores(math.log(0.05), math.log(0.02)))

    assert value is not None
    replies = math.log(2) / 10**value
    assert 1 - (1 - 10**value) ** replies == pytest.approx(0.5, abs=1e-3)


def test_cool_emission_reads_the_cooler_log_probabilities() -> None:
    """Two tokens of 1/10 at temperature 0.7 give 10^−2, whatever they have at temperature 1."""
    scores = _scores(-5.0, -5.0, cool=(math.log(0.1), math.log(0.1)))

    assert emission_cool.value(scores) == pytest.approx(-2)


def test_an_item_that_was_not_scored_at_the_cooler_temperature_has_no_number() -> None:
    assert emission_cool.value(_scores(-1.0, -2.0)) is None


def test_cool_emission_surfaces_a_nan() -> None:
    value = emission_cool.value(_scores(-1.0, -1.0, cool=(-1.0, math.nan)))

    assert value is not None
    assert math.isnan(value)


@pytest.mark.parametrize("probe", WORST_STATE)
def test_a_record_counts_in_the_state_where_most_comes_back(probe: Any) -> None:
    """Means of the states: (−4 − 2)/2 = −3, −1.5, −2. One item at −1 in a state of mean −1.5 does not make the state −1."""
    states = probe.CARD["states"]
    points = _points({states[0]: [-4.0, -2.0], states[1]: [-1.0, -2.0], states[2]: [-2.0, -2.0]})

    for order in (points, points[::-1]):
        assert probe.combine(order) == pytest.approx(-1.5)


@pytest.mark.parametrize("probe", WORST_STATE)
@pytest.mark.parametrize("broken", [0, 1, 2])
def test_a_nan_in_any_state_is_not_stepped_over(probe: Any, broken: int) -> None:
    """max(1, nan) is 1 and max(nan, 1) is nan: which it is must not depend on the order of the states."""
    values = [[-1.0], [-1.0], [-1.0]]
    values[broken] = [math.nan]

    assert math.isnan(probe.combine(_points(dict(zip(probe.CARD["states"], values, strict=True)))))


@pytest.mark.parametrize("probe", [*WORST_STATE, *CURVES])
def test_no_point_has_no_number(probe: Any) -> None:
    assert probe.combine([]) is None


def _curve(probe: Any, heights: dict[int, list[float]]) -> list[Point]:
    name = probe.CARD["states"][0].partition("@")[0]
    return _points({f"{name}@{step}": values for step, values in heights.items()})


@pytest.mark.parametrize("probe", CURVES)
def test_a_flat_curve_has_its_own_height(probe: Any) -> None:
    assert probe.combine(_curve(probe, {step: [-2.5] for step in (0, 5, 10, 25, 50)})) == pytest.approx(-2.5)


@pytest.mark.parametrize("probe", CURVES)
def test_the_area_is_the_trapezoids_over_the_steps_not_over_the_places(probe: Any) -> None:
    """Heights −4, −3, −2, −2, −1 at 0, 5, 10, 25, 50: −(17.5 + 12.5 + 30 + 37.5)/50 = −97.5/50 = −1.95; a plain mean is −2.4."""
    heights = {0: [-4.0], 5: [-3.0], 10: [-2.0], 25: [-2.0], 50: [-1.0]}

    assert probe.combine(_curve(probe, heights)) == pytest.approx(-1.95)


@pytest.mark.parametrize("probe", CURVES)
def test_steps_are_ordered_as_numbers_and_items_are_averaged_first(probe: Any) -> None:
    """As text "10" stands before "5". Two items a step with means −4, −3, −2, −2, −1 give the area above in any order."""
    points = _curve(probe, {0: [-5.0, -3.0], 5: [-3.5, -2.5], 10: [-2.0, -2.0], 25: [-1.0, -3.0], 50: [-1.0, -1.0]})

    for order in list(permutations(range(5)))[::17]:
        shuffled = [points[2 * step + item] for step in order for item in (1, 0)]
        assert probe.combine(shuffled) == pytest.approx(-1.95)


@pytest.mark.parametrize("probe", CURVES)
@pytest.mark.parametrize("missing", [0, 5, 10, 25, 50])
def test_a_step_that_was_not_measured_is_not_drawn_in(probe: Any, missing: int) -> None:
    heights = {step: [-2.0] for step in (0, 5, 10, 25, 50) if step != missing}

    assert probe.combine(_curve(probe, heights)) is None


@pytest.mark.parametrize("probe", CURVES)
def test_a_nan_on_the_curve_surfaces(probe: Any) -> None:
    assert math.isnan(probe.combine(_curve(probe, {0: [-2.0], 5: [-2.0], 10: [math.nan], 25: [-2.0], 50: [-2.0]})))


@pytest.mark.parametrize("probe", CURVES)
def test_the_cards_steps_are_the_probes(probe: Any) -> None:
    assert tuple(int(state.partition("@")[2]) for state in probe.CARD["states"]) == probe.STEPS
