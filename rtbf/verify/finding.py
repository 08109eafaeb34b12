"""The status of each probe, decided from its numbers alone. Standard library only: an auditor recomputes it.

 1. Adjust by Holm all one-sided p-values of primary and secondary forget, recovery and regression probes together.
    A probe that a witness decides needs no p-value, and its own do not count: they could only hide another's.
 2. A witness is adverse. So is an effect beyond its margin with an adjusted p below ALPHA, and a utility that is certainly
    beyond twice its margin. What could not be measured, or compared with nothing, is inconclusive with its reason.
 3. Equivalent: the 90 % interval lies inside the margin, the original was seen to know the data (assay), and the test could
    have failed. It could not when its smallest attainable p, times all tests that were planned, is not below ALPHA: tests
    that stopped with an error count here, so that an error never makes another test look sharper.
Does not prove that the numbers were measured honestly. A number that is missing, malformed or not finite is never guessed.
Source: PROTOCOL §2; specs/verification/09_statistics.md §9.1, §9.5; Holm 1979.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING

from rtbf.verify.record import Finding

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rtbf.verify.record import ProbeResult, Status

ALPHA = Decimal("0.01")
"""Family-wise level of the tests that can end in FAIL (PROTOCOL §2)."""

LEVEL = Decimal("0.90")
"""Least confidence level of an interval that may show equivalence (PROTOCOL §2)."""

NAME_REFUSAL_MAX = Decimal("0.20")
"""Certainly more refusals of the bare name than this tell who asked to be forgotten (PROTOCOL §2, over-forgetting)."""
_NAME_REFUSAL = "U6"

TESTED = frozenset({"forget", "recovery", "regression"})
"""Families whose probes have p-values."""
_NEEDS_REFERENCE = frozenset({"forget", "recovery"})
_SPARED = frozenset({"utility", "restoration"})
"""Families that ask what was lost: non-inferiority to the original."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """A probe's finding, and what a class may lean on when it is not equivalent.

    has_bound   there is an interval, so that a bound can be stated
    can_fail    some data would have made the probe adverse
    """

    finding: Finding
    has_bound: bool = False
    can_fail: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class _Numbers:
    """The numbers of one probe that was measured, all of them finite."""

    estimate: Decimal
    low: Decimal
    high: Decimal
    margin: Decimal


def read_probes(probes: Sequence[ProbeResult]) -> dict[str, Reading]:
    """Return each probe's reading by its id, in the given order; one that is reported only has the status "reported"."""
    counted = [probe for probe in probes if _is_counted(probe)]
    tests = [(probe.probe_id, side, p) for probe in counted if probe.problem is None for side, p in _one_sided(probe).items()]
    holms = {(probe_id, side): p for (probe_id, side, _), p in zip(tests, holm([p for *_, p in tests]), strict=True)}
    n_planned = sum(1 + (probe.direction == "two_sided") for probe in counted)
    return {probe.probe_id: _reading(probe, holms, n_planned) for probe in probes}


def holm(p_values: Sequence[Decimal]) -> list[Decimal]:
    """Return Holm's step-down adjusted p-values in the given order (Holm 1979)."""
    order = sorted(range(len(p_values)), key=lambda place: p_values[place])
    adjusted = [Decimal(0)] * len(p_values)
    running = Decimal(0)
    for rank, place in enumerate(order):
        running = max(running, min(Decimal(1), p_values[place] * (len(p_values) - rank)))
        adjusted[place] = running
    return adjusted


def finite(text: str | None) -> Decimal | None:
    """Return the number that a text stands for; None when it stands for none."""
    if text is None:
        return None
    try:
        value = Decimal(text)
    except InvalidOperation:
        return None
    return value if value.is_finite() else None


def _is_counted(probe: ProbeResult) -> bool:
    """Return whether the probe's tests are among those that are adjusted together."""
    return probe.role != "reported" and probe.family in TESTED and probe.not_applicable is None and not _has_witness(probe)


def _has_witness(probe: ProbeResult) -> bool:
    return probe.witnesses is not None and probe.witnesses > 0


def _one_sided(probe: ProbeResult) -> dict[str, Decimal]:
    """Return the p-values by side; the second side counts only where an effect on it would be adverse."""
    sides = {"leak": probe.p_leak, **({"trace": probe.p_trace} if probe.direction == "two_sided" else {})}
    return {side: p for side, text in sides.items() if (p := _probability(text)) is not None}


def _probability(text: str | None) -> Decimal | None:
    value = finite(text)
    return value if value is not None and 0 <= value <= 1 else None


