"""Train a model of the owner's and register it, with its lineage and ledger event, in one transaction.

A training that is killed continues from its checkpoint; until it is finished nothing is registered.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rtbf.corpora.reading import read_records
from rtbf.errors import BadInput, TrainingRestricted, UnknownName
from rtbf.foundry.recipes import TrainingWork, recipe_named
from rtbf.lm.digest import digest_of_files, list_files
from rtbf.lm.folder import admit_model_folder
from rtbf.lm.load import environment, prepare_torch
from rtbf.lm.recipes.plain import Base
from rtbf.lm.record import Model, TrainedOn
from rtbf.progress import Progress, silent
from rtbf.store import registry
from rtbf.store.actors import actor_id_for
from rtbf.store.events import append_event

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from rtbf.installation import Installation

_NAMED_TICKETS = 5


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainingRequest:
    """What `rtbf model train` was asked for. `base` is a registered model's name or a folder; None trains from scratch.

    preset   of recipe plain; the others have none
    """

    name: str
    corpus: str
    preset: str
    overrides: dict[str, str]
    base: str | None
    seed: int
    recipe: str = "plain"


def train_model(
    installation: Installation,
    request: TrainingRequest,
    actor: str,
    *,
    restricted: Mapping[str, Collection[str]],
    unsearched: Sequence[str],
    threads: int,
    progress: Progress = silent,
) -> Model:
    """Train a model on the current version of a corpus, register it as live, and return its record.

    restricted   by corpus version, the records that open tickets are about: they are left out, and the lineage says so
    unsearched   open tickets of identified persons that were not yet searched in the corpus's current version

    Raises TrainingRestricted while there is an unsearched ticket, or when the restriction leaves no record.
    Source: GDPR Art. 18(1), restriction while a request is open.
    """
    _require_searched(request.corpus, unsearched)
    prepare_torch(threads)
    recipe = recipe_named(request.recipe)
    parameters = recipe.parameters(request.preset, request.overrides)
    with installation.transaction() as session:
        entry = registry.current_corpus(session, request.corpus)
        revision = registry.next_revision(session, request.name)
        base = _base_of(installation, request, registry.all_models(session))
    left_out = set(restricted.get(entry.version.digest, ()))
    everything = list(read_records(entry, installation.home.resolved, progress))
    records = [record for record in everything if record.record_id not in left_out]
    excluded = tuple(record.record_id for record in everything if record.record_id in left_out)
    if excluded and not records:
        raise TrainingRestricted(
            found=f"a corpus whose {len(excluded)} record(s) are all restricted by open tickets",
            expected="at least one record that no open ticket is about",
            remedy="train when those tickets are closed; see `rtbf list`",
        )
    target = installation.home.models / f"{request.name}-{revision}"
    states = installation.home.models / f".{request.name}-{revision}.checkpoint"
    recorded = recipe.train(
        TrainingWork(
            installation=installation,
            records=records,
            parameters=parameters,
            seed=request.seed,
            base=base,
            target=target,
            states=states,
            progress=progress,
        )
    )
    shutil.rmtree(states, ignore_errors=True)
    files = list_files(target)
    own = TrainedOn(corpus=entry.version.name, version=entry.version.digest, records=len(records), excluded=excluded, confidence="recorded")
    model = Model(
        name=request.name,
        revision=revision,
        digest=digest_of_files(files),
        origin="trained",
        recipe=recorded,
        seed=request.seed,
        trained_on=(own,),
        base_digest=None if base is None else base.digest,
        removals=(),
        files=files,
        environment=environment(),
    )
    now = installation.clock()
    with installation.transaction() as session:
        registry.save_model(session, model, installation.home.stored_form(target), "live", now)
        data = {
            "model": model.digest, "corpus": entry.version.digest, "records": len(records), "excluded": len(excluded), "revision": revision,
        }  # fmt: skip
        actor_id = actor_id_for(session, actor, now)
        append_event(session, ticket_id=None, event_type="model.trained", actor_id=actor_id, data=data, now=now)
    return model


def _require_searched(corpus: str, unsearched: Sequence[str]) -> None:
    if unsearched:
        named = ", ".join(unsearched[:_NAMED_TICKETS]) + (", …" if len(unsearched) > _NAMED_TICKETS else "")
        raise TrainingRestricted(
            found=f"{len(unsearched)} open ticket(s) not yet searched in the current version of corpus {corpus} ({named})",
            expected="every open ticket of an identified person located there, so that its records can be left out",
            remedy=f"locate it first: `rtbf footprint {unsearched[0]} --again`",
        )


def _base_of(installation: Installation, request: TrainingRequest, models: Sequence[registry.RegisteredModel]) -> Base | None:
    """Return the folder and digest of the registered model to fine-tune, or None to train from scratch."""
    if request.base is None:
        return None
    for registered in models:
        if registered.model.name == request.base and registered.status == "live":
            return Base(folder=installation.home.resolved(registered.location), digest=registered.model.digest)
    folder = Path(request.base)
    if not folder.is_dir():
        raise UnknownName("model", request.base, {registered.model.name for registered in models}, "rtbf model list")
    files = admit_model_folder(folder)
    digest = digest_of_files(files)
    if digest not in {registered.model.digest for registered in models}:
        raise BadInput(
            found=f"a base folder that is not registered ({digest})",
            expected="a registered model, so that its own training data has a place in the lineage",
            remedy=f"`rtbf model add {folder} --name NAME` first (with --trained-on CORPUS if you know it)",
        )
    return Base(folder=folder.resolve(), digest=digest)
