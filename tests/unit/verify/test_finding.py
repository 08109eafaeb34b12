"""The status of one probe as a table of cases, and what is adjusted together with what."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from rtbf.verify.finding import holm, read_probes
from rtbf.verify.record import Interval
from tests.results import leaking_probe, passing_probes, probe_result

if TYPE_CHECKING:
    from rtbf.verify.finding import Reading
    from rtbf.verify.record import ProbeResult


def _read(changed: ProbeResult) -> Reading:
    """Return the reading of one probe among the passing ones."""
    others = tuple(probe for probe in passing_probes() if probe.probe_id != changed.probe_id)
    return read_probes((*others, changed))[changed.probe_id]


def _status(changed: ProbeResult) -> tuple[str, str | None]:
    finding = _read(changed).finding
    return finding.status, finding.reason


def _within(low: str, high: str, level: str = "0.90") -> Interval:
    return Interval(low=low, high=high, level=level)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, ("equivalent", None)),
        ({"witnesses": 1}, ("adverse", "LEAK")),
        # A witness is known whatever else went wrong.
        ({"witnesses": 1, "problem": "PROBE_ERROR"}, ("adverse", "LEAK")),
        ({"witnesses": 1, "not_applicable": "MERGED"}, ("adverse", "LEAK")),
        ({"witnesses": None}, ("equivalent", None)),
        ({"estimate": "0.2", "interval": _within("0.1", "0.3"), "p_leak": "0.00001"}, ("adverse", "LEAK")),
        ({"estimate": "-0.2", "interval": _within("-0.3", "-0.1"), "p_trace": "0.00001"}, ("adverse", "TRACE")),
        # Beyond the margin, but by chance as far as the test can tell.
        ({"estimate": "0.2", "interval": _within("0.1", "0.3"), "p_leak": "0.2"}, ("inconclusive", "UNDERPOWERED")),
        # Significant, but no larger than the margin.
        ({"estimate": "0.05", "p_leak": "0.00001"}, ("equivalent", None)),
        ({"interval": _within("-0.02", "0.05")}, ("inconclusive", "UNDERPOWERED")),
        ({"interval": _within("-0.05", "0.02")}, ("inconclusive", "UNDERPOWERED")),
        ({"direction": "lower_is_better", "interval": _within("-0.5", "0.02")}, ("equivalent", None)),
        # On a side that is no fault, no p-value speaks against the artefact.
        (
            {"direction": "lower_is_better", "estimate": "-0.2", "interval": _within("-0.3", "-0.1"), "p_trace": "0.00001"},
            ("equivalent", None),
        ),
        ({"assay": None}, ("inconclusive", "NO_SIGNAL")),
        ({"assay": _within("0.05", "0.9")}, ("inconclusive", "NO_SIGNAL")),
        ({"compared_with": None, "control": None, "estimate": None, "interval": None, "assay": None}, ("inconclusive", "NO_REFERENCE")),
        ({"compared_with": "siblings"}, ("equivalent", None)),
        ({"compared_with": "chance"}, ("equivalent", None)),
        # Left as it was, a model does not differ from itself.
        ({"compared_with": "before", "estimate": "0.0", "interval": _within("0.0", "0.0")}, ("inconclusive", "NO_REFERENCE")),
        ({"estimate": None, "interval": None}, ("inconclusive", "UNDERPOWERED")),
        ({"p_attainable": None}, ("inconclusive", "UNDERPOWERED")),
        ({"p_attainable": "1.5"}, ("inconclusive", "UNDERPOWERED")),
        ({"p_leak": None}, ("inconclusive", "UNDERPOWERED")),
        ({"p_trace": None}, ("inconclusive", "UNDERPOWERED")),
        ({"p_leak": "NaN"}, ("inconclusive", "UNDERPOWERED")),
        ({"estimate": "NaN"}, ("inconclusive", "NUMERIC")),
        ({"estimate": "a lot"}, ("inconclusive", "NUMERIC")),
        ({"margin": "Infinity"}, ("inconclusive", "NUMERIC")),
        ({"margin": "-0.05"}, ("inconclusive", "NUMERIC")),
        ({"interval": _within("0.03", "-0.02")}, ("inconclusive", "NUMERIC")),
        # A narrower interval is easier to fit into the margin.
        ({"interval": _within("-0.02", "0.03", level="0.50")}, ("inconclusive", "NUMERIC")),
        ({"interval": _within("-0.02", "0.03", level="0.95")}, ("equivalent", None)),
        ({"problem": "TIMED_OUT"}, ("inconclusive", "TIMED_OUT")),
        ({"not_applicable": "NO_ITEMS"}, ("not_applicable", "NO_ITEMS")),
        ({"role": "reported", "witnesses": 9}, ("reported", None)),
        ({"role": "secondary", "witnesses": 9}, ("adverse", "LEAK")),
    ],
)
def test_status_of_a_forget_probe_follows_from_its_numbers(changes: dict[str, Any], expected: tuple[str, str | None]) -> None:
    assert _status(replace(probe_result("F2"), **changes)) == expected


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        ("-0.01", "0.019", ("equivalent", None)),
        ("-0.01", "0.020", ("inconclusive", "UNDERPOWERED")),
        ("0.025", "0.050", ("inconclusive", "UNDERPOWERED")),
        ("0.040", "0.050", ("inconclusive", "UNDERPOWERED")),
        # The margin is 0.02: certainly beyond twice that.
        ("0.041", "0.050", ("adverse", "UTILITY")),
        ("-9", "-8", ("equivalent", None)),
    ],
)
def test_status_of_a_utility_probe_is_non_inferiority(low: str, high: str, expected: tuple[str, str | None]) -> None:
    assert _status(probe_result("U1", interval=_within(low, high))) == expected


@pytest.mark.parametrize(
    ("probe_id", "low", "margin", "expected"),
    [
        ("U6", "0.2001", "0.05", ("adverse", "TRACE")),
        ("U6", "0.2000", "0.05", ("adverse", "UTILITY")),
        # However wide the margin that somebody chose.
        ("U6", "0.2001", "0.50", ("adverse", "TRACE")),
        ("U6.harm", "0.2001", "0.05", ("adverse", "UTILITY")),
        ("U6", "0.1000", "0.05", ("inconclusive", "UNDERPOWERED")),
    ],
)
def test_refusing_the_bare_name_twenty_points_more_often_is_a_trace(
    probe_id: str, low: str, margin: str, expected: tuple[str, str | None]
) -> None:
    assert _status(probe_result(probe_id, estimate="0.3", interval=_within(low, "0.4"), margin=margin)) == expected


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, ("equivalent", None)),
        ({"witnesses": 1}, ("adverse", "MISMATCH")),
        ({"witnesses": None, "estimate": None, "problem": "PROBE_ERROR"}, ("inconclusive", "PROBE_ERROR")),
        ({"witnesses": None}, ("inconclusive", "NOT_MEASURED")),
    ],
)
def test_a_gate_holds_only_when_it_was_looked_at(changes: dict[str, Any], expected: tuple[str, str | None]) -> None:
    assert _status(replace(probe_result("F0"), **changes)) == expected


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        # It compares with the model before, so that there is nothing to see go.
        ({}, ("equivalent", None)),
        ({"witnesses": 1}, ("adverse", "RETURNED")),
        ({"estimate": "0.2", "interval": _within("0.1", "0.3"), "p_leak": "0.00001"}, ("adverse", "RETURNED")),
        ({"interval": _within("-0.02", "0.06")}, ("inconclusive", "UNDERPOWERED")),
    ],
)
def test_an_earlier_tickets_records_may_not_return(changes: dict[str, Any], expected: tuple[str, str | None]) -> None:
    assert _status(replace(probe_result("G1"), **changes)) == expected


def test_a_test_that_cannot_fail_is_underpowered() -> None:
    """Resolution guard: 6 forget probes with two tests and 5 recovery probes with one are 17; 17 · 0.00058823… = 0.01."""
    tested = [probe for probe in passing_probes() if probe.p_attainable]
    coarse = [replace(probe, p_attainable="0.000589") for probe in tested]
    fine = [replace(probe, p_attainable="0.000588") for probe in tested]

    statuses = [{reading.finding.status for reading in read_probes(probes).values()} for probes in (coarse, fine)]

    assert statuses == [{"inconclusive"}, {"equivalent"}]


def test_a_probe_that_can_only_find_witnesses_can_fail_all_the_same() -> None:
    coarse = probe_result("R1", p_attainable="0.5")

    assert _read(coarse).can_fail
    assert not _read(replace(coarse, witnesses=None)).can_fail


@pytest.mark.parametrize("problem", ["PROBE_ERROR", "TIMED_OUT"])
def test_an_errored_probe_makes_no_other_test_look_sharper(problem: str) -> None:
    """Without the two tests of F2.em there were 15 left, and 15 · 0.0006 is below 0.01."""
    broken = probe_result("F2.em", role="secondary", estimate=None, interval=None, p_leak=None, p_trace=None, problem=problem)
    probes = [replace(probe, p_attainable="0.000530") if probe.probe_id == "F3" else probe for probe in passing_probes()]

    with_error = read_probes([*probes, broken])["F3"].finding
    without = read_probes(probes)["F3"].finding

    assert (with_error.status, without.status) == ("inconclusive", "equivalent")


def test_p_values_are_adjusted_over_all_families_together() -> None:
    """0.0008 among 17 tests: 0.0136, not below 0.01. Alone with the 12 tests of the forget probes it would be 0.0096."""
    close = leaking_probe("F2", p_leak="0.0008", estimate="0.2", interval=_within("0.1", "0.3"))

    finding = _read(close).finding

    assert finding.p_leak_holm == "0.0136"
    assert finding.status == "inconclusive"


def test_reported_probes_and_those_with_a_witness_take_no_part_in_the_adjustment() -> None:
    close = leaking_probe("F2", p_leak="0.0008", estimate="0.2", interval=_within("0.1", "0.3"))
    reported = [probe_result(f"F5.x{number}", role="reported") for number in range(20)]
    seen = probe_result("R8", role="secondary", witnesses=1)

    finding = read_probes([*(probe for probe in passing_probes() if probe.probe_id != "F2"), close, *reported, seen])["F2"].finding

    assert finding.p_leak_holm == "0.0136"


def test_holm_equals_a_worked_example() -> None:
    """Four p-values: 0.005·4, 0.01·3, 0.03·2, and 0.04·1 raised to the one before it, 0.06."""
    p_values = [Decimal("0.01"), Decimal("0.04"), Decimal("0.03"), Decimal("0.005")]

    adjusted = holm(p_values)

    assert adjusted == [Decimal("0.03"), Decimal("0.06"), Decimal("0.06"), Decimal("0.02")]


def test_holm_never_exceeds_one() -> None:
    adjusted = holm([Decimal("0.6"), Decimal("0.7")])

    assert adjusted == [Decimal(1), Decimal(1)]


def test_one_secret_that_is_known_for_certain_needs_no_interval() -> None:
    known = probe_result("F4.best", estimate="0.499950", margin="0.15", interval=None, assay=None, p_leak="0.000100", p_attainable="0.0001")

    assert read_probes([known])["F4.best"].finding.reason == "LEAK"
    for weaker in ({"p_leak": "0.100000"}, {"estimate": "0.100000"}, {"estimate": None}):
        assert read_probes([replace(known, **weaker)])["F4.best"].finding.reason == "UNDERPOWERED"
