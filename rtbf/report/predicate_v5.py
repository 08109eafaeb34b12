"""The shape of the fifth version's statement, kept so that reports issued with it can be checked for good.

It knew one way of making weights anew, the whole training once more: no restored base, no shards, and no private one. Parts that
have not changed since are shared with the present version; where one of those must change, its old form is copied to this file
first (tests/golden/bundle-v5 notices).
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
from rtbf.unlearn.record import CurvePoint, Rerun, TrainingProof
from rtbf.verify.record import Arm, MeasuredSet, ProbeResult, QualificationUse, Verdict

PREDICATE_TYPE_V5 = "https://rtbf.example/attestations/unlearning-audit/v5"


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainingProofV5:
    """How weights came about that were made without the records."""

    procedure: str
    recipe_digest: str
    inputs: int
    inputs_digest: str
    forgotten_inputs: int
    near_duplicates: int | None
    run_words: int
    rerun: Rerun | None
    unaudited: tuple[str, ...]

    def as_present(self) -> TrainingProof:
        """Return the same proof in the present form: what it did not know of, it has not."""
        return TrainingProof(
            procedure=self.procedure,
            recipe_digest=self.recipe_digest,
            inputs=self.inputs,
            inputs_digest=self.inputs_digest,
            forgotten_inputs=self.forgotten_inputs,
            near_duplicates=self.near_duplicates,
            run_words=self.run_words,
            rerun=self.rerun,
            unaudited=self.unaudited,
            restored=None,
            shards=None,
            privacy=None,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class UnlearnedPartV5:
    """The artefact that came out. Its files are the statement's subjects."""

    kind: Literal["unchanged", "merged", "adapter", "retrained"]
    artefact_digest: str
    base_digest: str
    withheld_records: int
    """Records of the approved plan that were kept after all: a hold or a decision came after the approval."""
    steps: int
    stop_reason: str
    curve: tuple[CurvePoint, ...]
    proof: TrainingProofV5 | None
    """How the weights came about, where they were made anew; class exact rests on it."""
    environment: dict[str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class MeasuredPartV5:
    """How the probes were run, apart from their results."""

    artefact_kind: Literal["unchanged", "merged", "adapter", "retrained"]
    arms: tuple[Arm, ...]
    environment: dict[str, str]
    repeat_delta_nats: str | None
    sets: tuple[MeasuredSet, ...]
    item_log_digest: str
    tokens_used: int
    qualification: QualificationUse | None
    """The method's qualification as it stood when this was measured; the verdict says whether it leans on it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PredicateV5:
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
    unlearned: UnlearnedPartV5
    measured: MeasuredPartV5
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
class StatementBodyV5:
    """The statement without its two type names, which in-toto spells in a way Python cannot."""

    subject: tuple[Subject, ...]
    predicate: PredicateV5
