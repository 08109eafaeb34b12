"""The words a verdict permits. Generated, never free text; a test forbids its forbidden words everywhere.

Every number in a claim is one of the probe results'; what was compared with what is said as it was. Standard library only: the
offline checker recomputes the claim. Source: PROTOCOL §3 and DESIGN §2.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rtbf.verify.codes import CODE_MEANINGS, CODE_REMEDIES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from rtbf.unlearn.record import PrivacyProof, ShardsProof, TrainingProof
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
    proof      what classes exact and dp rest on
    """
    status_of = {finding.probe_id: finding.status for finding in findings}
    if status == "PASS" and class_awarded == "exact" and proof is not None:
        return " ".join(_exact(probes, findings, status_of, proof))
    if status == "PASS" and class_awarded == "dp" and proof is not None and proof.privacy is not None:
        return " ".join(_bounded(probes, findings, status_of, proof, proof.privacy))
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
    yield from _came_about(proof)
    if proof.shards is not None:
        yield from _of_shards(proof.shards)
    yield from _looked_at(probes, findings, status_of)
    bases = f"the data of the base {', '.join(proof.unaudited)}, " if proof.unaudited else ""
    # A restored base, and that of a model in shards, has its own tokenizer; that of weights made anew was learned with the records.
    kept = "" if proof.restored or proof.shards else "the tokenizer, which was kept, "
    last = "and copies" if bases or kept else "copies"
    yield (f"Not covered: {bases}{kept}{last} of the records elsewhere. This relies on the integrity of the recorded procedure and lists.")


def _bounded(
    probes: Sequence[ProbeResult],
    findings: Sequence[Finding],
    status_of: Mapping[str, str],
    proof: TrainingProof,
    privacy: PrivacyProof,
) -> Iterable[str]:
    """Say what the bound is, for whom, who counted it, and what could have refuted it (PROTOCOL §3, class D)."""
    is_bound_alone = proof.procedure == "dp"
    on_what = "these weights" if is_bound_alone else "the base of these weights"
    yield (
        f"The influence of the {privacy.unit} ({privacy.subject_records} records, of which the training used {privacy.k_max} at most) "
        f"on {on_what} is bounded: the odds of any event change by at most a factor e^{privacy.epsilon}, up to {privacy.delta}, "
        f"according to the accountant {privacy.accountant} (certificate {privacy.certificate}; counted again from its terms: "
        f"{privacy.epsilon_recomputed})."
    )
    if privacy.outside_records:
        yield f"{privacy.outside_records} further records of the ticket name several people and were left out of that training."
    if privacy.audit is not None and privacy.audit.best_refutable is not None:
        audit = privacy.audit
        yield (
            f"The empirical audit ({audit.right} of {audit.guesses} guesses about {audit.canaries} canaries right) could have detected an "
            f"epsilon up to {audit.best_refutable}, at level {audit.level}, and did not."
        )
    if is_bound_alone:
        yield "Nothing was trained or taken out for this ticket: the weights are those that were served before, and the bound is theirs."
    else:
        yield from _came_about(proof)
    yield from _looked_at(probes, findings, status_of)
    if privacy.warm_start is not None:
        start = privacy.warm_start
        yield (
            f"Trained for {start.epochs} of {start.full_epochs} epochs, this came to {start.private_nll_nats} nats per token on retained "
            f"records; the same epochs from the untrained base to {start.untrained_nll_nats}."
        )
    yield (
        "Not covered: what the bound leaves, what others' records say about the person, and copies of the records elsewhere. This relies "
        "on the integrity of the recorded training."
    )


def _came_about(proof: TrainingProof) -> Iterable[str]:
    """Say by what procedure the weights came about, and what it was given."""
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
        whose = "" if proof.shards is None else f" of shard {proof.shards.rerun_shard}"
        yield f"Steps {proof.rerun.from_step + 1} to {proof.rerun.to_step}{whose}, run a second time, {same}."


def _of_shards(shards: ShardsProof) -> Iterable[str]:
    """Say what became of each shard, and what the log of the kept training says."""
    named = {
        kind: [change.shard for change in shards.changes if change.change == kind] for kind in ("retrained", "switched_off", "emptied")
    }
    again = sum(change.steps for change in shards.changes)
    told = {
        "retrained": f"trained again ({again} of {shards.shards * shards.slices * shards.slice_steps} steps)",
        "switched_off": "not served any more, with everybody else in it",
        "emptied": "without any record left, hence without an adapter",
    }
    # Shards count from 0: a bare number would read as how many there are.
    parts = [f"no. {', '.join(map(str, named[kind]))} {words}" for kind, words in told.items() if named[kind]]
    rest = shards.shards - sum(map(len, named.values()))
    untouched = [change for change in shards.changes if change.change == "untouched"]
    off = sum(change.after is None for change in untouched)
    back = sum(change.before is None and change.after is not None for change in untouched)
    besides = f"{f', of which {off} served neither before nor now' if off else ''}{f', of which {back} served again' if back else ''}"
    told_of = "; ".join([*parts, f"{rest} unchanged{besides}"])
    yield f"Of the {shards.shards} shards (no. 0 to {shards.shards - 1}) of family {shards.family}: {told_of}."
    yield f"In all {shards.kept_steps} logged steps that were kept, who took part is what the remaining records give."
    if shards.together_with:
        yield f"The records of {shards.together_with} other tickets left in the same run."
    yield "Which shard somebody lies in was drawn when the records were there."


def _looked_at(probes: Sequence[ProbeResult], findings: Sequence[Finding], status_of: Mapping[str, str]) -> Iterable[str]:
    """Say what was spared, and that no probe spoke against a class that is proven otherwise."""
    spared = [probe for probe in probes if status_of.get(probe.probe_id) == "equivalent" and probe.family in {"utility", "restoration"}]
    if spared:
        yield f"On {_within(spared)} it lost less than the permitted margin."
    yield "No declared probe spoke against it."
    yield from _attacks_without_signal(probes, findings)


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
