"""Where models are made: the owner's, by `rtbf model train`, and the never-shown controls of a ticket, by the same recipe.

A training that is killed continues from its checkpoint; a finished one is registered with its lineage and ledger event
in one transaction. Controls are kept with the ticket's artefacts, named by what they were made from, and made once.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rtbf.corpora.reading import read_records
from rtbf.errors import BadInput, TrainingRestricted, UnknownName
from rtbf.evidence.canonical import digest_of
from rtbf.files import make_private_folder
from rtbf.lm.digest import digest_of_files, list_files
from rtbf.lm.folder import admit_model_folder
from rtbf.lm.generation import complete
from rtbf.lm.load import environment, load_model, load_tokenizer, prepare_torch
from rtbf.lm.recipes.plain import Base, recipe_parameters, train
from rtbf.lm.record import Model, TrainedOn
from rtbf.progress import Progress, silent
from rtbf.store import registry
from rtbf.store.actors import actor_id_for
from rtbf.store.events import append_event

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from rtbf.corpora.corpus import CorpusEntry, Record
    from rtbf.installation import Installation

CONTROL_SEED_STEP = 1_000
_NAMED_TICKETS = 5
CHEAP_CONTROL_FLOPS = 5e13
"""A control is trained when 6 × parameters × tokens stays below this: about ten minutes on one slow CPU core."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainingRequest:
    """What `rtbf model train` was asked for. `base` is a registered model's name or a folder; None trains from scratch."""

    name: str
    corpus: str
    preset: str
    overrides: dict[str, str]
    base: str | None
    seed: int


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
    parameters = recipe_parameters(request.preset, request.overrides)
    with installation.transaction() as session:
        entry = registry.current_corpus(session, request.corpus)
        revision = registry.next_revision(session, request.name)
        base = _base_of(installation, request, registry.all_models(session))
    left_out = set(restricted.get(entry.version.digest, ()))
    everything = list(read_records(entry, installation.home.resolved, progress))
    records = _without(everything, left_out)
    excluded = tuple(record.record_id for record in everything if record.record_id in left_out)
    if excluded and not records:
        raise TrainingRestricted(
            found=f"a corpus whose {len(excluded)} record(s) are all restricted by open tickets",
            expected="at least one record that no open ticket is about",
            remedy="train when those tickets are closed; see `rtbf list`",
        )
    target = installation.home.models / f"{request.name}-{revision}"
    train(
        records=records,
        parameters=parameters,
        seed=request.seed,
        base=base,
        tokenizer_from=None,
        target=target,
        checkpoint=installation.home.models / f".{request.name}-{revision}.checkpoint",
        progress=progress,
    )
    files = list_files(target)
    own = TrainedOn(corpus=entry.version.name, version=entry.version.digest, records=len(records), excluded=excluded, confidence="recorded")
    model = Model(
        name=request.name,
        revision=revision,
        digest=digest_of_files(files),
        origin="trained",
        recipe=parameters,
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


def ancestors_of(installation: Installation, model: Model) -> list[Model]:
    """Return what the model was fine-tuned from, nearest first; unlearned revisions stand for the model they came from."""
    found = []
    with installation.transaction() as session:
        base = registry.fine_tuning_base(session, model)
        while base is not None:
            found.append(base.model)
            base = registry.fine_tuning_base(session, base.model)
    return found


def why_no_control(model: Model, ancestors: Sequence[Model], found_in: set[str], parameters: int, tokens: int) -> str | None:
    """Return why a never-shown control is not trained for this model, or None when it is lawful and cheap enough.

    ancestors   what the model was fine-tuned from, nearest first; found_in: corpus versions that hold the person's records
    """
    values = dict(model.recipe)
    if values.get("recipe") != "plain" or model.seed is None or len(model.trained_on) != 1:
        return "the model was not trained here by a recorded recipe, so it cannot be trained again without the records"
    if any(trained.version in found_in for ancestor in ancestors for trained in ancestor.trained_on):
        return "a base of the model was itself trained on the person's records, so a control made from it would know them"
    flops = 6 * parameters * tokens * int(values["epochs"])
    if flops > CHEAP_CONTROL_FLOPS:
        return f"training one would take about {flops:.0e} floating-point operations; the limit is {CHEAP_CONTROL_FLOPS:.0e}"
    return None


def control_model(
    installation: Installation,
    model: Model,
    original: Path,
    entry: CorpusEntry,
    without: Sequence[str],
    ticket_id: str,
    number: int,
    *,
    base: Base | None,
    progress: Progress = silent,
) -> tuple[Path, str, int]:
    """Return (folder, digest, seed) of control `number` from 1: the model's recipe on its records without `without`.

    Made once per ticket and set of records: a second call finds it. Its tokenizer is the original's.
    """
    assert model.seed is not None
    seed = model.seed + CONTROL_SEED_STEP * number
    name = digest_of([list(model.recipe), seed, entry.version.digest, sorted(without), model.digest]).removeprefix("sha256:")[:16]
    folder = installation.home.path / "artefacts" / ticket_id / "controls" / name
    if not folder.is_dir():
        make_private_folder(folder.parent)
        train(
            records=_without(read_records(entry, installation.home.resolved), {*without, *model.trained_on[0].excluded}),
            parameters=model.recipe,
            seed=seed,
            base=base,
            tokenizer_from=original,
            target=folder,
            checkpoint=folder.with_name(f".{name}.checkpoint"),
            progress=lambda _step, done, total: progress(f"control model {number}", done, total),
        )
    return folder, digest_of_files(list_files(folder)), seed


def _without(records: Iterable[Record], left_out: set[str]) -> list[Record]:
    return [record for record in records if record.record_id not in left_out]


def ask_model(installation: Installation, name: str, prompt: str, *, revision: int | None, threads: int) -> str:
    """Return a registered model's greedy answer to `prompt`; the live revision when none is named."""
    prepare_torch(threads)
    with installation.transaction() as session:
        registered = registry.live_model(session, name) if revision is None else registry.model_revision(session, name, revision)
    folder = installation.home.resolved(registered.location)
    model = load_model(folder, registered.model.digest, f"model {name}")
    return complete(model, load_tokenizer(folder), prompt)
