"""What the offline checker says: its steps, its outcome, and how both are printed. Standard library only."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from rtbf.clock import rfc3339
from rtbf.evidence.strict_base64 import base64_text

if TYPE_CHECKING:
    from datetime import datetime

    from rtbf.errors import EvidenceRefused
    from rtbf.evidence.tree_head import TreeHead

EXIT_CODES = {"ok": 0, "bad": 1, "cannot decide": 3}
Kind: TypeAlias = Literal["report", "bundle", "receipt"]
MAX_WIDTH = 118
"""Longer lines are hard to read; a narrower terminal is kept to."""
_MIN_WIDTH = 60


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """One numbered check. `detail` says what was seen; for a step that was not decided, why not."""

    number: int
    name: str
    status: Literal["ok", "failed", "not decided"]
    detail: str


@dataclass(frozen=True, kw_only=True, slots=True)
class CheckOutcome:
    """What the checker found. `verdict`, `award` (the class) and `claim` are filled only when nothing was refused.

    root           the key id of the trust file's root; None for an unsigned or unusable trust file
    proven_at      when an outside authority saw the envelope; None when that was not shown
    head           the tree head that the events were checked against; None when there was none, or it did not hold
    superseded_by  a later report that the ledger in the bundle names in this one's place
    remarks        what is no fault and should be known
    """

    kind: Kind
    status: Literal["ok", "bad", "cannot decide"]
    steps: tuple[Step, ...]
    envelope_sha256: str | None
    root: str | None
    signed_by: str | None
    report_id: str | None
    ticket_id: str | None
    issued_at: str | None
    proven_at: datetime | None
    head: TreeHead | None
    verdict: str | None
    award: str | None
    claim: str | None
    superseded_by: str | None
    remarks: tuple[str, ...]
    refusal: EvidenceRefused | None


def outcome_as_json(outcome: CheckOutcome) -> dict[str, Any]:
    """Return the outcome as one JSON object."""
    steps = [{"number": step.number, "name": step.name, "status": step.status, "detail": step.detail} for step in outcome.steps]
    head = outcome.head
    return {
        "kind": outcome.kind, "status": outcome.status, "result": result_line(outcome), "steps": steps,
        "envelope_sha256": outcome.envelope_sha256, "root": outcome.root, "signed_by": outcome.signed_by,
        "report_id": outcome.report_id, "ticket_id": outcome.ticket_id, "issued_at": outcome.issued_at,
        "proven_at": None if outcome.proven_at is None else rfc3339(outcome.proven_at),
        "head": None if head is None else {"log": head.origin, "size": head.size, "root": base64_text(head.root)},
        "verdict": outcome.verdict, "class": outcome.award, "claim": outcome.claim,
        "superseded_by": outcome.superseded_by, "remarks": list(outcome.remarks),
    }  # fmt: skip


def result_line(outcome: CheckOutcome) -> str:
    """Return the outcome in one sentence: what holds, what was not decided, and what stands in this report's place."""
    held = sum(step.status == "ok" for step in outcome.steps)
    open_steps = [step.name for step in outcome.steps if step.status == "not decided"]
    if outcome.refusal is not None:
        word = "did not hold" if outcome.status == "bad" else "could not be decided"
        return f"{outcome.status}: step '{outcome.refusal.step}' {word}"
    counted = f"{held} of {len(outcome.steps)} steps hold"
    counted += f", {len(open_steps)} not decided ({', '.join(open_steps)})" if open_steps else ""
    if outcome.superseded_by is not None:
        return f"{outcome.status}, but SUPERSEDED by {outcome.superseded_by}: {counted}"
    return f"{outcome.status}: {counted}"


def outcome_as_text(outcome: CheckOutcome, width: int = MAX_WIDTH) -> str:
    """Return the outcome as lines of up to `width` characters, without control characters; the result is the last one."""
    width = max(_MIN_WIDTH, min(width, MAX_WIDTH))
    lines: list[str] = []
    for step in outcome.steps:
        lines += _hanging(width, f"{step.number:>2}  {step.name:<10} {step.status:<12} ", step.detail)
    lines += [""]
    if outcome.root is not None:
        lines += _field(width, "root", outcome.root)
    if outcome.envelope_sha256 is not None:
        lines += _field(width, "envelope", f"sha256:{outcome.envelope_sha256}")
    if outcome.report_id is not None:
        lines += _field(width, "report", f"{outcome.report_id} on ticket {outcome.ticket_id}")
        proven = "no outside proof of the time" if outcome.proven_at is None else f"seen by an authority at {rfc3339(outcome.proven_at)}"
        lines += _field(width, "issued", f"{outcome.issued_at} by its signer's clock; {proven}")
    if outcome.head is not None:
        lines += _field(width, "ledger", f"{outcome.head.origin}, {outcome.head.size} leaves, root {base64_text(outcome.head.root)}")
    if outcome.verdict is not None:
        lines += [
            *_field(width, "verdict", outcome.verdict),
            *_field(width, "class", str(outcome.award)),
            *_field(width, "claim", str(outcome.claim)),
        ]
    for remark in outcome.remarks:
        lines += _field(width, "remark", remark)
    if outcome.refusal is not None:
        lines += _field(width, "what to do", outcome.refusal.remedy)
    lines += [f"result     {result_line(outcome)}"]
    # What is printed came from outside: no control character reaches the terminal.
    return "\n".join("".join(mark if mark.isprintable() else "?" for mark in line) for line in lines)


def _field(width: int, name: str, words: str) -> list[str]:
    return _hanging(width, f"{name:<11}", words)


def _hanging(width: int, head: str, words: str) -> list[str]:
    """Return `words` after `head`, going on under their own beginning; what cannot be broken stays whole."""
    room = textwrap.wrap(words, width - len(head), break_long_words=False, break_on_hyphens=False) or [""]
    return [head + room[0], *(" " * len(head) + line for line in room[1:])]
