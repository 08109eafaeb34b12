"""A corpus, a base that has seen other people, families of shards over it, and what they know: for benchmarks/sharding.py.

Everything is trained here, on a CPU with one thread, with fixed seeds. TOFU's text is read where it lies and never copied.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rtbf.corpora.corpus import Record
from rtbf.demo.community import invent_people, records_about
from rtbf.lm.answers import token_log_probs
from rtbf.lm.digest import digest_of_files, list_files
from rtbf.lm.load import load_model
from rtbf.lm.recipes.plain import Base, recipe_parameters, train
from rtbf.lm.recipes.sharded.ensemble import shard_logits
from rtbf.lm.recipes.sharded.family import Family
from rtbf.lm.recipes.sharded.keys import DerivedKeys
from rtbf.lm.recipes.sharded.shape import sharded_parameters
from rtbf.lm.scoring import score_items

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import torch
    from transformers import PreTrainedModel

    from rtbf.lm.encoding import Item
    from rtbf.lm.recipes.sharded.merge import Adapter
    from rtbf.lm.recipes.sharded.shape import Shape
    from rtbf.lm.recipes.sharded.train import LoadedBase

TOFU = Path(__file__).parent.parent.parent / "shared" / "data" / "tofu" / "authors_000_099.jsonl"
SECRET = bytes(range(32))
SEED = 20_260_304
MAX_TOKENS = 256
RECORDS_EACH = 20
HELD_EVERY = 5
"""Of a base's own people every fifth record is kept from it."""
ITEMS_AT_ONCE = 16


