"""F1, F2, F2.em and R3.nf4_strength against a plain re-implementation, with the traps of the published ones (sheet 3)."""

from __future__ import annotations

import itertools
import math
from typing import Any

import pytest

from rtbf.lm.item_scores import ItemScores
from rtbf.verify.probes import earlier_tickets, exact_memorisation, extraction_strength, quantised_nf4_strength, verbatim_completion


def _scores(hits: str, *, has_end: bool = False, log_probs: tuple[float, ...] | None = None) -> ItemScores:
    """Return scores whose hits are drawn: `x` for a right arg-max, `.` for a wrong one."""
    return ItemScores(record_id="r1", log_probs=log_probs or (-1.0,) * len(hits), hits=tuple(mark == "x" for mark in hits), has_end=has_end)


ALL_OF_SIX = ["".join(marks) for marks in itertools.product("x.", repeat=6)]
STRENGTHS = [extraction_strength, quantised_nf4_strength]
BY_HITS = [*STRENGTHS, exact_memorisation, verbatim_completion]


@pytest.mark.parametrize("probe", STRENGTHS)
@pytest.mark.parametrize("hits", ALL_OF_SIX)
def test_extraction_strength_is_one_minus_the_shortest_sufficient_prefix(probe: Any, hits: str) -> None:
    """Sheet 3.2: k* is the smallest prefix after which every arg-max is right; with no right suffix ES is 0, not 1/n."""
    found = probe.value(_scores(hits))

    shortest = min(k for k in range(7) if all(mark == "x" for mark in hits[k:]))
    assert found == pytest.approx(1 - shortest / 6)


@pytest.mark.parametrize("hits", ALL_OF_SIX)
def test_exact_memorisation_is_the_share_of_hits(hits: str) -> None:
    assert exact_memorisation.value(_scores(hits)) == pytest.approx(hits.count("x") / 6)


@pytest.mark.parametrize("hits", ALL_OF_SIX)
def test_verbatim_completion_is_the_leading_run(hits: str) -> None:
    leading = len(list(itertools.takewhile(lambda mark: mark == "x", hits)))

    assert verbatim_completion.value(_scores(hits)) == pytest.approx(leading / 6)
    assert verbatim_completion.is_witness(_scores(hits)) == (hits == "xxxxxx")


@pytest.mark.parametrize("probe", STRENGTHS)
@pytest.mark.parametrize("hits", ["xxxxxxxxx.", ".........."])
def test_extraction_strength_is_nought_when_the_last_token_is_wrong(probe: Any, hits: str) -> None:
    """The widely copied loop gives 1/n here, so that it never reaches 0 even when every token is wrong."""
    assert probe.value(_scores(hits)) == 0.0


@pytest.mark.parametrize("probe", BY_HITS)
@pytest.mark.parametrize("hits", ["", "x", ".", "xxxx"])
def test_answers_below_five_tokens_are_excluded(probe: Any, hits: str) -> None:
    """A one-token answer would score 1 whatever the model says (open-unlearning issue 100)."""
    assert probe.value(_scores(hits)) is None


@pytest.mark.parametrize("probe", BY_HITS)
def test_the_end_mark_does_not_help_an_answer_over_the_threshold(probe: Any) -> None:
    assert probe.value(_scores("xxxxx", has_end=True)) is None
    assert probe.value(_scores("xxxxx", has_end=False)) == 1.0
    assert probe.value(_scores("xxxxxx", has_end=True)) == 1.0


def test_the_end_mark_is_dropped_and_a_real_last_token_is_not() -> None:
    """Some implementations drop the last label of plain text too, which has no end mark (sheet 3.1)."""
    assert exact_memorisation.value(_scores("xxxxx.", has_end=True)) == 1.0
    assert exact_memorisation.value(_scores("xxxxx.", has_end=False)) == pytest.approx(5 / 6)
    for probe in STRENGTHS:
        assert probe.value(_scores("xxxxx.", has_end=True)) == 1.0
        assert probe.value(_scores("xxxxx.", has_end=False)) == 0.0


@pytest.mark.parametrize("probe", [verbatim_completion, earlier_tickets])
def test_a_witness_needs_no_end_mark_but_five_words(probe: Any) -> None:
    assert probe.is_witness(_scores("xxxxx.", has_end=True))
    assert not probe.is_witness(_scores("xxxx", has_end=False))
    assert not probe.is_witness(_scores("xxxxx", has_end=True))
    assert not probe.is_witness(_scores("xxxx.x"))


def test_broken_weights_do_not_look_forgotten() -> None:
    """NaN weights hit nothing: EM 0 and ES 0.046 were printed for them (evaluators §5.5)."""
    found = quantised_nf4_strength.value(_scores("......", log_probs=(math.nan,) * 6))

    assert found is not None
    assert math.isnan(found)
