"""Numbers as they are printed, and where the bars end."""

from __future__ import annotations

from dataclasses import asdict

import pytest

from rtbf.report.pdf.charts import curve_chart, percent, probe_chart, shown
from rtbf.verify.record import Interval
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


def test_bars_are_shares_of_the_largest_value() -> None:
    probe = builders.probe_result("F2", before="0.800000", after="0.200000", control="0.100000")

    bars = probe_chart(asdict(probe))["bars"]

    # 0.8 / 0.8, 0.2 / 0.8, 0.1 / 0.8
    assert [(bar["arm"], bar["from"], bar["length"]) for bar in bars] == [
        ("before", "0.0000", "1.0000"),
        ("after", "0.0000", "0.2500"),
        ("control", "0.0000", "0.1250"),
    ]


def test_negative_bars_grow_to_the_left_of_zero() -> None:
    probe = builders.probe_result("F3", before="-1.000000", after="-4.000000", control=None)

    bars = probe_chart(asdict(probe))["bars"]

    # Zero lies at the right end; −1 of −4 begins at three quarters.
    assert [(bar["from"], bar["length"]) for bar in bars] == [("0.7500", "0.2500"), ("0.0000", "1.0000")]


def test_an_arm_that_was_not_measured_has_no_bar() -> None:
    probe = builders.probe_result("F2", control=None, estimate=None, interval=None)

    chart = probe_chart(asdict(probe))

    assert [bar["arm"] for bar in chart["bars"]] == ["before", "after"]
    assert chart["effect"] is None
    assert chart["no_effect"] == "No control model to compare with, so no effect can be stated."


def test_effect_strip_is_centred_on_zero() -> None:
    probe = builders.probe_result(
        "F2", estimate="0.000000", interval=Interval(low="-0.100000", high="0.100000", level="0.90"), margin="0.05"
    )

    effect = probe_chart(asdict(probe))["effect"]

    # The reach is 1.08 · 0.1: ±0.1 lies at (±0.1/0.108 + 1)/2, ±0.05 at (±0.05/0.108 + 1)/2.
    assert (effect["low"], effect["estimate"], effect["high"]) == ("0.0370", "0.5000", "0.9630")
    assert (effect["margin_low"], effect["margin_high"]) == ("0.2685", "0.7315")


def test_curve_has_no_chart_without_a_second_step() -> None:
    point = {"step": 0, "forget_nll_nats": "0.1", "retain_nll_nats": "0.1", "loss": "0.1"}

    charts = [curve_chart([], "1.0"), curve_chart([point], "1.0")]

    assert charts == [None, None]
