"""The checkpoints of one training of one shard: a state after each slice, sealed under a key of its own, with its log in clear.

A state holds weights and both moments, which carry what the records said: hence the seal. A training is called by what it was
given, so the same records in the same places lead to the same files, and a training that was killed goes on where it stopped.
Destroying the key is what makes a superseded training unreadable; deleting its folder only tidies up.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rtbf.errors import ArtefactMismatch, SealBroken
from rtbf.evidence.canonical import digest_bytes
from rtbf.files import make_private_folder, replace_file
from rtbf.lm.recipes.sharded.training_log import LoggedSlice, read_slice, write_slice
from rtbf.vault.envelope import Place as SealedPlace
from rtbf.vault.envelope import place_of, seal, unseal

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(kw_only=True, slots=True)
class Generation:
    """The slices of one training of one shard; the `Checkpoints` of its run.

    terms    digest of what the training is besides its records: where the log begins
    steps    of one slice
    """

    family_id: str
    folder: Path
    key: bytes
    shard: int
    name: str
    terms: str
    slices: int
    steps: int
    _took: list[tuple[int, str]] = field(default_factory=list)

    def load(self) -> bytes | None:
        """Return the state after the newest slice, None before the first is done. Raises as `state_after`."""
        done = self.done()
        return self.state_after(done) if done else None

    def save(self, step: int, content: bytes) -> None:
        """Keep the state after a slice with the log of its steps; the log first, so that a sealed state has one."""
        number = step // self.steps
        lines, _ = write_slice(self._head_before(number), step - self.steps + 1, self._took, digest_bytes(content))
        make_private_folder(self.folder)
        replace_file(self._log(number), lines)
        replace_file(self._sealed(number), seal(self.key, self._place(number), content))
        self._took.clear()

    def drop(self) -> None:
        """Keep everything: the slices are what an erasure starts from."""

    def note_took(self, count: int, hashed: str) -> None:
        """Note who took part in the next step of the run."""
        self._took.append((count, hashed))

    def done(self) -> int:
        """Return how many slices are done."""
        number = 0
        while number < self.slices and self._sealed(number + 1).is_file():
            number += 1
        return number

    def logged(self) -> list[LoggedSlice]:
        """Return what the log says of the slices that are done; raises ArtefactMismatch where it does not hold."""
        found: list[LoggedSlice] = []
        for number in range(1, self.done() + 1):
            try:
                content = self._log(number).read_bytes()
            except FileNotFoundError as missing:
                raise _mismatch(f"no log of slice {number} of shard {self.shard}") from missing
            previous = found[-1].head if found else self.terms
            found.append(read_slice(content, previous, (number - 1) * self.steps + 1, self.steps))
        return found

    def state_after(self, number: int) -> bytes:
        """Return the state after slice `number`; raises ArtefactMismatch where it is missing, does not open, or is not the logged one."""
        logged = self.logged()
        try:
            content = unseal(self.key, self._place(number), self._sealed(number).read_bytes())
        except FileNotFoundError as missing:
            raise _mismatch(f"no state after slice {number} of shard {self.shard}") from missing
        except SealBroken as broken:
            raise _mismatch(f"a state after slice {number} of shard {self.shard} that does not open") from broken
        if len(logged) < number or digest_bytes(content) != logged[number - 1].state:
            raise _mismatch(f"a state after slice {number} of shard {self.shard} that its log does not name")
        return content

    def adopt(self, earlier: Generation, count: int) -> None:
        """Take over the first slices of an earlier training, sealed under this one's key; what is here already is left."""
        for number in range(self.done() + 1, count + 1):
            content = earlier.state_after(number)
            make_private_folder(self.folder)
            replace_file(self._log(number), earlier._log(number).read_bytes())
            replace_file(self._sealed(number), seal(self.key, self._place(number), content))

    def delete(self) -> None:
        """Delete every file of this training; its key is destroyed by whoever holds the keys."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def size_bytes(self) -> int:
        """Return what its sealed states take on the disk."""
        return sum(self._sealed(number).stat().st_size for number in range(1, self.done() + 1))

    def _head_before(self, number: int) -> str:
        return self.terms if number == 1 else self.logged()[number - 2].head

    def _sealed(self, number: int) -> Path:
        return self.folder / f"slice-{number:03d}.sealed"

    def _log(self, number: int) -> Path:
        return self.folder / f"slice-{number:03d}.log"

    def _place(self, number: int) -> SealedPlace:
        return place_of(self.family_id, f"shard-{self.shard:04d}", self.name, number)


def _mismatch(found: str) -> ArtefactMismatch:
    return ArtefactMismatch(
        found=found,
        expected="the sealed state that the training left",
        remedy="restore the family's folder under shards/ and the key store from one backup, or retrain in full; nothing was changed",
    )
