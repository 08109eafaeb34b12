"""Read an approval as a report tells it in the form that the rules of approval are written for. Pure; faults are ValueErrors."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rtbf.clock import parse_rfc3339, rfc3339
from rtbf.plan.approval import ApprovalGiven

if TYPE_CHECKING:
    from datetime import datetime

    from rtbf.report.lawful import ApprovalPart


def as_given(approval: ApprovalPart, plan_digest: str) -> ApprovalGiven:
    """Return an approval of the report in the form that the rules of approval are written for; raises ValueError on a bad time."""
    return ApprovalGiven(
        actor_id=approval.actor_id,
        plan_digest=plan_digest,
        is_approval=approval.decision == "approved",
        given_at=exact_instant(approval.given_at),
        expires_at=exact_instant(approval.expires_at),
        key_id=None if approval.signature is None else approval.signature.key_id,
    )


def exact_instant(text: str) -> datetime:
    """Return the instant; raises ValueError when the text is not exactly what `rfc3339` writes: one instant, one text."""
    try:
        instant = parse_rfc3339(text)
    except (OverflowError, ValueError):
        raise ValueError("a time that is not RFC 3339") from None
    if rfc3339(instant) != text:
        raise ValueError("a time that is not RFC 3339 in UTC with milliseconds")
    return instant
