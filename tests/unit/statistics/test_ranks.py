"""Rank tests, against enumeration in whole numbers, Irwin–Hall, and under no effect with and without ties."""

from __future__ import annotations

import itertools
import math
import random
from fractions import Fraction

import pytest

from rtbf.statistics import ranks
from rtbf.statistics.ranks import (
    mean_rank_attainable,
    mean_rank_p,
    min_rank_attainable,
    min_rank_p,
    monte_carlo_p,
    normalised_rank,
    rank_interval,
)


def _u(place: int, n_candidates: int) -> float:
    return (place - 0.5) / (n_candidates + 1)


def _enumerated(places: list[int], candidates: list[int]) -> Fraction:
    """Return the share of all rank vectors whose mean u is at most the observed one."""

    def mean(vector: tuple[int, ...]) -> Fraction:
        return sum((Fraction(2 * place - 1, 2 * (j + 1)) for place, j in zip(vector, candidates, strict=True)), Fraction(0))

    vectors = list(itertools.product(*(range(1, j + 2) for j in candidates)))
    return Fraction(sum(mean(vector) <= mean(tuple(places)) for vector in vectors), len(vectors))


@pytest.mark.parametrize(
    ("greater", "equal", "candidates", "u"), [(0, 0, 9, 0.05), (9, 0, 9, 0.95), (0, 9, 9, 0.5), (4, 1, 9, 0.5), (0, 0, 1, 0.25)]
)
def test_a_rank_is_the_middle_of_the_places_an_answer_could_take(greater: int, equal: int, candidates: int, u: float) -> None:
    assert normalised_rank(greater, equal, candidates) == pytest.approx(u)


@pytest.mark.parametrize(("greater", "equal", "candidates"), [(0, 0, 0), (-1, 0, 5), (0, -1, 5), (3, 3, 5)])
def test_counts_that_do_not_fit_are_no_rank(greater: int, equal: int, candidates: int) -> None:
    with pytest.raises(ValueError, match="expected counts"):
        normalised_rank(greater, equal, candidates)


@pytest.mark.parametrize("candidates", [[9], [3, 3], [4, 4, 4], [2, 5, 9], [1, 2, 3, 4], [6, 6, 1]])
def test_the_p_of_a_mean_rank_is_the_share_of_all_rank_vectors(candidates: list[int]) -> None:
    rng = random.Random(f"ranks:{candidates}")
    for _ in range(12):
        places = [rng.randint(1, j + 1) for j in candidates]
        mirrored = [j + 2 - place for place, j in zip(places, candidates, strict=True)]

        low = mean_rank_p([_u(place, j) for place, j in zip(places, candidates, strict=True)], candidates, side="low")
        high = mean_rank_p([_u(place, j) for place, j in zip(mirrored, candidates, strict=True)], candidates, side="high")

        exact = float(_enumerated(places, candidates))
        assert low == pytest.approx(exact, abs=2e-12)
        assert low is not None
        assert low >= exact * (1 - 1e-12)
        assert high == pytest.approx(exact, abs=2e-12)


@pytest.mark.parametrize(("n", "s"), [(3, 0.5), (5, 1.25), (8, 2.0), (20, 7.0)])
def test_with_many_candidates_the_p_is_irwin_and_halls(n: int, s: float) -> None:
    """The sum of n continuous uniforms: F(s) = Σ_k (−1)^k C(n, k) (s − k)^n / n!."""
    irwin_hall = sum((-1) ** k * math.comb(n, k) * (Fraction(s) - k) ** n for k in range(math.floor(s) + 1)) / math.factorial(n)
    candidates = 99_999

    found = mean_rank_p([_u(round(s / n * (candidates + 1)), candidates)] * n, candidates, side="low")

    assert found == pytest.approx(float(irwin_hall), rel=2e-3)


def test_a_lattice_and_a_count_in_whole_numbers_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = random.Random("lattice")
    us = [_u(rng.randint(1, 80), 99) for _ in range(30)]
    counted = mean_rank_p(us, 99, side="low")

    monkeypatch.setattr(ranks, "MAX_EXACT_ITEMS", 0)

    assert counted is not None
    assert mean_rank_p(us, 99, side="low") == pytest.approx(counted, rel=1e-9, abs=2e-12)


