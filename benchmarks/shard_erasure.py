"""Erasing from a sharded model for benchmarks/sharding.py: what it re-runs on average by the places alone, and real ones with the clock."""

from __future__ import annotations

import random
import shutil
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks.shard_trial import MAX_TOKENS, RECORDS_EACH, family, plain_adapter
from rtbf.corpora.corpus import Record
from rtbf.lm.digest import digest_of_files, list_files
from rtbf.lm.encoding import training_items
from rtbf.lm.load import load_tokenizer
from rtbf.lm.recipes.sharded.assignment import Place, assign, rate_in
from rtbf.lm.recipes.sharded.merge import write_merged
from rtbf.lm.recipes.sharded.retrain import retrain_shards
from rtbf.lm.recipes.sharded.train import drawn_records, family_state, load_base, made_shard, train_family
from rtbf.plan.shard_cost import rerun_tokens

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from benchmarks.shard_trial import Corpus
    from rtbf.lm.recipes.sharded.family import Family, Inputs
    from rtbf.lm.recipes.sharded.shape import Shape

DRAWN_SUBJECTS = 1_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Seconds:
    """Wall-clock and processor time of one piece of work."""

    wall: float
    cpu: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Erasure:
    """One real erasure beside a training of the same family without the erased people.

    token_share   of the full training's tokens that were run again
    shards, steps how many shards and steps were run again
    digest, fresh_digest   of the merged model's files: after the erasure, and of the training that never had the people
    """

    subjects: int
    token_share: float
    shards: int
    steps: int
    took: Seconds
    fresh_took: Seconds
    digest: str
    fresh_digest: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Erasures:
    """Real erasures from one family, with what training it and a plain adapter took, and what a shard stores."""

    family_took: Seconds
    plain_took: Seconds
    erasures: tuple[Erasure, ...]
    sealed_bytes_per_shard: int


def expected_visits(records: Mapping[Place, int], shape: Shape) -> dict[tuple[int, int], float]:
    """Return how many visits to records each (shard, slice) is expected to make: its own ones', and earlier ones' by the rehearsal.

    records   how many lie at each place
    """
    return {
        (shard, current): shape.steps
        * sum(rate_in(shape, own, current) * records.get(Place(shard=shard, slice=own), 0) for own in range(1, current + 1))
        for shard in range(shape.shards)
        for current in range(1, shape.slices + 1)
    }


def visits(shape: Shape) -> float:
    """Return how often a record is visited on average: in its own slice, and in those later ones that its slice happens to have."""
    return shape.rate * shape.steps * (1 + shape.rehearsal * (shape.slices - 1) / 2)


def drawn_share(shape: Shape, subjects: int, draw: int) -> float:
    """Return the share of a full training that erasing random people re-runs, places drawn by a key of its own; one record a person."""
    dice = random.Random(f"shards:{subjects}:{draw}")
    people = [
        Record(record_id=f"dddddddddddd:{place}", prompt="", completion="", fields=((shape.subject_field, f"person {place}"),))
        for place in range(DRAWN_SUBJECTS)
    ]
    places = list(assign(people, shape, dice.randbytes(32)).places.values())
    gone = set(dice.sample(range(DRAWN_SUBJECTS), subjects))
    full = expected_visits(_counted(places), shape)
    left = expected_visits(_counted([place for number, place in enumerate(places) if number not in gone]), shape)
    touched = [(places[number].shard, places[number].slice) for number in gone]
    return _tokens(touched, left, shape) / sum(full.values())


