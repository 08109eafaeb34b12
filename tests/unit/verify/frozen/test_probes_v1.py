"""Each earlier probe's number against a plain re-implementation, with the traps of the published ones (sheet 03)."""

from __future__ import annotations

import itertools
import math

import pytest

from rtbf.verify.frozen.item_scores_v1 import ItemScores
from rtbf.verify.frozen.probes_v1 import PROBES, Probe, is_whole

verbatim_completion, extraction_strength, exact_memorisation, answer_probability, adapter_off, retain_loss = PROBES


def _scores(hits: str, *, has_end: bool = False, log_probs: tuple[float, ...] | None = None) -> ItemScores:
    """Return scores whose hits are drawn: `x` for a right arg-max, `.` for a wrong one."""
    return ItemScores(record_id="r1", log_probs=log_probs or (-1.0,) * len(hits), hits=tuple(mark == "x" for mark in hits), has_end=has_end)


ALL_OF_SIX = ["".join(marks) for marks in itertools.product("x.", repeat=6)]


@pytest.mark.parametrize("hits", ALL_OF_SIX)
def test_extraction_strength_is_one_minus_the_shortest_sufficient_prefix(hits: str) -> None:
    """Sheet 3.2: k* is the smallest prefix after which every arg-max is right; with no right suffix ES is 0, not 1/n."""
    found = extraction_strength.value(_scores(hits))

    shortest = min(k for k in range(7) if all(mark == "x" for mark in hits[k:]))
    assert found == pytest.approx(1 - shortest / 6)


@pytest.mark.parametrize("hits", ALL_OF_SIX)
def test_exact_memorisation_is_the_share_of_hits(hits: str) -> None:
    assert exact_memorisation.value(_scores(hits)) == pytest.approx(hits.count("x") / 6)


@pytest.mark.parametrize("hits", ALL_OF_SIX)
def test_verbatim_completion_is_the_leading_run(hits: str) -> None:
    leading = len(list(itertools.takewhile(lambda mark: mark == "x", hits)))

    assert verbatim_completion.value(_scores(hits)) == pytest.approx(leading / 6)
    assert is_whole(_scores(hits)) == (hits == "xxxxxx")


def test_extraction_strength_is_nought_when_the_last_token_is_wrong() -> None:
    """The widely copied loop gives 1/n here."""
    assert extraction_strength.value(_scores("xxxxxxxxx.")) == 0.0


@pytest.mark.parametrize("probe", [extraction_strength, exact_memorisation, verbatim_completion])
@pytest.mark.parametrize("hits", ["", "x", "xxxx"])
def test_answers_below_five_tokens_are_excluded(probe: Probe, hits: str) -> None:
    """A one-token answer would score 1 whatever the model says (open-unlearning issue 100)."""
    assert probe.value(_scores(hits)) is None


@pytest.mark.parametrize("probe", [extraction_strength, exact_memorisation, verbatim_completion])
def test_the_end_mark_does_not_help_an_answer_over_the_threshold(probe: Probe) -> None:
    assert probe.value(_scores("xxxxx", has_end=True)) is None
    assert probe.value(_scores("xxxxx", has_end=False)) == 1.0
    assert probe.value(_scores("xxxxxx", has_end=True)) == 1.0


def test_the_end_mark_is_dropped_and_a_real_last_token_is_not() -> None:
    """Some implementations drop the last label of plain text too, which has no end mark (sheet 3.1)."""
    assert exact_memorisation.value(_scores("xxxxx.", has_end=True)) == 1.0
    assert exact_memorisation.value(_scores("xxxxx.", has_end=False)) == pytest.approx(5 / 6)
    assert extraction_strength.value(_scores("xxxxx.", has_end=True)) == 1.0
    assert extraction_strength.value(_scores("xxxxx.", has_end=False)) == 0.0


def test_a_witness_needs_no_end_mark_but_five_words() -> None:
    assert is_whole(_scores("xxxxx.", has_end=True))
    assert not is_whole(_scores("xxxx", has_end=False))
    assert not is_whole(_scores("xxxxx", has_end=True))


@pytest.mark.parametrize("probe", [answer_probability, adapter_off])
def test_answer_probability_is_a_mean_over_all_tokens_in_nats(probe: Probe) -> None:
    scores = _scores("xx.", has_end=True, log_probs=(-0.5, -1.0, -3.0))

    assert probe.value(scores) == pytest.approx(-1.5)


def test_retain_loss_is_the_same_mean_with_the_other_sign() -> None:
    assert retain_loss.value(_scores("xx.", log_probs=(-0.5, -1.0, -3.0))) == pytest.approx(1.5)


@pytest.mark.parametrize("probe", [answer_probability, adapter_off, retain_loss])
def test_no_token_has_no_mean(probe: Probe) -> None:
    assert probe.value(ItemScores(record_id="r1", log_probs=(), hits=(), has_end=False)) is None


@pytest.mark.parametrize("probe", [answer_probability, adapter_off, retain_loss])
def test_a_number_that_is_not_finite_is_handed_on_as_it_is(probe: Probe) -> None:
    found = probe.value(_scores("xx", log_probs=(-1.0, math.nan)))

    assert math.isnan(found)


def test_the_code_digests_are_those_of_the_files_in_their_day() -> None:
    """Each as `sha256sum` gives it at commit b32eea1, the last with these files as the probes of the day."""
    newest = {
        "F1": "79020aba4d5581c1bf6720037e5b5f301dc0b7995921f49a822d410ed49aa643",
        "F2": "fbc896fdbbbddff902011f72ffdb31a322c2963443109733c5d26e1893267419",
        "F2.em": "0bc4db9698b6b4ec77652eb53500d8aeb4ae368eb1dcce2f307a5e284c8a08f8",
        "F3": "0b64779d718d08b9987eefbb75ba47ac358d1639ca0f891cda1d4834a3a67bab",
        "R2": "39dd9726e01b77cba4b617242cd075565828c14b128fd10df6777856a84eaf34",
        "U1": "b9a00ccf07827e737e6839b83051cc7c551f5089aba241160cbf51d1f0682d4b",
    }

    assert {probe.probe_id: f"sha256:{newest[probe.probe_id]}" in probe.code_digests for probe in PROBES} == dict.fromkeys(newest, True)
    assert len(frozenset().union(*(probe.code_digests for probe in PROBES))) == sum(len(probe.code_digests) for probe in PROBES) == 19
