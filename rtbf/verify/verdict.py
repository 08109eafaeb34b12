"""The verdict as a pure function of the probe results: standard library only, so that an auditor can recompute it.

Order of the rules (PROTOCOL §2; DESIGN §2):
 1. Each probe gets a finding from its numbers alone (`finding`). Reported probes get none that counts.
 2. The class aimed at is the weaker of the one asked for and the one that the artefact as served can earn.
 3. FAIL: an adverse gate, forget, utility or regression probe, primary or secondary; an adverse R3 or R4 that brings back
    half of what the original knew, when removal was to be shown; an adverse R1, R5 or R6, which suppression itself must
    stand. Any other adverse recovery probe lowers the class to suppression.
    Where the class is proven by how the weights came about, as exact and dp are: a proof that contradicts itself (`proof`), an
    adverse gate or regression probe, or an adverse F1, F4 or R1. Any other adverse probe withholds the PASS: it has to be explained first.
 4. PASS: nothing is unmet of what the class aimed at asks (`requirement`), and for removal there are enough records.
    A class that was lowered still has to meet the rest of what was aimed at: no bad result may make a PASS easier.
 5. Everything else is INCONCLUSIVE, with codes.
A qualification of the method stands in for what few records cannot show (`requirement`), when it is in date and covers this
run; never for a probe that is adverse or did not run.
Proves that the stated decision follows from the stated numbers; not that the numbers were measured honestly.
Refuses (RecordBroken) results that name a probe twice or give a known probe another family: no order of reading would make
sense of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from rtbf.errors import RecordBroken
from rtbf.verify.claim import claim_text
from rtbf.verify.finding import finite, read_probes
from rtbf.verify.proof import read_proof
from rtbf.verify.record import Verdict
from rtbf.verify.requirement import NEEDS, PROVEN, group_of, unmet

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rtbf.unlearn.record import TrainingProof
    from rtbf.verify.finding import Reading
    from rtbf.verify.record import ProbeResult, QualificationUse

RULE = "rtbf.verdict/2"

MIN_RECORDS = 18
"""Below this, equivalence of one ticket cannot be shown without a qualified method (PROTOCOL §2, sheet 9.4)."""
MIN_SECRETS = 32
"""The same for F4, whose unit is the secret field (sheet 9.4)."""

CAP_BY_ARTEFACT = {
    "retrained": "exact", "private": "dp", "accounted": "dp", "merged": "approximate", "adapter": "suppression", "unchanged": "none",
}  # fmt: skip

_FAMILIES = {"F": "forget", "R": "recovery", "S": "restoration", "U": "utility", "G": "regression"}
_KNOWN = {
    "F0": "gate",
    **{
        f"{letter}{number}": _FAMILIES[letter]
        for letter, most in (("F", 7), ("R", 10), ("S", 1), ("U", 6), ("G", 1))
        for number in range(1, most + 1)
    },
}
"""Group → family, as the protocol has them."""

_STRENGTH = ("none", "suppression", "approximate", "dp", "exact")
_DECISIVE_RECOVERY = frozenset({"R3", "R4"})
_STOOD_BY_SUPPRESSION = frozenset({"R1", "R5", "R6"})
_COUNTED_IN_RECORDS = frozenset({"F1", "F2", "F3"})
_AGAINST_PROOF = frozenset({"F1", "F4", "R1"})
"""Word-for-word text, real against invented values, and sampling: what PROTOCOL §2 asks of class E not to be adverse."""


_OF_OTHERS = frozenset({"F4.population"})
"""Compared with how control models rank other people's values. A restored base never learned these values and the controls did,
so there a difference speaks of the others; it has to be explained, and proves nothing about the person."""


def judge(
    probes: Sequence[ProbeResult],
    *,
    class_requested: str,
    artefact_kind: str,
    qualification: QualificationUse | None,
    proof: TrainingProof | None = None,
) -> Verdict:
    """Return the verdict on one artefact; the same probes in any order give the same verdict.

    proof   of an exact or a private method; without one no class that has to be proven is awarded
    """
    ordered = sorted(probes, key=lambda probe: probe.probe_id)
    _require_sound(ordered, class_requested, artefact_kind)
    readings = read_probes(ordered)
    adverse = [probe for probe in ordered if readings[probe.probe_id].finding.status == "adverse"]

    cap = CAP_BY_ARTEFACT[artefact_kind]
    aimed_at = _weaker(cap, class_requested)
    if any(probe.family == "recovery" for probe in adverse) and aimed_at not in PROVEN:
        cap = _weaker(cap, "suppression")
    wanted = _weaker(cap, class_requested)

    told = read_proof(proof, aimed_at)
    failing = {f"{probe.probe_id}:{readings[probe.probe_id].finding.reason}" for probe in adverse if _is_failing(probe, aimed_at, proof)}
    failing |= set(told.against) if aimed_at in PROVEN else set()
    status: Literal["PASS", "FAIL", "INCONCLUSIVE"]
    if failing:
        status, codes = "FAIL", tuple(sorted(failing))
    else:
        withheld = set(_withholding_codes(aimed_at, artefact_kind, ordered, readings, qualification))
        if aimed_at in PROVEN:
            withheld |= {*told.missing, *(f"{probe.probe_id}:{readings[probe.probe_id].finding.reason}" for probe in adverse)}
        codes = tuple(sorted(withheld))
        status = "INCONCLUSIVE" if codes else "PASS"
    awarded = wanted if status == "PASS" else "none"
    findings = tuple(reading.finding for reading in readings.values())
    return Verdict(
        status=status,
        class_requested=class_requested,
        class_cap=cap,
        class_awarded=awarded,
        codes=codes,
        findings=findings,
        claim=claim_text(
            status, awarded, codes, ordered, findings, _leant_on(aimed_at, artefact_kind, ordered, readings, qualification), proof
        ),
        rule=RULE,
    )


def _require_sound(probes: Sequence[ProbeResult], class_requested: str, artefact_kind: str) -> None:
    ids = [probe.probe_id for probe in probes]
    misnamed = [probe for probe in probes if _KNOWN.get(group_of(probe.probe_id), probe.family) != probe.family]
    has_known_words = class_requested in _STRENGTH and artefact_kind in CAP_BY_ARTEFACT
    if len(set(ids)) != len(ids) or misnamed or not has_known_words:
        raise RecordBroken(
            found="probe results that name a probe twice or in another family, or an unknown class or artefact kind",
            expected="each probe once, in the family that the protocol gives it, and words of this release",
            remedy="run the verification again; these results cannot be judged",
        )


def _is_failing(probe: ProbeResult, aimed_at: str, proof: TrainingProof | None) -> bool:
    """Return whether this adverse probe is FAIL rather than a lower class, or a PASS withheld."""
    group = group_of(probe.probe_id)
    if aimed_at in PROVEN:
        is_of_others = proof is not None and proof.restored is not None and probe.probe_id in _OF_OTHERS
        return probe.family in {"gate", "regression"} or (group in _AGAINST_PROOF and not is_of_others)
    if probe.family != "recovery":
        return True
    # With the weaker class gone too, there is nothing left to lower to.
    if aimed_at != "none" and group in _STOOD_BY_SUPPRESSION:
        return True
    return aimed_at == "approximate" and group in _DECISIVE_RECOVERY and _brings_back_half(probe)


def _brings_back_half(probe: ProbeResult) -> bool:
    """Return whether the effect is at least half of the original's own, taken at the middle of its interval.

    Without a measured original the half is unknown; what is adverse and unknown in size counts as the worse case.
    """
    estimate = finite(probe.estimate)
    low, high = (None, None) if probe.assay is None else (finite(probe.assay.low), finite(probe.assay.high))
    if estimate is None or low is None or high is None:
        return True
    return 2 * estimate >= (low + high) / 2


def _withholding_codes(
    aimed_at: str,
    artefact_kind: str,
    probes: Sequence[ProbeResult],
    readings: Mapping[str, Reading],
    qualification: QualificationUse | None,
) -> tuple[str, ...]:
    """Return why no PASS can be given, or nothing when it can."""
    if aimed_at not in NEEDS:
        codes = {f"{name}:{reading.finding.reason}" for name, reading in readings.items() if reading.finding.status == "inconclusive"}
        return tuple(sorted({*codes, "UNCHANGED" if artefact_kind == "unchanged" else "NO_CLASS"}))
    codes = _unmet_by(aimed_at, artefact_kind, probes, readings, is_qualified=_holds(qualification))
    # A qualification that would have helped and may not is named: otherwise nobody would know why it did not.
    if qualification is not None and not _holds(qualification):
        codes |= {"OUT_OF_ENVELOPE"} if codes - _unmet_by(aimed_at, artefact_kind, probes, readings, is_qualified=True) else set()
    return tuple(sorted(codes))


def _unmet_by(
    aimed_at: str, artefact_kind: str, probes: Sequence[ProbeResult], readings: Mapping[str, Reading], *, is_qualified: bool
) -> set[str]:
    codes = set(unmet(aimed_at, probes, readings, artefact_kind=artefact_kind, is_qualified=is_qualified))
    if aimed_at == "approximate" and not is_qualified and _has_few_records(probes):
        codes.add("FEW_RECORDS")
    return codes


def _leant_on(
    aimed_at: str,
    artefact_kind: str,
    probes: Sequence[ProbeResult],
    readings: Mapping[str, Reading],
    qualification: QualificationUse | None,
) -> QualificationUse | None:
    """Return the qualification when something rests on it; the claim has to say so."""
    if qualification is None or not _holds(qualification) or aimed_at not in NEEDS:
        return None
    alone = _unmet_by(aimed_at, artefact_kind, probes, readings, is_qualified=False)
    return qualification if alone - _unmet_by(aimed_at, artefact_kind, probes, readings, is_qualified=True) else None


def _has_few_records(probes: Sequence[ProbeResult]) -> bool:
    """Return whether F1, F2 or F3 was measured on too few records, or no F4 on enough secrets."""
    measured = [probe for probe in probes if probe.role == "primary" and probe.problem is None and probe.not_applicable is None]
    records = [probe.n_records for probe in measured if group_of(probe.probe_id) in _COUNTED_IN_RECORDS]
    secrets = [probe.n_items for probe in measured if group_of(probe.probe_id) == "F4"]
    return min(records, default=MIN_RECORDS) < MIN_RECORDS or max(secrets, default=MIN_SECRETS) < MIN_SECRETS


def _holds(qualification: QualificationUse | None) -> bool:
    return qualification is not None and qualification.is_in_date and qualification.covers


def _weaker(first: str, second: str) -> str:
    return min(first, second, key=_STRENGTH.index)
