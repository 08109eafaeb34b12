"""Register corpora and models: what the installation may search and unlearn. Torch-free; beside the pipeline.

Files are read where they lie and never copied, so a registration is as good as its files stay. Each registration is
one transaction with its ledger event. It refuses to bring weights back into service that a later revision replaced:
that could bring back what a ticket removed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rtbf.corpora.corpus import CorpusEntry
from rtbf.corpora.reading import choose_layout, connector_for, find_source, read_records, scan_source
from rtbf.corpora.screening import screen
from rtbf.errors import BadInput, SuppressedRecords, UnknownName
from rtbf.lm.digest import digest_of_files
from rtbf.lm.folder import admit_model_folder
from rtbf.lm.record import Model, TrainedOn
from rtbf.progress import silent
from rtbf.store import registry
from rtbf.store.actors import actor_id_for
from rtbf.store.events import append_event
from rtbf.store.suppression import listed_tokens, open_list

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from sqlalchemy.orm import Session

    from rtbf.corpora.screening import Screened
    from rtbf.installation import Installation
    from rtbf.progress import Progress

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")


@dataclass(frozen=True, kw_only=True, slots=True)
class AddedCorpus:
    """What came of adding a corpus.

    is_new       these bytes were not registered before
    is_current   this version is the corpus's current one; an older version that is added again is not
    is_moved     the same files were found in another place, which is now the recorded one
    left_out     files of the source's folders that the connector does not read
    screened     what the suppression list says of its records; None when nothing new was added, or the list is empty
    """

    entry: CorpusEntry
    is_new: bool
    is_current: bool
    is_moved: bool
    left_out: int
    screened: Screened | None


@dataclass(frozen=True, kw_only=True, slots=True)
class AddedModel:
    """What came of adding a model; `is_new` is False when these weights were this model already, with this declaration."""

    model: Model
    is_new: bool


def require_name(kind: str, name: str) -> None:
    """Return when `name` can name a corpus or model; raises BadInput. Names go into the ledger and into reports."""
    if not _NAME.fullmatch(name):
        raise BadInput(
            found=f"a {kind} name of {len(name)} characters that cannot be used",
            expected="1 to 80 letters, digits, '.', '_' or '-', beginning with a letter or digit",
            remedy="choose a name that tells the data, not a person",
        )


def add_corpus(
    installation: Installation,
    *,
    name: str,
    paths: Sequence[Path],
    actor: str,
    connector_name: str | None = None,
    prompt_field: str | None = None,
    completion_field: str | None = None,
    with_suppressed: bool = False,
    progress: Progress = silent,
) -> AddedCorpus:
    """Scan a source and register it as the current version of the corpus `name`; an unchanged one costs nothing.

    A source with records of people who were kept out for good is refused (SuppressedRecords), unless `with_suppressed`:
    it may have to be searched, and a training leaves these records out anyway. People of open tickets do not stop it:
    they are to be found in it. Raises SuppressionKeyUnavailable when that cannot be checked; CorpusUnreadable,
    CorpusChanged, BadInput and UnknownName as `rtbf.corpora.reading` says. Nothing is registered then.
    """
    require_name("corpus", name)
    if not paths:
        raise BadInput(found="no path", expected="at least one file or folder", remedy="name the files of the corpus")
    existing = next((path for path in paths if path.exists()), paths[0])
    connector = connector_for(existing, connector_name)
    source = find_source(paths, connector)
    layout = choose_layout(source, connector, prompt_field, completion_field)
    version = scan_source(name, source, connector, layout, progress)
    locations = tuple(installation.home.stored_form(path) for _, path in source.files)
    entry = CorpusEntry(version=version, locations=locations)
    screened = _screen(installation, entry, progress, with_suppressed=with_suppressed)
    now = installation.clock()
    with installation.transaction() as session:
        is_new = registry.save_corpus(session, entry, now)
        is_moved = not is_new and registry.relocate_corpus(session, entry)
        is_current = registry.current_corpus(session, name).version.digest == version.digest
        if is_new or is_moved:
            data = {"corpus": name, "version": version.digest, "records": version.records, "unread": version.unread}
            if screened is not None:
                data |= {"suppressed": len(screened.dropped), "quarantined": len(screened.quarantined)}
            event_type = "corpus.added" if is_new else "corpus.moved"
            actor_id = actor_id_for(session, actor, now)
            append_event(session, ticket_id=None, event_type=event_type, actor_id=actor_id, data=data, now=now)
    return AddedCorpus(
        entry=entry, is_new=is_new, is_current=is_current, is_moved=is_moved, left_out=source.left_out, screened=screened
    )  # fmt: skip


def _screen(installation: Installation, entry: CorpusEntry, progress: Progress, *, with_suppressed: bool) -> Screened | None:
    """Hold a new version's records against the people who were kept out for good."""
    home = installation.home
    with installation.transaction() as session:
        known = entry.version.digest in {other.version.digest for other in registry.all_corpora(session)}
        listed = open_list(session, home.suppression_keys, installation.policy.phone_region, with_restrictions=False)
        is_empty = not listed_tokens(session, with_restrictions=False)
    if known or is_empty:
        return None
    screened = screen(read_records(entry, home.resolved, progress), listed)
    if screened.dropped and not with_suppressed:
        kinds = ", ".join(f"{count} × {kind}" for kind, count in screened.kinds.items())
        raise SuppressedRecords(
            found=f"{len(screened.dropped)} of {screened.records} record(s) of people who asked to be left out ({kinds})",
            expected="a source without them",
            remedy="take them out (`rtbf suppress check < FILE > CLEAN`) and add that; or, only to search in it, add it with "
            "--with-suppressed: no training here uses these records",
        )
    return screened