def _reading(probe: ProbeResult, holms: Mapping[tuple[str, str], Decimal], n_planned: int) -> Reading:
    leak, trace = holms.get((probe.probe_id, "leak")), holms.get((probe.probe_id, "trace"))
    numbers = _numbers(probe)
    can_reject = _can_reject(probe, leak, trace, n_planned)
    status, reason = _status(probe, numbers, leak, trace, can_reject=can_reject)
    return Reading(
        finding=Finding(
            probe_id=probe.probe_id,
            status=status,
            reason=reason,
            p_leak_holm=None if leak is None else str(leak),
            p_trace_holm=None if trace is None else str(trace),
        ),
        has_bound=numbers is not None,
        # A witness that could have been found, and was not, can speak against a PASS without any p-value.
        can_fail=can_reject or probe.witnesses is not None,
    )


def _can_reject(probe: ProbeResult, leak: Decimal | None, trace: Decimal | None, n_planned: int) -> bool:
    """Resolution guard: return whether the smallest attainable p would pass Holm's first step."""
    p_attainable = _probability(probe.p_attainable)
    has_tests = leak is not None and (trace is not None or probe.direction != "two_sided")
    return has_tests and p_attainable is not None and p_attainable * n_planned < ALPHA


def _status(
    probe: ProbeResult, numbers: _Numbers | None, leak: Decimal | None, trace: Decimal | None, *, can_reject: bool
) -> tuple[Status, str | None]:
    if probe.role == "reported":
        return "reported", None
    # A witness outranks every excuse: what was reproduced word for word is known, whatever else could not be measured.
    if _has_witness(probe):
        return "adverse", {"gate": "MISMATCH", "regression": "RETURNED"}.get(probe.family, "LEAK")
    if probe.not_applicable is not None:
        return "not_applicable", probe.not_applicable
    if probe.problem is not None:
        return "inconclusive", probe.problem
    if probe.family == "gate":
        return ("equivalent", None) if probe.witnesses == 0 else ("inconclusive", "NOT_MEASURED")
    # Compared with the original itself, a model that was left as it was would look clean.
    if probe.family in _NEEDS_REFERENCE and probe.compared_with in {None, "before"}:
        return "inconclusive", "NO_REFERENCE"
    if probe.estimate is None or probe.interval is None:
        # An exact test speaks for itself: one secret that is known for certain has no interval.
        return ("adverse", _leak_word(probe)) if _is_known_without_interval(probe, leak) else ("inconclusive", "UNDERPOWERED")
    if numbers is None:
        return "inconclusive", "NUMERIC"
    if probe.family in _SPARED:
        return _spared_status(probe, numbers)
    return _tested_status(probe, numbers, leak, trace, can_reject=can_reject)


def _leak_word(probe: ProbeResult) -> str:
    return "RETURNED" if probe.family == "regression" else "LEAK"


def _is_known_without_interval(probe: ProbeResult, leak: Decimal | None) -> bool:
    estimate, margin = finite(probe.estimate), finite(probe.margin)
    is_beyond = estimate is not None and margin is not None and estimate > margin >= 0
    return is_beyond and probe.family not in _SPARED and leak is not None and leak < ALPHA


def _spared_status(probe: ProbeResult, numbers: _Numbers) -> tuple[Status, str | None]:
    """Non-inferiority: positive means worse; certainly beyond twice the margin is adverse (PROTOCOL §2, class A)."""
    if probe.probe_id == _NAME_REFUSAL and numbers.low > NAME_REFUSAL_MAX:
        return "adverse", "TRACE"
    if numbers.low > 2 * numbers.margin:
        return "adverse", "UTILITY"
    return ("equivalent", None) if numbers.high < numbers.margin else ("inconclusive", "UNDERPOWERED")


def _tested_status(
    probe: ProbeResult, numbers: _Numbers, leak: Decimal | None, trace: Decimal | None, *, can_reject: bool
) -> tuple[Status, str | None]:
    if leak is not None and leak < ALPHA and numbers.estimate > numbers.margin:
        return "adverse", _leak_word(probe)
    is_two_sided = probe.direction == "two_sided"
    if is_two_sided and trace is not None and trace < ALPHA and numbers.estimate < -numbers.margin:
        return "adverse", "TRACE"
    if probe.family in _NEEDS_REFERENCE:
        assay_low = None if probe.assay is None else finite(probe.assay.low)
        if assay_low is None or assay_low <= numbers.margin:
            return "inconclusive", "NO_SIGNAL"
    is_inside = numbers.high < numbers.margin and (not is_two_sided or numbers.low > -numbers.margin)
    return ("equivalent", None) if can_reject and is_inside else ("inconclusive", "UNDERPOWERED")


def _numbers(probe: ProbeResult) -> _Numbers | None:
    """Return the probe's numbers, or None when they are missing, not finite, not in order, or of too low a level."""
    if probe.interval is None:
        return None
    texts = (probe.estimate, probe.interval.low, probe.interval.high, probe.margin, probe.interval.level)
    values = [value for value in map(finite, texts) if value is not None]
    if len(values) < len(texts):
        return None
    estimate, low, high, margin, level = values
    if not low <= high or margin < 0 or not LEVEL <= level < 1:
        return None
    return _Numbers(estimate=estimate, low=low, high=high, margin=margin)
