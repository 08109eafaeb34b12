"""Rule rtbf.verdict/1, by which reports up to the third version were judged, as the table of cases that it had in its day."""

from __future__ import annotations

import random
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from rtbf.errors import RecordBroken
from rtbf.verify.frozen.record_v1 import Interval
from rtbf.verify.frozen.verdict_v1 import MIN_RECORDS, REQUIRED, holm, judge
from tests import frozen_results as builders

if TYPE_CHECKING:
    from rtbf.verify.frozen.record_v1 import ProbeResult, Verdict


def _judge(probes: tuple[ProbeResult, ...], kind: str = "merged", asked: str = "approximate") -> Verdict:
    return judge(probes, class_requested=asked, artefact_kind=kind)


def _with(probe_id: str, **changes: Any) -> tuple[ProbeResult, ...]:
    """Return the passing probes with one of them changed."""
    return tuple(replace(probe, **changes) if probe.probe_id == probe_id else probe for probe in builders.passing_probes())


def _replaced(changed: ProbeResult) -> tuple[ProbeResult, ...]:
    return tuple(changed if probe.probe_id == changed.probe_id else probe for probe in builders.passing_probes())


def _status(verdict: Verdict, probe_id: str) -> tuple[str, str | None]:
    return next((finding.status, finding.reason) for finding in verdict.findings if finding.probe_id == probe_id)


def test_all_required_probes_equivalent_is_a_pass_of_the_class_asked_for() -> None:
    verdict = _judge(builders.passing_probes())

    assert (verdict.status, verdict.class_awarded, verdict.codes) == ("PASS", "approximate", ())


def test_noop_on_a_model_that_knew_the_data_fails() -> None:
    untouched = (*(builders.leaking_probe(probe_id) for probe_id in ("F1", "F2", "F3")), builders.probe_result("U1"))

    verdict = _judge(untouched, kind="unchanged")

    assert (verdict.status, verdict.class_awarded) == ("FAIL", "none")
    assert verdict.codes == ("F1:LEAK", "F2:LEAK", "F3:LEAK")


def test_noop_on_a_model_that_never_knew_the_data_is_neither_pass_nor_fail() -> None:
    verdict = _judge(builders.passing_probes(), kind="unchanged")

    assert (verdict.status, verdict.class_awarded) == ("INCONCLUSIVE", "none")
    assert "UNCHANGED" in verdict.codes


@pytest.mark.parametrize("probe", builders.passing_probes(), ids=lambda probe: probe.probe_id)
def test_a_pass_is_withheld_when_one_required_probe_was_not_run(probe: ProbeResult) -> None:
    rest = tuple(other for other in builders.passing_probes() if other.probe_id != probe.probe_id)

    verdict = _judge(rest)

    assert (verdict.status, verdict.codes) == ("INCONCLUSIVE", (f"{probe.probe_id}:NOT_RUN",))


@pytest.mark.parametrize("probe", builders.passing_probes(), ids=lambda probe: probe.probe_id)
def test_only_the_adapter_probe_may_be_called_not_applicable(probe: ProbeResult) -> None:
    """Otherwise a PASS could be had without a single measurement."""
    verdict = _judge(_with(probe.probe_id, not_applicable="MERGED"))

    assert verdict.status == ("PASS" if probe.probe_id == "R2" else "INCONCLUSIVE")
    assert verdict.codes == (() if probe.probe_id == "R2" else (f"{probe.probe_id}:NOT_MEASURED",))


