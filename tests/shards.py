"""A family of shards small enough for a test: six people, twenty records each, on a base that has seen three others."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from rtbf.lm.digest import digest_of_files, list_files
from rtbf.lm.recipes.plain import Base
from rtbf.lm.recipes.sharded.family import Family
from rtbf.lm.recipes.sharded.keys import DerivedKeys
from rtbf.lm.recipes.sharded.shape import sharded_parameters
from tests import tiny

if TYPE_CHECKING:
    from pathlib import Path

    from rtbf.corpora.corpus import Record
    from rtbf.lm.recipes.sharded.keys import ShardKeys

RECORDS_EACH = 20
SMALL = {
    "shards": "3", "slices": "3", "steps": "4", "rate": "0.5", "rehearsal": "0.1", "batch": "4", "rank": "2", "alpha": "4",
    "learning_rate": "0.01",
}  # fmt: skip
SECRET = bytes(range(32))


def records(people: int = 6, *, seed: int = 31) -> list[Record]:
    """Return the records of so many people, each with the person it is about in its field `subject`."""
    made = tiny.records(people=people, seed=seed)
    return [
        replace(record, record_id=f"bbbbbbbbbbbb:{place}", fields=(*record.fields, ("subject", f"person {place // RECORDS_EACH}")))
        for place, record in enumerate(made)
    ]


def about(chosen: list[Record], person: int) -> list[Record]:
    """Return those of the records that name the person."""
    return [record for record in chosen if ("subject", f"person {person}") in record.fields]


def base_at(folder: Path) -> Base:
    """Train the base that the shards are put on."""
    tiny.train_folder(tiny.records(people=3, seed=5), folder, hidden="16", epochs="2")
    return Base(folder=folder, digest=digest_of_files(list_files(folder)))


def family(base: Base, folder: Path, *, keys: ShardKeys | None = None, seed: int = 4, **overrides: str) -> Family:
    """Return a family on the base, whose checkpoints lie in `folder`."""
    return Family(
        family_id="fam0123456789ab",
        folder=folder,
        keys=DerivedKeys(secret=SECRET) if keys is None else keys,
        parameters=sharded_parameters({**SMALL, **overrides}),
        seed=seed,
        base=base,
    )


def other_keys() -> ShardKeys:
    """Return keys that open nothing of the others."""
    return DerivedKeys(secret=bytes(32))
