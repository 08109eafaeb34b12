"""The log of a shard's training: who took part in each step, by keyed hash, and the state after each slice; each line names the one before.

A line can neither be changed nor left out without breaking every later one, and the last one's hash stands in the shards' state.
Who holds the family's key can recompute from a list of records who must have taken part, and compare; without it the log says
nothing of anybody. It is the operator's own word: a log that was made up whole would hold as well.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rtbf.errors import ArtefactMismatch
from rtbf.evidence.canonical import canonical_bytes, digest_bytes
from rtbf.lm.recipes.sharded.keys import prf

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, kw_only=True, slots=True)
class LoggedSlice:
    """What the log says of one slice: the hash of those who took part in each of its steps, its end state, and the last line's hash."""

    took: tuple[str, ...]
    state: str
    head: str


def took_hash(key: bytes, step: int, record_ids: Sequence[str]) -> str:
    """Return the keyed hash of the records that take part in a step, in their order."""
    return prf(key, b"took", step.to_bytes(8), *(record_id.encode() for record_id in record_ids)).hex()


def write_slice(previous: str, first_step: int, took: Sequence[tuple[int, str]], state: str) -> tuple[bytes, str]:
    """Return the lines of one slice and the hash of the last.

    previous   hash of the line before, or for the first slice the digest of the training's terms
    took       (how many took part, their hash) of each step
    """
    lines: list[bytes] = []
    entries: list[dict[str, Any]] = [
        {"step": first_step + place, "records": count, "took": hashed} for place, (count, hashed) in enumerate(took)
    ]
    for entry in [*entries, {"state": state}]:
        lines.append(canonical_bytes({**entry, "previous": previous}))
        previous = digest_bytes(lines[-1])
    return b"".join(line + b"\n" for line in lines), previous


def read_slice(content: bytes, previous: str, first_step: int, steps: int) -> LoggedSlice:
    """Return what the lines of one slice say; raises ArtefactMismatch when one is missing, changed, or out of its place."""
    *lines, rest = content.split(b"\n")
    took: list[str] = []
    state: str | None = None
    try:
        for place, line in enumerate(lines):
            entry = json.loads(line)
            is_step = place < steps
            names = {"step", "records", "took", "previous"} if is_step else {"state", "previous"}
            if set(entry) != names or entry["previous"] != previous or (is_step and entry["step"] != first_step + place):
                raise _broken(first_step + place)
            if is_step:
                took.append(str(entry["took"]))
            else:
                state = str(entry["state"])
            previous = digest_bytes(line)
    except (ValueError, TypeError, KeyError) as refused:
        raise _broken(first_step + len(took)) from refused
    if rest or len(lines) != steps + 1 or state is None:
        raise _broken(first_step + len(took))
    return LoggedSlice(took=tuple(took), state=state, head=previous)


def _broken(step: int) -> ArtefactMismatch:
    return ArtefactMismatch(
        found=f"a training log that does not hold at step {step}",
        expected="every step in its order, each line naming the hash of the one before",
        remedy="restore the family's folder under shards/ from a backup, or retrain in full; nothing was changed",
    )
