"""What this report does not settle, in words: the kinds of residuals, and those that follow from plan and footprint alone.

Pure. Whether a residual was dealt with afterwards is not here: the report says how things stood when it was issued.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rtbf.report.lawful import NO_DATE, NOT_ASSIGNED, Residual

if TYPE_CHECKING:
    from datetime import date

    from rtbf.footprint.record import Footprint
    from rtbf.plan.record import Plan

RESIDUALS: dict[str, tuple[str, str]] = {
    "model_not_changed": ("Model", "reached by the footprint and not changed by this plan"),
    "earlier_weights": (
        "Earlier weights of",
        "the weights before unlearning still hold what they held, until every copy of them is destroyed",
    ),
    "source_records": ("Records in", "found there; this report does not show their deletion at the source"),
    "own_copies": (
        "Our own copies:",
        "index entries, score caches, sealed items and training checkpoints of this ticket remain until they are purged",
    ),
    "hold": ("Under a hold:", "must be kept for legal proceedings or an authority until the hold ends"),
    "backup_retention": ("Backups:", "backup copies stay until they are overwritten"),
    "awaiting_retrain": ("Waiting to be retrained:", "stays in use until it is trained again"),
    "recipient_silent": ("Recipient:", "received the material and has not confirmed yet what was done about it"),
    "provider_no_api": ("Held by a provider:", "the provider has no way to delete it on request"),
    "shared_with_others": ("Shared with others:", "the same passage is also about other people"),
    "measured_above_threshold": ("Still measurable:", "the tests still find traces of it"),
    "exempt": ("Kept:", "kept for a reason that the law allows"),
}
"""Kind → how its line begins in print, and why it is not settled."""


def residual(kind: str, name: str, owner_id: str | None, due_on: date | None) -> Residual:
    """Return a residual with the words of its kind; an owner or a date that is missing is said, not left out."""
    known = RESIDUALS.get(kind)
    return Residual(
        kind=kind,
        name=name,
        detail=kind.replace("_", " ") if known is None else known[1],
        owner=owner_id or NOT_ASSIGNED,
        due_on=NO_DATE if due_on is None else due_on.isoformat(),
    )


def derived_residuals(plan: Plan, footprint: Footprint) -> tuple[tuple[str, str], ...]:
    """Return (kind, name) of what is left over after any run of this plan, so that nobody takes silence for absence.

    Every report names each of these; whoever fills the case gives them an owner and a date.
    """
    found = [("model_not_changed", name) for name in plan.left_out_models]
    found.append(("earlier_weights", plan.model))
    found += [("source_records", f"{searched.corpus} {searched.version}") for searched in footprint.searched if searched.hits]
    found.append(("own_copies", plan.ticket_id))
    return tuple(found)
