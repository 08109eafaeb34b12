"""Which versions of the statement are known here, and what each has that an earlier one had not.

A report is checked by what its own version says: those up to the third by the frozen rule, words and arithmetic of
`verify.frozen`, those since the fourth by the verifier's own. Standard library only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from rtbf.report.predicate import PREDICATE_TYPE, Predicate, StatementBody
from rtbf.report.predicate_v1 import PREDICATE_TYPE_V1, PredicateV1, StatementBodyV1
from rtbf.report.predicate_v2 import PREDICATE_TYPE_V2, PredicateV2, StatementBodyV2
from rtbf.report.predicate_v3 import PREDICATE_TYPE_V3, PredicateV3, StatementBodyV3
from rtbf.report.predicate_v4 import PREDICATE_TYPE_V4, PredicateV4, StatementBodyV4
from rtbf.report.predicate_v5 import PREDICATE_TYPE_V5, PredicateV5, StatementBodyV5

if TYPE_CHECKING:
    from rtbf.unlearn.record import TrainingProof

Body: TypeAlias = StatementBody | StatementBodyV5 | StatementBodyV4 | StatementBodyV3 | StatementBodyV2 | StatementBodyV1
Frozen: TypeAlias = PredicateV3 | PredicateV2 | PredicateV1
Proven: TypeAlias = Predicate | PredicateV5
"""Since the fifth version: weights that were made anew, with a proof of how they came about."""

Measured: TypeAlias = Proven | PredicateV4
"""Since the fourth version: roles, groups and qualifications, judged by the present rule."""

AnyPredicate: TypeAlias = Measured | Frozen
"""A predicate of any version; `Frozen`: of one that is judged by the rule of its day."""

Lawful: TypeAlias = Measured | PredicateV3 | PredicateV2
"""Since the second version: the ticket's lawful life and signed approvals."""

InTree: TypeAlias = Measured | PredicateV3
InTreeBody: TypeAlias = StatementBody | StatementBodyV5 | StatementBodyV4 | StatementBodyV3
"""Since the third version: a tree head, a sealing event, and so a bundle."""

SHAPES: dict[str, type[Body]] = {
    PREDICATE_TYPE: StatementBody,
    PREDICATE_TYPE_V5: StatementBodyV5,
    PREDICATE_TYPE_V4: StatementBodyV4,
    PREDICATE_TYPE_V3: StatementBodyV3,
    PREDICATE_TYPE_V2: StatementBodyV2,
    PREDICATE_TYPE_V1: StatementBodyV1,
}
"""Predicate type → the shape of its statement, the present one first."""


def proof_of(predicate: AnyPredicate) -> TrainingProof | None:
    """Return how a statement's weights came about, in the present form; None where it says nothing of it."""
    if isinstance(predicate, PredicateV5):
        return None if predicate.unlearned.proof is None else predicate.unlearned.proof.as_present()
    return predicate.unlearned.proof if isinstance(predicate, Predicate) else None
