"""The words a verdict permits. Generated, never free text; a test forbids its forbidden words everywhere.

Every number in a claim is one of the probe results'; what was compared with what is said as it was. Standard library only: the
offline checker recomputes the claim. Source: PROTOCOL §3 and DESIGN §2.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from rtbf.unlearn.record import TrainingProof
    from rtbf.verify.record import Finding, ProbeResult, QualificationUse

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
    "LEAK": "more is remembered than where the records were never shown",
    "TRACE": "less is remembered, or the bare name refused more, than where the records were never shown: itself a trace of the person",
    "RETURNED": "what an earlier ticket had removed came back",
    "MISMATCH": "the models that were measured are not what they are said to be",
    "UTILITY": "the model lost more than twice the permitted margin on what it should keep",
    "NO_SIGNAL": "the original did not measurably remember, so there was nothing this probe could see go",
    "NO_REFERENCE": "there was nothing to compare with that had not seen the records",
    "UNDERPOWERED": "too few records, or too wide an interval, to decide",
    "BLIND_GATE": "the records can be told from those they are compared with without any model",
    "NUMERIC": "the numbers were not finite or not repeatable enough",
    "LINEAGE_GAP": "what some model in the line was trained on is not recorded",
    "IDENTICAL_ARMS": "two models that were to be compared have the same files",
    "PROBE_ERROR": "the probe stopped with an error",
    "TIMED_OUT": "the probe did not end in the time it had",
    "OUT_OF_ENVELOPE": "the method's qualification has lapsed or does not cover this run",
    "JUDGE_UNRELIABLE": "the rule that reads the replies was wrong too often",
    "NOT_RUN": "the class needs this probe and it was not run",
    "NOT_MEASURED": "the class needs this probe and it was called not applicable",
    "NO_ITEMS": "the records hold nothing that could be asked in this way",
    "NO_PACK": "the operator gave no items for it",
    "FEW_RECORDS": "fewer records or secrets than equivalence of a single ticket needs",
    "UNCHANGED": "the weights were not changed",
    "MERGED": "the adapter is part of the weights, so there is none to switch off",
    "RETRAINED": "the weights were made anew, so there is no adapter to switch off",
    "NO_CLASS": "no class was asked for that a result could earn",
    "NO_PROOF": "the class rests on how the weights came about, and nothing was recorded of it",
    "INPUTS": "the training was given records that were to be left out",
    "NEAR_DUPLICATE": "the training was given other records that hold long runs of the same words",
    "NOT_SCANNED": "nobody looked for other records that hold long runs of the same words",
    "NOT_RERUN": "no stretch of the training was run a second time with the same result",
    "RERUN_DIFFERS": "a stretch of the training, run a second time, ended in other weights",
}

CODE_REMEDIES = {
    "NO_REFERENCE": "control models made by the same recipe without the records, or siblings of the records",
    "UNDERPOWERED": "more records, more control models or less noise",
    "BLIND_GATE": "siblings that look like the records, or a method qualified on planted records",
    "NUMERIC": "a repeatable measurement",
    "LINEAGE_GAP": "the missing training manifests",
    "IDENTICAL_ARMS": "control models with files of their own",
    "PROBE_ERROR": "a run of the failed probes",
    "TIMED_OUT": "a run of the failed probes",
    "OUT_OF_ENVELOPE": "a qualification that is in date and covers this method, its settings and this model",
    "JUDGE_UNRELIABLE": "a rule for the replies that agrees with people",
    "NOT_RUN": "a run of the missing probes",
    "NOT_MEASURED": "a run of the missing probes",
    "NO_ITEMS": "records that hold such facts, or a method qualified on planted records",
    "FEW_RECORDS": "at least 18 records and 32 secrets, or a method qualified on planted records",
    "UNCHANGED": "a method that changes the weights",
    "NO_CLASS": "a plan that asks for a class",
    "NO_PROOF": "a method that records how the weights came about",
    "NOT_SCANNED": "a look through the training's inputs",
    "NOT_RERUN": "a second run on a device where equal bits are promised",
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

_COMPARED = {
    "control models": "the model is statistically equivalent there to models made by the same recipe without the records",
    "siblings": (
        "the model treats the records there as it treats made-up siblings of them that it was not shown; no model made without the "
        "records was at hand"
    ),
    "chance": "the true values rank there as guessing would put them",
}
"""What equivalence means, by what was compared. Siblings show how this model treats what it was not shown, not how another would."""

_TRIED_BY_SUPPRESSION = ("F1", "F6", "R1", "R5", "R6")
_NOTHING_TO_REMOVE = "Records were not measurably memorised before; unlearning had nothing measurable to remove."
_NO_CONCLUSION = "No conclusion about compliance may be drawn from this report."


def claim_text(
    status: str,
    class_awarded: str,
    codes: Sequence[str],
    probes: Sequence[ProbeResult],
    findings: Sequence[Finding],
    leant_on: QualificationUse | None = None,
    proof: TrainingProof | None = None,
) -> str:
    """Return the one paragraph this verdict permits.

    leant_on   the qualification without which the verdict were another
    proof      what class exact rests on
    """
    status_of = {finding.probe_id: finding.status for finding in findings}
    if status == "PASS" and class_awarded == "exact" and proof is not None:
        return " ".join(_exact(probes, findings, status_of, proof))
    if status == "PASS" and class_awarded == "approximate":
        return " ".join(_removal(probes, findings, status_of, leant_on))
    if status == "PASS":
        return " ".join(_suppression(probes, findings, status_of))
    if status == "FAIL":
        return f"The artefact does not pass: {_explained(codes)}.{_effects(codes, probes)} The plan has to be changed and run again."
    if _had_nothing_to_remove(probes, findings):
        rest = [code for code in codes if _split(code)[1] != "NO_SIGNAL"]
        besides = f" Besides: {_explained(rest)}.{_needed(rest)}" if rest else ""
        return f"Cannot decide. {_NOTHING_TO_REMOVE}{besides} {_NO_CONCLUSION}"
    return f"Cannot decide: {_explained(codes)}.{_needed(codes)} {_NO_CONCLUSION}"


def _exact(probes: Sequence[ProbeResult], findings: Sequence[Finding], status_of: Mapping[str, str], proof: TrainingProof) -> Iterable[str]:
    """Say how the weights came about, what was looked at, and what that leaves out (PROTOCOL §3, class E)."""
    if proof.restored is None:
        yield (
            f"The weights were made anew by the recorded procedure {proof.procedure} (recipe {proof.recipe_digest}). Its {proof.inputs} "
            f"training records (list {proof.inputs_digest}) do not contain the ticket's records, and none of them shares a run of "
            f"{proof.run_words} words with one."
        )
    else:
        yield (
            f"The adapter that was trained with the ticket's records was taken away (procedure {proof.procedure}): what is served are the "
            f"files of its base {proof.restored}, byte for byte. Nothing was trained, and whatever else the adapter had taught is gone."
        )
    if proof.rerun is not None:
        same = "ended in the same bits" if proof.rerun.is_bitwise else "ended in the same weights"
        yield f"Steps {proof.rerun.from_step + 1} to {proof.rerun.to_step}, run a second time, {same}."
    spared = [probe for probe in probes if status_of.get(probe.probe_id) == "equivalent" and probe.family in {"utility", "restoration"}]
    if spared:
        yield f"On {_within(spared)} it lost less than the permitted margin."
    yield "No declared probe spoke against it."
    yield from _attacks_without_signal(probes, findings)
    bases = f"the data of the base {', '.join(proof.unaudited)}, " if proof.unaudited else ""
    # A restored base has its own tokenizer; that of weights made anew was learned with the records.
    kept = "" if proof.restored else "the tokenizer, which was kept, "
    last = "and copies" if bases or kept else "copies"
    yield (f"Not covered: {bases}{kept}{last} of the records elsewhere. This relies on the integrity of the recorded procedure and lists.")


def _removal(
    probes: Sequence[ProbeResult], findings: Sequence[Finding], status_of: Mapping[str, str], leant_on: QualificationUse | None
) -> Iterable[str]:
    """Say what is equivalent to what, what was spared, which attacks found nothing, and on what this leans."""
    shown = [probe for probe in probes if status_of.get(probe.probe_id) == "equivalent" and probe.family not in {"gate", "regression"}]
    for name, words in _COMPARED.items():
        own = [probe for probe in shown if probe.compared_with == name and probe.family in {"forget", "recovery"}]
        if own:
            yield f"On {_within(own)} the 90 % intervals lie inside the margins fixed before measuring: {words}."
    spared = [probe for probe in shown if probe.family in {"utility", "restoration"}]
    if spared:
        yield f"On {_within(spared)} it lost less than the permitted margin."
    yield from _attacks_without_signal(probes, findings)
    if leant_on is not None:
        yield (
            f"This leans on the method's qualification {leant_on.digest}: where these records alone could not show equivalence, it is "
            "established for the method on planted records, not for these records."
        )
    yield "This is evidence of behavioural removal, not proof that no information remains in the weights."


def _suppression(probes: Sequence[ProbeResult], findings: Sequence[Finding], status_of: Mapping[str, str]) -> Iterable[str]:
    """Say by what the data could not be elicited, with the bound where there is one, and what brought it back all the same."""
    tried = [
        probe
        for probe in probes
        if probe.role == "primary"
        and probe.probe_id.partition(".")[0] in _TRIED_BY_SUPPRESSION
        and status_of.get(probe.probe_id) in {"equivalent", "inconclusive"}
    ]
    bounds = [bound for probe in tried if (bound := _bound(probe)) is not None]
    attempts = f" ({'; '.join(bounds)})" if bounds else ""
    yield f"The data could not be elicited by the probes {_named(tried)}{attempts} beyond what is found where it was never shown."
    yield from _attacks_without_signal(probes, findings)
    adverse = [probe for probe in probes if status_of.get(probe.probe_id) == "adverse"]
    if adverse:
        yield f"It was brought back by {_named(adverse)}."
    yield "The information may remain in the weights and may be reached by persons with access to weights, adapters or earlier versions."


def _bound(probe: ProbeResult) -> str | None:
    """Return how many items were asked and the upper end of the excess: of a two-sided 90 % interval, so one-sided at 95 %."""
    if probe.interval is None or probe.interval.level != "0.90":
        return None
    return f"{probe.probe_id}: {probe.n_items} items, 95 % upper bound of the excess {probe.interval.high} {probe.unit}"


def _attacks_without_signal(probes: Sequence[ProbeResult], findings: Sequence[Finding]) -> Iterable[str]:
    """Say of which attacks nothing was seen, and that some of them saw nothing before either."""
    primary = {probe.probe_id for probe in probes if probe.role == "primary" and probe.family in {"forget", "recovery"}}
    open_ones = [finding for finding in findings if finding.status == "inconclusive" and finding.probe_id in primary]
    if blind := [finding.probe_id for finding in open_ones if finding.reason == "NO_SIGNAL"]:
        yield f"Of {', '.join(blind)} this says little: they did not bring the data out before unlearning either."
    if wide := [finding.probe_id for finding in open_ones if finding.reason == "UNDERPOWERED"]:
        yield f"On {', '.join(wide)} nothing adverse was found, and equivalence was not shown."


def _within(probes: Sequence[ProbeResult]) -> str:
    """Return "F1, F6 (+0.05 share of replies), F3 (±0.10 nats per token)": what is lower only has no lower margin."""
    groups: dict[str, list[str]] = {}
    for probe in probes:
        sign = "±" if probe.direction == "two_sided" else "+"
        groups.setdefault(f"{sign}{probe.margin} {probe.unit}", []).append(probe.probe_id)
    return ", ".join(f"{', '.join(probe_ids)} ({margin})" for margin, probe_ids in groups.items())


def _effects(codes: Sequence[str], probes: Sequence[ProbeResult]) -> str:
    """Return what the failing probes found, in numbers; what came back word for word stays sealed and is counted."""
    failing = {_split(code)[0] for code in codes}
    parts = []
    for probe in probes:
        if probe.probe_id not in failing:
            continue
        if probe.witnesses:
            parts.append(f"{probe.probe_id}: {probe.witnesses} {'mismatches' if probe.family == 'gate' else 'items word for word'}")
        elif probe.estimate is not None:
            parts.append(f"{probe.probe_id}: {'' if probe.estimate.startswith('-') else '+'}{probe.estimate} {probe.unit}")
    return f" Found: {'; '.join(parts)}." if parts else ""


def _named(probes: Sequence[ProbeResult]) -> str:
    return ", ".join(probe.probe_id for probe in probes)


def _had_nothing_to_remove(probes: Sequence[ProbeResult], findings: Sequence[Finding]) -> bool:
    """Return whether every primary forget probe that applies saw nothing in the original."""
    primary = {probe.probe_id for probe in probes if probe.role == "primary" and probe.family == "forget"}
    reasons = [finding.reason for finding in findings if finding.probe_id in primary and finding.status != "not_applicable"]
    return bool(reasons) and set(reasons) == {"NO_SIGNAL"}


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
