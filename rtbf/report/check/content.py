"""Step 5: the statement is RFC 8785 of itself and of a known shape, and agrees with itself; the verdict is worked out again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rtbf.evidence.canonical import canonical_bytes
from rtbf.evidence.shape import read_shape
from rtbf.report.check.consistency import require_consistent
from rtbf.report.check.handed import Misfit, Seen, Undecided
from rtbf.report.check.judging import rule_of
from rtbf.report.check.lawful import require_lawful
from rtbf.report.check.trail import require_trail
from rtbf.report.check.versions import SHAPES, InTreeBody
from rtbf.report.predicate_v1 import StatementBodyV1

if TYPE_CHECKING:
    from typing import Any

    from rtbf.report.check.handed import Found, Handed
    from rtbf.report.check.versions import Body

EXPECTED = "a statement that agrees with itself"


def check(_handed: Handed, found: Found) -> Seen:
    """Read the statement into its shape and hold it against itself; raises ValueError with the first point that does not hold."""
    if canonical_bytes(found.statement) != found.opened.payload:
        raise Misfit("a statement that is not in canonical form", "RFC 8785 bytes")
    body = _read(found.statement)
    known = rule_of(body.predicate)
    if body.predicate.verdict.rule != known:
        raise Undecided("a verdict by a rule unknown here", known)
    require_consistent(body)
    found.read_body, found.is_story_shown = body, True
    return Seen(is_decided=True, detail="verdict and claim recomputed from the probe results: they agree")


def _read(statement: dict[str, Any]) -> Body:
    named = {name: value for name, value in statement.items() if name not in {"_type", "predicateType"}}
    body = read_shape(SHAPES[statement["predicateType"]], named)
    if not isinstance(body, StatementBodyV1):
        require_lawful(body.predicate)
    if isinstance(body, InTreeBody):
        require_trail(body.predicate)
    return body
