"""Step 2: the auditor's trust file, which says whose keys count, for what, and when. Without a good one nothing can be decided."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rtbf.report.check.handed import Seen, Undecided
from rtbf.report.trust import read_trust

if TYPE_CHECKING:
    from rtbf.report.check.handed import Found, Handed

EXPECTED = "the trust file that the operator handed over"


def check(handed: Handed, found: Found) -> Seen:
    """Read the trust file; raises Undecided when it cannot be used."""
    try:
        trust = read_trust(handed.trust)
    except ValueError as refused:
        raise Undecided(f"no usable trust file ({refused})", EXPECTED) from None
    found.read_trust_file = trust
    return Seen(is_decided=True, detail=f"version {trust.version}, {len(trust.keys)} key(s)")
