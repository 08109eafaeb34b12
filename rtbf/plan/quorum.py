"""How many people must approve a plan: two when it changes a base model, since whatever was made from it is touched too.

A base model is one that is not itself fine-tuned from another, as far as is recorded, or one from which other
registered models were made. What is not recorded counts as base: unknown asks for more care, not for less.
Source: specs/domain.md §2, guard 9.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rtbf.lm.record import Model


@dataclass(frozen=True, kw_only=True, slots=True)
class Quorum:
    """The number of approvers and, as one sentence of the plan, why."""

    approvers: int
    reason: str


def quorum_for(model: Model, models: Sequence[Model], *, changes_model: bool) -> Quorum:
    """Return the quorum of a plan for `model`; `models` is the whole registry.

    changes_model   False for a method that leaves weights and serving as they are
    """
    if not changes_model:
        return Quorum(approvers=1, reason="One approver: the plan changes no model.")
    known = {entry.digest: entry for entry in models}
    root = _trained(model, known)
    if root is None:
        return Quorum(approvers=2, reason="Two approvers: what the model was made from is not registered, so it counts as a base model.")
    if root.base_digest is None:
        how = "trained from scratch" if root.origin == "trained" else "added without a declared base"
        return Quorum(approvers=2, reason=f"Two approvers: a base model, {how}, is changed.")
    made_from_it = {entry.name for entry in models if _is_made_from(entry, root, known)}
    if made_from_it:
        return Quorum(approvers=2, reason=f"Two approvers: {len(made_from_it)} other registered model(s) were made from this one.")
    return Quorum(approvers=1, reason="One approver: the model is fine-tuned from another, and no registered model was made from it.")


def _trained(model: Model, known: Mapping[str, Model]) -> Model | None:
    """Follow unlearned revisions back to the model they came from; None when that is not registered, or never ends."""
    seen: set[str] = set()
    current: Model | None = model
    while current is not None and current.origin == "unlearned":
        if current.base_digest is None or current.digest in seen:
            return None
        seen.add(current.digest)
        current = known.get(current.base_digest)
    return current


def _is_made_from(entry: Model, root: Model, known: Mapping[str, Model]) -> bool:
    """Return whether `entry` was fine-tuned from `root` or one of its unlearned revisions; these themselves are no others."""
    if entry.origin == "unlearned" or entry.base_digest is None or entry.base_digest not in known:
        return False
    base = _trained(known[entry.base_digest], known)
    return base is not None and base.digest == root.digest
