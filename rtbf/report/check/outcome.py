"""What the offline checker says: its steps, its outcome, and how both are printed. Standard library only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from rtbf.errors import EvidenceRefused

EXIT_CODES = {"ok": 0, "bad": 1, "cannot decide": 3}


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """One numbered check. `detail` says what was seen; for a step that was not decided, why not."""

    number: int
    name: str
    status: Literal["ok", "failed", "not decided"]
    detail: str


@dataclass(frozen=True, kw_only=True, slots=True)
class CheckOutcome:
    """What the checker found. `verdict`, `award` (the class) and `claim` are filled only when signature, key and content hold."""

    status: Literal["ok", "bad", "cannot decide"]
    steps: tuple[Step, ...]
    envelope_sha256: str
    signed_by: str | None
    report_id: str | None
    ticket_id: str | None
    issued_at: str | None
    verdict: str | None
    award: str | None
    claim: str | None
    refusal: EvidenceRefused | None


def outcome_as_json(outcome: CheckOutcome) -> dict[str, Any]:
    """Return the outcome as one JSON object."""
    steps = [{"number": step.number, "name": step.name, "status": step.status, "detail": step.detail} for step in outcome.steps]
    return {
        "status": outcome.status, "steps": steps, "envelope_sha256": outcome.envelope_sha256, "signed_by": outcome.signed_by,
        "report_id": outcome.report_id, "ticket_id": outcome.ticket_id, "issued_at": outcome.issued_at,
        "verdict": outcome.verdict, "class": outcome.award, "claim": outcome.claim,
    }  # fmt: skip


def outcome_as_text(outcome: CheckOutcome) -> str:
    """Return the outcome as lines for a terminal, without control characters."""
    lines = [f"{step.number} {step.name:<10} {step.status:<12} {step.detail}" for step in outcome.steps]
    lines += ["", f"envelope   sha256:{outcome.envelope_sha256}"]
    if outcome.verdict is not None:
        lines += [f"report     {outcome.report_id} on ticket {outcome.ticket_id}, issued {outcome.issued_at}"]
        lines += [f"verdict    {outcome.verdict}", f"class      {outcome.award}", f"claim      {outcome.claim}"]
    lines += [f"result     {outcome.status}"]
    # What is printed came from outside: no control character reaches the terminal.
    return "\n".join("".join(mark if mark.isprintable() else "?" for mark in line) for line in lines)
