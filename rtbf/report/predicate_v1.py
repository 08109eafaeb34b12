"""The shape of the first version's statement, kept so that reports issued with it can be checked for good.

Frozen: nothing here changes with the records of today. Parts that have not changed since are shared with later
versions; where one of those must change, its old form is copied to this file first (tests/golden/report-v1 notices).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from rtbf.footprint.record import LocatorUse, ModelReached, NotSearched, SearchedCorpus
from rtbf.report.predicate import RecordDigests, ReportPart, SetPart, Subject
from rtbf.report.predicate_v2 import TrailPartV2
from rtbf.report.predicate_v3 import AdapterV3, ControlPlanV3, CostV3, MeasuredPartV3, PlannedProbeV3, StopRuleV3
from rtbf.unlearn.record import CurvePoint
from rtbf.verify.frozen.record_v1 import ProbeResult, Verdict

PREDICATE_TYPE_V1 = "https://rtbf.example/attestations/unlearning-audit/v1"


@dataclass(frozen=True, kw_only=True, slots=True)
class IdentifierMarkV1:
    """One identifier without its value."""

    number: int
    kind: Literal["name", "email", "phone", "account", "excerpt"]
    commitment: str


@dataclass(frozen=True, kw_only=True, slots=True)
class TicketPartV1:
    """What was asked; of the identity check, the methods only."""

    ticket_id: str
    regime: str
    channel: str
    received_at: str
    submitted_by: str
    identifiers: tuple[IdentifierMarkV1, ...]
    identity_methods: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class FootprintPartV1:
    """What was searched, what was not, and how much was found where."""

    revision: int
    locators: tuple[LocatorUse, ...]
    searched: tuple[SearchedCorpus, ...]
    not_searched: tuple[NotSearched, ...]
    records_found: int
    models: tuple[ModelReached, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class PlanPartV1:
    """What was decided before anything ran; one approver was always enough."""

    planned_by: str
    model: str
    model_digest: str
    left_out_models: tuple[str, ...]
    method: str
    method_digest: str
    parameters: dict[str, str]
    adapter: AdapterV3 | None
    stop: StopRuleV3
    seed: int
    forget: SetPart
    retain: SetPart
    utility_holdout: SetPart
    profile: str
    probes: tuple[PlannedProbeV3, ...]
    controls: ControlPlanV3
    class_requested: str
    class_cap: str
    cap_reason: str
    cost: CostV3


@dataclass(frozen=True, kw_only=True, slots=True)
class ApprovalPartV1:
    """One decision on this plan; never signed, without an end."""

    actor_id: str
    decision: Literal["approved", "rejected"]
    given_at: str


@dataclass(frozen=True, kw_only=True, slots=True)
class UnlearnedPartV1:
    """The artefact that came out."""

    kind: Literal["unchanged", "merged", "adapter"]
    artefact_digest: str
    base_digest: str
    steps: int
    stop_reason: str
    curve: tuple[CurvePoint, ...]
    environment: dict[str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class ResidualV1:
    """Something that this report does not settle; without owner and date."""

    kind: Literal["model", "weights", "records", "copies"]
    name: str
    detail: str


@dataclass(frozen=True, kw_only=True, slots=True)
class PredicateV1:
    """Everything that a report of the first version says."""

    report: ReportPart
    ticket: TicketPartV1
    footprint: FootprintPartV1
    lineage: tuple[str, ...]
    plan: PlanPartV1
    approvals: tuple[ApprovalPartV1, ...]
    unlearned: UnlearnedPartV1
    measured: MeasuredPartV3
    probes: tuple[ProbeResult, ...]
    verdict: Verdict
    limitations: tuple[str, ...]
    not_tested: tuple[str, ...]
    residuals: tuple[ResidualV1, ...]
    lapses_when: str
    trail: TrailPartV2
    declarations: tuple[str, ...]
    records: RecordDigests
    software: dict[str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class StatementBodyV1:
    """The first version's statement without its two type names."""

    subject: tuple[Subject, ...]
    predicate: PredicateV1
