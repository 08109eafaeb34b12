"""What a new training may not use while tickets are open (GDPR Art. 18(1)), read for whoever trains."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rtbf.store import registry
from rtbf.store.restrictions import restricted_records, unsearched_tickets

if TYPE_CHECKING:
    from rtbf.installation import Installation


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainingRestriction:
    """What `rtbf.foundry.train_model` has to be handed.

    restricted   by corpus version, the records that open tickets were found in
    unsearched   open tickets of identified persons that were not yet searched in the corpus's current version
    """

    restricted: dict[str, frozenset[str]]
    unsearched: tuple[str, ...]


def training_restriction(installation: Installation, corpus: str) -> TrainingRestriction:
    """Return what restricts a training on the current version of `corpus`, as of now; raises UnknownName for the corpus.

    A ticket that comes in while a model is being trained does not reach that training; its own footprint finds the model.
    """
    with installation.transaction() as session:
        current = registry.current_corpus(session, corpus).version.digest
        return TrainingRestriction(restricted=restricted_records(session), unsearched=unsearched_tickets(session, current))