def test_a_lattice_too_coarse_for_all_places_never_makes_p_smaller(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = random.Random("coarse")
    candidates = [rng.choice((6, 10, 12)) for _ in range(20)]
    samples = [[_u(rng.randint(1, j + 1), j) for j in candidates] for _ in range(20)]
    exact = [mean_rank_p(us, candidates, side="low") for us in samples]

    monkeypatch.setattr(ranks, "LATTICE_WORK", 0)
    bounds = [mean_rank_p(us, candidates, side="low") for us in samples]

    for p, bound in zip(exact, bounds, strict=True):
        assert p is not None
        assert bound is not None
        assert p - 1e-12 <= bound <= p * 1.01 + 2e-12


@pytest.mark.parametrize("side", ["low", "high"])
@pytest.mark.parametrize("candidates", [[19] * 6, [9, 19, 49, 9, 19, 49]])
def test_under_no_effect_small_p_values_are_rare(candidates: list[int], side: str) -> None:
    rng = random.Random(f"null:{side}:{candidates}")
    found = []
    for _ in range(1500):
        us = [_u(rng.randint(1, j + 1), j) for j in candidates]
        found.append(mean_rank_p(us, candidates, side=side))  # type: ignore[arg-type]

    for alpha in (0.01, 0.05, 0.25):
        alarms = sum(p is not None and p <= alpha for p in found) / len(found)
        assert alarms <= alpha + 3 * math.sqrt(alpha * (1 - alpha) / len(found))
        assert alarms >= alpha / 3  # and the test is not merely silent


@pytest.mark.parametrize("side", ["low", "high"])
def test_ties_are_counted_against_the_claim(side: str) -> None:
    """Scores take three values only. Told of its ties the test keeps its level; the middle of the ties alone would not."""
    rng = random.Random(f"ties:{side}")
    told, untold, n, candidates, trials = 0, 0, 2, 19, 1500
    for _ in range(trials):
        us, ties = [], []
        for _ in range(n):
            scores = [rng.choices((0, 1, 2), weights=(15, 70, 15))[0] for _ in range(candidates + 1)]
            true, others = scores[0], scores[1:]
            ties.append(others.count(true))
            us.append(normalised_rank(sum(other > true for other in others), ties[-1], candidates))
        told += (mean_rank_p(us, candidates, side=side, n_equal=ties) or 0) <= 0.02  # type: ignore[arg-type]
        untold += (mean_rank_p(us, candidates, side=side) or 0) <= 0.02  # type: ignore[arg-type]

    limit = 0.02 + 3 * math.sqrt(0.02 * 0.98 / trials)
    assert told / trials <= limit
    assert untold > told


def test_a_model_that_scores_all_answers_alike_gives_no_evidence_on_either_side() -> None:
    us = [normalised_rank(0, 99, 99)] * 5

    assert mean_rank_p(us, 99, side="low", n_equal=[99] * 5) == 1.0
    assert mean_rank_p(us, 99, side="high", n_equal=[99] * 5) == 1.0
    assert min_rank_p(us, 99, n_equal=[99] * 5) == 1.0


def test_half_a_place_is_rounded_against_the_claim() -> None:
    between = normalised_rank(0, 1, 9)

    assert mean_rank_p([between], 9, side="low") == pytest.approx(0.2)
    assert mean_rank_p([between], 9, side="high") == pytest.approx(1.0)


@pytest.mark.parametrize(("n", "candidates", "smallest"), [(1, 99, 0.01), (1, 999, 0.001), (3, 9, 0.001), (2, 1, 0.25), (0, 99, 1.0)])
def test_the_smallest_p_is_every_answer_in_its_best_place(n: int, candidates: int, smallest: float) -> None:
    assert mean_rank_attainable(n, candidates) == pytest.approx(smallest)


@pytest.mark.parametrize(("n", "candidates", "smallest"), [(10, 99, 0.1), (10, 999, 0.01), (3, 1, 1.0), (0, 99, 1.0)])
def test_ten_fields_of_99_candidates_cannot_reach_one_per_cent_alone(n: int, candidates: int, smallest: float) -> None:
    assert min_rank_attainable(n, candidates) == pytest.approx(smallest)
    assert min_rank_attainable(2, [99, 999]) == pytest.approx(2 / 1000)


def test_one_known_secret_among_many_is_found_by_the_smallest_p_and_not_by_the_mean() -> None:
    rng = random.Random("one known")
    us = [_u(1, 9_999), *(_u(rng.randint(1, 10_000), 9_999) for _ in range(19))]

    alone, mean = min_rank_p(us, 9_999), mean_rank_p(us, 9_999, side="low")

    assert alone == pytest.approx(20 / 10_000)
    assert mean is not None
    assert mean > 0.05
    assert min_rank_p([1 - u for u in us], 9_999, side="high") == pytest.approx(20 / 10_000)


def test_the_smallest_p_keeps_its_level_under_no_effect() -> None:
    rng = random.Random("smallest")
    found = [min_rank_p([_u(rng.randint(1, 200), 199) for _ in range(5)], 199) for _ in range(1500)]

    alarms = sum(p is not None and p <= 0.05 for p in found) / len(found)

    assert 0.03 <= alarms <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / len(found))


