"""Erasure depth by hand: clipped per layer, weighted by what the never-shown model lacks, None where nothing was known."""

from __future__ import annotations

import math

import pytest

from rtbf.lm.states.depth import depth


def test_depth_by_hand() -> None:
    original, unlearned, reference = (-5.0, -3.0, -1.0, -0.2), (-5.0, -3.5, -3.0, -4.2), (-5.04, -4.0, -5.0, -2.2)

    found = depth(original, unlearned, reference)

    # Drops of the reference 0.04, 1, 4, 2: the first knows too little. Of the unlearned 0.5, 2, 4, the last clipped to 2.
    assert found == pytest.approx((0.5 + 2 + 2) / 7)


def test_unchanged_is_nought_and_never_shown_is_one() -> None:
    original, reference = (-4.0, -0.5), (-6.0, -7.0)

    assert depth(original, original, reference) == 0.0
    assert depth(original, reference, reference) == 1.0


def test_knowing_better_than_before_counts_as_nought_and_over_forgetting_as_one() -> None:
    assert depth((-1.0, -1.0), (-0.5, -9.0), (-2.0, -4.0)) == pytest.approx(3 / 4)  # (0 · 1 + 1 · 3) / (1 + 3)


def test_where_no_layer_knew_there_is_no_depth() -> None:
    assert depth((-1.0, -2.0), (-3.0, -3.0), (-1.04, -1.5)) is None
    assert depth((), (), ()) is None


def test_a_figure_that_is_no_number_is_seen_in_the_score() -> None:
    found = depth((-1.0, -1.0), (-2.0, math.nan), (-3.0, -3.0))

    assert found is not None
    assert math.isnan(found)


def test_models_of_different_depth_are_refused() -> None:
    with pytest.raises(ValueError, match="2, 1 and 2 layers"):
        depth((-1.0, -1.0), (-1.0,), (-1.0, -1.0))
