"""Numbers as they are printed, and where strips, curves and bars end."""

from __future__ import annotations

from dataclasses import asdict
from decimal import Decimal
from typing import Any

import pytest

from rtbf.report.pdf.charts import (
    curve_chart,
    effect_strip,
    effect_words,
    limit_words,
    percent,
    pieces_chart,
    reach_of,
    shown,
    steps_chart,
)
from rtbf.verify.record import Interval, Part
from tests import builders


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, "–"),
        ("0.000000", "0.000"),
        ("-0.000000", "0.000"),
        ("0.0", "0.000"),
        ("0.920000", "0.920"),
        ("-0.004000", "−0.004"),
        ("12.3456", "12.346"),
        # Never rounded to zero.
        ("0.000200", "0.00020"),
        ("-0.000049", "−0.000049"),
        ("0.000000001", "1.0e−9"),
        ("123456789012", "1.2e+11"),
    ],
)
def test_numbers_are_printed_with_three_decimals_and_never_rounded_to_zero(text: str | None, expected: str) -> None:
    printed = shown(text)

    assert printed == expected


@pytest.mark.parametrize(("share", "expected"), [("0.90", "90 %"), ("0.95", "95 %"), ("0.999", "99.9 %"), ("1", "100 %")])
def test_a_share_is_told_as_a_percentage_without_needless_zeros(share: str, expected: str) -> None:
    assert percent(share) == expected


def _strip_of(**changes: Any) -> dict[str, Any]:
    probe = asdict(builders.probe_result("F2", **changes))
    strip = effect_strip(probe, reach_of([probe]))
    assert strip is not None
    return strip


def test_effect_strip_is_centred_on_zero() -> None:
    strip = _strip_of(estimate="0.000000", interval=Interval(low="-0.100000", high="0.100000", level="0.90"), margin="0.05")

    # The reach is 1.04 · 0.1: ±0.1 lies at (±0.1/0.104 + 1)/2, ±0.05 at (±0.05/0.104 + 1)/2.
    assert (strip["low"], strip["estimate"], strip["high"]) == ("0.0192", "0.5000", "0.9808")
    assert (strip["margin_low"], strip["margin_high"]) == ("0.2596", "0.7404")
    assert (strip["is_cut_low"], strip["is_cut_high"]) == (False, False)


def test_a_limit_stays_visible_beside_a_large_effect_and_the_strip_says_that_it_is_cut() -> None:
    strip = _strip_of(estimate="0.900000", interval=Interval(low="0.010000", high="1.500000", level="0.90"), margin="0.05")

    # Five margins at most: the reach is 1.04 · 0.25 = 0.26.
    assert (strip["margin_low"], strip["margin_high"]) == ("0.4038", "0.5962")
    assert (strip["low"], strip["estimate"], strip["high"]) == ("0.5192", "1.0000", "1.0000")
    assert (strip["is_cut_low"], strip["is_cut_high"]) == (False, True)


def test_a_limit_on_one_side_reaches_to_the_strips_other_end() -> None:
    strip = _strip_of(direction="lower_is_better", estimate="-0.010000", margin="0.05")

    assert (strip["margin_low"], float(strip["margin_high"]) > 0.5) == ("0.0000", True)


def test_tests_of_one_unit_share_one_scale() -> None:
    small = asdict(builders.probe_result("R1", estimate="0.000000", interval=Interval(low="0.000000", high="0.010000", level="0.90")))
    large = asdict(builders.probe_result("R5", estimate="0.100000", interval=Interval(low="0.050000", high="0.200000", level="0.90")))

    alone, together = (reach_of(probes) for probes in ([small], [small, large]))

    # 1.04 · 1.6 margins of 0.05 at least; then 1.04 · 0.2
    assert (alone, together) == (Decimal("0.0832"), Decimal("0.208"))


@pytest.mark.parametrize("changes", [{"estimate": None, "interval": None}, {"margin": "0"}])
def test_without_effect_or_limit_there_is_no_strip(changes: dict[str, Any]) -> None:
    probe = asdict(builders.probe_result("F2", **changes))

    assert effect_strip(probe, reach_of([probe])) is None


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"estimate": "0.010000"}, "+0.010 [−0.020, 0.030]"),
        ({"estimate": "0.010000", "interval": None}, "+0.010"),
        ({"estimate": None, "interval": None}, "too little for an effect"),
        ({"estimate": None, "interval": None, "compared_with": None}, "nothing to compare with"),
        ({"problem": "PROBE_ERROR"}, "could not be completed"),
        ({"not_applicable": "NO_PACK"}, "not measured"),
    ],
)
def test_an_effect_is_told_in_numbers_or_why_there_is_none(changes: dict[str, Any], said: str) -> None:
    assert effect_words(asdict(builders.probe_result("F2", **changes))) == said


@pytest.mark.parametrize(
    ("direction", "margin", "said"), [("two_sided", "0.050000", "±0.05"), ("lower_is_better", "0.10", "0.1"), ("two_sided", "0", "")]
)
def test_a_limit_is_told_on_both_sides_or_upwards(direction: Any, margin: str, said: str) -> None:
    assert limit_words(asdict(builders.probe_result("F2", direction=direction, margin=margin))) == said


def _steps(*values: tuple[int, str, str | None]) -> tuple[Part, ...]:
    return tuple(
        Part(name=f"relearn-rtt@{step}", n_items=10, before="-0.500000", after=after, control=control) for step, after, control in values
    )


def test_a_relearning_attack_is_drawn_over_its_steps() -> None:
    probe = asdict(builders.probe_result("R4", parts=_steps((0, "-4.000000", "-4.000000"), (10, "-2.000000", "-3.000000"))))

    chart = steps_chart(probe)

    # From −4 at the bottom to 0 at the top.
    assert chart is not None
    assert chart["lines"]["after"] == [["0.0000", "0.0000"], ["1.0000", "0.5000"]]
    assert chart["lines"]["control"] == [["0.0000", "0.0000"], ["1.0000", "0.2500"]]
    assert chart["lines"]["before"] == [["0.0000", "0.8750"], ["1.0000", "0.8750"]]
    assert chart["ticks"] == [["0.0000", "0"], ["1.0000", "10"]]
    assert (chart["top"], chart["bottom"], chart["ends"]["after"]) == ("0.000", "−4.000", "−4.000 → −2.000")


def test_a_line_with_a_step_missing_is_not_drawn() -> None:
    probe = asdict(builders.probe_result("R4", parts=_steps((0, "-4.000000", None), (10, "-2.000000", "-3.000000"))))

    chart = steps_chart(probe)

    assert chart is not None
    assert chart["lines"]["control"] == []


def test_forms_are_no_curve_and_steps_are_no_bars() -> None:
    parts = tuple(Part(name=name, n_items=5, before="0.500000", after="0.250000", control="0.000000") for name in ("qa", "cloze"))
    probe = asdict(builders.probe_result("F6", parts=parts))

    rows = pieces_chart(probe)

    assert steps_chart(probe) is None
    # 0.5 / 0.5, 0.25 / 0.5, 0 / 0.5
    assert (rows[0]["before"], rows[0]["after"], rows[0]["control"]) == ("1.0000", "0.5000", "0.0000")
    assert (rows[0]["name"], rows[0]["numbers"]) == ("as it was learned", ["0.50", "0.25", "0.00"])


def test_curve_has_no_chart_without_a_second_step() -> None:
    point = {"step": 0, "forget_nll_nats": "0.1", "retain_nll_nats": "0.1", "loss": "0.1"}

    charts = [curve_chart([], "1.0"), curve_chart([point], "1.0")]

    assert charts == [None, None]
