"""The frozen record of what was measured and decided. Standard library only: the offline checker reads it too.

Every number is decimal text or None; None means that it could not be measured and never stands for zero.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from rtbf.unlearn.record import ArtefactKind

SCHEMA = "rtbf.verification/2"

Status = Literal["adverse", "equivalent", "inconclusive", "not_applicable", "reported"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Arm:
    """One model that was measured. role: original, unlearned, or control (never trained on the forget records).

    tokenizer   digest of what the tokenizer beside the weights makes of a text, however its files are laid out
    """

    name: str
    role: Literal["original", "unlearned", "control"]
    digest: str
    tokenizer: str
    adapter_state: str
    seed: int | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Interval:
    """A confidence interval of an effect; `level` is for example "0.90"."""

    low: str
    high: str
    level: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """One piece of a probe's figure, as a form, a template or a step of an attack: mean per arm over its items."""

    name: str
    n_items: int
    before: str | None
    after: str | None
    control: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class ProbeResult:
    """What one probe found.

    role                     primary decides; secondary can speak against a PASS and never for one; reported decides nothing
    before, after, control   mean score of the original, the unlearned artefact, and what it is compared with
    compared_with            whose scores `control` are: models never shown the records, records never shown to the model
                             (siblings), what guessing gives (chance), or the original itself (before)
    estimate, interval       mean paired effect and its interval: after − control, for utility and regression after − before;
                             positive means "more remembered" or "worse utility"
    assay                    interval of before − control: could this probe see the data at all?
    p_leak, p_trace          one-sided p-values of "effect > 0" and "effect < 0"
    p_attainable             the smallest p this many records can give
    power                    chance to show equivalence at this margin, spread and number, if there were no difference
    witnesses                items reproduced word for word after unlearning and by no control; None without control
    parts                    the figure's pieces, where it has several
    note                     what a reported figure means; "" for others
    """

    probe_id: str
    name: str
    family: Literal["gate", "forget", "recovery", "restoration", "utility", "regression"]
    role: Literal["primary", "secondary", "reported"]
    code_digest: str
    unit: str
    higher_is: str
    direction: Literal["two_sided", "lower_is_better", "non_inferior"]
    n_records: int
    n_items: int
    n_excluded: int
    before: str | None
    after: str | None
    control: str | None
    compared_with: Literal["control models", "siblings", "chance", "before"] | None
    estimate: str | None
    interval: Interval | None
    assay: Interval | None
    p_leak: str | None
    p_trace: str | None
    p_attainable: str | None
    power: str | None
    witnesses: int | None
    margin: str
    margin_origin: str
    items_digest: str
    seed: int
    parts: tuple[Part, ...]
    note: str
    not_applicable: str | None
    problem: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class QualificationUse:
    """The method's qualification that a verdict leans on (PROTOCOL §2, small subjects), and whether it may.

    digest      of the signed qualification
    is_in_date  it had not lapsed when this was measured
    covers      same method code, settings within its envelope, same model family
    """

    digest: str
    is_in_date: bool
    covers: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """The status of one probe, decided from its numbers alone, with the reason code and Holm-adjusted p-values."""

    probe_id: str
    status: Status
    reason: str | None
    p_leak_holm: str | None
    p_trace_holm: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """The decision on one artefact. `claim` is generated; `codes` say why a decision was withheld or negative."""

    status: Literal["PASS", "FAIL", "INCONCLUSIVE"]
    class_requested: str
    class_cap: str
    class_awarded: str
    codes: tuple[str, ...]
    findings: tuple[Finding, ...]
    claim: str
    rule: str


@dataclass(frozen=True, kw_only=True, slots=True)
class MeasuredSet:
    """How many items of a set were asked in how many passes, and the forward tokens that took; `planned_tokens` was printed before."""

    name: str
    items: int
    passes: int
    planned_tokens: int
    tokens: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Verification:
    """Measurements of one unlearned artefact, the verdict on it, and what was not tested."""

    ticket_id: str
    attempt: int
    plan_digest: str
    unlearned_digest: str
    artefact_kind: ArtefactKind
    arms: tuple[Arm, ...]
    environment: tuple[tuple[str, str], ...]
    repeat_delta_nats: str | None
    """Largest change of a token log-prob when the same items are scored again in another batch layout."""
    sets: tuple[MeasuredSet, ...]
    probes: tuple[ProbeResult, ...]
    item_log_digest: str
    tokens_used: int
    qualification: QualificationUse | None
    verdict: Verdict
    limitations: tuple[str, ...]
    schema: str = SCHEMA
