"""The shape of the second version's statement, kept so that reports issued with it can be checked for good.

Frozen: nothing here changes with the records of today. It knows a chain of the ticket's events and no tree. Parts that have
not changed since are shared with later versions; where one of those must change, its old form is copied to this file
first (tests/golden/report-v2 notices).
"""

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
from rtbf.report.predicate import FootprintPart, RecordDigests, ReportPart, Subject, TicketPart
from rtbf.report.predicate_v3 import MeasuredPartV3, PlanPartV3
from rtbf.report.predicate_v4 import UnlearnedPartV4
from rtbf.verify.frozen.record_v1 import ProbeResult, Verdict

PREDICATE_TYPE_V2 = "https://rtbf.example/attestations/unlearning-audit/v2"


@dataclass(frozen=True, kw_only=True, slots=True)
class TrailPartV2:
    """The ticket's chain of ledger events up to this report: their number and the hash of the last."""

    log: str
    events: int
    last_hash: str
    attestation: Literal["self-attested"]


@dataclass(frozen=True, kw_only=True, slots=True)
class PredicateV2:
    """Everything a report of the second version says."""

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
    trail: TrailPartV2
    declarations: tuple[str, ...]
    records: RecordDigests
    software: dict[str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class StatementBodyV2:
    """The statement without its two type names, which in-toto spells in a way Python cannot."""

    subject: tuple[Subject, ...]
    predicate: PredicateV2
