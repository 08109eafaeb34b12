"""What the plan points at, found again by digest: the original, its corpus, its controls, and the records of a set."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rtbf.corpora.reading import read_records, read_selected
from rtbf.foundry.controls import control_model
from rtbf.lm.recipes.plain import Base
from rtbf.plan.run import Selection
from rtbf.store import registry

if TYPE_CHECKING:
    from pathlib import Path

    from rtbf.corpora.corpus import CorpusEntry, Record
    from rtbf.installation import Installation
    from rtbf.lm.record import Model
    from rtbf.plan.record import Plan, RecordSet
    from rtbf.progress import Progress
    from rtbf.unlearn.record import Unlearned


def original_of(installation: Installation, plan: Plan) -> tuple[Path, CorpusEntry]:
    """Return the folder of the model that the plan changes, and the corpus version it was trained on."""
    with installation.transaction() as session:
        registered = registry.model_with_digest(session, plan.model_digest)
        entry = registry.corpus_version(session, plan.forget.version)
    return installation.home.resolved(registered.location), entry


def selected_records(installation: Installation, entry: CorpusEntry, chosen: RecordSet) -> tuple[Record, ...]:
    """Return the chosen records in their order."""
    return read_selected(entry, installation.home.resolved, chosen.record_ids)


def unlearned_ids(plan: Plan, unlearned: Unlearned) -> tuple[str, ...]:
    """Return the forget records that were in fact unlearned, in the plan's order."""
    withheld = set(unlearned.withheld)
    return tuple(record_id for record_id in plan.forget.record_ids if record_id not in withheld)


def earlier_records(installation: Installation, model: Model, entry: CorpusEntry) -> tuple[Record, ...]:
    """Return the records that earlier tickets removed from these weights, as far as this corpus version still has them."""
    removed = {record_id for removal in model.removals if removal.version == entry.version.digest for record_id in removal.record_ids}
    if not removed:
        return ()
    return tuple(record for record in read_records(entry, installation.home.resolved) if record.record_id in removed)


def control_of(
    installation: Installation,
    ticket_id: str,
    plan: Plan | Selection,
    original: Path,
    entry: CorpusEntry,
    number: int,
    progress: Progress,
    model: Model | None = None,
) -> tuple[Path, str, int]:
    """Return (folder, digest, seed) of the plan's control `number`, made when it is not there yet."""
    if model is None:
        assert not isinstance(plan, Selection)
        with installation.transaction() as session:
            model = registry.model_with_digest(session, plan.model_digest).model
    base = base_of(installation, model)
    without = sorted({*plan.forget.record_ids, *records_gone(model, plan.forget.version)})
    return control_model(installation, model, original, entry, without, ticket_id, number, base=base, progress=progress)


def base_of(installation: Installation, model: Model) -> Base | None:
    """Return the folder and digest of what the model's recipe started from; None when that was nothing."""
    with installation.transaction() as session:
        started_from = registry.fine_tuning_base(session, model)
    if started_from is None:
        return None
    return Base(folder=installation.home.resolved(started_from.location), digest=started_from.model.digest)


def records_gone(model: Model, version: str) -> set[str]:
    """Return the records of a corpus version that are not, or no longer, in the weights by the lineage's word."""
    gone = {record_id for trained in model.trained_on if trained.version == version for record_id in trained.excluded}
    return gone | {record_id for removal in model.removals if removal.version == version for record_id in removal.record_ids}
