"""The verdict as a table of cases: what must fail, what must not pass, and what a class asks for. Laws: `test_verdict_laws`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from rtbf.errors import RecordBroken
from rtbf.verify.record import Interval, QualificationUse
from rtbf.verify.verdict import judge
from tests.results import leaking_probe, passing_probes, probe_result, sha

if TYPE_CHECKING:
    from rtbf.verify.record import ProbeResult, Verdict

IN_DATE = QualificationUse(digest=sha(30), is_in_date=True, covers=True)
WIDE = Interval(low="-0.020000", high="0.300000", level="0.90")


def _judge(
    probes: tuple[ProbeResult, ...], kind: str = "merged", asked: str = "approximate", qualification: QualificationUse | None = None
) -> Verdict:
    return judge(probes, class_requested=asked, artefact_kind=kind, qualification=qualification)


def _with(probe_id: str, **changes: Any) -> tuple[ProbeResult, ...]:
    """Return the passing probes with one of them changed."""
    return tuple(replace(probe, **changes) if probe.probe_id == probe_id else probe for probe in passing_probes())


def _replaced(changed: ProbeResult) -> tuple[ProbeResult, ...]:
    return tuple(changed if probe.probe_id == changed.probe_id else probe for probe in passing_probes())


def _without(*probe_ids: str) -> tuple[ProbeResult, ...]:
    return tuple(probe for probe in passing_probes() if probe.probe_id not in probe_ids)


def test_all_required_probes_equivalent_is_a_pass_of_the_class_asked_for() -> None:
    verdict = _judge(passing_probes())

    assert (verdict.status, verdict.class_awarded, verdict.codes, verdict.rule) == ("PASS", "approximate", (), "rtbf.verdict/2")


def test_noop_on_a_model_that_knew_the_data_fails() -> None:
    untouched = (*(leaking_probe(probe_id) for probe_id in ("F1", "F2", "F3")), probe_result("U1"))

    verdict = _judge(untouched, kind="unchanged")

    assert (verdict.status, verdict.class_awarded) == ("FAIL", "none")
    assert verdict.codes == ("F1:LEAK", "F2:LEAK", "F3:LEAK")


def test_noop_on_a_model_that_never_knew_the_data_is_neither_pass_nor_fail() -> None:
    verdict = _judge(passing_probes(), kind="unchanged")

    assert (verdict.status, verdict.class_awarded, verdict.codes) == ("INCONCLUSIVE", "none", ("UNCHANGED",))


@pytest.mark.parametrize(("records", "status"), [(17, "INCONCLUSIVE"), (18, "PASS")])
@pytest.mark.parametrize("probe_id", ["F1", "F2", "F3"])
def test_few_records_withhold_a_pass(probe_id: str, records: int, status: str) -> None:
    verdict = _judge(_with(probe_id, n_records=records))

    assert (verdict.status, verdict.codes) == (status, ("FEW_RECORDS",) if status == "INCONCLUSIVE" else ())


@pytest.mark.parametrize(("secrets", "codes"), [(31, ("FEW_RECORDS",)), (32, ())])
def test_few_secrets_withhold_a_pass(secrets: int, codes: tuple[str, ...]) -> None:
    assert _judge(_with("F4", n_items=secrets, n_records=5)).codes == codes


def test_few_records_are_no_matter_of_suppression_and_soften_no_failure() -> None:
    assert _judge(_with("F3", n_records=3), asked="suppression").status == "PASS"
    assert _judge((leaking_probe("F1", n_records=1, witnesses=1),)).status == "FAIL"


@pytest.mark.parametrize(
    ("probes", "status"),
    [
        (_with("F3", n_records=3), "PASS"),
        (_with("R3", interval=WIDE), "PASS"),
        (_with("R4", assay=None), "PASS"),
        (_without("F5"), "PASS"),
        (_with("F5", problem="BLIND_GATE"), "PASS"),
        (_with("F4", interval=WIDE), "PASS"),
        (_with("F2", interval=WIDE, p_attainable="0.125", n_records=3), "PASS"),
        (_with("R5", p_attainable="0.125", witnesses=None), "PASS"),
        (_with("F1", interval=WIDE), "PASS"),
        (_with("F1", interval=None), "INCONCLUSIVE"),
        (_with("F3", problem="NUMERIC"), "INCONCLUSIVE"),
        (_with("U1", interval=WIDE), "INCONCLUSIVE"),
        (_with("R3", problem="PROBE_ERROR", interval=None), "INCONCLUSIVE"),
        (_without("R4"), "INCONCLUSIVE"),
        (_with("R1", problem="TIMED_OUT"), "INCONCLUSIVE"),
    ],
    ids=[
        "records",
        "R3",
        "R4",
        "no F5",
        "blind F5",
        "F4",
        "few in F2",
        "few in R5",
        "wide F1",
        "no F1 bound",
        "F3 numeric",
        "U1",
        "broken R3",
        "no R4",
        "R1",
    ],
)
def test_a_qualification_stands_in_for_what_it_may(probes: tuple[ProbeResult, ...], status: str) -> None:
    alone, leaning = _judge(probes), _judge(probes, qualification=IN_DATE)

    assert alone.status == "INCONCLUSIVE"
    assert leaning.status == status
    assert (IN_DATE.digest in leaning.claim) == (status == "PASS")


@pytest.mark.parametrize("probe_id", ["F5", "R3", "R4"])
def test_a_qualification_helps_no_adverse_probe(probe_id: str) -> None:
    verdict = _judge(_replaced(leaking_probe(probe_id)), qualification=IN_DATE)

    assert (verdict.status, verdict.codes) == ("FAIL", (f"{probe_id}:LEAK",))


@pytest.mark.parametrize("lapsed", [replace(IN_DATE, is_in_date=False), replace(IN_DATE, covers=False)])
def test_a_qualification_that_may_not_be_leant_on_is_named_only_where_it_would_have_helped(lapsed: QualificationUse) -> None:
    assert _judge(_without("F5"), qualification=lapsed).codes == ("F5:NOT_RUN", "OUT_OF_ENVELOPE")
    assert _judge(_without("F2"), qualification=lapsed).codes == ("F2:NOT_RUN",)
    assert _judge(passing_probes(), qualification=lapsed).status == "PASS"


def test_a_verdict_that_needs_no_qualification_does_not_lean_on_it() -> None:
    assert _judge(passing_probes(), qualification=IN_DATE) == _judge(passing_probes())


@pytest.mark.parametrize(
    ("probe", "code"),
    [
        (probe_result("F0", witnesses=1), "F0:MISMATCH"),
        (probe_result("G1", witnesses=1), "G1:RETURNED"),
        (leaking_probe("F2.em", role="secondary"), "F2.em:LEAK"),
        (probe_result("U1", interval=Interval(low="0.041", high="0.05", level="0.90")), "U1:UTILITY"),
        (probe_result("U4.entropy", role="secondary", interval=Interval(low="0.041", high="0.05", level="0.90")), "U4.entropy:UTILITY"),
        (probe_result("U6", interval=Interval(low="0.21", high="0.5", level="0.90")), "U6:TRACE"),
        (
            probe_result("F3", estimate="-0.4", interval=Interval(low="-0.5", high="-0.3", level="0.90"), p_leak="1", p_trace="0.00001"),
            "F3:TRACE",
        ),
        (leaking_probe("R1"), "R1:LEAK"),
        (leaking_probe("R5.x"), "R5.x:LEAK"),
        (leaking_probe("R6"), "R6:LEAK"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
@pytest.mark.parametrize("asked", ["approximate", "suppression"])
def test_what_fails_whatever_else_holds(probe: ProbeResult, code: str, asked: str) -> None:
    others = tuple(one for one in passing_probes() if one.probe_id != probe.probe_id)

    verdict = _judge((*others, probe), asked=asked)

    assert (verdict.status, verdict.class_awarded, verdict.codes) == ("FAIL", "none", (code,))
    assert code.partition(":")[2] in verdict.claim


@pytest.mark.parametrize("probe_id", ["R2", "R3", "R4", "R8"])
def test_an_attack_below_half_of_the_original_lowers_the_class(probe_id: str) -> None:
    # The original's effect lies in 0.70 to 0.85, its middle at 0.775; 0.38 is less than half of it.
    brought_back = leaking_probe(probe_id, estimate="0.380000", interval=Interval(low="0.2", high="0.5", level="0.90"))
    others = tuple(probe for probe in passing_probes() if probe.probe_id != probe_id)

    verdict = _judge((*others, brought_back))

    assert (verdict.status, verdict.class_cap, verdict.class_awarded) == ("PASS", "suppression", "suppression")
    assert f"It was brought back by {probe_id}." in verdict.claim


@pytest.mark.parametrize("probe_id", ["R3", "R3.nf4_strength", "R4", "R4.benign"])
@pytest.mark.parametrize("changes", [{"estimate": "0.387500"}, {"assay": None}])
def test_an_attack_that_brings_back_half_of_the_original_is_a_failure(probe_id: str, changes: dict[str, Any]) -> None:
    """Without a measured original the half is unknown, and the worse case counts."""
    others = tuple(probe for probe in passing_probes() if probe.probe_id != probe_id)

    verdict = _judge((*others, leaking_probe(probe_id, **changes)))

    assert (verdict.status, verdict.codes) == ("FAIL", (f"{probe_id}:LEAK",))


def test_a_lower_class_still_asks_for_what_was_aimed_at() -> None:
    """Else a model whose forgetting is open would pass by being attacked successfully."""
    brought_back = leaking_probe("R3", estimate="0.2", interval=Interval(low="0.1", high="0.3", level="0.90"))
    probes = tuple(replace(probe, interval=WIDE) if probe.probe_id == "F3" else probe for probe in _replaced(brought_back))

    assert _judge(probes).codes == ("F3:UNDERPOWERED",)


def test_an_unmerged_adapter_earns_suppression_at_most_though_switching_it_off_brings_all_back() -> None:
    verdict = _judge(_replaced(leaking_probe("R2")), kind="adapter")

    assert (verdict.status, verdict.class_cap, verdict.class_awarded) == ("PASS", "suppression", "suppression")


@pytest.mark.parametrize("asked", ["exact", "dp"])
def test_changed_weights_never_earn_more_than_approximate(asked: str) -> None:
    assert _judge(passing_probes(), asked=asked).class_awarded == "approximate"


def test_a_result_never_exceeds_the_class_that_was_asked_for() -> None:
    verdict = _judge(passing_probes(), asked="suppression")

    assert (verdict.class_cap, verdict.class_awarded) == ("approximate", "suppression")
    assert _judge(passing_probes(), asked="none").codes == ("NO_CLASS",)


@pytest.mark.parametrize(
    "probes",
    [
        (leaking_probe("F1"), probe_result("F1")),
        (leaking_probe("F1", family="recovery"),),
        (leaking_probe("F2.em", family="utility"),),
        (probe_result("F0", family="forget"),),
        (probe_result("U1", family="forget"),),
        (probe_result("G1", family="utility"),),
        (leaking_probe("R10", family="restoration"),),
    ],
)
def test_results_that_no_order_of_reading_makes_sense_of_are_refused(probes: tuple[ProbeResult, ...]) -> None:
    with pytest.raises(RecordBroken):
        _judge(probes)


@pytest.mark.parametrize(("kind", "asked"), [("melted", "approximate"), ("merged", "perfect")])
def test_unknown_words_are_refused(kind: str, asked: str) -> None:
    with pytest.raises(RecordBroken):
        _judge(passing_probes(), kind=kind, asked=asked)
