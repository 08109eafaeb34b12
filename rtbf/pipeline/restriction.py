"""What a new training may not use, read for whoever trains.

Records of open tickets (GDPR Art. 18(1)), and of people who were kept out for good when their ticket was fulfilled.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rtbf.pipeline.suppression import left_out
from rtbf.store import registry
from rtbf.store.restrictions import restricted_records, unsearched_tickets

if TYPE_CHECKING:
    from rtbf.installation import Installation


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainingRestriction:
    """What `rtbf.foundry.training.train_model` has to be handed.

    restricted   by corpus version, the records that open tickets were found in or that the suppression list drops
    unsearched   open tickets of identified persons that were not yet searched in the corpus's current version
    quarantined  how many records of the current version hold a name, or another weak sign, of somebody on the list: they
                 are trained on, since they may be a namesake's, unless a person takes them out
    """

    restricted: dict[str, frozenset[str]]
    unsearched: tuple[str, ...]
    quarantined: int


def training_restriction(installation: Installation, corpus: str) -> TrainingRestriction:
    """Return what restricts a training on the current version of `corpus`, as of now.

    Raises UnknownName for the corpus, SuppressionKeyUnavailable when the list cannot be read, CorpusChanged. A ticket
    that comes in while a model is being trained does not reach that training; its own footprint finds the model.
    """
    with installation.transaction() as session:
        current = registry.current_corpus(session, corpus).version.digest
        restricted, unsearched = restricted_records(session), unsearched_tickets(session, current)
    listed = left_out(installation, corpus)
    restricted[listed.version] = restricted.get(listed.version, frozenset()) | listed.record_ids
    return TrainingRestriction(restricted=restricted, unsearched=unsearched, quarantined=listed.quarantined)
