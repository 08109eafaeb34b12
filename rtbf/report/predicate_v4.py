"""The shape of the fourth version's statement, kept so that reports issued with it can be checked for good.

It knew no weights that are made anew, and so no proof of how they came about. Parts that have not changed since are shared with
the present version; where one of those must change, its old form is copied to this file first (tests/golden/bundle-v4 notices).
What an artefact is told by is shared with the second and third version.
"""

# ruff: noqa: TC001 - the annotations are resolved when a statement is read, as a record's are

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from rtbf.report.lawful import (
    ApprovalPart,
    ClockPart,
    DecisionsPart,
    HoldPart,
    KeyPart,
    NoticePart,
    QuorumPart,
    RecipientsPart,
    Residual,
)
from rtbf.report.predicate import FootprintPart, PlanPart, RecordDigests, ReportPart, Subject, SupersededPart, TicketPart, TrailPart
from rtbf.unlearn.record import CurvePoint
from rtbf.verify.record import Arm, MeasuredSet, ProbeResult, QualificationUse, Verdict

PREDICATE_TYPE_V4 = "https://rtbf.example/attestations/unlearning-audit/v4"


@dataclass(frozen=True, kw_only=True, slots=True)
class UnlearnedPartV4:
    """The artefact that came out. Its files are the statement's subjects."""

    kind: Literal["unchanged", "merged", "adapter"]
    artefact_digest: str
    base_digest: str
    withheld_records: int
    """Records of the approved plan that were kept after all: a hold or a decision came after the approval."""
    steps: int
    stop_reason: str
    curve: tuple[CurvePoint, ...]
    environment: dict[str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class MeasuredPartV4:
    """How the probes were run, apart from their results."""

    artefact_kind: Literal["unchanged", "merged", "adapter"]
    arms: tuple[Arm, ...]
    environment: dict[str, str]
    repeat_delta_nats: str | None
    sets: tuple[MeasuredSet, ...]
    item_log_digest: str
    tokens_used: int
    qualification: QualificationUse | None
    """The method's qualification as it stood when this was measured; the verdict says whether it leans on it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PredicateV4:
    """Everything the report says. The verdict is to be recomputed from `probes`, never read alone."""

    report: ReportPart
    ticket: TicketPart
    clock: ClockPart
    footprint: FootprintPart
    decisions: DecisionsPart
    holds: tuple[HoldPart, ...]
    lineage: tuple[str, ...]
    """Weights from the model that was asked about to the one that came out, by digest."""
    plan: PlanPart
    approvals: tuple[ApprovalPart, ...]
    quorum: QuorumPart
    unlearned: UnlearnedPartV4
    measured: MeasuredPartV4
    probes: tuple[ProbeResult, ...]
    verdict: Verdict
    """With the generated claim."""
    limitations: tuple[str, ...]
    not_tested: tuple[str, ...]
    residuals: tuple[Residual, ...]
    recipients: RecipientsPart
    notices: tuple[NoticePart, ...]
    key: KeyPart
    lapses_when: str
    trail: TrailPart
    supersedes: SupersededPart | None
    time_stamp: Literal["none", "asked"]
    """Whether an outside authority was to stamp this envelope; its token can only lie beside it."""
    declarations: tuple[str, ...]
    records: RecordDigests
    software: dict[str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class StatementBodyV4:
    """The statement without its two type names, which in-toto spells in a way Python cannot."""

    subject: tuple[Subject, ...]
    predicate: PredicateV4