def test_p_is_never_nought_however_strong_the_evidence() -> None:
    strongest = mean_rank_p([_u(1, 999)] * 400, 999, side="low")

    assert strongest is not None
    assert 0 < strongest < 1e-300
    assert mean_rank_p([_u(1, 999 - place % 2) for place in range(60)], [999 - place % 2 for place in range(60)], side="low") == (
        pytest.approx(1e-12, rel=1e-3)
    )


@pytest.mark.parametrize(("k", "m", "p"), [(0, 999, 0.001), (999, 999, 1.0), (4, 99, 0.05), (0, 0, None)])
def test_a_drawn_p_counts_the_observed_arrangement(k: int, m: int, p: float | None) -> None:
    assert monte_carlo_p(k, m) == p


def test_a_drawn_p_is_super_uniform_for_any_number_of_draws() -> None:
    rng = random.Random("drawn")
    found = []
    for _ in range(2000):
        scores = [rng.choice(range(8)) for _ in range(20)]
        found.append(monte_carlo_p(sum(score >= scores[0] for score in scores[1:]), 19))

    for alpha in (0.05, 0.10, 0.5):
        assert sum(p is not None and p <= alpha for p in found) / 2000 <= alpha + 3 * math.sqrt(alpha * (1 - alpha) / 2000)


@pytest.mark.parametrize("n", [5, 12])
def test_the_interval_of_a_mean_rank_holds_one_half_when_nothing_is_known(monkeypatch: pytest.MonkeyPatch, n: int) -> None:
    monkeypatch.setattr("rtbf.statistics.intervals.BOOTSTRAP_DRAWS", 499)
    rng = random.Random(f"rank interval:{n}")
    held = 0
    for seed in range(300):
        found = rank_interval([_u(rng.randint(1, 1000), 999) for _ in range(n)], level=0.90, seed=seed)
        assert found is not None
        held += found.low <= 0.5 <= found.high

    assert 254 <= held <= 286  # 270 expected, standard deviation 5.2


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_rank_that_is_not_finite_or_missing_has_no_p(bad: float) -> None:
    for us in ([0.5, bad], []):
        assert mean_rank_p(us, 9, side="low") is None
        assert min_rank_p(us, 9) is None
        assert rank_interval(us, level=0.90, seed=1) is None


def test_what_cannot_be_a_rank_is_refused() -> None:
    with pytest.raises(ValueError, match="none of 10 places"):
        mean_rank_p([0.0], 9, side="low")
    with pytest.raises(ValueError, match="with 3 ties"):
        mean_rank_p([0.95], 9, side="low", n_equal=[3])
    with pytest.raises(ValueError, match="2 numbers of candidates for 1 items"):
        mean_rank_p([0.5], [9, 9], side="low")
    with pytest.raises(ValueError, match="2 numbers of ties"):
        mean_rank_p([0.5], 9, side="low", n_equal=[0, 0])
    with pytest.raises(ValueError, match="5 of 4 draws"):
        monte_carlo_p(5, 4)
