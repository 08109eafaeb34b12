"""The registry of corpora and models: versions, lineage, and which weights are served."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pydantic import TypeAdapter
from sqlalchemy import func, select

from rtbf.corpora.corpus import CorpusEntry
from rtbf.errors import UnknownName
from rtbf.evidence.canonical import canonical_bytes
from rtbf.lm.record import Model
from rtbf.store.actors import new_id
from rtbf.store.tables import CorpusVersionRow, ModelRow

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session

ModelStatus = Literal["live", "candidate", "superseded", "rejected", "purged"]


@dataclass(frozen=True, kw_only=True, slots=True)
class RegisteredModel:
    """A model, where its files lie (the home's stored form), and whether it is served."""

    model: Model
    location: str
    status: str


def save_corpus(session: Session, entry: CorpusEntry, now: datetime) -> bool:
    """Register a corpus version as its corpus's current one; return False when these very bytes are registered already."""
    digest = entry.version.digest
    if session.get(CorpusVersionRow, digest) is not None:
        return False
    newest = session.scalar(select(func.max(CorpusVersionRow.number)).where(CorpusVersionRow.name == entry.version.name))
    session.add(
        CorpusVersionRow(digest=digest, name=entry.version.name, number=(newest or 0) + 1, body=canonical_bytes(entry), created_at=now)
    )
    session.flush()
    return True


def relocate_corpus(session: Session, entry: CorpusEntry) -> bool:
    """Note where the same files of a registered version lie now; return False when that is where they lay before."""
    row = session.get_one(CorpusVersionRow, entry.version.digest)
    if _entry(row).locations == entry.locations:
        return False
    row.body = canonical_bytes(entry)
    session.flush()
    return True


def current_corpus(session: Session, name: str) -> CorpusEntry:
    """Return the newest version of a corpus; raises UnknownName with the nearest names."""
    newest = select(CorpusVersionRow).where(CorpusVersionRow.name == name).order_by(CorpusVersionRow.number.desc()).limit(1)
    row = session.scalar(newest)
    if row is None:
        raise UnknownName("corpus", name, session.scalars(select(CorpusVersionRow.name)), "rtbf corpus list")
    return _entry(row)


def corpus_version(session: Session, digest: str) -> CorpusEntry:
    """Return one corpus version by its digest."""
    row = session.get(CorpusVersionRow, digest)
    if row is None:
        raise UnknownName("corpus version", digest, session.scalars(select(CorpusVersionRow.digest)), "rtbf corpus list")
    return _entry(row)


def all_corpora(session: Session) -> tuple[CorpusEntry, ...]:
    """Return every registered corpus version, by name and age."""
    rows = session.scalars(select(CorpusVersionRow).order_by(CorpusVersionRow.name, CorpusVersionRow.number))
    return tuple(_entry(row) for row in rows)


def next_revision(session: Session, name: str) -> int:
    """Return the revision a new model of this name will get, from 1."""
    return 1 + (session.scalar(select(func.max(ModelRow.revision)).where(ModelRow.name == name)) or 0)


def save_model(session: Session, model: Model, location: str, status: ModelStatus, now: datetime) -> None:
    """Register a model. A live one supersedes the live one of the same name."""
    if status == "live":
        for row in session.scalars(select(ModelRow).where(ModelRow.name == model.name, ModelRow.status == "live")):
            row.status = "superseded"
    session.add(
        ModelRow(
            id=new_id("mdl"),
            name=model.name,
            revision=model.revision,
            digest=model.digest,
            path=location,
            status=status,
            body=canonical_bytes(model),
            created_at=now,
        )
    )
    session.flush()


def set_model_status(session: Session, name: str, revision: int, status: ModelStatus) -> None:
    """Change what a model revision is used for; making one live supersedes the live one of the same name."""
    if status == "live":
        for live in session.scalars(select(ModelRow).where(ModelRow.name == name, ModelRow.status == "live")):
            live.status = "superseded"
    row = session.scalar(select(ModelRow).where(ModelRow.name == name, ModelRow.revision == revision))
    if row is None:
        raise UnknownName("model revision", f"{name}@{revision}", (), "rtbf model list")
    row.status = status
    session.flush()


def live_model(session: Session, name: str) -> RegisteredModel:
    """Return the served revision of a model; raises UnknownName with the nearest names."""
    row = session.scalar(select(ModelRow).where(ModelRow.name == name, ModelRow.status == "live"))
    if row is None:
        raise UnknownName("model", name, session.scalars(select(ModelRow.name).distinct()), "rtbf model list")
    return _registered(row)


def model_revision(session: Session, name: str, revision: int) -> RegisteredModel:
    """Return one revision of a model, whatever it is used for; raises UnknownName with the revisions there are."""
    row = session.scalar(select(ModelRow).where(ModelRow.name == name, ModelRow.revision == revision))
    if row is None:
        known = [str(number) for number in session.scalars(select(ModelRow.revision).where(ModelRow.name == name))]
        raise UnknownName(f"revision of model {name}", str(revision), known, "rtbf model list")
    return _registered(row)


def model_with_digest(session: Session, digest: str) -> RegisteredModel:
    """Return a registered model by the digest of its files."""
    row = session.scalar(select(ModelRow).where(ModelRow.digest == digest).order_by(ModelRow.revision.desc()).limit(1))
    if row is None:
        raise UnknownName("model digest", digest, (), "rtbf model list")
    return _registered(row)


def fine_tuning_base(session: Session, model: Model) -> RegisteredModel | None:
    """Return the registered model the recipe started from, following unlearned revisions back to the trained one."""
    while model.origin == "unlearned" and model.base_digest is not None:
        model = model_with_digest(session, model.base_digest).model
    return None if model.base_digest is None else model_with_digest(session, model.base_digest)


def all_models(session: Session) -> Sequence[RegisteredModel]:
    """Return every registered model, by name and revision."""
    return [_registered(row) for row in session.scalars(select(ModelRow).order_by(ModelRow.name, ModelRow.revision))]


def _entry(row: CorpusVersionRow) -> CorpusEntry:
    return TypeAdapter(CorpusEntry).validate_json(row.body)


def _registered(row: ModelRow) -> RegisteredModel:
    return RegisteredModel(model=TypeAdapter(Model).validate_json(row.body), location=row.path, status=row.status)
