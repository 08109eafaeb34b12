"""Step 4: the stated time of issue lies in the signer's window; a revoked key is refused, since nothing shows that it signed before."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rtbf.clock import parse_rfc3339
from rtbf.report.approvals import exact_instant
from rtbf.report.check.handed import Misfit, Seen

if TYPE_CHECKING:
    from datetime import datetime

    from rtbf.report.check.handed import Found, Handed

EXPECTED = "a report issued while its key was in force"


def check(_handed: Handed, found: Found) -> Seen:
    """Compare the stated time with the key's window; raises Misfit outside of it, and for a revoked key."""
    entry, issued_at = found.key, _issued_at(found)
    if entry.revoked_at is not None:
        raise Misfit(f"a key revoked at {entry.revoked_at}", "a key in force, or an outside proof that it signed earlier")
    is_too_late = entry.not_after is not None and issued_at > parse_rfc3339(entry.not_after)
    if issued_at < parse_rfc3339(entry.not_before) or is_too_late:
        raise Misfit("a report issued outside its key's window", f"{entry.not_before} to {entry.not_after or 'open'}")
    return Seen(is_decided=True, detail="issued inside the key's window, by the signer's own clock")


def _issued_at(found: Found) -> datetime:
    predicate = found.statement.get("predicate")
    report = predicate.get("report") if isinstance(predicate, dict) else None
    issued = report.get("issued_at") if isinstance(report, dict) else None
    if not isinstance(issued, str):
        raise Misfit("no time of issue", "RFC 3339 in UTC with milliseconds")
    return exact_instant(issued)