@pytest.mark.parametrize("probe", builders.passing_probes(), ids=lambda probe: probe.probe_id)
def test_an_errored_probe_is_never_counted_as_not_adverse(probe: ProbeResult) -> None:
    verdict = _judge(_with(probe.probe_id, problem="PROBE_ERROR"))

    assert (verdict.status, verdict.codes) == ("INCONCLUSIVE", (f"{probe.probe_id}:PROBE_ERROR",))


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, ("equivalent", None)),
        ({"witnesses": 1}, ("adverse", "LEAK")),
        # A witness is known whatever else went wrong.
        ({"witnesses": 1, "problem": "PROBE_ERROR"}, ("adverse", "LEAK")),
        ({"witnesses": 1, "not_applicable": "MERGED"}, ("adverse", "LEAK")),
        ({"estimate": "0.2", "interval": Interval(low="0.1", high="0.3", level="0.90"), "p_leak": "0.00001"}, ("adverse", "LEAK")),
        ({"estimate": "-0.2", "interval": Interval(low="-0.3", high="-0.1", level="0.90"), "p_trace": "0.00001"}, ("adverse", "TRACE")),
        # Beyond the margin, but by chance as far as the test can tell.
        ({"estimate": "0.2", "interval": Interval(low="0.1", high="0.3", level="0.90"), "p_leak": "0.2"}, ("inconclusive", "UNDERPOWERED")),
        # Significant, but no larger than the margin.
        ({"estimate": "0.05", "p_leak": "0.00001"}, ("equivalent", None)),
        ({"interval": Interval(low="-0.02", high="0.05", level="0.90")}, ("inconclusive", "UNDERPOWERED")),
        ({"interval": Interval(low="-0.05", high="0.02", level="0.90")}, ("inconclusive", "UNDERPOWERED")),
        ({"direction": "lower_is_better", "interval": Interval(low="-0.5", high="0.02", level="0.90")}, ("equivalent", None)),
        ({"assay": None}, ("inconclusive", "NO_SIGNAL")),
        ({"assay": Interval(low="0.05", high="0.9", level="0.90")}, ("inconclusive", "NO_SIGNAL")),
        ({"control": None, "estimate": None, "interval": None, "assay": None}, ("inconclusive", "NO_REFERENCE")),
        ({"estimate": None, "interval": None}, ("inconclusive", "UNDERPOWERED")),
        ({"p_attainable": None}, ("inconclusive", "UNDERPOWERED")),
        ({"p_leak": None}, ("inconclusive", "UNDERPOWERED")),
        ({"p_trace": None}, ("inconclusive", "UNDERPOWERED")),
        ({"p_leak": None, "p_trace": None}, ("inconclusive", "UNDERPOWERED")),
        ({"estimate": "NaN"}, ("inconclusive", "NUMERIC")),
        ({"estimate": "a lot"}, ("inconclusive", "NUMERIC")),
        ({"margin": "Infinity"}, ("inconclusive", "NUMERIC")),
        ({"margin": "-0.05"}, ("inconclusive", "NUMERIC")),
        ({"interval": Interval(low="0.03", high="-0.02", level="0.90")}, ("inconclusive", "NUMERIC")),
        # A narrower interval is easier to fit into the margin.
        ({"interval": Interval(low="-0.02", high="0.03", level="0.50")}, ("inconclusive", "NUMERIC")),
        ({"interval": Interval(low="-0.02", high="0.03", level="0.95")}, ("equivalent", None)),
    ],
)
def test_status_of_a_forget_probe_follows_from_its_numbers(changes: dict[str, Any], expected: tuple[str, str | None]) -> None:
    verdict = _judge(_with("F2", **changes))

    assert _status(verdict, "F2") == expected


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
    verdict = _judge(_with("U1", interval=Interval(low=low, high=high, level="0.90")))

    assert _status(verdict, "U1") == expected
    assert (verdict.status == "FAIL") == (expected[0] == "adverse")


def test_a_test_that_cannot_fail_is_underpowered() -> None:
    """Resolution guard: 0.0005 · 20 tests = 0.01, so even the smallest p would not pass Holm's first step."""
    probes = builders.passing_probes()
    # 10 forget and recovery probes with two tests each.
    just_too_coarse = tuple(replace(probe, p_attainable=probe.p_attainable and "0.0005") for probe in probes)
    just_fine_enough = tuple(replace(probe, p_attainable=probe.p_attainable and "0.000499") for probe in probes)

    coarse, fine = _judge(just_too_coarse), _judge(just_fine_enough)

    assert (coarse.status, fine.status) == ("INCONCLUSIVE", "PASS")
    assert "F2:UNDERPOWERED" in coarse.codes


@pytest.mark.parametrize(("records", "status"), [(MIN_RECORDS - 1, "INCONCLUSIVE"), (MIN_RECORDS, "PASS")])
def test_few_records_withhold_a_pass(records: int, status: str) -> None:
    verdict = _judge(_with("F3", n_records=records))

    assert verdict.status == status
    assert ("FEW_RECORDS" in verdict.codes) == (status == "INCONCLUSIVE")


def test_few_records_do_not_soften_a_failure() -> None:
    verdict = _judge((builders.leaking_probe("F1", n_records=1, witnesses=1),))

    assert verdict.status == "FAIL"


def test_a_trace_is_a_failure() -> None:
    """Over-forgetting tells who asked."""
    trace = builders.probe_result(
        "F3", estimate="-0.4", interval=Interval(low="-0.5", high="-0.3", level="0.90"), p_leak="1", p_trace="0.00001"
    )

    verdict = _judge(_replaced(trace))

    assert (verdict.status, verdict.codes) == ("FAIL", ("F3:TRACE",))


