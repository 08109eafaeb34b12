"""Step 2: the auditor's trust file, which says whose keys count, for what, and when. Without a good one nothing can be decided.

A bundle's own trust file is only data until it is of the same root: then it tells whether the auditor's is an older one.
Proves, with a pinned root: that this root's holder issued the file. Does not prove that it is the newest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rtbf.clock import rfc3339
from rtbf.evidence.trust_change import require_successor
from rtbf.evidence.trust_file import read_trust
from rtbf.report.bundle import TRUST_NAME
from rtbf.report.check.handed import Misfit, Seen, Undecided

if TYPE_CHECKING:
    from rtbf.evidence.trust_file import Trust
    from rtbf.report.check.handed import Found, Handed

EXPECTED = "the trust file that the operator handed over"


def check(handed: Handed, found: Found) -> Seen:
    """Read the trust file; raises Undecided when it cannot be used, Misfit when the bundle's own contradicts it."""
    try:
        trust = read_trust(handed.trust, root=handed.root, min_version=handed.min_trust_version)
    except ValueError as refused:
        raise Undecided(f"no usable trust file ({refused})", EXPECTED) from None
    found.read_trust_file = trust
    if handed.now is not None and trust.expires is not None and trust.expires < rfc3339(handed.now):
        found.remarks.append(f"your trust file expired at {trust.expires}: ask the operator for the newest")
    if handed.bundle is not None and handed.bundle[TRUST_NAME] != handed.trust:
        _compare(handed.bundle[TRUST_NAME], trust, found)
    if trust.root is None:
        return Seen(is_decided=True, detail=f"version {trust.version}, {len(trust.keys)} key(s), signed by nobody")
    pinned = "the root that you named" if handed.root is not None else "its root, printed below: compare it with paper or contract (--root)"
    return Seen(is_decided=True, detail=f"version {trust.version}, {len(trust.keys)} key(s), signed by {pinned}")


def _compare(raw: bytes, trust: Trust, found: Found) -> None:
    """Hold the bundle's own trust file against the auditor's."""
    try:
        own = read_trust(raw)
    except ValueError as refused:
        raise Misfit(f"a bundle whose own trust file cannot be used ({refused})", "one that its root signed") from None
    if trust.root is None:
        found.remarks.append("your trust file is signed by nobody; the bundle's own was not compared with it")
        return
    if own.root is None:
        # What an operator had before there was a root; it says nothing that is used here.
        found.remarks.append("the bundle's own trust file is signed by nobody, and was not used")
        return
    if own.root != trust.root:
        raise Misfit("a bundle whose own trust file is of another root", "the root of your trust file")
    older, newer = (trust, own) if own.version > trust.version else (own, trust)
    try:
        require_successor(older, newer)
    except ValueError:
        raise Misfit("a bundle whose own trust file contradicts yours", "one of which the other is a later version") from None
    if own.version > trust.version:
        found.remarks.append(f"the bundle has a newer trust file (version {own.version}) than you: ask the operator for the newest")
