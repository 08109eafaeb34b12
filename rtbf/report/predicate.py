"""The shape of the signed statement: one definition that the builder fills and the offline checker reads back.

An in-toto Statement v1 with the sixth version of our predicate, which follows PROTOCOL §4 as far as the records go;
`predicate_v1` to `predicate_v5` keep the earlier ones. Counts instead of record ids, commitments instead of identifiers: no
personal data. Every number is an integer or decimal text, never a float.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from rtbf.footprint.record import LocatorUse, ModelReached, NotSearched, SearchedCorpus
from rtbf.plan.record import Adapter, ControlPlan, Cost, PlannedProbe, PlannedSet, Qualification, StopRule
from rtbf.report.lawful import (
    ApprovalPart,
    ClockPart,
    DecisionsPart,
    HoldPart,
    IdentityPart,
    KeyPart,
    NoticePart,
    QuorumPart,
    RecipientsPart,
    Residual,
)
from rtbf.ticket.record import IdentifierMark
from rtbf.unlearn.record import ArtefactKind, CurvePoint, TrainingProof
from rtbf.verify.record import Arm, MeasuredSet, ProbeResult, QualificationUse, Verdict

STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "https://rtbf.example/attestations/unlearning-audit/v6"


@dataclass(frozen=True, kw_only=True, slots=True)
class Sha256:
    """An in-toto digest set with the one algorithm in use here, lower-case hexadecimal."""

    sha256: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Subject:
    """One file of the unlearned artefact."""

    name: str
    digest: Sha256


@dataclass(frozen=True, kw_only=True, slots=True)
class ReportPart:
    """Which report this is. `issued_at` is the signer's own word for the time."""

    report_id: str
    attempt: int
    issued_at: str


@dataclass(frozen=True, kw_only=True, slots=True)
class TicketPart:
    """What was asked, without a value: identifiers by number, kind and commitment."""

    ticket_id: str
    regime: str
    channel: str
    requester_role: str
    grounds: tuple[str, ...]
    received_at: str
    submitted_by: str
    identifiers: tuple[IdentifierMark, ...]
    identity: tuple[IdentityPart, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class FootprintPart:
    """What was searched, what was not, and how much was found where."""

    revision: int
    locators: tuple[LocatorUse, ...]
    searched: tuple[SearchedCorpus, ...]
    not_searched: tuple[NotSearched, ...]
    records_found: int
    models: tuple[ModelReached, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class SetPart:
    """A fixed list of records: how many, and the digest of the list."""

    corpus: str
    version: str
    records: int
    digest: str


@dataclass(frozen=True, kw_only=True, slots=True)
class RelearnPart:
    """The relearning attack that was planned: how many records it trains on, and how hard."""

    attacker_records: int
    benign_records: int
    learning_rate: str
    steps: int
    batch: int


@dataclass(frozen=True, kw_only=True, slots=True)
class PlanPart:
    """What was decided before anything ran."""

    planned_by: str
    decisions_digest: str
    held_items: int
    """Items that were to be erased and that a hold kept out of this plan."""
    model: str
    model_digest: str
    left_out_models: tuple[str, ...]
    method: str
    method_digest: str
    parameters: dict[str, str]
    adapter: Adapter | None
    stop: StopRule
    seed: int
    forget: SetPart
    retain: SetPart
    utility_holdout: SetPart
    profile: str
    probes: tuple[PlannedProbe, ...]
    sets: tuple[PlannedSet, ...]
    relearn: RelearnPart | None
    qualification: Qualification | None
    controls: ControlPlan
    class_requested: str
    class_cap: str
    cap_reason: str
    cost: Cost
    quorum: int
    quorum_reason: str
    grace_s: int
    approval_valid_s: int


@dataclass(frozen=True, kw_only=True, slots=True)
class UnlearnedPart:
    """The artefact that came out. Its files are the statement's subjects."""

    kind: ArtefactKind
    artefact_digest: str
    base_digest: str
    withheld_records: int
    """Records of the approved plan that were kept after all: a hold or a decision came after the approval."""
    steps: int
    stop_reason: str
    curve: tuple[CurvePoint, ...]
    proof: TrainingProof | None
    """How the weights came about, or what bounds a person's influence on them; classes exact and dp rest on it."""
    environment: dict[str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class MeasuredPart:
    """How the probes were run, apart from their results."""

    artefact_kind: ArtefactKind
    arms: tuple[Arm, ...]
    environment: dict[str, str]
    repeat_delta_nats: str | None
    sets: tuple[MeasuredSet, ...]
    item_log_digest: str
    tokens_used: int
    qualification: QualificationUse | None
    """The method's qualification as it stood when this was measured; the verdict says whether it leans on it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TrailPart:
    """The ledger as it stood when this report was made: its tree head, and in it the ticket's chain of events.

    `tree_size` leaves give `root` (base64, RFC 9162 §2.1.1); `events` of them are this ticket's, the last with `last_hash`.
    """

    log: str
    tree_size: int
    root: str
    events: int
    last_hash: str
    attestation: Literal["self-attested"]


@dataclass(frozen=True, kw_only=True, slots=True)
class SupersededPart:
    """The earlier report on the same attempt that this one stands in for. Both stay."""

    report_id: str
    envelope_sha256: str


@dataclass(frozen=True, kw_only=True, slots=True)
class RecordDigests:
    """Digest of each stage's record as it lies in the operator's database."""

    ticket: str
    footprint: str
    plan: str
    unlearned: str
    verification: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Predicate:
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
    unlearned: UnlearnedPart
    measured: MeasuredPart
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
class StatementBody:
    """The statement without its two type names, which in-toto spells in a way Python cannot."""

    subject: tuple[Subject, ...]
    predicate: Predicate
