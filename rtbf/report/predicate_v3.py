"""The shape of the third version's statement, kept so that reports issued with it can be checked for good.

Frozen: nothing here changes with the records of today, and what was measured and judged is told in the shapes of
`verify.frozen`. Parts that have not changed since are shared with the present version; where one of those must change, its
old form is copied to this file first (tests/golden/bundle-v3 notices). The first two versions share the plan's parts.
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
from rtbf.report.predicate import (
    FootprintPart,
    RecordDigests,
    ReportPart,
    SetPart,
    Subject,
    SupersededPart,
    TicketPart,
    TrailPart,
)
from rtbf.report.predicate_v4 import UnlearnedPartV4
from rtbf.verify.frozen.record_v1 import Arm, ProbeResult, Verdict

PREDICATE_TYPE_V3 = "https://rtbf.example/attestations/unlearning-audit/v3"


@dataclass(frozen=True, kw_only=True, slots=True)
class StopRuleV3:
    """When unlearning may stop: both sides must hold at one check (two-sided rule, methods/00-COMMON.md).

    forget_nll_nats_min, _max mean over forget items of the mean NLL per answer token must lie between these; no upper
                              bound without a control model, since then nothing says where a trace begins
    retain_nll_nats_rise_max  the same mean over retain items may rise at most this far above the original's
    check_every_steps         both sides are measured at least this often; a small forget set is watched at every step
    target_origin             who chose the first number, and from what
    is_braked                 an item takes part in the forget loss only while its NLL per token is below its own level
                              (`Plan.forget_levels_nats`): going on would leave a trace on the other side
    """

    forget_nll_nats_min: str
    forget_nll_nats_max: str | None
    retain_nll_nats_rise_max: str
    target_origin: str
    is_braked: bool
    check_every_steps: int
    max_steps: int


@dataclass(frozen=True, kw_only=True, slots=True)
class AdapterV3:
    """The LoRA adapter that is trained, and whether it is merged into the weights that will be served."""

    rank: int
    alpha: int
    is_merged: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class PlannedProbeV3:
    """A probe with its threshold. `margin` is in the probe's own unit; `margin_origin` says who chose it."""

    probe_id: str
    name: str
    family: Literal["forget", "utility", "recovery"]
    code_digest: str
    unit: str
    direction: Literal["two_sided", "lower_is_better", "non_inferior"]
    margin: str
    margin_origin: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ControlV3:
    """One model made by the original's own recipe without the forget records: its seed and the digest of its files."""

    seed: int
    digest: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ControlPlanV3:
    """The never-shown models, trained before the plan is frozen, or none and why."""

    models: tuple[ControlV3, ...]
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class CostV3:
    """Estimated work in forward-token units (one forward pass over one token of the target model = 1)."""

    unlearning: int
    controls: int
    verification: int


@dataclass(frozen=True, kw_only=True, slots=True)
class PlanPartV3:
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
    quorum: int
    quorum_reason: str
    grace_s: int
    approval_valid_s: int


@dataclass(frozen=True, kw_only=True, slots=True)
class MeasuredPartV3:
    """How the probes were run, apart from their results."""

    artefact_kind: Literal["unchanged", "merged", "adapter"]
    arms: tuple[Arm, ...]
    environment: dict[str, str]
    repeat_delta_nats: str | None
    item_log_digest: str
    tokens_used: int


@dataclass(frozen=True, kw_only=True, slots=True)
class PredicateV3:
    """Everything the report says. The verdict is to be recomputed from `probes`, never read alone."""

    report: ReportPart
    ticket: TicketPart
    clock: ClockPart
    footprint: FootprintPart
    decisions: DecisionsPart
    holds: tuple[HoldPart, ...]
    lineage: tuple[str, ...]
    """Weights from the model that was asked about to the one that came out, by digest."""
    plan: PlanPartV3
    approvals: tuple[ApprovalPart, ...]
    quorum: QuorumPart
    unlearned: UnlearnedPartV4
    measured: MeasuredPartV3
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
class StatementBodyV3:
    """The statement without its two type names, which in-toto spells in a way Python cannot."""

    subject: tuple[Subject, ...]
    predicate: PredicateV3
