"""What the shards of a model are at one moment: a frozen record, called by its digest, from which the weights follow. No torch.

A state names checkpoints by digest and records by the digest of their ids; it holds no personal data. It is written once, beside
the other states of its family, and never changed: switching a shard off or training one again makes another state.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pydantic import TypeAdapter, ValidationError

from rtbf.errors import ArtefactMismatch
from rtbf.evidence.canonical import canonical_bytes, digest_bytes, digest_of
from rtbf.files import make_private_folder, replace_file

if TYPE_CHECKING:
    from pathlib import Path

SCHEMA = "rtbf.sharded/1"


@dataclass(frozen=True, kw_only=True, slots=True)
class SliceEntry:
    """One slice of one training of a shard: what it was given, the state it ended in, and the log up to there."""

    records: int
    inputs: str
    state: str
    log: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ShardEntry:
    """One shard.

    status       live: its adapter is served · off: it is kept, and nothing of it is served · empty: no record lies in it
    generation   name of its training, under which its checkpoints lie sealed; None where it is empty
    slices       in order; none where it is empty
    """

    status: Literal["live", "off", "empty"]
    generation: str | None
    slices: tuple[SliceEntry, ...]

    @property
    def adapter(self) -> str | None:
        """Return the digest of the state that the served adapter is read from; None when nothing of the shard is served."""
        return self.slices[-1].state if self.status == "live" else None


@dataclass(frozen=True, kw_only=True, slots=True)
class ShardState:
    """All shards of a model, in order."""

    family: str
    base_digest: str
    terms_digest: str
    seed: int
    shards: tuple[ShardEntry, ...]
    schema: str = SCHEMA


def write_state(state: ShardState, family_folder: Path) -> str:
    """Write a state among those of its family, whole or not at all, and return its digest."""
    digest = digest_of(state)
    make_private_folder(family_folder / "states")
    replace_file(_path(family_folder, digest), canonical_bytes(state))
    return digest


def read_state(family_folder: Path, digest: str) -> ShardState:
    """Return the state that is called so; raises ArtefactMismatch when it is missing, unreadable or another one."""
    path = _path(family_folder, digest)
    try:
        content = path.read_bytes()
        found = TypeAdapter(ShardState).validate_json(content, strict=True)
    except (FileNotFoundError, ValidationError) as trouble:
        raise _mismatch("no readable state", digest) from trouble
    if digest_bytes(content) != digest:
        raise _mismatch(f"a state with digest {digest_bytes(content)}", digest)
    return found


def _path(family_folder: Path, digest: str) -> Path:
    return family_folder / "states" / f"{digest.removeprefix('sha256:')}.json"


def _mismatch(found: str, expected: str) -> ArtefactMismatch:
    return ArtefactMismatch(
        found=f"{found} of the shards",
        expected=expected,
        remedy="restore the family's folder under shards/ from a backup, or retrain in full",
    )
