"""The candidate weights of a ticket's newest attempt: released, or rejected."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rtbf.errors import IllegalMove
from rtbf.store import registry
from rtbf.store.records import newest_record
from rtbf.unlearn.record import FULL_WEIGHTS, Unlearned

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from rtbf.lm.record import Model


def set_candidate(session: Session, ticket_id: str, status: registry.ModelStatus) -> None:
    """Give the newest attempt's candidate weights, if it made any, their new status.

    Weights that are no candidate any more keep theirs: a rejected attempt is never served because its ticket closes, and
    weights that were released are not taken out of service because it is opened again.
    Raises IllegalMove for a release that would bring back what was removed from the served weights since these were made.
    """
    unlearned = newest_record(session, ticket_id, Unlearned)
    if unlearned is None or unlearned.kind not in FULL_WEIGHTS:
        return
    candidate = registry.model_with_digest(session, unlearned.artefact_digest)
    if candidate.status == "candidate":
        if status == "live":
            _require_no_return(session, candidate.model)
        registry.set_model_status(session, candidate.model.name, candidate.model.revision, status)


def _require_no_return(session: Session, candidate: Model) -> None:
    """Return when the candidate lacks all that the served revision lacks; raises IllegalMove otherwise."""
    served = [one.model for one in registry.all_models(session) if one.model.name == candidate.name and one.status == "live"]
    gone = {removal.ticket_id for model in served for removal in model.removals}
    back = gone - {removal.ticket_id for removal in candidate.removals}
    if back:
        raise IllegalMove(
            found=f"weights that were made before the records of {len(back)} other ticket(s) were removed from {candidate.name}",
            expected="weights without them: released, these would bring them back",
            remedy="plan again, now from the served revision: `rtbf footprint TICKET --again`, then `rtbf plan TICKET`",
        )
