"""Probes on a true answer and others in its place: truth ratio, ranks and choices."""

from __future__ import annotations

import math
import random
from fractions import Fraction
from typing import Any

import pytest

from rtbf.lm.choice_scores import ChoiceScores
from rtbf.statistics.ranks import min_rank_p, normalised_rank
from rtbf.verify.probes import (
    counterfactual_best,
    counterfactual_rank,
    general_choice,
    multiple_choice,
    neighbours,
    population_rank,
    truth_ratio,
)

RANKS = [counterfactual_rank, counterfactual_best, population_rank]
WRONG = [neighbours, general_choice]


def _choice(true: float, *others: float, true_tokens: int = 4, others_tokens: tuple[int, ...] | None = None) -> ChoiceScores:
    tokens = (4,) * len(others) if others_tokens is None else others_tokens
    return ChoiceScores(record_id="r1", label="phone", true=true, true_tokens=true_tokens, others=others, others_tokens=tokens)


def test_truth_ratio_is_tofus_with_a_geometric_mean() -> None:
    """Sheet 1.3, in plain probabilities: R = (Π P_i^(1/n_i))^(1/m) / P^(1/n), and the value is −ln R."""
    choice = _choice(-6.0, -12.0, -4.0, -9.0, true_tokens=3, others_tokens=(4, 2, 3))

    value = truth_ratio.value(choice)

    wrong = [math.exp(-12) ** (1 / 4), math.exp(-4) ** (1 / 2), math.exp(-9) ** (1 / 3)]
    ratio = math.prod(wrong) ** (1 / 3) / math.exp(-6) ** (1 / 3)
    assert value == pytest.approx(-math.log(ratio))
    assert value == pytest.approx(2 / 3)  # −2 − (−3 − 2 − 3)/3


def test_the_arithmetic_variant_would_be_another_number() -> None:
    """At −1 and −3 nats per token: geometric mean e^−2 (value 0 beside a paraphrase at −2), arithmetic (e^−1 + e^−3)/2 = 1.54 e^−2."""
    assert truth_ratio.value(_choice(-8.0, -4.0, -12.0)) == pytest.approx(0.0)
    assert (math.exp(-1) + math.exp(-3)) / 2 / math.exp(-2) == pytest.approx(1.543, abs=1e-3)


@pytest.mark.parametrize("gap", [1.0, 20.0, 25.0, 300.0, 2000.0])
def test_truth_ratio_keeps_its_size_beyond_twenty_nats(gap: float) -> None:
    """Adding 1e-10 to probabilities flattens every gap above about 20 nats, and e^−2000 is no float at all."""
    assert truth_ratio.value(_choice(-4.0, -4.0 - 4 * gap)) == pytest.approx(gap)
    assert truth_ratio.value(_choice(-4.0 - 4 * gap, -4.0)) == pytest.approx(-gap)


def test_one_set_of_numbers_read_twice_has_a_log_ratio_of_nought() -> None:
    """The true answer in the wrong answers' place gives R = 1, log R = 0 (open-unlearning issue 19)."""
    assert truth_ratio.value(_choice(-7.25, -7.25, -7.25)) == 0.0


@pytest.mark.parametrize(
    ("likelier", "value"),
    [(0, 1 - 0.5 / 10), (4, 1 - 4.5 / 10), (9, 1 - 9.5 / 10)],
)
@pytest.mark.parametrize("probe", RANKS)
def test_a_rank_is_one_minus_the_middle_of_its_step(probe: Any, likelier: int, value: float) -> None:
    """Sheet 3.7: u = (rank − 0.5)/(J + 1) with J = 9 siblings; rank 1 gives u = 0.05, rank 10 gives 0.95."""
    siblings = [-1.0] * likelier + [-9.0] * (9 - likelier)

    assert probe.value(_choice(-5.0, *siblings)) == pytest.approx(value)


@pytest.mark.parametrize("probe", RANKS)
def test_ties_count_half(probe: Any) -> None:
    """Two likelier, three tied, four less likely of nine: u = (2 + 1.5 + 0.5)/10 = 0.4."""
    assert probe.value(_choice(-5.0, -1.0, -1.0, -5.0, -5.0, -5.0, -9.0, -9.0, -9.0, -9.0)) == pytest.approx(0.6)


@pytest.mark.parametrize("probe", RANKS)
def test_a_model_that_tells_nothing_apart_is_at_chance(probe: Any) -> None:
    """A destroyed model gives every value the same probability; rank 1 or J + 1 would read as knowing or over-forgetting."""
    assert probe.value(_choice(-5.0, *[-5.0] * 99)) == 0.5