def erase(corpus: Corpus, settings: Mapping[str, str], batches: Sequence[int], plain_settings: Mapping[str, str], folder: Path) -> Erasures:
    """Train a family, erase so many random people at once from copies of it, and train anew without them; everything with the clock."""
    mark = _start()
    trained = family(corpus, folder / "all", settings)
    state, _ = train_family(trained, corpus.members)
    family_took = _since(mark)
    sizes = [
        trained.generation(shard, entry.generation).size_bytes() for shard, entry in enumerate(state.shards) if entry.generation is not None
    ]
    lengths: dict[str, int] = {}
    for item in training_items(corpus.members, load_tokenizer(corpus.base.folder), MAX_TOKENS):
        lengths[item.record_id] = lengths.get(item.record_id, 0) + item.length
    full = tokens_through(trained, trained.inputs(corpus.members, trained.places()), lengths)
    done = []
    for count in batches:
        gone = {f"person {number}" for number in _who(trained, corpus, count)}
        rest = [record for record in corpus.members if record.fields[-1][1] not in gone]
        shutil.copytree(folder / "all", folder / f"without-{count}")
        mark = _start()
        copied = family(corpus, folder / f"without-{count}", settings)
        after, changes = retrain_shards(copied, state, rest)
        took = _since(mark)
        write_merged(copied, after, folder / f"merged-{count}")
        mark = _start()
        fresh = family(corpus, folder / f"fresh-{count}", settings)
        fresh.place(corpus.members)
        base, every = load_base(fresh), fresh.inputs(rest, fresh.places())
        never = family_state(fresh, [made_shard(fresh, base, shard, inputs) for shard, inputs in enumerate(every)])
        fresh_took = _since(mark)
        write_merged(fresh, never, folder / f"merged-fresh-{count}")
        left = tokens_through(fresh, every, lengths)
        run = [change for change in changes if change.first_slice is not None]
        done.append(
            Erasure(
                subjects=count,
                token_share=_tokens([(change.shard, change.first_slice or 1) for change in run], left, trained.shape) / sum(full.values()),
                shards=len(run),
                steps=sum(change.steps for change in run),
                took=took,
                fresh_took=fresh_took,
                digest=_digest(folder / f"merged-{count}"),
                fresh_digest=_digest(folder / f"merged-fresh-{count}"),
            )
        )
    mark = _start()
    plain_adapter(corpus, folder / "plain", plain_settings, rest)
    return Erasures(
        family_took=family_took,
        plain_took=_since(mark),
        erasures=tuple(done),
        sealed_bytes_per_shard=sum(sizes) // len(sizes),
    )


def tokens_through(family: Family, every: Sequence[Inputs], lengths: Mapping[str, int]) -> dict[tuple[int, int], float]:
    """Return the tokens that training passes through each (shard, slice), counted over who takes part in each step."""
    shape, key = family.shape, family.keys.family_key()
    found: dict[tuple[int, int], float] = {}
    for shard, inputs in enumerate(every):
        for number in range(1, shape.slices + 1):
            steps = range((number - 1) * shape.steps + 1, number * shape.steps + 1)
            found[shard, number] = sum(lengths[record_id] for step in steps for record_id in drawn_records(shape, key, inputs, step))
    return found


def _who(trained: Family, corpus: Corpus, count: int) -> list[int]:
    """Return the people to erase: for one, whose re-run is the median of all people's (one draw tells little); for more, random ones."""
    people = len(corpus.members) // RECORDS_EACH
    if count > 1:
        return random.Random(f"erase:{count}").sample(range(people), count)
    places = trained.places()
    own = [places[corpus.members[person * RECORDS_EACH].record_id] for person in range(people)]
    shares = []
    for person, place in enumerate(own):
        left = expected_visits(_counted([each for other, each in enumerate(own) if other != person]), trained.shape)
        shares.append((_tokens([(place.shard, place.slice)], left, trained.shape), person))
    return [sorted(shares)[people // 2][1]]


def _counted(places: Sequence[Place]) -> dict[Place, int]:
    counts: dict[Place, int] = {}
    for place in places:
        counts[place] = counts.get(place, 0) + 1
    return counts


def _tokens(touched: Sequence[tuple[int, int]], left: Mapping[tuple[int, int], float], shape: Shape) -> float:
    # The product's own count; it asks for whole tokens, expected visits are none.
    scaled = {place: round(value * 1_000) for place, value in left.items()}
    return rerun_tokens(touched, scaled, shape.shards, shape.slices) / 1_000


def _start() -> tuple[float, float]:
    return time.perf_counter(), time.process_time()


def _since(mark: tuple[float, float]) -> Seconds:
    return Seconds(wall=time.perf_counter() - mark[0], cpu=time.process_time() - mark[1])


def _digest(folder: Path) -> str:
    return digest_of_files(list_files(folder))
