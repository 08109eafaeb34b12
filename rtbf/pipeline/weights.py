"""The candidate weights of a ticket's newest attempt: released, or rejected."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rtbf.store import registry
from rtbf.store.records import newest_record
from rtbf.unlearn.record import FULL_WEIGHTS, Unlearned

if TYPE_CHECKING:
    from sqlalchemy.orm import Session


def set_candidate(session: Session, ticket_id: str, status: registry.ModelStatus) -> None:
    """Give the newest attempt's candidate weights, if it made any, their new status.

    Weights that are no candidate any more keep theirs: a rejected attempt is never served because its ticket closes, and
    weights that were released are not taken out of service because it is opened again.
    """
    unlearned = newest_record(session, ticket_id, Unlearned)
    if unlearned is None or unlearned.kind not in FULL_WEIGHTS:
        return
    candidate = registry.model_with_digest(session, unlearned.artefact_digest)
    if candidate.status == "candidate":
        registry.set_model_status(session, candidate.model.name, candidate.model.revision, status)
