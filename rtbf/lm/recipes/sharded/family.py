"""A family: one sharded training and all later ones over its shards, with everything they share. And what lies in each slice."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rtbf.errors import ArtefactMismatch, BadInput, SealBroken
from rtbf.evidence.canonical import digest_of
from rtbf.files import make_private_folder, replace_file
from rtbf.lm.recipes.sharded.assignment import Assignment, Place, assign
from rtbf.lm.recipes.sharded.shape import Shape, shape_of, terms_of
from rtbf.lm.recipes.sharded.slices import Generation
from rtbf.vault.envelope import Place as SealedPlace
from rtbf.vault.envelope import place_of, seal, unseal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from rtbf.corpora.corpus import Record
    from rtbf.lm.recipes.plain import Base
    from rtbf.lm.recipes.sharded.keys import ShardKeys

_GENERATION_LETTERS = 16


@dataclass(frozen=True, kw_only=True, slots=True)
class Inputs:
    """The records of one shard by slice, each slice sorted by record id; a slice may have none."""

    slices: tuple[tuple[Record, ...], ...]

    @property
    def records(self) -> int:
        """Return how many records the shard has."""
        return sum(map(len, self.slices))

    def digests(self) -> tuple[str, ...]:
        """Return for each slice the digest of the list of its records' ids."""
        return tuple(digest_of([record.record_id for record in part]) for part in self.slices)


@dataclass(frozen=True, kw_only=True, slots=True)
class Family:
    """What every training of a family has in common.

    parameters   the recipe (`shape.sharded_parameters`)
    folder       where its states, sealed checkpoints and logs lie
    """

    family_id: str
    folder: Path
    keys: ShardKeys
    parameters: tuple[tuple[str, str], ...]
    seed: int
    base: Base

    @property
    def shape(self) -> Shape:
        """Return the recipe's numbers."""
        return shape_of(dict(self.parameters))

    def terms(self) -> str:
        """Return the digest of all that a training is besides its records and its shard."""
        return digest_of([terms_of(dict(self.parameters)), self.seed, self.base.digest])

    def terms_of_shard(self, shard: int) -> str:
        """Return the digest of all that one shard's training is besides its records."""
        return digest_of([self.terms(), shard])

    def place(self, records: Sequence[Record]) -> Assignment:
        """Draw the places of a corpus's records and keep them sealed. Raises as `assignment.assign`."""
        assignment = assign(records, self.shape, self.keys.family_key())
        told = {record_id: [place.shard, place.slice] for record_id, place in sorted(assignment.places.items())}
        make_private_folder(self.folder)
        replace_file(self._places, seal(self.keys.family_key(), self._sealed_at(), json.dumps(told).encode()))
        return assignment

    def places(self) -> dict[str, Place]:
        """Return the places that were drawn; raises ArtefactMismatch where they are lost or do not open."""
        try:
            told = json.loads(unseal(self.keys.family_key(), self._sealed_at(), self._places.read_bytes()))
        except (FileNotFoundError, SealBroken) as trouble:
            raise ArtefactMismatch(
                found="no readable list of places of the shards",
                expected="the sealed list that the training left",
                remedy="restore the family's folder under shards/ and the key store from one backup, or retrain in full",
            ) from trouble
        return {record_id: Place(shard=shard, slice=number) for record_id, (shard, number) in told.items()}

    def inputs(self, records: Sequence[Record], places: Mapping[str, Place]) -> tuple[Inputs, ...]:
        """Return what each shard is trained on; raises BadInput for records that were not there when the places were drawn."""
        strangers = sum(record.record_id not in places for record in records)
        if strangers:
            raise BadInput(
                found=f"{strangers} record(s) that were not in the corpus when the model was trained",
                expected="records of that corpus version, less those that were removed",
                remedy="train a new sharded model on the changed corpus: a family never takes in new records",
            )
        shape = self.shape
        grid: list[list[list[Record]]] = [[[] for _ in range(shape.slices)] for _ in range(shape.shards)]
        for record in sorted(records, key=lambda one: one.record_id):
            place = places[record.record_id]
            grid[place.shard][place.slice - 1].append(record)
        return tuple(Inputs(slices=tuple(map(tuple, parts))) for parts in grid)

    def has_generation(self, shard: int, name: str) -> bool:
        """Return whether the checkpoints of a training of a shard are still there."""
        return self._generation_folder(shard, name).is_dir()

    def generation(self, shard: int, name: str) -> Generation:
        """Return one training of one shard, by its name."""
        shape = self.shape
        return Generation(
            family_id=self.family_id,
            folder=self._generation_folder(shard, name),
            key=self.keys.shard_key(shard, name),
            shard=shard,
            name=name,
            terms=self.terms_of_shard(shard),
            slices=shape.slices,
            steps=shape.steps,
        )

    def generation_of(self, shard: int, inputs: Inputs) -> Generation:
        """Return the training of a shard on these records: its name follows from them."""
        name = digest_of([self.terms_of_shard(shard), list(inputs.digests())]).removeprefix("sha256:")[:_GENERATION_LETTERS]
        return self.generation(shard, name)

    def _generation_folder(self, shard: int, name: str) -> Path:
        return self.folder / f"shard-{shard:04d}" / name

    @property
    def _places(self) -> Path:
        return self.folder / "places.sealed"

    def _sealed_at(self) -> SealedPlace:
        return place_of(self.family_id, "shards", "places", 0)
