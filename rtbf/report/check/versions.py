"""Which versions of the statement are known here, and what each has that an earlier one had not.

A report is checked by what its own version says: those up to the third by the frozen rule, words and arithmetic of
`verify.frozen`, the present one by the verifier's own. Standard library only.
"""

from __future__ import annotations

from typing import TypeAlias

from rtbf.report.predicate import PREDICATE_TYPE, Predicate, StatementBody
from rtbf.report.predicate_v1 import PREDICATE_TYPE_V1, PredicateV1, StatementBodyV1
from rtbf.report.predicate_v2 import PREDICATE_TYPE_V2, PredicateV2, StatementBodyV2
from rtbf.report.predicate_v3 import PREDICATE_TYPE_V3, PredicateV3, StatementBodyV3

Body: TypeAlias = StatementBody | StatementBodyV3 | StatementBodyV2 | StatementBodyV1
Frozen: TypeAlias = PredicateV3 | PredicateV2 | PredicateV1
AnyPredicate: TypeAlias = Predicate | Frozen
"""A predicate of any version; `Frozen`: of one that is not issued any more."""

Lawful: TypeAlias = Predicate | PredicateV3 | PredicateV2
"""Since the second version: the ticket's lawful life and signed approvals."""

InTree: TypeAlias = Predicate | PredicateV3
InTreeBody: TypeAlias = StatementBody | StatementBodyV3
"""Since the third version: a tree head, a sealing event, and so a bundle."""

SHAPES: dict[str, type[Body]] = {
    PREDICATE_TYPE: StatementBody,
    PREDICATE_TYPE_V3: StatementBodyV3,
    PREDICATE_TYPE_V2: StatementBodyV2,
    PREDICATE_TYPE_V1: StatementBodyV1,
}
"""Predicate type → the shape of its statement, the present one first."""
