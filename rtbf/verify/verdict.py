"""The verdict as a pure function of the probe results: standard library only, so that an auditor can recompute it.

Order of the rules (PROTOCOL §2; DESIGN §2):
 1. Holm-adjust the one-sided p-values of all forget and recovery probes together.
 2. Give each probe a status from its numbers alone: adverse, equivalent, inconclusive(reason), not_applicable.
 3. An adverse forget or utility probe is FAIL. An adverse recovery probe lowers the class to suppression.
 4. PASS needs every probe that the class requires, each equivalent or lawfully not applicable, and enough records.
 5. Everything else is INCONCLUSIVE, with codes. A probe that was not run is never counted as "not adverse".
Proves that the stated decision follows from the stated numbers; not that the numbers were measured honestly.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from rtbf.verify.claim import claim_text
from rtbf.verify.record import Finding, ProbeResult, Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

RULE = "rtbf.verdict/1"

ALPHA = Decimal("0.01")
"""Family-wise level of the tests that can end in FAIL (PROTOCOL §2)."""

MIN_RECORDS = 18
"""Below this, equivalence of one ticket cannot be shown without a qualified method (PROTOCOL §2, sheet 9.4)."""

REQUIRED: dict[str, frozenset[str]] = {
    "approximate": frozenset({"F1", "F2", "F3", "F4", "F6", "R1", "R2", "R3", "R4", "R5", "U1", "U2", "U4", "U6"}),
    "suppression": frozenset({"F1", "F6", "R1", "R5", "U1", "U6"}),
}
"""Probes without which a class is not awarded. R6, U3 and U5 need packs of items from the operator."""

CAP_BY_ARTEFACT = {"merged": "approximate", "adapter": "suppression", "unchanged": "none"}

_STRENGTH = ("none", "suppression", "approximate", "dp", "exact")


def judge(probes: Sequence[ProbeResult], *, class_requested: str, artefact_kind: str) -> Verdict:
    """Return the verdict on one artefact; the same probes in any order give the same verdict."""
    ordered = sorted(probes, key=lambda probe: probe.probe_id)
    findings = _findings(ordered)
    by_id = {finding.probe_id: finding for finding in findings}
    family = {probe.probe_id: probe.family for probe in ordered}

    adverse = [finding for finding in findings if finding.status == "adverse"]
    cap = CAP_BY_ARTEFACT[artefact_kind]
    if any(family[finding.probe_id] == "recovery" for finding in adverse):
        cap = _weaker(cap, "suppression")
    wanted = _weaker(cap, class_requested)

    failing = [finding for finding in adverse if family[finding.probe_id] != "recovery"]
    if failing:
        status, codes = "FAIL", tuple(sorted({f"{finding.probe_id}:{finding.reason}" for finding in failing}))
    else:
        codes = _withholding_codes(wanted, ordered, by_id)
        status = "INCONCLUSIVE" if codes else "PASS"
    awarded = wanted if status == "PASS" else "none"
    return Verdict(
        status=status,
        class_requested=class_requested,
        class_cap=cap,
        class_awarded=awarded,
        codes=codes,
        findings=findings,
        claim=claim_text(status, awarded, codes, ordered),
        rule=RULE,
    )


def holm(p_values: Sequence[Decimal]) -> list[Decimal]:
    """Return Holm's step-down adjusted p-values in the given order (Holm 1979)."""
    order = sorted(range(len(p_values)), key=lambda place: p_values[place])
    adjusted = [Decimal(0)] * len(p_values)
    running = Decimal(0)
    for rank, place in enumerate(order):
        running = max(running, min(Decimal(1), p_values[place] * (len(p_values) - rank)))
        adjusted[place] = running
    return adjusted


def _findings(probes: Sequence[ProbeResult]) -> tuple[Finding, ...]:
    tests = [
        (probe.probe_id, side, Decimal(p_value))
        for probe in probes
        if probe.family != "utility"
        for side, p_value in (("leak", probe.p_leak), ("trace", probe.p_trace))
        if p_value is not None
    ]
    adjusted = {(probe_id, side): p for (probe_id, side, _), p in zip(tests, holm([p for *_, p in tests]), strict=True)}
    found = []
    for probe in probes:
        leak, trace = adjusted.get((probe.probe_id, "leak")), adjusted.get((probe.probe_id, "trace"))
        status, reason = _status(probe, leak, trace, len(tests))
        found.append(
            Finding(
                probe_id=probe.probe_id,
                status=status,  # type: ignore[arg-type]
                reason=reason,
                p_leak_holm=None if leak is None else str(leak),
                p_trace_holm=None if trace is None else str(trace),
            )
        )
    return tuple(found)


def _status(probe: ProbeResult, p_leak: Decimal | None, p_trace: Decimal | None, n_tests: int) -> tuple[str, str | None]:
    if probe.not_applicable is not None:
        return "not_applicable", probe.not_applicable
    if probe.problem is not None:
        return "inconclusive", probe.problem
    if probe.witnesses is not None and probe.witnesses > 0:
        return "adverse", "LEAK"
    if probe.estimate is None or probe.interval is None:
        return "inconclusive", "NO_REFERENCE" if probe.control is None and probe.family != "utility" else "UNDERPOWERED"
    estimate, margin = Decimal(probe.estimate), Decimal(probe.margin)
    low, high = Decimal(probe.interval.low), Decimal(probe.interval.high)
    if probe.family == "utility":
        return _utility_status(low, high, margin)
    if p_leak is not None and p_leak < ALPHA and estimate > margin:
        return "adverse", "LEAK"
    if probe.direction == "two_sided" and p_trace is not None and p_trace < ALPHA and estimate < -margin:
        return "adverse", "TRACE"
    if probe.assay is None or Decimal(probe.assay.low) <= margin:
        return "inconclusive", "NO_SIGNAL"
    # Resolution guard: a test whose smallest attainable p cannot pass Holm's first step cannot fail.
    if probe.p_attainable is None or Decimal(probe.p_attainable) * n_tests >= ALPHA:
        return "inconclusive", "UNDERPOWERED"
    is_inside = high < margin and (probe.direction != "two_sided" or low > -margin)
    return ("equivalent", None) if is_inside else ("inconclusive", "UNDERPOWERED")


def _utility_status(low: Decimal, high: Decimal, margin: Decimal) -> tuple[str, str | None]:
    """Non-inferiority: positive means worse; certainly beyond twice the margin is adverse (PROTOCOL §2, class A)."""
    if low > 2 * margin:
        return "adverse", "UTILITY"
    return ("equivalent", None) if high < margin else ("inconclusive", "UNDERPOWERED")


def _withholding_codes(wanted: str, probes: Sequence[ProbeResult], by_id: dict[str, Finding]) -> tuple[str, ...]:
    """Return why no PASS can be given, or nothing when it can."""
    codes = {f"{finding.probe_id}:{finding.reason}" for finding in by_id.values() if finding.status == "inconclusive"}
    if wanted == "none":
        codes.add("UNCHANGED")
    else:
        codes |= {f"{probe_id}:NOT_RUN" for probe_id in REQUIRED[wanted] - set(by_id)}
    forget_records = [probe.n_records for probe in probes if probe.family == "forget"]
    if not forget_records or min(forget_records) < MIN_RECORDS:
        codes.add("FEW_RECORDS")
    return tuple(sorted(codes))


def _weaker(first: str, second: str) -> str:
    return min(first, second, key=_STRENGTH.index)
