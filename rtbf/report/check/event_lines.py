"""Read a ledger's events as they were written: one canonical JSON object each, of exactly the known fields. Faults are ValueErrors."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from rtbf.evidence.canonical import canonical_bytes
from rtbf.evidence.ledger import EVENT_VERSION, leaf_hash
from rtbf.evidence.strict_json import read_strict_json
from rtbf.report.approvals import exact_instant

MAX_EVENT_BYTES = 65_535
"""The limit of an entry in C2SP tlog-tiles."""
MAX_EVENTS = 20_000
_FIELDS = frozenset({"actor", "data", "idx", "log", "nonce", "ticket", "time", "tseq", "type", "v"})
_TYPE = re.compile(r"[a-z_]{1,40}\.[a-z_]{1,40}")
_NONCE = re.compile(r"[0-9a-f]{32}")
_HASH = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Event:
    """One event of a ticket. `hash` is SHA-256(0x00 ‖ leaf) in hexadecimal; `previous` that of the ticket's event before, if any."""

    raw: bytes
    hash: str
    idx: int
    log: str
    ticket_id: str
    seq: int
    previous: str | None
    type: str
    actor_id: str
    time: str
    data: dict[str, Any]


def read_lines(raw: bytes) -> tuple[Event, ...]:
    """Return the events in `raw`, one on each line; raises ValueError naming the first line that is none."""
    lines = raw.split(b"\n")
    if lines.pop() != b"" or not lines:
        raise ValueError("no events, or a last line without its end")
    if len(lines) > MAX_EVENTS:
        raise ValueError(f"{len(lines)} events; {MAX_EVENTS} at most")
    events = []
    for number, line in enumerate(lines, start=1):
        try:
            events.append(read_event(line))
        except ValueError as refused:
            raise ValueError(f"line {number}: {refused}") from None
    return tuple(events)


def read_event(leaf: bytes) -> Event:
    """Return the event in one leaf of a ticket; raises ValueError."""
    value = read_strict_json(leaf, MAX_EVENT_BYTES)
    if not isinstance(value, dict) or set(value) - {"tprev"} != _FIELDS:
        raise ValueError("no event of a ticket: other fields than one has")
    if canonical_bytes(value) != leaf:
        raise ValueError("an event that is not in canonical form")
    texts = [value[name] for name in ("log", "nonce", "ticket", "time", "type")]
    actor, data = value["actor"], value["data"]
    if not all(isinstance(text, str) for text in texts) or not isinstance(actor, dict) or not isinstance(data, dict):
        raise ValueError("an event with a field of another type")
    if set(actor) != {"id"} or not isinstance(actor["id"], str):
        raise ValueError("an event whose actor is not exactly an id")
    # bool is an int to Python and not to JSON.
    if any(type(value[name]) is not int or value[name] < least for name, least in (("idx", 0), ("tseq", 1), ("v", EVENT_VERSION))):
        raise ValueError("an event whose place is no number")
    if value["v"] != EVENT_VERSION:
        raise ValueError("an event of a version unknown here")
    previous = value.get("tprev")
    if (value["tseq"] > 1) != ("tprev" in value) or ("tprev" in value and not _is_hash(previous)):
        raise ValueError("an event without the hash of the one before it, or a first one with it")
    if not _TYPE.fullmatch(value["type"]) or not _NONCE.fullmatch(value["nonce"]):
        raise ValueError("an event whose type or nonce is not well-formed")
    exact_instant(value["time"])
    return Event(
        raw=leaf, hash=leaf_hash(leaf), idx=value["idx"], log=value["log"], ticket_id=value["ticket"], seq=value["tseq"],
        previous=previous, type=value["type"], actor_id=actor["id"], time=value["time"], data=data,
    )  # fmt: skip


def _is_hash(value: Any) -> bool:  # noqa: ANN401 - untrusted JSON
    return isinstance(value, str) and _HASH.fullmatch(value) is not None
