"""The frozen record of what will be done and how it will be judged, signed off before anything runs.

Changing any value gives another digest, hence another approval. Measured numbers are decimal text.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

SCHEMA = "rtbf.plan/4"

FORGET_BATCH = 8
RETAIN_BATCH = 24
"""Items of each side in one unlearning step (specs/facts.md); part of this schema, so changing them is a new schema."""

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
class Adapter:
    """The LoRA adapter that is trained, and whether it is merged into the weights that will be served."""

    rank: int
    alpha: int
    is_merged: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class PlannedProbe:
    """A probe with its threshold. `margin` is in the probe's own unit; `margin_origin` says who chose it.

    role   primary: decides · secondary: can only speak against · reported: decides nothing
    """

    probe_id: str
    name: str
    family: Literal["gate", "forget", "recovery", "restoration", "utility", "regression"]
    role: Literal["primary", "secondary", "reported"]
    code_digest: str
    unit: str
    direction: Literal["two_sided", "lower_is_better", "non_inferior"]
    margin: str
    margin_origin: str


@dataclass(frozen=True, kw_only=True, slots=True)
class PlannedSet:
    """Items that every arm will be asked: how many, the digest of their words, and how they are asked.

    digest   of the items as they lie sealed with the ticket (`verify.items`); for records of the corpus, of their list
    tokens   forward tokens of one pass over the set
    passes   how often it is asked: arms times states
    """

    name: str
    reads: Literal["score", "choice", "reply"]
    items: int
    digest: str
    samples: int
    temperature: str
    tokens: int
    passes: int
    left_out: tuple[tuple[str, int], ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class RelearnAttack:
    """The relearning attack as it will be run (PROTOCOL R4): what the attacker has, and how hard it trains.

    attacker_records   records of the forget set that the attacker trains on; the probe looks at the others
    benign_records     unrelated records of the second form of the attack
    """

    attacker_records: tuple[str, ...]
    benign_records: tuple[str, ...]
    learning_rate: str
    steps: int
    batch: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Qualification:
    """The signed qualification of the method that this plan may lean on, as it stood when the plan was made.

    ends_on   date after which it says nothing; covers: same code, settings and model family
    """

    digest: str
    ends_on: str
    covers: bool
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Control:
    """One model made by the original's own recipe without the forget records: its seed and the digest of its files."""

    seed: int
    digest: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ControlPlan:
    """The never-shown models, trained before the plan is frozen, or none and why."""

    models: tuple[Control, ...]
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Cost:
    """Estimated work in forward-token units (one forward pass over one token of the target model = 1)."""

    unlearning: int
    controls: int
    verification: int


@dataclass(frozen=True, kw_only=True, slots=True)
class PlanOption:
    """One method that could have been planned, as it stood when the plan was made.

    class_cap     the strongest class that its artefact may reach
    tokens        what the unlearning itself takes at most, in forward-token units; None where it cannot be planned
    minutes       the same as decimal text, at the plan's `rate_origin`
    is_in_time    whether it ends before the deadline, if started as soon as policy permits; None where one of the two is unknown
    utility       what is to be expected of the model afterwards, in words; not measured
    note          what else speaks for or against it; empty where nothing does
    unavailable   why it cannot be planned; None when it can
    """

    method: str
    class_cap: GuaranteeClass
    tokens: int | None
    minutes: str | None
    is_in_time: bool | None
    utility: str
    note: str
    unavailable: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class HeldItem:
    """An item that was decided to be erased and is left out because of a hold; `until` None: until that is released."""

    item: str
    hold_id: str
    until: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """What will be done to one model for one ticket. `attempt` counts from 1.

    decisions_digest   the decisions on the footprint's items that this plan carries out
    held               what they would erase but for a hold, as it stood when the plan was made
    quorum             how many people must approve, and why (`quorum_reason`)
    grace_s            seconds between the last approval and the start, in which the plan can still be called off
    approval_valid_s   seconds after which an approval that was not used is void
    options            every method that was weighed, the chosen one among them unless it is a control
    choice_reason      why `method` was chosen, in words
    rate_origin        how fast the model was, and on what that was measured; the minutes of the options rest on it

    The last three are empty in records of rtbf.plan/3, which had none of them.
    """

    ticket_id: str
    attempt: int
    planned_by: str
    footprint_digest: str
    decisions_digest: str
    held: tuple[HeldItem, ...]
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
    forget_levels_nats: tuple[str, ...]
    """One level per forget item, in order: the control models' mean NLL per answer token on it, or the fallback."""
    retain: RecordSet
    utility_holdout: RecordSet
    profile: str
    probes: tuple[PlannedProbe, ...]
    sets: tuple[PlannedSet, ...]
    relearn: RelearnAttack | None
    """None where no probe of the profile relearns, or there are too few records to split."""
    qualification: Qualification | None
    controls: ControlPlan
    guarantee_requested: GuaranteeClass
    class_cap: GuaranteeClass
    cap_reason: str
    cost: Cost
    quorum: int
    quorum_reason: str
    grace_s: int
    approval_valid_s: int
    options: tuple[PlanOption, ...] = ()
    choice_reason: str = ""
    rate_origin: str = ""
    schema: str = SCHEMA
