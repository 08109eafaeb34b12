"""The reference band: not narrower than never-shown models are apart, and never narrower than the card says."""

from __future__ import annotations

import math

import pytest

from rtbf.lm.item_scores import ItemScores
from rtbf.verify.margins import banded, reference_band
from rtbf.verify.probes import answer_probability


def _control(level: float) -> list[ItemScores]:
    """Return three items of two records; the second record counts as much as the first."""
    return [
        ItemScores(record_id=record, log_probs=(level + shift,) * 4, hits=(True,) * 4, has_end=False)
        for record, shift in (("a", 0.5), ("a", -0.5), ("b", 0.0))
    ]


def test_below_five_controls_there_is_no_band() -> None:
    assert reference_band([_control(-1.0)] * 4, answer_probability) is None


def test_of_five_controls_it_is_the_greatest_difference_of_two() -> None:
    band = reference_band([_control(level) for level in (-1.0, -1.3, -1.1, -1.05, -0.9)], answer_probability)

    assert band == pytest.approx(0.4)


def test_of_nine_controls_it_is_the_95th_percentile_of_all_pairs() -> None:
    levels = [-1.0, -1.1, -1.2, -1.3, -1.4, -1.5, -1.6, -1.7, -9.0]
    gaps = sorted(abs(one - other) for place, one in enumerate(levels) for other in levels[place + 1 :])

    band = reference_band([_control(level) for level in levels], answer_probability)

    # 36 pairs: the 95th percentile by the nearest rank is the 35th.
    assert band == pytest.approx(gaps[34])


def test_a_control_without_a_number_gives_no_band() -> None:
    controls = [_control(level) for level in (-1.0, -1.3, -1.1, -1.05, math.nan)]

    assert reference_band(controls, answer_probability) is None


@pytest.mark.parametrize(("band", "margin"), [(None, "0.10"), (0.05, "0.10"), (0.1, "0.10"), (0.25, "0.250000")])
def test_the_margin_is_the_wider_of_card_and_band(band: float | None, margin: str) -> None:
    found, origin = banded("0.10", "ours", band, 5)

    assert found == margin
    assert ("reference band" in origin) == (margin != "0.10")
