"""Follow recorded training data from found records to the models that learned from them.

Says nothing of models whose training data nobody recorded: those come back as `NotSearched`, because "not recorded"
is not "not trained on". A model's own removals and exclusions are taken at their record's word.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rtbf.footprint.record import ModelReached, NotSearched

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from rtbf.footprint.record import Hit
    from rtbf.lm.record import Model

LIVE = "live"
OUT_OF_SCOPE = "outside_ticket_scope"
DATA_UNKNOWN = "training_data_not_recorded"
BASE_UNKNOWN = "base_training_data_not_recorded"
DATA_UNSEARCHED = "training_data_not_searched"

Place = tuple[str, str, str]
"""(corpus, version, record id): the same text in two corpora is two places, and removing one leaves the other."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Lineage:
    """What is known of the models in scope: those reached, and those of which nothing, or not all, can be said."""

    reached: tuple[ModelReached, ...]
    not_searched: tuple[NotSearched, ...]


def versions_learned(models: Sequence[tuple[Model, str]], scope: Collection[str]) -> tuple[str, ...]:
    """Return the digests of all corpus versions that live models in scope, or models they come from, were trained on."""
    known = {model.digest: model for model, _ in models}
    learned = [
        trained.version
        for model in _live_in_scope(models, scope)
        for ancestor, _ in _ancestry(model, known)
        for trained in ancestor.trained_on
    ]
    return tuple(dict.fromkeys(learned))


def models_reached(hits: Sequence[Hit], models: Sequence[tuple[Model, str]], scope: Collection[str], searched: Collection[str]) -> Lineage:
    """Return the live models in scope whose recorded data, or whose ancestors', holds a hit that was not removed since.

    `models` are (model, status) of the whole registry; `scope` holds model names, none meaning every model;
    `searched` the digests of the corpus versions that were read. Order follows `models`.
    """
    known = {model.digest: model for model, _ in models}
    reached: list[ModelReached] = []
    silent: list[NotSearched] = [
        NotSearched(kind="model", name=_label(model), reason=OUT_OF_SCOPE)
        for model, status in models
        if status == LIVE and scope and model.name not in scope
    ]
    for model in _live_in_scope(models, scope):
        reached.extend(_reached(model, hits, known))
        silent.extend(NotSearched(kind="model", name=_label(model), reason=reason) for reason in _unknowns(model, known, searched))
    return Lineage(reached=tuple(reached), not_searched=tuple(silent))


def _live_in_scope(models: Sequence[tuple[Model, str]], scope: Collection[str]) -> Iterator[Model]:
    return (model for model, status in models if status == LIVE and (not scope or model.name in scope))


def _ancestry(model: Model, known: dict[str, Model]) -> Iterator[tuple[Model, tuple[str, ...]]]:
    """Yield the model and every registered ancestor, nearest first, each with the path that leads to it."""
    path: tuple[str, ...] = ()
    seen: set[str] = set()
    current: Model | None = model
    while current is not None and current.digest not in seen:
        yield current, path
        seen.add(current.digest)
        current = None if current.base_digest is None else known.get(current.base_digest)
        if current is not None:
            path = (*path, _label(current))


def _reached(model: Model, hits: Sequence[Hit], known: dict[str, Model]) -> Iterator[ModelReached]:
    removed: set[Place] = set()
    found: dict[tuple[str, str], tuple[set[str], tuple[str, ...]]] = {}
    for ancestor, path in _ancestry(model, known):
        # What was removed from a model was removed from what it had inherited too, not from what its heirs learned later.
        removed |= {(removal.corpus, removal.version, record) for removal in ancestor.removals for record in removal.record_ids}
        for trained in ancestor.trained_on:
            excluded = set(trained.excluded)
            inside = {
                hit.record_id
                for hit in hits
                if hit.version == trained.version
                and hit.record_id not in excluded
                and (hit.corpus, hit.version, hit.record_id) not in removed
            }
            if inside:
                records, first_path = found.setdefault((trained.corpus, trained.version), (set(), path))
                records |= inside
    for (corpus, version), (records, first_path) in found.items():
        yield ModelReached(model=model.name, digest=model.digest, corpus=corpus, version=version, hits=len(records), via=first_path)


def _unknowns(model: Model, known: dict[str, Model], searched: Collection[str]) -> Iterator[str]:
    """Yield why not everything that the model learned from could be looked through."""
    lineage = [ancestor for ancestor, _ in _ancestry(model, known)]
    oldest = lineage[-1]
    if not any(ancestor.trained_on for ancestor in lineage):
        yield DATA_UNKNOWN
    elif not oldest.trained_on or (oldest.base_digest is not None and oldest.base_digest not in known):
        yield BASE_UNKNOWN
    if any(trained.version not in searched for ancestor in lineage for trained in ancestor.trained_on):
        yield DATA_UNSEARCHED


def _label(model: Model) -> str:
    return f"{model.name}@{model.revision}"
