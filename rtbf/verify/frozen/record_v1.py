"""What was measured and decided, as reports up to the third version tell it. Standard library only.

Every number is decimal text or None; None means that it could not be measured and never stands for zero.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Status = Literal["adverse", "equivalent", "inconclusive", "not_applicable"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Arm:
    """One model that was measured. role: original, unlearned, or control (never trained on the forget records)."""

    name: str
    role: Literal["original", "unlearned", "control"]
    digest: str
    adapter_state: str
    seed: int | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Interval:
    """A confidence interval of a mean paired effect; `level` is for example "0.90"."""

    low: str
    high: str
    level: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ProbeResult:
    """What one probe found.

    before, after, control   mean score of the original, the unlearned and the never-trained arm
    estimate, interval       mean paired effect and its interval: after − control for forget and recovery probes,
                             after − before for utility probes; positive means "more remembered" or "worse utility"
    assay                    interval of before − control: could this probe see the data at all?
    p_leak, p_trace          one-sided p-values of "effect > 0" and "effect < 0"
    p_attainable             the smallest p this many records can give
    witnesses                items reproduced word for word after unlearning and by no control; None without control
    """

    probe_id: str
    name: str
    family: Literal["forget", "utility", "recovery"]
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
    estimate: str | None
    interval: Interval | None
    assay: Interval | None
    p_leak: str | None
    p_trace: str | None
    p_attainable: str | None
    witnesses: int | None
    margin: str
    margin_origin: str
    items_digest: str
    seed: int
    not_applicable: str | None
    problem: str | None


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
