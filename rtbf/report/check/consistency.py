"""What a signed statement must say of itself: verdict recomputed, plan kept, limits stated. For every version of it.

Approvals are a step of their own (`approvals`), the rest of the lawful parts are in `lawful_check`. Standard library and
rtbf's pure modules only; the offline checker's fourth step. A signer who lies about the verdict while the numbers say
otherwise is noticed here; a signer who invents the numbers is not. Faults are ValueErrors.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from rtbf.errors import RecordBroken
from rtbf.evidence.canonical import digest_of
from rtbf.plan.record import PlannedProbe
from rtbf.report.check.judging import always_stated, judged_again, probes_of
from rtbf.report.check.proofs import require_proof, require_restored
from rtbf.report.check.versions import Measured, Proven, proof_of
from rtbf.report.predicate import Predicate
from rtbf.verify.record import ProbeResult

if TYPE_CHECKING:
    from rtbf.report.check.versions import AnyPredicate, Body
    from rtbf.report.predicate import Subject
    from rtbf.report.predicate_v3 import PlannedProbeV3
    from rtbf.verify.frozen.record_v1 import ProbeResult as ProbeResultV1

_DECIMAL = re.compile(r"-?[0-9]{1,30}(\.[0-9]{1,30})?([eE][-+]?[0-9]{1,3})?")
_PROBABILITY = re.compile(r"(0|1|0\.[0-9]{1,30}|1\.0{1,30}|[0-9](\.[0-9]{1,30})?[eE]-[0-9]{1,3})")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def require_consistent(body: Body) -> None:
    """Return when the statement, of whatever version, agrees with itself; raises ValueError with the first point where it does not."""
    predicate = body.predicate
    _require_subjects(body.subject, predicate)
    for probe in predicate.probes:
        _require_numbers(probe)
    _require_plan_kept(predicate)
    if isinstance(predicate, Measured):
        _require_qualification(predicate)
    if isinstance(predicate, Proven):
        require_proof(predicate.unlearned, proof_of(predicate))
    if isinstance(predicate, Predicate):
        require_restored(body.subject, predicate.unlearned)
    _require_limits(predicate)
    _require_verdict(predicate)


def _require_subjects(subjects: tuple[Subject, ...], predicate: AnyPredicate) -> None:
    names = [subject.name for subject in subjects]
    if not names or len(set(names)) != len(names) or not all(_is_plain_name(name) for name in names):
        raise ValueError("the list of artefact files is empty, repeats a name or leaves its folder")
    if not all(_SHA256.fullmatch(subject.digest.sha256) for subject in subjects):
        raise ValueError("an artefact file has no SHA-256 in lower-case hexadecimal")
    pairs = [[subject.name, subject.digest.sha256] for subject in sorted(subjects, key=lambda subject: subject.name)]
    if digest_of(pairs) != predicate.unlearned.artefact_digest:
        raise ValueError("the artefact digest is not the digest of the listed files")
    if predicate.unlearned.kind != predicate.measured.artefact_kind:
        raise ValueError("another kind of artefact was measured than was made")
    measured = {arm.digest for arm in predicate.measured.arms if arm.role == "unlearned"}
    originals = {arm.digest for arm in predicate.measured.arms if arm.role == "original"}
    controls = {arm.digest for arm in predicate.measured.arms if arm.role == "control"}
    if originals != {predicate.plan.model_digest} or controls != {control.digest for control in predicate.plan.controls.models}:
        raise ValueError("other models were compared with than the plan names")
    # An unmerged adapter is measured over its base, so its arm is named by both.
    if predicate.unlearned.kind != "adapter" and measured != {predicate.unlearned.artefact_digest}:
        raise ValueError("other weights were measured than were made")


def _is_plain_name(name: str) -> bool:
    parts = name.split("/")
    return "\\" not in name and "\0" not in name and all(part not in {"", ".", ".."} for part in parts)


def _require_numbers(probe: ProbeResult | ProbeResultV1) -> None:
    intervals = [interval for interval in (probe.interval, probe.assay) if interval is not None]
    texts = [probe.before, probe.after, probe.control, probe.estimate, probe.margin]
    texts += [text for interval in intervals for text in (interval.low, interval.high, interval.level)]
    if isinstance(probe, ProbeResult):
        texts += [probe.power, *(text for part in probe.parts for text in (part.before, part.after, part.control))]
    if not all(text is None or _DECIMAL.fullmatch(text) for text in texts):
        raise ValueError(f"probe {probe.probe_id[:20]!r} holds a number that is no decimal text")
    chances = [probe.p_leak, probe.p_trace, probe.p_attainable]
    if not all(text is None or _PROBABILITY.fullmatch(text) for text in chances):
        raise ValueError(f"probe {probe.probe_id[:20]!r} holds a p-value outside 0 to 1")
    if min(probe.n_records, probe.n_items, probe.n_excluded, probe.witnesses or 0) < 0:
        raise ValueError(f"probe {probe.probe_id[:20]!r} counts less than nothing")


def _require_plan_kept(predicate: AnyPredicate) -> None:
    """Thresholds were fixed before measuring: what was planned was measured, with the margin that was planned."""
    if sorted(map(_fixed_of, predicate.plan.probes)) != sorted(map(_fixed_of, predicate.probes)):
        raise ValueError("the measured probes or their margins are not the planned ones")


def _fixed_of(probe: PlannedProbe | PlannedProbeV3 | ProbeResult | ProbeResultV1) -> tuple[str, ...]:
    """Return what a plan fixes of a probe: since the fourth version also how much it decides."""
    role = probe.role if isinstance(probe, PlannedProbe | ProbeResult) else ""
    return (
        probe.probe_id, probe.name, probe.family, role, probe.unit, probe.direction, probe.margin, probe.margin_origin, probe.code_digest,
    )  # fmt: skip


def _require_qualification(predicate: Measured) -> None:
    """What the verdict may lean on was planned, and dates and reach are the plan's word.

    The day of measuring is not stated: it lies between the start of unlearning and the report.
    """
    planned, used = predicate.plan.qualification, predicate.measured.qualification
    if (planned is None) != (used is None):
        raise ValueError("a qualification that the plan does not name, or one that it names and the verdict passes over")
    if planned is None or used is None:
        return
    if not _DAY.fullmatch(planned.ends_on) or used.digest != planned.digest or used.covers != planned.covers:
        raise ValueError("another qualification than the plan names, or one without a last day")
    started_on, issued_on = predicate.quorum.unlearning_started_at[:10], predicate.report.issued_at[:10]
    if used.is_in_date and planned.ends_on < started_on:
        raise ValueError("a qualification that had lapsed before unlearning began, called in date")
    if not used.is_in_date and planned.ends_on >= issued_on:
        raise ValueError("a qualification that had not lapsed when the report was issued, called lapsed")


def _require_limits(predicate: AnyPredicate) -> None:
    if not always_stated(predicate) <= set(predicate.limitations) or not predicate.declarations:
        raise ValueError("limits that every report states are missing")
    measured = {probe.probe_id for probe in predicate.probes}
    if set(predicate.not_tested) != probes_of(predicate) - measured:
        raise ValueError("the list of untested probes is not what the protocol leaves")
    if not predicate.residuals:
        raise ValueError("no residuals are stated, though the weights before unlearning always are one")


def _require_verdict(predicate: AnyPredicate) -> None:
    stated = predicate.verdict
    if stated.class_requested != predicate.plan.class_requested:
        raise ValueError("the verdict is on another class than the plan asked for")
    try:
        recomputed = judged_again(predicate)
    except RecordBroken as refused:
        raise ValueError(refused.found) from None
    if recomputed.status != stated.status or recomputed.class_awarded != stated.class_awarded:
        raise ValueError(f"the numbers give {recomputed.status} ({recomputed.class_awarded}) and not the stated verdict")
    if recomputed != stated:
        raise ValueError("the stated findings, codes or claim are not those that the numbers give")
