"""The verdict by rule rtbf.verdict/1, a pure function of the probe results. Standard library only.

Order of the rules (PROTOCOL §2; DESIGN §2):
 1. Holm-adjust the one-sided p-values of all forget and recovery probes together.
 2. Give each probe a status from its numbers alone: adverse, equivalent, inconclusive(reason), not_applicable.
 3. An adverse forget or utility probe is FAIL. So is an adverse R3 or R4 that brings back half of what the original
    knew, when removal was to be shown. Any other adverse recovery probe lowers the class to suppression; if that
    class itself needs the probe, there is no class left and it is FAIL.
 4. PASS needs every probe that the class requires, each equivalent or lawfully not applicable, no other probe
    inconclusive, and enough records.
 5. Everything else is INCONCLUSIVE, with codes. A probe that was not run is never counted as "not adverse".
Proves that the stated decision follows from the stated numbers; not that the numbers were measured honestly.
Refuses (RecordBroken) results that name a probe twice or give a known probe another family: no order of reading
would make sense of them. A number that is missing, malformed or not finite is never guessed: the probe is inconclusive.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING

from rtbf.errors import RecordBroken
from rtbf.verify.frozen.claim_v1 import claim_text
from rtbf.verify.frozen.record_v1 import Finding, Interval, ProbeResult, Status, Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

RULE = "rtbf.verdict/1"

ALPHA = Decimal("0.01")
"""Family-wise level of the tests that can end in FAIL (PROTOCOL §2)."""

LEVEL = Decimal("0.90")
"""Least confidence level of an interval that may show equivalence (PROTOCOL §2)."""

MIN_RECORDS = 18
"""Below this, equivalence of one ticket cannot be shown without a qualified method (PROTOCOL §2, sheet 9.4)."""

REQUIRED: dict[str, frozenset[str]] = {
    "approximate": frozenset({"F1", "F2", "F3", "F4", "F6", "R1", "R2", "R3", "R4", "R5", "U1", "U2", "U4", "U6"}),
    "suppression": frozenset({"F1", "F6", "R1", "R5", "U1", "U6"}),
}
"""Probes without which a class is not awarded. R6, U3 and U5 need packs of items from the operator."""

MAY_NOT_APPLY = frozenset({"R2"})
"""Required probes that an artefact can lawfully lack: merged weights have no adapter to switch. For any other,
"not applicable" would be a way to a PASS without a measurement."""

DECISIVE_RECOVERY = frozenset({"R3", "R4"})
"""Recovery probes that are FAIL, not a lower class, once they bring back half of what the original knew."""

CAP_BY_ARTEFACT = {"merged": "approximate", "adapter": "suppression", "unchanged": "none"}

_STRENGTH = ("none", "suppression", "approximate", "dp", "exact")
_FAMILY_BY_LETTER = {"F": "forget", "R": "recovery", "U": "utility"}


def judge(probes: Sequence[ProbeResult], *, class_requested: str, artefact_kind: str) -> Verdict:
    """Return the verdict on one artefact; the same probes in any order give the same verdict."""
    ordered = sorted(probes, key=lambda probe: probe.probe_id)
    _require_sound(ordered, class_requested, artefact_kind)
    findings = _findings(ordered)
    by_id = {finding.probe_id: finding for finding in findings}
    adverse = [probe for probe in ordered if by_id[probe.probe_id].status == "adverse"]

    cap = CAP_BY_ARTEFACT[artefact_kind]
    aimed_at = _weaker(cap, class_requested)
    if any(probe.family == "recovery" for probe in adverse):
        cap = _weaker(cap, "suppression")
    wanted = _weaker(cap, class_requested)

    failing = [probe.probe_id for probe in adverse if _is_failing(probe, aimed_at, wanted)]
    if failing:
        status, codes = "FAIL", tuple(sorted({f"{probe_id}:{by_id[probe_id].reason}" for probe_id in failing}))
    else:
        codes = _withholding_codes(wanted, artefact_kind, ordered, by_id)
        status = "INCONCLUSIVE" if codes else "PASS"
    awarded = wanted if status == "PASS" else "none"
    return Verdict(
        status=status,  # type: ignore[arg-type]
        class_requested=class_requested,
        class_cap=cap,
        class_awarded=awarded,
        codes=codes,
        findings=findings,
        claim=claim_text(status, awarded, codes, ordered, findings),
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


@dataclass(frozen=True, kw_only=True, slots=True)
class _Numbers:
    """The numbers of one probe that was measured, all of them finite."""

    estimate: Decimal
    low: Decimal
    high: Decimal
    margin: Decimal


def _require_sound(probes: Sequence[ProbeResult], class_requested: str, artefact_kind: str) -> None:
    ids = [probe.probe_id for probe in probes]
    known = frozenset().union(*REQUIRED.values())
    # "F2.em" is a second score of F2 and belongs where F2 belongs.
    base = {probe_id: probe_id.partition(".")[0] for probe_id in ids}
    misnamed = [p.probe_id for p in probes if base[p.probe_id] in known and p.family != _FAMILY_BY_LETTER[p.probe_id[0]]]
    has_known_words = class_requested in _STRENGTH and artefact_kind in CAP_BY_ARTEFACT
    if len(set(ids)) != len(ids) or misnamed or not has_known_words:
        raise RecordBroken(
            found="probe results that name a probe twice or in another family, or an unknown class or artefact kind",
            expected="each probe once, in the family its first letter stands for, and words of this release",
            remedy="run the verification again; these results cannot be judged",
        )


def _findings(probes: Sequence[ProbeResult]) -> tuple[Finding, ...]:
    tests = [
        (probe.probe_id, side, p)
        for probe in probes
        if probe.family != "utility"
        for side, p in (("leak", _probability(probe.p_leak)), ("trace", _probability(probe.p_trace)))
        if p is not None
    ]
    adjusted = {(probe_id, side): p for (probe_id, side, _), p in zip(tests, holm([p for *_, p in tests]), strict=True)}
    found = []
    for probe in probes:
        leak, trace = adjusted.get((probe.probe_id, "leak")), adjusted.get((probe.probe_id, "trace"))
        status, reason = _status(probe, leak, trace, len(tests))
        found.append(
            Finding(
                probe_id=probe.probe_id,
                status=status,
                reason=reason,
                p_leak_holm=None if leak is None else str(leak),
                p_trace_holm=None if trace is None else str(trace),
            )
        )
    return tuple(found)


def _status(probe: ProbeResult, p_leak: Decimal | None, p_trace: Decimal | None, n_tests: int) -> tuple[Status, str | None]:
    # A witness outranks every excuse: what was reproduced word for word is known, whatever else could not be measured.
    if probe.witnesses is not None and probe.witnesses > 0:
        return "adverse", "LEAK"
    if probe.not_applicable is not None:
        return "not_applicable", probe.not_applicable
    if probe.problem is not None:
        return "inconclusive", probe.problem
    if probe.estimate is None or probe.interval is None:
        return "inconclusive", "NO_REFERENCE" if probe.control is None and probe.family != "utility" else "UNDERPOWERED"
    numbers = _numbers(probe.estimate, probe.interval, probe.margin)
    if numbers is None:
        return "inconclusive", "NUMERIC"
    if probe.family == "utility":
        return _utility_status(numbers)
    if p_leak is not None and p_leak < ALPHA and numbers.estimate > numbers.margin:
        return "adverse", "LEAK"
    is_two_sided = probe.direction == "two_sided"
    if is_two_sided and p_trace is not None and p_trace < ALPHA and numbers.estimate < -numbers.margin:
        return "adverse", "TRACE"
    assay_low = None if probe.assay is None else _finite(probe.assay.low)
    if assay_low is None or assay_low <= numbers.margin:
        return "inconclusive", "NO_SIGNAL"
    # Resolution guard: a test whose smallest attainable p cannot pass Holm's first step cannot fail.
    p_attainable = _probability(probe.p_attainable)
    has_tests = p_leak is not None and (p_trace is not None or not is_two_sided)
    if not has_tests or p_attainable is None or p_attainable * n_tests >= ALPHA:
        return "inconclusive", "UNDERPOWERED"
    is_inside = numbers.high < numbers.margin and (not is_two_sided or numbers.low > -numbers.margin)
    return ("equivalent", None) if is_inside else ("inconclusive", "UNDERPOWERED")


def _utility_status(numbers: _Numbers) -> tuple[Status, str | None]:
    """Non-inferiority: positive means worse; certainly beyond twice the margin is adverse (PROTOCOL §2, class A)."""
    if numbers.low > 2 * numbers.margin:
        return "adverse", "UTILITY"
    return ("equivalent", None) if numbers.high < numbers.margin else ("inconclusive", "UNDERPOWERED")


def _is_failing(probe: ProbeResult, aimed_at: str, wanted: str) -> bool:
    """Return whether this adverse probe is FAIL rather than a lower class."""
    if probe.family != "recovery":
        return True
    # With the weaker class gone too, there is nothing left to lower to.
    if wanted != "none" and probe.probe_id in REQUIRED["suppression"]:
        return True
    return aimed_at == "approximate" and probe.probe_id in DECISIVE_RECOVERY and _brings_back_half(probe)


def _brings_back_half(probe: ProbeResult) -> bool:
    """Return whether the effect is at least half of the original's own, taken at the middle of its interval.

    Without a measured original the half is unknown; what is adverse and unknown in size counts as the worse case.
    """
    estimate = None if probe.estimate is None else _finite(probe.estimate)
    low, high = (None, None) if probe.assay is None else (_finite(probe.assay.low), _finite(probe.assay.high))
    if estimate is None or low is None or high is None:
        return True
    return 2 * estimate >= (low + high) / 2


def _withholding_codes(wanted: str, artefact_kind: str, probes: Sequence[ProbeResult], by_id: dict[str, Finding]) -> tuple[str, ...]:
    """Return why no PASS can be given, or nothing when it can."""
    codes = {f"{finding.probe_id}:{finding.reason}" for finding in by_id.values() if finding.status == "inconclusive"}
    if wanted == "none":
        codes.add("UNCHANGED" if artefact_kind == "unchanged" else "NO_CLASS")
    else:
        required = REQUIRED[wanted]
        codes |= {f"{probe_id}:NOT_RUN" for probe_id in required - set(by_id)}
        excused = {probe_id for probe_id in required & set(by_id) if by_id[probe_id].status == "not_applicable"}
        codes |= {f"{probe_id}:NOT_MEASURED" for probe_id in excused - MAY_NOT_APPLY}
    forget_records = [probe.n_records for probe in probes if probe.family == "forget"]
    if not forget_records or min(forget_records) < MIN_RECORDS:
        codes.add("FEW_RECORDS")
    return tuple(sorted(codes))


def _numbers(estimate: str, interval: Interval, margin: str) -> _Numbers | None:
    """Return the probe's numbers, or None when they are not finite, not in order, or of too low a level."""
    values = [_finite(text) for text in (estimate, interval.low, interval.high, margin, interval.level)]
    if any(value is None for value in values):
        return None
    middle, low, high, limit, level = (value for value in values if value is not None)
    if not low <= high or limit < 0 or not LEVEL <= level < 1:
        return None
    return _Numbers(estimate=middle, low=low, high=high, margin=limit)


def _finite(text: str) -> Decimal | None:
    try:
        value = Decimal(text)
    except InvalidOperation:
        return None
    return value if value.is_finite() else None


def _probability(text: str | None) -> Decimal | None:
    value = None if text is None else _finite(text)
    return value if value is not None and 0 <= value <= 1 else None


def _weaker(first: str, second: str) -> str:
    return min(first, second, key=_STRENGTH.index)
