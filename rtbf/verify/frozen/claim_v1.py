"""The words that a verdict by rule rtbf.verdict/1 permits. Generated, never free text.

Standard library only: the offline checker recomputes the claim. Source: PROTOCOL §3 and DESIGN §2.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rtbf.verify.frozen.record_v1 import Finding, ProbeResult

FORBIDDEN = (
    "erased from",
    "permanently deleted",
    "cannot be recovered",
    "anonymous",
    "gdpr compliant",
    "gdpr-compliant",
    "guarantee",
    "never trained on",
)
"""Phrases no claim may hold. "guarantee" belongs to the dp and exact formulas only, and they do not need it either."""

CODE_MEANINGS = {
    "LEAK": "more is remembered than by models not shown the records",
    "TRACE": "less is remembered than by models not shown the records, which is itself a trace of the person",
    "UTILITY": "the model lost more than twice the permitted margin on what it should keep",
    "NO_SIGNAL": "the original did not measurably remember, so there was nothing this probe could see go",
    "NO_REFERENCE": "there was no control model to compare with",
    "UNDERPOWERED": "too few records, or too wide an interval, to decide",
    "NOT_RUN": "the class needs this probe and it was not run",
    "NOT_MEASURED": "the class needs this probe and it was called not applicable",
    "FEW_RECORDS": "fewer records than equivalence of a single ticket needs",
    "UNCHANGED": "the weights were not changed",
    "MERGED": "the adapter is part of the weights, so there is none to switch off",
    "NO_CLASS": "no class was asked for that a result could earn",
    "PROBE_ERROR": "the probe stopped with an error",
    "NUMERIC": "the numbers were not finite or not repeatable enough",
}

CODE_REMEDIES = {
    "NO_REFERENCE": "control models made by the same recipe without the records",
    "UNDERPOWERED": "more records, more control models or less noise",
    "NOT_RUN": "a run of the missing probes",
    "NOT_MEASURED": "a run of the missing probes",
    "FEW_RECORDS": "at least 18 records, or a method qualified on planted records",
    "UNCHANGED": "a method that changes the weights",
    "NO_CLASS": "a plan that asks for a class",
    "PROBE_ERROR": "a run of the failed probes",
    "NUMERIC": "a repeatable measurement",
}
"""What would let an undecided case be decided. NO_SIGNAL has none: there may have been nothing to remove."""

ALWAYS_STATED = (
    (
        "This report is technical evidence. Whether a model still holds personal data is assessed case by case by the "
        "supervisory authority (EDPB Opinion 28/2024)."
    ),
    (
        "Threat model: the verifier ran on the operator's machines; the weights tested are those with the digests in this report. "
        "Older checkpoints, fine-tuned descendants, caches, retrieval indexes, logs and backups are outside this report."
    ),
    "In-context re-introduction: a model that is shown the facts again in its prompt can repeat them.",
    "The verdict lapses with any new fine-tune, quantisation or adapter of this artefact.",
)


def claim_text(status: str, class_awarded: str, codes: Sequence[str], probes: Sequence[ProbeResult], findings: Sequence[Finding]) -> str:
    """Return the one paragraph this verdict permits."""
    if status == "PASS" and class_awarded == "approximate":
        return (
            f"On the probes {_equivalent(probes, findings, is_utility=False)}, the model is statistically equivalent (90 % "
            "intervals inside the margins fixed before measuring) to models made by the same recipe without the records; on "
            f"{_equivalent(probes, findings, is_utility=True)} it lost less than the permitted margin. This is evidence of "
            "behavioural removal, not proof that no information remains in the weights."
        )
    if status == "PASS":
        return (
            f"The data could not be elicited by the probes {_equivalent(probes, findings, is_utility=False)} beyond the margins "
            f"fixed before measuring.{_brought_back(findings)} The information may remain in the weights and may be reached by "
            "persons with access to weights, adapters or earlier versions."
        )
    if status == "FAIL":
        return f"The artefact does not pass: {_explained(codes)}. The plan has to be changed and run again."
    return f"Cannot decide: {_explained(codes)}.{_needed(codes)} No conclusion about compliance may be drawn from this report."


def _equivalent(probes: Sequence[ProbeResult], findings: Sequence[Finding], *, is_utility: bool) -> str:
    """Return only the probes that were decided in the artefact's favour: a claim never leans on another."""
    family = {probe.probe_id: probe.family for probe in probes}
    return ", ".join(
        finding.probe_id for finding in findings if finding.status == "equivalent" and (family[finding.probe_id] == "utility") == is_utility
    )


def _brought_back(findings: Sequence[Finding]) -> str:
    adverse = [finding.probe_id for finding in findings if finding.status == "adverse"]
    return f" It was brought back by {', '.join(adverse)}." if adverse else ""


def _needed(codes: Sequence[str]) -> str:
    reasons = sorted({_split(code)[1] for code in codes})
    needed = dict.fromkeys(CODE_REMEDIES[reason] for reason in reasons if reason in CODE_REMEDIES)
    return f" To decide would need {'; '.join(needed)}." if needed else ""


def _explained(codes: Sequence[str]) -> str:
    """Return codes grouped by meaning: "NOT_RUN (F4, R1): the class needs …"."""
    groups: dict[str, list[str]] = {}
    for code in codes:
        probe_id, reason = _split(code)
        groups.setdefault(reason, []).append(probe_id)
    parts = []
    for reason, probe_ids in sorted(groups.items()):
        named = ", ".join(probe_id for probe_id in probe_ids if probe_id)
        parts.append(f"{reason}{f' ({named})' if named else ''}: {CODE_MEANINGS.get(reason, 'see the probe table')}")
    return "; ".join(parts)


def _split(code: str) -> tuple[str, str]:
    """Return (probe id or "", reason) of a code like "F1:LEAK" or "FEW_RECORDS"."""
    probe_id, colon, reason = code.partition(":")
    return (probe_id, reason) if colon else ("", code)
