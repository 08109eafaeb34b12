"""The frozen record of what will be done and how it will be judged, signed off before anything runs.

Changing any value gives another digest, hence another approval. Measured numbers are decimal text.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

SCHEMA = "rtbf.plan/1"

GuaranteeClass = Literal["exact", "dp", "approximate", "suppression", "none"]
GUARANTEE_CLASSES: tuple[GuaranteeClass, ...] = ("exact", "dp", "approximate", "suppression", "none")
"""From the strongest to the weakest; `none` is what an unchanged model earns."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RecordSet:
    """Records of one corpus version, in a fixed order, with the digest of that list."""

    corpus: str
    version: str
    record_ids: tuple[str, ...]
    digest: str


@dataclass(frozen=True, kw_only=True, slots=True)
class StopRule:
    """When unlearning may stop: both sides must hold at one check (two-sided rule, methods/00-COMMON.md).

    forget_answer_probability_max   mean over forget items of exp(-mean NLL) must be at most this
    retain_answer_probability_drop_max   mean over retain items may fall at most this far below the original's
    """

    forget_answer_probability_max: str
    retain_answer_probability_drop_max: str
    check_every_steps: int
    max_steps: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Adapter:
    """The LoRA adapter that is trained, and whether it is merged into the weights that will be served."""

    rank: int
    alpha: int
    is_merged: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class PlannedProbe:
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
class ControlPlan:
    """Models never trained on the forget records, made by the original's own recipe: one per seed, or none and why."""

    seeds: tuple[int, ...]
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Cost:
    """Estimated work in forward-token units (one forward pass over one token of the target model = 1)."""

    unlearning: int
    controls: int
    verification: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """What will be done to one model for one ticket. `attempt` counts from 1."""

    ticket_id: str
    attempt: int
    planned_by: str
    footprint_digest: str
    model: str
    model_digest: str
    left_out_models: tuple[str, ...]
    """Other models reached by the footprint that this plan does not change; the report lists each as a residual."""
    method: str
    method_digest: str
    parameters: tuple[tuple[str, str], ...]
    adapter: Adapter | None
    stop: StopRule
    seed: int
    forget: RecordSet
    retain: RecordSet
    utility_holdout: RecordSet
    profile: str
    probes: tuple[PlannedProbe, ...]
    controls: ControlPlan
    guarantee_requested: GuaranteeClass
    class_cap: GuaranteeClass
    cap_reason: str
    cost: Cost
    schema: str = SCHEMA
