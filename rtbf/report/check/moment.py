"""Step 4: when the report was made, as far as that is shown, against the signer's window and revocation.

The stated time of issue is the signer's own clock. A time-stamp of an outside authority (RFC 3161) shows that the envelope
existed at its time: a report by a key that was revoked later stays good with it, and is refused without it.
Does not prove that the report is as old as it says: a time-stamp bounds its age from below only.
"""

from __future__ import annotations

import base64
from datetime import timedelta
from typing import TYPE_CHECKING

from rtbf.clock import parse_rfc3339, rfc3339
from rtbf.errors import ExtraMissing
from rtbf.report.approvals import exact_instant
from rtbf.report.bundle import TOKEN_NAME
from rtbf.report.check.handed import Misfit, Seen, Undecided

if TYPE_CHECKING:
    from datetime import datetime

    from rtbf.evidence.trust_file import TrustedKey
    from rtbf.report.check.handed import Found, Handed

EXPECTED = "a report issued while its key was in force"
TOLERANCE = timedelta(minutes=5)
"""How far the signer's clock may run ahead of the authority's."""
LATE = timedelta(days=1)
"""A time-stamp that came later than this is worth a remark."""
_EARLIER = "a key in force, or an outside proof that it signed earlier"


def check(handed: Handed, found: Found) -> Seen:
    """Compare stated and proven time with the key's window; raises Misfit outside of it and for a key revoked before the proven time."""
    entry, issued_at = found.key, _issued_at(found)
    if issued_at < parse_rfc3339(entry.not_before) or _is_after_window(entry, issued_at):
        raise Misfit("a report issued outside its key's window", f"{entry.not_before} to {entry.not_after or 'open'}")
    token = handed.token if handed.bundle is None else handed.bundle.get(TOKEN_NAME)
    if token is None:
        return _without_proof(entry, "no time-stamp at hand" + _asked(found))
    roots = [base64.b64decode(root) for root in found.trust.tsa_roots]
    if not roots:
        return _without_proof(entry, "the time-stamp was not judged: the trust file names no authority")
    try:
        stamped_at = _read_token(token, handed.envelope, roots)
    except ExtraMissing as missing:
        if entry.revoked_at is not None:
            raise Undecided(f"a key revoked at {entry.revoked_at}, and a time-stamp that nobody here can read", missing.remedy) from None
        return _without_proof(entry, f"the time-stamp was not judged: {missing.remedy}")
    return _proven(found, entry, issued_at, stamped_at)


def _proven(found: Found, entry: TrustedKey, issued_at: datetime, stamped_at: datetime) -> Seen:
    if stamped_at < issued_at - TOLERANCE:
        raise Misfit("a report dated forward: time-stamped before the time at which it says it was issued", "issue before time-stamp")
    if stamped_at < parse_rfc3339(entry.not_before):
        raise Misfit("a report time-stamped before its key was in force", f"a time from {entry.not_before} on")
    if entry.revoked_at is not None and stamped_at >= parse_rfc3339(entry.revoked_at):
        raise Misfit(f"a key revoked at {entry.revoked_at}, before the report was time-stamped: it may be dated back", _EARLIER)
    found.proven_at = stamped_at
    if stamped_at > issued_at + LATE:
        days = (stamped_at - issued_at).days
        found.remarks.append(f"the time-stamp came {days} day(s) after the stated time of issue: nothing shows that the report is older")
    late = "; the key's window had ended by then, so the stated time alone lies in it" if _is_after_window(entry, stamped_at) else ""
    return Seen(is_decided=True, detail=f"seen by an outside authority at {rfc3339(stamped_at)}, inside the key's time{late}")


def _without_proof(entry: TrustedKey, why: str) -> Seen:
    if entry.revoked_at is not None:
        raise Misfit(f"a key revoked at {entry.revoked_at}, and {why}", _EARLIER)
    return Seen(is_decided="not judged" not in why, detail=f"issued inside the key's window, by the signer's own clock; {why}")


def _read_token(token: bytes, envelope: bytes, roots: list[bytes]) -> datetime:
    # Its library is an extra, and so is the network code beside it: woken only for a token.
    from rtbf.evidence.timestamp import read_time_stamp  # noqa: PLC0415 - as said

    try:
        return read_time_stamp(token, envelope, roots)
    except ValueError as refused:
        raise Misfit(f"a time-stamp that does not hold ({refused})", "one of this envelope by an authority of the trust file") from None


def _is_after_window(entry: TrustedKey, instant: datetime) -> bool:
    return entry.not_after is not None and instant > parse_rfc3339(entry.not_after)


def _asked(found: Found) -> str:
    predicate = found.statement.get("predicate")
    is_asked = isinstance(predicate, dict) and predicate.get("time_stamp") == "asked"
    return ", though the report says that an authority was asked for one" if is_asked else ""


def _issued_at(found: Found) -> datetime:
    predicate = found.statement.get("predicate")
    report = predicate.get("report") if isinstance(predicate, dict) else None
    issued = report.get("issued_at") if isinstance(report, dict) else None
    if not isinstance(issued, str):
        raise Misfit("no time of issue", "RFC 3339 in UTC with milliseconds")
    return exact_instant(issued)