@pytest.mark.parametrize("probe", RANKS)
def test_every_place_is_reached_once_so_the_null_mean_is_exactly_one_half(probe: Any) -> None:
    """Under exchangeability each of J + 1 values is the true one with equal chance: the mean over these is 1/2, in fractions too."""
    drawn = random.Random(7)
    scores = [drawn.gauss(-20, 3) for _ in range(30)]

    values = [probe.value(_choice(true, *scores[:place], *scores[place + 1 :])) for place, true in enumerate(scores)]

    assert sorted(values) == pytest.approx([float(Fraction(2 * place + 1, 60)) for place in range(30)])
    assert math.fsum(values) / 30 == pytest.approx(0.5)


@pytest.mark.parametrize("probe", RANKS)
@pytest.mark.parametrize(("likelier", "tied"), [(0, 0), (0, 3), (7, 1), (99, 0), (0, 99)])
def test_one_minus_the_value_is_what_the_rank_tests_take(probe: Any, likelier: int, tied: int) -> None:
    others = [-1.0] * likelier + [-5.0] * tied + [-9.0] * (99 - likelier - tied)

    assert 1 - probe.value(_choice(-5.0, *others)) == pytest.approx(normalised_rank(likelier, tied, 99), abs=1e-12)


def test_one_secret_of_ten_stands_out_in_the_best_and_not_in_the_mean() -> None:
    """Nine at the middle of 999 siblings and one in front of all: the mean is 0.55, the smallest p is 1/1000, times 10 is 0.01."""
    middle = _choice(-5.0, *[-1.0] * 499, *[-9.0] * 500)
    first = _choice(-5.0, *[-9.0] * 999)

    values = [counterfactual_best.value(choice) for choice in [middle] * 9 + [first]]

    us = [1 - value for value in values if value is not None]
    assert math.fsum(us) / 10 == pytest.approx(0.45, abs=1e-3)
    assert min_rank_p(us, 999) == pytest.approx(0.01)


@pytest.mark.parametrize("probe", RANKS)
def test_a_rank_is_by_the_sum_and_not_by_the_mean_per_token(probe: Any) -> None:
    """The true value at −6 over 2 tokens is likelier than −8 over 8, although −3 per token is less than −1."""
    assert probe.value(_choice(-6.0, -8.0, true_tokens=2, others_tokens=(8,))) == pytest.approx(0.75)


@pytest.mark.parametrize(
    ("choice", "right"),
    [
        (_choice(-4.0, -8.0, -9.0), 1.0),
        (_choice(-8.0, -4.0, -9.0), 0.0),
        # Per token: −2 against −1.
        (_choice(-4.0, -6.0, true_tokens=2, others_tokens=(6,)), 0.0),
        (_choice(-6.0, -4.0, true_tokens=6, others_tokens=(2,)), 1.0),
        # Ties: half with one other, a quarter when four options say the same.
        (_choice(-4.0, -4.0, -9.0), 0.5),
        (_choice(-4.0, -4.0, -4.0, -4.0), 0.25),
        (_choice(-4.0, -4.0, -1.0), 0.0),
    ],
)
def test_a_choice_is_the_best_mean_per_token_and_ties_share(choice: ChoiceScores, right: float) -> None:
    assert multiple_choice.value(choice) == right
    for probe in WRONG:
        assert probe.value(choice) == 1 - right


@pytest.mark.parametrize("probe", [truth_ratio, *RANKS, multiple_choice, *WRONG])
def test_no_other_answer_or_no_token_has_no_number(probe: Any) -> None:
    assert probe.value(_choice(-4.0)) is None
    assert probe.value(_choice(0.0, -4.0, true_tokens=0)) is None


@pytest.mark.parametrize("probe", [truth_ratio, multiple_choice, *WRONG])
def test_an_empty_wrong_answer_has_no_mean_per_token(probe: Any) -> None:
    assert probe.value(_choice(-4.0, 0.0, -3.0, others_tokens=(0, 2))) is None


@pytest.mark.parametrize("probe", [truth_ratio, *RANKS, multiple_choice, *WRONG])
@pytest.mark.parametrize("choice", [_choice(math.nan, -4.0, -5.0), _choice(-4.0, math.nan, -5.0), _choice(-4.0, -5.0, math.nan)])
def test_a_nan_surfaces_wherever_it_stands(probe: Any, choice: ChoiceScores) -> None:
    """Comparisons with NaN are false: a rank among NaNs would be the first, and a NaN answer never the best."""
    assert math.isnan(probe.value(choice))


@pytest.mark.parametrize("probe", RANKS)
def test_an_infinite_score_is_no_rank(probe: Any) -> None:
    assert math.isnan(probe.value(_choice(-math.inf, -4.0)))
    assert math.isnan(probe.value(_choice(-4.0, -math.inf)))
