"""What a statement says since the third version of the ledger, the time-stamp and the report before it, checked against itself.

Whether the ledger really stood so is shown by tree head, events and proofs, not here. Standard library only. Faults are
ValueErrors.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from rtbf.evidence.strict_base64 import read_base64
from rtbf.report.declarations import attested

if TYPE_CHECKING:
    from rtbf.report.check.versions import InTree

_HEX = re.compile(r"[0-9a-f]{64}")
_REPORT_ID = re.compile(r"rep_[0-9a-z]{1,40}")
_HASH_BYTES = 32


def require_trail(predicate: InTree) -> None:
    """Return when trail, attestation and superseded report are well-formed; raises ValueError with the first point that is not."""
    trail = predicate.trail
    if not 1 <= trail.events <= trail.tree_size:
        raise ValueError("a trail of no event, or of more events than its ledger has")
    if not _HEX.fullmatch(trail.last_hash) or not _is_hash(trail.root):
        raise ValueError("a trail whose last event or root is no SHA-256")
    if attested(predicate.time_stamp) not in predicate.declarations:
        raise ValueError("another word on who vouches for ledger and times than the statement gives reason for")
    earlier = predicate.supersedes
    if earlier is None:
        return
    if not _REPORT_ID.fullmatch(earlier.report_id) or not _HEX.fullmatch(earlier.envelope_sha256):
        raise ValueError("a superseded report without its id and digest")
    if earlier.report_id == predicate.report.report_id:
        raise ValueError("a report that supersedes itself")


def _is_hash(text: str) -> bool:
    """Return whether `text` is 32 bytes in canonical base64."""
    try:
        return len(read_base64(text)) == _HASH_BYTES
    except ValueError:
        return False
