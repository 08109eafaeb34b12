"""By which rule a statement's verdict is worked out again, which probes its protocol has, and which limits it always states.

A report is judged by the rule of its own day: a later and stricter one would call an honest old report a lie. Standard
library only; the offline checker's fifth step.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rtbf.report.check.versions import Measured, proof_of
from rtbf.report.words import PROBES
from rtbf.verify import claim, verdict
from rtbf.verify.frozen import claim_v1, verdict_v1

if TYPE_CHECKING:
    from rtbf.report.check.versions import AnyPredicate
    from rtbf.verify.frozen.record_v1 import Verdict as VerdictV1
    from rtbf.verify.record import Verdict

PROBES_V1 = frozenset(
    "F1 F2 F3 F4 F5 F6 F7 R1 R2 R3 R4 R5 R6 R7 R8 R9 R10 S1 U1 U2 U3 U4 U5 U6 G1".split()  # noqa: SIM905 - read as one line
)
"""What the protocol listed while reports were of the third version or an earlier one."""


def rule_of(predicate: AnyPredicate) -> str:
    """Return the rule that a verdict of the statement's version is made by."""
    return verdict.RULE if isinstance(predicate, Measured) else verdict_v1.RULE


def judged_again(predicate: AnyPredicate) -> Verdict | VerdictV1:
    """Return the verdict that the statement's probe results give; raises RecordBroken when they cannot be judged."""
    asked, kind = predicate.plan.class_requested, predicate.measured.artefact_kind
    if isinstance(predicate, Measured):
        return verdict.judge(
            predicate.probes,
            class_requested=asked,
            artefact_kind=kind,
            qualification=predicate.measured.qualification,
            proof=proof_of(predicate),
        )
    return verdict_v1.judge(predicate.probes, class_requested=asked, artefact_kind=kind)


def always_stated(predicate: AnyPredicate) -> frozenset[str]:
    """Return the limits that every report of this version states."""
    return frozenset(claim.ALWAYS_STATED if isinstance(predicate, Measured) else claim_v1.ALWAYS_STATED)


def probes_of(predicate: AnyPredicate) -> frozenset[str]:
    """Return the probes of the protocol of this version's day, tested or not."""
    return frozenset(PROBES) if isinstance(predicate, Measured) else PROBES_V1