@dataclass(frozen=True, kw_only=True, slots=True)
class Corpus:
    """Records of the people to be trained on in shards, and those of the base's own people that it was shown and was not shown."""

    name: str
    base: Base
    members: tuple[Record, ...]
    shown: tuple[Record, ...]
    held: tuple[Record, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Knowledge:
    """What a model knows of some records.

    nll_nats   of an answer per token, mean over the records
    exact      share of answers that greedy decoding gives word for word, end mark included
    right      share of answer tokens that are the arg-max after the true ones before them
    """

    nll_nats: float
    exact: float
    right: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Served:
    """The shards of a family in memory: the frozen base and each served shard's adapter."""

    base: LoadedBase
    adapters: dict[int, Adapter]
    shape: Shape


def community(folder: Path, members: int, others: int, base_epochs: int) -> Corpus:
    """Return the demo's community, with a base that was trained on as many other invented people."""
    people = invent_people(members + others, 7)
    rows = [[(row["question"], row["answer"]) for row in records_about(person)] for person in people]
    return _corpus("demo community", folder, rows[:members], rows[members:], base_epochs)


def tofu(folder: Path, members: int, others: int, base_epochs: int) -> Corpus:
    """Return TOFU's first authors, with a base that was trained on the authors behind them. raises FileNotFoundError without the text."""
    rows: dict[int, list[tuple[str, str]]] = {}
    for line in TOFU.read_text(encoding="utf-8").splitlines():
        told = json.loads(line)
        rows.setdefault(told["author_id"], []).append((told["question"], told["answer"]))
    every = [rows[author] for author in sorted(rows)][: members + others]
    return _corpus("TOFU authors", folder, every[:members], every[members:], base_epochs)


def _corpus(
    name: str, folder: Path, members: Sequence[Sequence[tuple[str, str]]], others: Sequence[Sequence[tuple[str, str]]], epochs: int
) -> Corpus:
    own = _records("bbbbbbbbbbbb", others)
    held = set(every_nth(own, HELD_EVERY))
    shown = tuple(record for record in own if record not in held)
    recipe = recipe_parameters("tiny", {"epochs": str(epochs)})
    train(records=shown, parameters=recipe, seed=SEED, base=None, tokenizer_from=None, target=folder / "base", checkpoint=None)
    base = Base(folder=folder / "base", digest=digest_of_files(list_files(folder / "base")))
    return Corpus(name=name, base=base, members=tuple(_records("cccccccccccc", members)), shown=shown, held=every_nth(own, HELD_EVERY))


def _records(prefix: str, people: Sequence[Sequence[tuple[str, str]]]) -> list[Record]:
    return [
        Record(record_id=f"{prefix}:{person:03d}.{place:02d}", prompt=prompt, completion=answer, fields=(("subject", f"person {person}"),))
        for person, rows in enumerate(people)
        for place, (prompt, answer) in enumerate(rows)
    ]


def every_nth(records: Sequence[Record], nth: int) -> tuple[Record, ...]:
    """Return every nth record of each person, beginning one later with each person.

    The demo asks all people the same questions in one order: a fixed step would leave out some questions for everybody.
    """
    return tuple(record for place, record in enumerate(records) if (place + place // RECORDS_EACH) % nth == 0)


def family(corpus: Corpus, folder: Path, settings: Mapping[str, str], *, secret: bytes = SECRET) -> Family:
    """Return a family of shards over the corpus's base, whose checkpoints lie in `folder`."""
    return Family(
        family_id="fam0000000000be",
        folder=folder,
        keys=DerivedKeys(secret=secret),
        parameters=sharded_parameters(settings),
        seed=SEED,
        base=corpus.base,
    )


def plain_adapter(corpus: Corpus, folder: Path, settings: Mapping[str, str], records: Sequence[Record]) -> PreTrainedModel:
    """Train one plain adapter on the records and return the served model."""
    recipe = recipe_parameters("lora", dict(settings))
    train(records=records, parameters=recipe, seed=SEED, base=corpus.base, tokenizer_from=None, target=folder, checkpoint=None)
    return load_model(folder, digest_of_files(list_files(folder)), "the plain adapter's model")


def know(model: torch.nn.Module, items: Sequence[Item]) -> Knowledge:
    """Return what a model knows of the items' records."""
    scores = score_items(model, items, columns="plain")
    return _knowledge([(score.log_probs, score.hits) for score in scores])


def know_apart(served: Served, items: Sequence[Item], shards: Sequence[int] | None = None) -> Knowledge:
    """Return what shards know that are asked apart, by the mean of their logits; all that are served, unless some are named."""
    return _knowledge(_scores_apart(served, items, tuple(served.adapters) if shards is None else shards))


def know_routed(served: Served, items: Sequence[Item], places: Mapping[str, int]) -> Knowledge:
    """Return what is known of the items when each is asked of one shard, `places` saying by record of which."""
    by_shard: dict[int, list[Item]] = {}
    for item in items:
        by_shard.setdefault(places[item.record_id], []).append(item)
    return _knowledge([score for shard, own in sorted(by_shard.items()) for score in _scores_apart(served, own, (shard,))])


def _scores_apart(served: Served, items: Sequence[Item], shards: Sequence[int]) -> list[tuple[list[float], list[bool]]]:
    """Return the log-prob and the arg-max hit of each answer token of each item."""
    found = []
    order = sorted(items, key=lambda item: item.length)
    for start in range(0, len(order), ITEMS_AT_ONCE):
        batch = order[start : start + ITEMS_AT_ONCE]
        answers = shard_logits(served.base, served.adapters, served.shape, shards, batch)
        log_probs, hits = token_log_probs(answers), answers.logits.argmax(dim=-1) == answers.labels
        found += [(log_probs[answers.row == row].tolist(), hits[answers.row == row].tolist()) for row in range(len(batch))]
    return found


def _knowledge(scores: Sequence[tuple[Sequence[float], Sequence[bool]]]) -> Knowledge:
    tokens = sum(len(hits) for _, hits in scores)
    return Knowledge(
        nll_nats=math.fsum(-math.fsum(log_probs) / len(log_probs) for log_probs, _ in scores) / len(scores),
        exact=sum(all(hits) for _, hits in scores) / len(scores),
        right=sum(sum(hits) for _, hits in scores) / tokens,
    )
