"""What a class asks of its groups: which results meet a group, which excuse is lawful, and when silence counts."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from rtbf.verify.record import Interval
from rtbf.verify.verdict import judge
from tests.results import passing_probes, probe_result

if TYPE_CHECKING:
    from rtbf.verify.record import ProbeResult, Verdict

WIDE = Interval(low="-0.020000", high="0.300000", level="0.90")
REQUIRED = frozenset(probe.probe_id for probe in passing_probes())


def _judge(probes: tuple[ProbeResult, ...], kind: str = "merged") -> Verdict:
    return judge(probes, class_requested="approximate", artefact_kind=kind, qualification=None)


def _with(probe_id: str, **changes: Any) -> tuple[ProbeResult, ...]:
    """Return the passing probes with one of them changed."""
    return tuple(replace(probe, **changes) if probe.probe_id == probe_id else probe for probe in passing_probes())


def _replaced(changed: ProbeResult) -> tuple[ProbeResult, ...]:
    return tuple(changed if probe.probe_id == changed.probe_id else probe for probe in passing_probes())


def _without(*probe_ids: str) -> tuple[ProbeResult, ...]:
    return tuple(probe for probe in passing_probes() if probe.probe_id not in probe_ids)


@pytest.mark.parametrize("probe_id", sorted(REQUIRED))
def test_a_pass_is_withheld_when_one_required_group_was_not_run(probe_id: str) -> None:
    verdict = _judge(_without(probe_id))

    assert (verdict.status, verdict.codes) == ("INCONCLUSIVE", (f"{probe_id}:NOT_RUN",))


@pytest.mark.parametrize("role", ["secondary", "reported"])
@pytest.mark.parametrize("probe_id", sorted(REQUIRED))
def test_a_result_that_is_not_primary_meets_no_requirement(probe_id: str, role: str) -> None:
    verdict = _judge(_with(probe_id, role=role))

    assert (verdict.status, verdict.codes) == ("INCONCLUSIVE", (f"{probe_id}:NOT_RUN",))


@pytest.mark.parametrize("probe_id", sorted(REQUIRED))
def test_only_the_adapter_probe_may_be_called_not_applicable(probe_id: str) -> None:
    """Otherwise a PASS could be had without a single measurement."""
    verdict = _judge(_with(probe_id, not_applicable="MERGED"))

    assert verdict.status == ("PASS" if probe_id == "R2" else "INCONCLUSIVE")
    assert verdict.codes == (() if probe_id == "R2" else (f"{probe_id}:NOT_MEASURED",))


def test_an_adapter_cannot_be_called_merged() -> None:
    with_adapter = _with("R2", not_applicable="ADAPTER")

    assert _judge(with_adapter).codes == ("R2:NOT_MEASURED",)


@pytest.mark.parametrize("reason", ["PROBE_ERROR", "TIMED_OUT", "NUMERIC", "NO_REFERENCE", "BLIND_GATE", "IDENTICAL_ARMS"])
@pytest.mark.parametrize("probe_id", sorted(REQUIRED))
def test_a_probe_that_did_not_run_is_never_counted_as_not_adverse(probe_id: str, reason: str) -> None:
    verdict = _judge(_with(probe_id, problem=reason, estimate=None, interval=None, witnesses=None))

    assert (verdict.status, verdict.codes) == ("INCONCLUSIVE", (f"{probe_id}:{reason}",))


@pytest.mark.parametrize("probe_id", sorted(REQUIRED - {"F0"}))
def test_attacks_need_not_be_equivalent_and_all_else_must(probe_id: str) -> None:
    verdict = _judge(_with(probe_id, interval=WIDE))

    assert verdict.status == ("PASS" if probe_id in {"R1", "R2", "R5"} else "INCONCLUSIVE")
    assert verdict.codes == (() if probe_id in {"R1", "R2", "R5"} else (f"{probe_id}:UNDERPOWERED",))


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"assay": None}, "PASS"),
        ({"interval": WIDE, "witnesses": None}, "PASS"),
        # No bound can be stated, or no data could have made it adverse.
        ({"interval": None, "estimate": None}, "INCONCLUSIVE"),
        ({"interval": WIDE, "witnesses": None, "p_attainable": "0.01"}, "INCONCLUSIVE"),
        ({"assay": None, "witnesses": None, "p_leak": None}, "INCONCLUSIVE"),
    ],
)
def test_silence_of_an_attack_counts_only_when_it_could_have_spoken(changes: dict[str, Any], status: str) -> None:
    verdict = _judge(_with("R5", **changes))

    assert verdict.status == status
    assert {code.partition(":")[0] for code in verdict.codes} == (set() if status == "PASS" else {"R5"})


def test_a_group_needs_one_equivalent_result_and_no_open_one() -> None:
    def with_population(**changes: Any) -> Verdict:
        return _judge((*passing_probes(), probe_result("F4.population", **changes)))

    assert with_population().status == "PASS"
    assert with_population(not_applicable="NO_ITEMS").status == "PASS"
    assert with_population(not_applicable="MERGED").codes == ("F4.population:NOT_MEASURED",)
    assert with_population(interval=WIDE).codes == ("F4.population:UNDERPOWERED",)
    assert with_population(problem="TIMED_OUT", interval=None).codes == ("F4.population:TIMED_OUT",)
    assert with_population(role="secondary", interval=WIDE).status == "PASS"
    assert with_population(role="secondary", witnesses=1).status == "FAIL"
    assert with_population(role="reported", witnesses=1).status == "PASS"


def test_a_group_of_which_every_member_is_excused_was_not_measured() -> None:
    excused = probe_result("F4", not_applicable="NO_ITEMS")

    verdict = _judge((*_replaced(excused), probe_result("F4.population", not_applicable="NO_ITEMS")))

    assert verdict.codes == ("F4.population:NO_ITEMS", "F4:NO_ITEMS")


def test_the_other_member_of_an_excused_one_is_enough() -> None:
    excused = probe_result("F4", not_applicable="NO_ITEMS")

    assert _judge((*_replaced(excused), probe_result("F4.population"))).status == "PASS"


@pytest.mark.parametrize(
    ("probe", "codes"),
    [
        (probe_result("R6"), ()),
        (probe_result("R6", interval=WIDE), ()),
        (probe_result("R6", not_applicable="NO_PACK"), ()),
        (probe_result("R6", not_applicable="MERGED"), ("R6:NOT_MEASURED",)),
        (probe_result("R6", problem="PROBE_ERROR"), ("R6:PROBE_ERROR",)),
        (probe_result("U3", not_applicable="NO_PACK"), ()),
        (probe_result("U3", interval=WIDE), ("U3:UNDERPOWERED",)),
        (probe_result("U6.harm", interval=WIDE), ("U6.harm:UNDERPOWERED",)),
        (probe_result("G1", not_applicable="NO_ITEMS"), ()),
        (probe_result("G1", interval=WIDE), ("G1:UNDERPOWERED",)),
        (probe_result("F9", interval=WIDE), ("F9:UNDERPOWERED",)),
        (probe_result("F7", role="secondary", interval=WIDE), ()),
    ],
    ids=lambda value: "",
)
def test_what_no_class_needs_withholds_a_pass_when_it_was_run_and_is_open(probe: ProbeResult, codes: tuple[str, ...]) -> None:
    verdict = _judge((*passing_probes(), probe))

    assert (verdict.status, verdict.codes) == ("INCONCLUSIVE" if codes else "PASS", codes)


def test_suppression_asks_only_for_what_it_claims() -> None:
    needed = {"F0", "F1", "F6", "R1", "R5", "U1", "U6"}

    fewest = _judge(tuple(probe for probe in passing_probes() if probe.probe_id in needed), kind="adapter")
    open_elsewhere = _judge(tuple(probe if probe.probe_id in needed else replace(probe, problem="NUMERIC") for probe in passing_probes()),
                            kind="adapter")  # fmt: skip

    assert fewest.status == "PASS"
    assert open_elsewhere.codes == ("U2:NUMERIC", "U4:NUMERIC")


def test_no_probe_at_all_is_no_pass() -> None:
    verdict = _judge(())

    assert (verdict.status, verdict.codes) == ("INCONCLUSIVE", tuple(sorted(f"{probe_id}:NOT_RUN" for probe_id in REQUIRED)))
