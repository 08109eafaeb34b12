"""Ledger events as bytes: build a leaf, and check one ticket's chain of leaves.

Each event carries its index, the log's name, a nonce, and the hash of the ticket's previous event, so an event of a
ticket cannot be changed, moved, left out or reordered without the chain showing it (evidence.md §2.1).
Does not prove that the whole log was not rewritten: that needs signed tree heads and a witness, which come later;
until then every report says "self-attested".
"""

from __future__ import annotations

import hashlib
import json
import secrets
from typing import TYPE_CHECKING, Any

from rtbf.clock import rfc3339
from rtbf.errors import LedgerBroken
from rtbf.evidence.canonical import canonical_bytes

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

EVENT_VERSION = 1
_NONCE_BYTES = 16
_LEAF_PREFIX = b"\x00"  # RFC 9162 §2.1.1: leaves and inner nodes never hash alike.


def event_leaf(
    *,
    idx: int,
    log: str,
    ticket: str | None,
    previous: bytes | None,
    event_type: str,
    actor_id: str,
    data: dict[str, Any],
    now: datetime,
) -> bytes:
    """Return the canonical bytes of one event; `previous` is the same ticket's last leaf, None for its first.

    `data` holds ids, counts, digests and codes only, never personal data; floats are refused with ValueError.
    """
    event: dict[str, Any] = {
        "actor": {"id": actor_id},
        "data": data,
        "idx": idx,
        "log": log,
        "nonce": secrets.token_hex(_NONCE_BYTES),
        "time": rfc3339(now),
        "type": event_type,
        "v": EVENT_VERSION,
    }
    if ticket is not None:
        event["ticket"] = ticket
        event["tseq"] = 1 if previous is None else json.loads(previous)["tseq"] + 1
        if previous is not None:
            event["tprev"] = leaf_hash(previous)
    return canonical_bytes(event)


def leaf_hash(leaf: bytes) -> str:
    """Return SHA-256(0x00 ‖ leaf) in hexadecimal (RFC 9162 §2.1.1)."""
    return hashlib.sha256(_LEAF_PREFIX + leaf).hexdigest()


def verify_chain(leaves: Iterable[bytes]) -> tuple[int, str]:
    """Return (count, hash of the last leaf) of one ticket's leaves in order; raises LedgerBroken at the first bad link."""
    count, last = 0, ""
    for leaf in leaves:
        if not _follows(leaf, count, last):
            raise LedgerBroken(
                found=f"event {count + 1} of a ticket does not follow the one before it",
                expected="an unbroken chain of hashes",
                remedy="stop using this database and compare it with its last backup: events were changed or lost",
            )
        count, last = count + 1, leaf_hash(leaf)
    return count, last


def _follows(leaf: bytes, count: int, last: str) -> bool:
    """Return whether `leaf` is the event after `count` others, of which the last has the hash `last`."""
    try:
        event = json.loads(leaf)
        is_canonical = canonical_bytes(event) == leaf
    except (ValueError, RecursionError):
        # Whatever an attacker writes into a leaf ends in the one named error, never in a stray one.
        return False
    return is_canonical and isinstance(event, dict) and event.get("tprev", "") == last and event.get("tseq") == count + 1
