"""The four membership scores and the AUC within a record, with the traps of the published ones (sheet 4, evaluators §3, §5)."""

from __future__ import annotations

import itertools
import math
import random
import zlib
from typing import Any

import pytest

from rtbf.lm.item_scores import ItemScores
from rtbf.verify.probe import Point
from rtbf.verify.probes import membership_loss, membership_mink, membership_minkpp, membership_zlib

PANEL = [membership_mink, membership_loss, membership_zlib, membership_minkpp]


def _scores(
    *log_probs: float, has_end: bool = False, means: tuple[float, ...] = (), deviations: tuple[float, ...] = (), zlib_bytes: int | None = 50
) -> ItemScores:
    return ItemScores(
        record_id="r1",
        log_probs=log_probs,
        hits=(False,) * len(log_probs),
        has_end=has_end,
        means=means or (-2.0,) * len(log_probs),
        deviations=deviations or (1.0,) * len(log_probs),
        zlib_bytes=zlib_bytes,
    )


def _points(members: list[float], siblings: list[float]) -> list[Point]:
    labelled = [("member", value) for value in members] + [("sibling", value) for value in siblings]
    return [Point(label=label, state="", value=value) for label, value in labelled]


@pytest.mark.parametrize(("n", "taken"), [(1, 1), (4, 1), (5, 1), (9, 1), (10, 2), (14, 2), (15, 3), (35, 7), (100, 20)])
def test_mink_takes_the_lowest_fifth_and_at_least_one(n: int, taken: int) -> None:
    """Tokens −1 … −n in a shuffled order: the lowest `taken` are −n … −(n − taken + 1), their mean −n + (taken − 1)/2."""
    log_probs = [-float(place) for place in range(1, n + 1)]
    random.Random(n).shuffle(log_probs)

    assert membership_mink.value(_scores(*log_probs)) == pytest.approx(-n + (taken - 1) / 2)


def test_loss_is_the_mean_log_probability() -> None:
    assert membership_loss.value(_scores(-1.0, -2.0, -6.0)) == pytest.approx(-3.0)


def test_zlib_sets_the_mean_per_token_against_the_compressed_bytes() -> None:
    """Variant: mean −3 nats per token over the bytes, not the sum of −9 over them."""
    size = len(zlib.compress(b"Ada Example lives at 1 Sample Street, example.org"))

    assert membership_zlib.value(_scores(-1.0, -2.0, -6.0, zlib_bytes=size)) == pytest.approx(-3 / size)


@pytest.mark.parametrize("size", [None, 0])
def test_a_text_that_was_not_compressed_has_no_zlib_score(size: int | None) -> None:
    assert membership_zlib.value(_scores(-1.0, zlib_bytes=size)) is None


def test_minkpp_standardises_each_token_by_the_models_own_distribution() -> None:
    """Of p = (1/2, 1/4, 1/4), μ = −1.5 ln 2 and σ = ln 2 / 2, so that a token of 1/4 has z = (−2 + 1.5)/0.5 = −1."""
    p = (1 / 2, 1 / 4, 1 / 4)
    mean = sum(share * math.log(share) for share in p)
    deviation = math.sqrt(sum(share * (math.log(share) - mean) ** 2 for share in p))

    value = membership_minkpp.value(_scores(math.log(1 / 4), means=(mean,), deviations=(deviation,)))

    assert mean == pytest.approx(-1.5 * math.log(2))
    assert deviation == pytest.approx(math.log(2) / 2)  # two values ln 2 apart, each with chance 1/2
    assert value == pytest.approx(-1.0)


def test_minkpp_takes_the_lowest_fifth_of_the_standardised_scores() -> None:
    """Nine tokens have z = −1 … −9. The tenth has the lowest log-probability by far, but z = −400/100 = −4, so the lowest are −9 and −8."""
    deviations = (1.0,) * 9 + (100.0,)
    log_probs = [-2.0 - place for place in range(1, 10)] + [-402.0]  # the last has z = −4

    assert membership_minkpp.value(_scores(*log_probs, means=(-2.0,) * 10, deviations=deviations)) == pytest.approx(-8.5)


@pytest.mark.parametrize("chance", [1e-3, 1e-6, 1e-9, 1e-12])
def test_the_limit_at_no_spread_is_nought_for_the_certain_token_and_unbounded_for_the_other(chance: float) -> None:
    """Two outcomes of 1 − ε and ε: z is √(ε/(1 − ε)) and −√((1 − ε)/ε). At σ = 0 the code returns their limits, 0 and −∞."""
    certain, other = math.log1p(-chance), math.log(chance)
    mean = (1 - chance) * certain + chance * other
    deviation = math.sqrt((1 - chance) * (certain - mean) ** 2 + chance * (other - mean) ** 2)

    likely = membership_minkpp.value(_scores(certain, means=(mean,), deviations=(deviation,)))
    rare = membership_minkpp.value(_scores(other, means=(mean,), deviations=(deviation,)))

    assert likely == pytest.approx(math.sqrt(chance / (1 - chance)), rel=1e-3)
    assert rare == pytest.approx(-math.sqrt((1 - chance) / chance), rel=1e-3)
    assert membership_minkpp.value(_scores(0.0, means=(0.0,), deviations=(0.0,))) == 0.0
    assert membership_minkpp.value(_scores(-30.0, means=(0.0,), deviations=(0.0,))) == -math.inf


