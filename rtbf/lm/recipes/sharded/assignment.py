"""Which shard and slice a subject lies in, and which records take part in a step: by a keyed function, each for itself.

Subjects whom one record names together are kept in one place where that does not make a group larger than the cap, so that
erasing one of them touches one shard. The places are drawn once, when a family is first trained, and stay: drawn anew without a
subject, a group it held together might fall apart, and others would move. What stays of a subject that left is, at most, that
others it was named with lie together. Who takes part in a step depends on nobody else's presence.
Source: methods/exact-unlearning.md, "deletion-stable" 1 and its pitfall on records that name several subjects.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rtbf.errors import BadInput
from rtbf.lm.recipes.sharded.keys import prf
from rtbf.lm.recipes.subjects import subjects_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rtbf.corpora.corpus import Record
    from rtbf.lm.recipes.sharded.shape import Shape

_RANGE = 2**64


@dataclass(frozen=True, kw_only=True, slots=True, order=True)
class Place:
    """A shard from 0 and one of its slices from 1."""

    shard: int
    slice: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Assignment:
    """Where each record lies, by its id; with what the officer should know of the corpus.

    subjects          how many units the corpus has; a record that names nobody is one of its own
    several           records that name more than one subject; `scattered`: of them, those whose subjects lie in different places
    largest_subject   records of the subject that has most of them: all of these lie in one slice
    """

    places: dict[str, Place]
    subjects: int
    several: int
    scattered: int
    largest_subject: int


def assign(records: Sequence[Record], shape: Shape, key: bytes) -> Assignment:
    """Return the places of a corpus's records.

    raises   BadInput where there are fewer subjects than shards: a shard without anybody shields nobody
    """
    named = {record.record_id: subjects_of(record, shape.subject_field) for record in records}
    counts: dict[str, int] = {}
    for subjects in named.values():
        for subject in subjects:
            counts[subject] = counts.get(subject, 0) + 1
    if len(counts) < shape.shards:
        raise BadInput(
            found=f"{shape.shards} shards for {len(counts)} subjects (field '{shape.subject_field}')",
            expected="at least as many subjects as shards",
            remedy="take fewer shards, or name the field that holds the subject with --set subject_field=NAME",
        )
    groups = _grouped(named, shape.group_cap, key)
    places = {record_id: _place(min(groups[subject] for subject in subjects), shape, key) for record_id, subjects in named.items()}
    several = [subjects for subjects in named.values() if len(subjects) > 1]
    return Assignment(
        places=places,
        subjects=len(counts),
        several=len(several),
        scattered=sum(len({_place(groups[subject], shape, key) for subject in subjects}) > 1 for subjects in several),
        largest_subject=max(counts.values()),
    )


def takes_part(key: bytes, record_id: str, step: int, rate: float) -> bool:
    """Return whether a record takes part in a step: with probability `rate`, independently of all other records and steps."""
    return int.from_bytes(prf(key, b"take", step.to_bytes(8), record_id.encode())[:8]) < rate * _RANGE


def rate_in(shape: Shape, own: int, current: int) -> float:
    """Return the chance of a record of slice `own` in a step of slice `current`: none before its own, less of it afterwards."""
    if current < own:
        return 0.0
    return shape.rate if current == own else shape.rate * shape.rehearsal


def _grouped(named: dict[str, tuple[str, ...]], cap: int, key: bytes) -> dict[str, bytes]:
    """Return each subject's group, called by the smallest keyed hash of its members."""
    leaders = {subject: subject for subjects in named.values() for subject in subjects}
    sizes = dict.fromkeys(leaders, 1)

    def leader(subject: str) -> str:
        while leaders[subject] != subject:
            leaders[subject] = leaders[leaders[subject]]
            subject = leaders[subject]
        return subject

    # In the order of a keyed hash: which of two records joins first, and so whom the cap keeps out, nobody can choose.
    joining = sorted(
        (record_id for record_id, subjects in named.items() if len(subjects) > 1), key=lambda one: prf(key, b"join", one.encode())
    )
    for record_id in joining:
        first, *others = named[record_id]
        for other in others:
            one, two = sorted((leader(first), leader(other)))
            if one != two and sizes[one] + sizes[two] <= cap:
                leaders[two] = one
                sizes[one] += sizes[two]
    hashes = {subject: prf(key, b"subject", subject.encode()) for subject in leaders}
    names: dict[str, bytes] = {}
    for subject, hashed in hashes.items():
        found = leader(subject)
        names[found] = min(hashed, names.get(found, hashed))
    return {subject: names[leader(subject)] for subject in leaders}


def _place(group: bytes, shape: Shape, key: bytes) -> Place:
    drawn = prf(key, b"place", group)
    return Place(shard=int.from_bytes(drawn[:8]) % shape.shards, slice=1 + int.from_bytes(drawn[8:16]) % shape.slices)
