"""Ledger events as bytes: build a leaf, and check one ticket's chain of leaves.

Each event carries its index, the log's name, a nonce, and the hash of the ticket's previous event, so an event of a
ticket cannot be changed, moved, left out or reordered without the chain showing it (evidence.md §2.1).
Does not prove that the whole log was not rewritten: that needs signed tree heads (`rtbf.evidence.log_signer`) that
somebody else has kept.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import secrets
from dataclasses import dataclass
from json.encoder import encode_basestring
from typing import TYPE_CHECKING, Any

from rtbf.clock import rfc3339
from rtbf.errors import LedgerBroken
from rtbf.evidence.canonical import canonical_bytes

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

EVENT_VERSION = 1
_NONCE_BYTES = 16
_LEAF_PREFIX = b"\x00"  # RFC 9162 §2.1.1: leaves and inner nodes never hash alike.
_text = encode_basestring
"""A string as RFC 8785 §3.2.2.2 writes it; a hypothesis test compares whole leaves with `canonical_bytes`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Link:
    """Where a ticket's chain ends: its last event's number in the chain, and that leaf's hash in hexadecimal."""

    seq: int
    hash: str


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
    link = None if previous is None else Link(seq=json.loads(previous)["tseq"], hash=leaf_hash(previous))
    return splice_leaf(
        idx=idx, log=log, ticket=ticket, link=link, event_type=event_type, actor_id=actor_id, data=canonical_bytes(data),
        nonce=new_nonce(), time=rfc3339(now),
    )  # fmt: skip


def new_nonce() -> str:
    """Return 128 random bits in hexadecimal: a neighbour's hash in a proof cannot be guessed back to its event."""
    return secrets.token_hex(_NONCE_BYTES)


def splice_leaf(
    *,
    idx: int,
    log: str,
    ticket: str | None,
    link: Link | None,
    event_type: str,
    actor_id: str,
    data: bytes,
    nonce: str,
    time: str,
) -> bytes:
    """Return the same bytes around a `data` that is canonical already: RFC 8785 sorts keys, and these are known.

    The sequencer builds a thousand leaves at a time, and a canonicaliser in Python would be most of its work.
    A `link` without a ticket is of no chain and is left out. ValueError for text that has no UTF-8.
    """
    chain, number = "", ""
    if ticket is not None:
        chain = f'"ticket":{_text(ticket)},'
        number = '"tseq":1,' if link is None else f'"tprev":"{link.hash}","tseq":{link.seq + 1},'
    head = f'{{"actor":{{"id":{_text(actor_id)}}},"data":'
    tail = (
        f',"idx":{idx},"log":{_text(log)},"nonce":{_text(nonce)},{chain}"time":{_text(time)},{number}'
        f'"type":{_text(event_type)},"v":{EVENT_VERSION}}}'
    )
    return b"".join((head.encode(), data, tail.encode()))


def splice_told(*, idx: int, ticket: str | None, event_type: str, time: str, told: Mapping[str, Any]) -> bytes:
    """Return the canonical bytes of what is told outside of one event; `told` is the part of its data that may leave."""
    known = ",".join(f"{_text(key)}:{_value(told[key])}" for key in sorted(told))
    place = "null" if ticket is None else _text(ticket)
    return f'{{"data":{{{known}}},"idx":{idx},"ticket":{place},"time":{_text(time)},"type":{_text(event_type)}}}'.encode()


def leaf_hash(leaf: bytes) -> str:
    """Return SHA-256(0x00 ‖ leaf) in hexadecimal (RFC 9162 §2.1.1)."""
    return hashlib.sha256(_LEAF_PREFIX + leaf).hexdigest()


def log_of(leaf: bytes) -> str:
    """Return the ledger's name inside a leaf; raises LedgerBroken when it is none that was made here."""
    name: Any = None
    with contextlib.suppress(ValueError, RecursionError, KeyError, TypeError):
        name = json.loads(leaf)["log"]
    if not isinstance(name, str):
        raise LedgerBroken(
            found="an event that does not say which ledger it is of", expected="an event as it was written",
            remedy="stop using this database and compare it with its last backup: events were changed",
        )  # fmt: skip
    return name


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


def _value(value: Any) -> str:  # noqa: ANN401 - any JSON value
    return _text(value) if isinstance(value, str) else canonical_bytes(value).decode()


def _follows(leaf: bytes, count: int, last: str) -> bool:
    """Return whether `leaf` is the event after `count` others, of which the last has the hash `last`."""
    try:
        event = json.loads(leaf)
        is_canonical = canonical_bytes(event) == leaf
    except (ValueError, RecursionError):
        # Whatever an attacker writes into a leaf ends in the one named error, never in a stray one.
        return False
    return is_canonical and isinstance(event, dict) and event.get("tprev", "") == last and event.get("tseq") == count + 1