def test_rounding_at_no_spread_is_no_ruled_out_token() -> None:
    """A flat distribution has σ = 0 and l = μ = −ln V, but μ is a float32 sum and ends up a little off."""
    flat = -math.log(32000)

    assert membership_minkpp.value(_scores(flat, means=(flat + 4e-7,), deviations=(0.0,))) == 0.0


def test_a_confident_member_keeps_its_rank_without_a_clamp() -> None:
    """A clamped variance gave scores of 350 on a confident model (evaluators §5.16); certain tokens score 0, no more."""
    member = membership_minkpp.value(_scores(*[0.0] * 10, means=(0.0,) * 10, deviations=(0.0,) * 10))
    sibling = membership_minkpp.value(_scores(*[0.0] * 9, -40.0, means=(0.0,) * 10, deviations=(0.0,) * 10))

    assert member == 0.0
    assert sibling == -math.inf
    assert membership_minkpp.combine(_points([member], [sibling])) == 1.0


def test_a_log_without_the_distributions_moments_has_no_minkpp() -> None:
    scores = ItemScores(record_id="r1", log_probs=(-1.0, -2.0), hits=(True, False), has_end=False)

    assert membership_minkpp.value(scores) is None


@pytest.mark.parametrize("probe", PANEL)
@pytest.mark.parametrize("scores", [_scores(), _scores(-0.1, has_end=True)])
def test_a_text_without_tokens_has_no_score(probe: Any, scores: ItemScores) -> None:
    """The published Min-K gives it 0, the most member-like value there is (evaluators §3.6, §5.13)."""
    assert probe.value(scores) is None


@pytest.mark.parametrize("probe", PANEL)
def test_the_end_mark_is_left_out(probe: Any) -> None:
    """Five tokens of −2 and an end mark of −50 (or −0.001): only the five count."""
    without = probe.value(_scores(*[-2.0] * 5))

    for end in (-50.0, -0.001):
        assert probe.value(_scores(*[-2.0] * 5, end, has_end=True)) == without


@pytest.mark.parametrize("probe", PANEL)
@pytest.mark.parametrize("place", range(6))
def test_a_nan_surfaces_wherever_it_stands(probe: Any, place: int) -> None:
    """Sorting NaNs gives any order, and the lowest fifth might not hold one."""
    log_probs = [-1.0] * 6
    log_probs[place] = math.nan

    assert math.isnan(probe.value(_scores(*log_probs)))


@pytest.mark.parametrize("probe", PANEL)
@pytest.mark.parametrize(
    ("members", "siblings", "area"),
    [
        ([3.0], [1.0, 2.0, 4.0, 5.0], 0.5),
        ([9.0], [1.0, 2.0, 4.0, 5.0], 1.0),
        ([0.0], [1.0, 2.0, 4.0, 5.0], 0.0),
        ([4.0], [1.0, 2.0, 4.0, 5.0], 0.625),  # two below, one tied: 2.5 of 4
        ([2.0], [2.0, 2.0], 0.5),
        ([1.0, 5.0], [3.0], 0.5),
    ],
)
def test_a_record_counts_as_the_share_of_its_siblings_below_it(
    probe: Any, members: list[float], siblings: list[float], area: float
) -> None:
    assert probe.combine(_points(members, siblings)) == area


@pytest.mark.parametrize("probe", PANEL)
def test_the_share_is_the_area_under_the_roc_curve(probe: Any) -> None:
    """A second way: walk the thresholds from above, and sum the trapezoids under (false alarms, hits)."""
    drawn = random.Random(3)
    members, siblings = ([float(drawn.randint(0, 6)) for _ in range(n)] for n in (7, 12))
    thresholds = [math.inf, *sorted({*members, *siblings}, reverse=True)]
    curve = [(sum(s >= t for s in siblings) / 12, sum(m >= t for m in members) / 7) for t in thresholds]
    area = sum((x2 - x1) * (y1 + y2) / 2 for (x1, y1), (x2, y2) in itertools.pairwise(curve))

    assert probe.combine(_points(members, siblings)) == pytest.approx(area)


@pytest.mark.parametrize("probe", PANEL)
@pytest.mark.parametrize(("members", "siblings"), [([], [1.0]), ([1.0], []), ([], [])])
def test_a_record_without_siblings_has_no_area(probe: Any, members: list[float], siblings: list[float]) -> None:
    """Never 0.5: that would be read as "no information"."""
    assert probe.combine(_points(members, siblings)) is None


@pytest.mark.parametrize("probe", PANEL)
def test_a_nan_among_the_scores_is_no_loser(probe: Any) -> None:
    assert math.isnan(probe.combine(_points([1.0], [2.0, math.nan])))
    assert math.isnan(probe.combine(_points([math.nan], [2.0])))
