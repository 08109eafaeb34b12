"""The private training behind a model, and which of a person's records its bound covers: read from certificate and corpus.

A bound is per subject, by the field that named subjects at the training. Where a person's records name several subjects, as two
spellings of a name do, it would be that of a group, which is far weaker: then nothing is stated, and class dp is refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rtbf.corpora.reading import read_selected
from rtbf.errors import ArtefactMismatch, BadInput, PlanImpossible, RecordBroken
from rtbf.evidence.canonical import digest_of
from rtbf.foundry.certificates import certificate_of
from rtbf.lm.recipes.subjects import subjects_of
from rtbf.material.originals import base_of, records_gone
from rtbf.store import registry
from rtbf.unlearn.method import PrivateBase

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from rtbf.footprint.record import Footprint
    from rtbf.installation import Installation
    from rtbf.lm.record import Model

RECIPE = "dp"


def private_training_of(model: Model, ancestors: Sequence[Model]) -> Model | None:
    """Return the model itself where it was trained privately, or the base it was fine-tuned from where that was; None for any other."""
    nearest = [model, *ancestors[:1]]
    return next((one for one in nearest if dict(one.recipe).get("recipe") == RECIPE), None)


def private_base(installation: Installation, private: Model, footprint: Footprint, version: str, forgotten: Collection[str]) -> PrivateBase:
    """Return a private training with its certificate and the person's records that lie under its bound.

    forgotten   what is to be forgotten of the corpus version `version`; of another version that the training was given, all that was found

    Raises PlanImpossible where these records name more than one subject, and what `certificate_of` raises.
    """
    with installation.transaction() as session:
        registered = registry.model_with_digest(session, private.digest)
        entries = [registry.corpus_version(session, trained.version) for trained in private.trained_on]
    certificate = certificate_of(installation, registered)
    untrained = base_of(installation, private)
    if untrained is None:
        raise PlanImpossible(
            found=f"model {private.name} without the base it was trained from", expected="that base", remedy="restore the registry"
        )
    subjects: set[str] = set()
    inside = outside = 0
    for entry in entries:
        own = entry.version.digest
        found = set(forgotten) if own == version else {hit.record_id for hit in footprint.hits if hit.version == own}
        wanted = tuple(sorted(found - records_gone(private, own)))
        for record in read_selected(entry, installation.home.resolved, wanted) if wanted else ():
            named = subjects_of(record, certificate.subject_field)
            inside += len(named) == 1
            outside += len(named) > 1
            subjects |= set(named) if len(named) == 1 else set()
    if len(subjects) > 1:
        raise PlanImpossible(
            found=f"{inside} record(s) that name {len(subjects)} subjects in the field {certificate.subject_field}; the bound of the "
            f"private model {private.name} is for one",
            expected="records of one subject",
            remedy="take another class, or train the private model again without the person",
        )
    return PrivateBase(
        certificate=certificate,
        certificate_digest=digest_of(certificate),
        untrained=untrained,
        subject_records=inside,
        outside_records=outside,
    )


def why_no_bound(
    installation: Installation, model: Model, ancestors: Sequence[Model], footprint: Footprint, version: str, forgotten: Collection[str]
) -> str | None:
    """Return why no certificate bounds the records, or None where one does; None as well where nothing was trained privately."""
    private = private_training_of(model, ancestors)
    if private is None:
        return None
    try:
        private_base(installation, private, footprint, version, forgotten)
    except (PlanImpossible, ArtefactMismatch, RecordBroken, BadInput) as why:
        return why.found
    return None