def add_model(installation: Installation, *, path: Path, name: str, trained_on: Sequence[str], actor: str) -> AddedModel:
    """Admit the folder and register it as the live revision of the model `name`.

    `trained_on` names corpora whose current versions the owner says the weights learned from; with none, nothing is
    known of their data, and every footprint will say so. Raises ModelFolderRefused, UnknownName, BadInput.
    """
    require_name("model", name)
    files = admit_model_folder(path)
    digest = digest_of_files(files)
    now = installation.clock()
    with installation.transaction() as session:
        declared = tuple(_declared(session, corpus) for corpus in dict.fromkeys(trained_on))
        if (same := _registered_as(session, name, digest, declared)) is not None:
            return AddedModel(model=same, is_new=False)
        model = Model(
            name=name,
            revision=registry.next_revision(session, name),
            digest=digest,
            origin="added",
            recipe=(),
            seed=None,
            trained_on=declared,
            base_digest=None,
            removals=(),
            files=files,
            environment=(),
        )
        registry.save_model(session, model, installation.home.stored_form(path), "live", now)
        data = {"model": name, "revision": model.revision, "digest": digest, "trained_on": [trained.version for trained in declared]}
        actor_id = actor_id_for(session, actor, now)
        append_event(session, ticket_id=None, event_type="model.added", actor_id=actor_id, data=data, now=now)
    return AddedModel(model=model, is_new=True)


def _declared(session: Session, corpus: str) -> TrainedOn:
    version = registry.current_corpus(session, corpus).version
    return TrainedOn(corpus=corpus, version=version.digest, records=version.records, excluded=(), confidence="declared")


def _registered_as(session: Session, name: str, digest: str, declared: tuple[TrainedOn, ...]) -> Model | None:
    """Return the live model that these weights are already, None for weights never seen; raises BadInput otherwise."""
    try:
        known = registry.model_with_digest(session, digest)
    except UnknownName:
        return None
    label = f"{known.model.name}@{known.model.revision}"
    if known.model.name != name:
        raise BadInput(
            found=f"weights that are registered as {label}", expected="one name for one model", remedy=f"use --name {known.model.name}"
        )
    if known.status != "live":
        raise BadInput(
            found=f"weights that are registered as {label} and {known.status}",
            expected="weights that no ticket has replaced",
            remedy="keep the live revision: putting these back would bring back what was removed since",
        )
    if not declared or declared == known.model.trained_on:
        return known.model
    if known.model.origin != "added":
        raise BadInput(
            found=f"a declaration of training data for {label}, whose data was recorded when it was made here",
            expected="no --trained-on for it",
            remedy=f"see `rtbf model show {name}`",
        )
    return None