def test_an_adverse_attack_below_half_of_the_original_lowers_the_class() -> None:
    # The original's effect lies in 0.70 to 0.85, its middle at 0.775; 0.30 is less than half of it.
    brought_back = builders.leaking_probe("R3", estimate="0.300000", interval=Interval(low="0.2", high="0.4", level="0.90"))

    verdict = _judge(_replaced(brought_back))

    assert (verdict.status, verdict.class_cap, verdict.class_awarded) == ("PASS", "suppression", "suppression")
    assert "It was brought back by R3." in verdict.claim


@pytest.mark.parametrize("probe_id", ["R3", "R4"])
def test_an_attack_that_brings_back_half_of_the_original_is_a_failure(probe_id: str) -> None:
    brought_back = builders.leaking_probe(probe_id, estimate="0.387500")

    verdict = _judge(_replaced(brought_back))

    assert (verdict.status, verdict.codes) == ("FAIL", (f"{probe_id}:LEAK",))


@pytest.mark.parametrize("probe_id", ["R1", "R5"])
def test_an_attack_that_suppression_itself_must_stand_is_a_failure(probe_id: str) -> None:
    """There is no class below to lower to: "could not be elicited" would be untrue."""
    verdict = _judge(_replaced(builders.leaking_probe(probe_id)))

    assert (verdict.status, verdict.class_awarded) == ("FAIL", "none")


def test_an_unmerged_adapter_earns_suppression_at_most() -> None:
    verdict = _judge(builders.passing_probes(), kind="adapter")

    assert (verdict.status, verdict.class_cap, verdict.class_awarded) == ("PASS", "suppression", "suppression")


def test_a_result_never_exceeds_the_class_that_was_asked_for() -> None:
    verdict = _judge(builders.passing_probes(), asked="suppression")

    assert (verdict.class_cap, verdict.class_awarded) == ("approximate", "suppression")


@pytest.mark.parametrize("asked", ["exact", "dp"])
def test_changed_weights_never_earn_more_than_approximate(asked: str) -> None:
    verdict = _judge(builders.passing_probes(), asked=asked)

    assert verdict.class_awarded == "approximate"


def test_no_probe_at_all_is_no_pass() -> None:
    verdict = _judge(())

    assert verdict.status == "INCONCLUSIVE"
    assert {f"{probe_id}:NOT_RUN" for probe_id in REQUIRED["approximate"]} < set(verdict.codes)


@pytest.mark.parametrize("seed", range(10))
def test_order_of_probes_plays_no_part(seed: int) -> None:
    probes = [*_replaced(builders.leaking_probe("R3", estimate="0.3")), builders.probe_result("F2.em", p_leak="0.02")]
    expected = _judge(tuple(probes))

    random.Random(seed).shuffle(probes)

    assert _judge(tuple(probes)) == expected


@pytest.mark.parametrize(
    "probes",
    [
        (builders.leaking_probe("F1"), builders.probe_result("F1")),
        (builders.leaking_probe("F1", family="recovery"),),
        (builders.leaking_probe("F2.em", family="recovery"),),
        (builders.probe_result("U1", family="forget"),),
    ],
)
def test_results_that_no_order_of_reading_makes_sense_of_are_refused(probes: tuple[ProbeResult, ...]) -> None:
    with pytest.raises(RecordBroken):
        _judge(probes)


@pytest.mark.parametrize(("kind", "asked"), [("melted", "approximate"), ("merged", "perfect")])
def test_unknown_words_are_refused(kind: str, asked: str) -> None:
    with pytest.raises(RecordBroken):
        _judge(builders.passing_probes(), kind=kind, asked=asked)


def test_holm_equals_a_worked_example() -> None:
    """Four p-values: 0.005·4, 0.01·3, 0.03·2, and 0.04·1 raised to the one before it, 0.06."""
    p_values = [Decimal("0.01"), Decimal("0.04"), Decimal("0.03"), Decimal("0.005")]

    adjusted = holm(p_values)

    assert adjusted == [Decimal("0.03"), Decimal("0.06"), Decimal("0.06"), Decimal("0.02")]


def test_holm_never_exceeds_one() -> None:
    adjusted = holm([Decimal("0.6"), Decimal("0.7")])

    assert adjusted == [Decimal(1), Decimal(1)]


def test_p_values_are_adjusted_over_both_families_together() -> None:
    """0.0008 among 20 tests: 0.016, not below 0.01. Alone with 12 tests of the forget probes it would be 0.0096."""
    close = builders.leaking_probe("F2", p_leak="0.0008", estimate="0.2", interval=Interval(low="0.1", high="0.3", level="0.90"))

    verdict = _judge(_replaced(close))

    finding = next(finding for finding in verdict.findings if finding.probe_id == "F2")
    assert finding.p_leak_holm == "0.0160"
    assert finding.status == "inconclusive"
