"""MUSE.PrivLeak: orientation, reference and the cases in which the published code prints a number that means nothing."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest

from rtbf.lm.item_scores import ItemScores
from rtbf.verify.observed import Observed, PassKey
from rtbf.verify.probes.priv_leak import summary

if TYPE_CHECKING:
    from collections.abc import Sequence

Sides = tuple["Sequence[float]", "Sequence[float]"]
"""Min-K scores of the records, and of their siblings."""

EVEN: Sides = ([-3.0, -5.0], [-2.0, -4.0, -6.0, -4.0])
"""−3 is beaten by one sibling of four, −5 by three: AUC with label 0 for forget (1 + 3)/8 = 0.5."""
KNOWN: Sides = ([-0.3, -0.2], [-2.0, -4.0, -6.0, -4.0])
SCRUBBED: Sides = ([-20.0, -30.0], [-2.0, -4.0, -6.0, -4.0])
HALFWAY: Sides = ([-3.0, -3.0], [-2.0, -4.0, -6.0, -4.0])
"""One sibling of four looks more trained than either record: 0.25."""


def _asked(scores: Sequence[float], spread: float) -> tuple[ItemScores, ...]:
    """Return texts of five tokens whose lowest two (40 % of five) average `score`, the others at 0, and an end mark."""
    return tuple(
        ItemScores(record_id=f"r{place}", log_probs=(0.0, score - spread, 0.0, score + spread, 0.0, -99.0), hits=(False,) * 6, has_end=True)
        for place, score in enumerate(scores)
    )


def _observed(original: Sides, unlearned: Sides, *controls: Sides, sets: tuple[str, ...] = ("forget", "siblings")) -> Observed:
    arms = {"original": original, "unlearned": unlearned} | {f"control-{seed}": sides for seed, sides in enumerate(controls)}
    passes = {
        PassKey(items=items, arm=name, state=""): _asked(side, spread)
        for name, sides in arms.items()
        # With the lowest token alone siblings would fall by 1.5 and records by 0.1: other orders, other AUCs.
        for items, side, spread in zip(("forget", "siblings"), sides, (0.1, 1.5), strict=True)
        if items in sets
    }
    return Observed(arms=tuple(arms), passes=passes)


@pytest.mark.parametrize(
    ("unlearned", "area", "percent"), [(KNOWN, 0.0, -100.0), (HALFWAY, 0.25, -50.0), (EVEN, 0.5, 0.0), (SCRUBBED, 1.0, 100.0)]
)
def test_its_sign_is_muses(unlearned: Sides, area: float, percent: float) -> None:
    """Sheet 2.3: about −100 is fully known, 0 as the reference, above 0 over-unlearned."""
    found = summary(_observed(KNOWN, unlearned, EVEN))

    assert found is not None
    assert found.before == 0.0
    assert found.control == 0.5
    assert found.after == area
    assert found.estimate == pytest.approx(percent)


def test_the_reference_is_the_controls_mean() -> None:
    """References 0.5 and 0.25, mean 0.375: (0.25 − 0.375)/0.375 = −1/3."""
    found = summary(_observed(KNOWN, HALFWAY, EVEN, HALFWAY))

    assert found is not None
    assert found.control == pytest.approx(0.375)
    assert found.estimate == pytest.approx(-100 / 3)


@pytest.mark.parametrize("reference", [KNOWN, SCRUBBED])
def test_a_reference_at_an_end_gives_no_ratio(reference: Sides) -> None:
    """Issue 167 read 5215 over a reference of 0.02, and a reference of 0 plus an epsilon printed 1e11."""
    found = summary(_observed(KNOWN, EVEN, reference))

    assert found is not None
    assert found.after == 0.5
    assert found.estimate is None
    assert "0.05 to 0.95" in found.note


def test_the_published_ratio_would_be_thousands() -> None:
    """One pair of fifty won: reference 0.02 as in issue 167, artefact 1.0: 100 · 0.98/0.02 = 4900."""
    siblings = [-4.0 - place for place in range(49)] + [-2.0]
    found = summary(_observed(([-3.0], siblings), ([-99.0], siblings), ([-3.0], siblings)))

    assert found is not None
    assert found.control == pytest.approx(0.02)
    assert found.estimate is None


def test_without_a_reference_there_is_no_half() -> None:
    """The published code falls back to an AUC of 0.5 with a line in the log."""
    found = summary(_observed(KNOWN, HALFWAY))

    assert found is not None
    assert (found.control, found.estimate) == (None, None)
    assert "no control" in found.note


@pytest.mark.parametrize("sets", [("forget",), ("siblings",)])
def test_without_one_of_its_sets_there_is_no_summary(sets: tuple[str, ...]) -> None:
    assert summary(_observed(KNOWN, HALFWAY, EVEN, sets=sets)) is None


def test_a_text_without_tokens_is_left_out_and_does_not_score_nought() -> None:
    """As 0 it would be the most member-like of all; only the end mark is there to score."""
    observed = _observed(KNOWN, HALFWAY, EVEN)
    empty = ItemScores(record_id="r9", log_probs=(-0.1,), hits=(True,), has_end=True)
    passes = {key: (*found, empty) if key.items == "siblings" else found for key, found in observed.passes.items()}

    assert summary(Observed(arms=observed.arms, passes=passes)) == summary(observed)


@pytest.mark.parametrize("broken", ["original", "unlearned", "control-0"])
def test_a_nan_surfaces(broken: str) -> None:
    observed = _observed(KNOWN, HALFWAY, EVEN)
    bad = ItemScores(record_id="r9", log_probs=(-1.0, math.nan, -1.0), hits=(False,) * 3, has_end=False)
    passes = {key: (*found, bad) if key.arm == broken else found for key, found in observed.passes.items()}

    found = summary(Observed(arms=observed.arms, passes=passes))

    assert found is not None
    numbers = {"original": found.before, "unlearned": found.estimate, "control-0": found.estimate}
    assert math.isnan(numbers[broken] or 0.0)
