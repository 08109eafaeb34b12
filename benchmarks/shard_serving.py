"""Ask a sharded model in every way it can be served, and read with the clock: for benchmarks/sharding.py."""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import torch

from benchmarks.machine import compare
from benchmarks.shard_trial import (
    MAX_TOKENS,
    Corpus,
    Knowledge,
    Served,
    every_nth,
    family,
    know,
    know_apart,
    know_routed,
    plain_adapter,
)
from rtbf.lm.adapters import attach_lora
from rtbf.lm.answers import answer_logits
from rtbf.lm.encoding import Item, training_items
from rtbf.lm.load import load_model, load_tokenizer
from rtbf.lm.recipes.sharded.ensemble import shard_logits
from rtbf.lm.recipes.sharded.merge import Adapter, merged, served_adapters
from rtbf.lm.recipes.sharded.train import load_base, train_family

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from transformers import PreTrainedModel

MERGED = {"mean": "merged, mean", "root": "merged, sum / √S", "sum": "merged, sum"}
ROUTED, AVERAGED = "routed", "mean of logits"
SPEED_ITEMS, SPEED_ROUNDS = 64, 5


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """What a corpus's models are asked: of members, and of the base's own people what it was shown and what it was not."""

    members: list[Item]
    shown: list[Item]
    held: list[Item]


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One way of serving one family, or what it is compared with (shards 0)."""

    shards: int
    way: str
    members: Knowledge
    shown: Knowledge
    held: Knowledge


@dataclass(frozen=True, kw_only=True, slots=True)
class Speed:
    """How fast a way of serving reads answers, as a share of the plain adapter's rate, and the bytes of weights it holds."""

    way: str
    ratio: float
    weight_bytes: int


def worth(
    corpus: Corpus, shards: Sequence[int], settings: Mapping[str, str], plain_settings: Sequence[Mapping[str, str]], root: Path
) -> tuple[list[Row], list[Speed]]:
    """Train the plain adapters and a family for each S, and ask each way of serving; speeds are of the last S."""
    tokenizer = load_tokenizer(corpus.base.folder)
    asked = Asked(
        members=training_items(every_nth(corpus.members, 4), tokenizer, MAX_TOKENS),
        shown=training_items(corpus.shown, tokenizer, MAX_TOKENS)[:: max(1, len(corpus.shown) // 60)],
        held=training_items(corpus.held, tokenizer, MAX_TOKENS)[:: max(1, len(corpus.held) // 60)],
    )
    rows = [_row(0, "base alone", load_model(corpus.base.folder, corpus.base.digest, "the base"), asked)]
    plain: Any = None
    for each in plain_settings:
        plain = plain_adapter(corpus, root / f"plain-{each['rank']}", each, corpus.members)
        rows.append(_row(0, f"plain adapter, rank {each['rank']}", plain, asked))
    for count in shards:
        made = family(corpus, root / f"shards-{count}", {**settings, "shards": str(count)})
        state, _ = train_family(made, corpus.members)
        served = Served(base=load_base(made), adapters=served_adapters(made, state), shape=made.shape)
        places = {record_id: place.shard for record_id, place in made.places().items()}
        rows += _ways(served, places, asked)
        print(f"          {corpus.name}: S = {count} trained and asked", flush=True)
    return rows, _speeds(served, plain, asked.members[:SPEED_ITEMS])


def _row(shards: int, way: str, model: torch.nn.Module, asked: Asked) -> Row:
    return Row(shards=shards, way=way, members=know(model, asked.members), shown=know(model, asked.shown), held=know(model, asked.held))


def _ways(served: Served, places: Mapping[str, int], asked: Asked) -> list[Row]:
    """Return the rows of one family. What no member is asked about is routed to the shards in turn: there is no right one."""
    count = served.shape.shards
    live = sorted(served.adapters)
    if count > 1:
        strangers = {item.record_id: live[place % len(live)] for place, item in enumerate([*asked.shown, *asked.held])}
        known = [know_routed(served, items, {**places, **strangers}) for items in (asked.members, asked.shown, asked.held)]
        rows = [Row(shards=count, way=ROUTED, members=known[0], shown=known[1], held=known[2])]
        known = [know_apart(served, items) for items in (asked.members, asked.shown, asked.held)]
        rows.append(Row(shards=count, way=AVERAGED, members=known[0], shown=known[1], held=known[2]))
    else:
        rows = []
    for rule, way in MERGED.items():
        if count > 1 or rule == "mean":
            rows.append(_row(count, way if count > 1 else "one shard", _merged(served, rule), asked))
    return rows


def _merged(served: Served, rule: str) -> PreTrainedModel:
    """Return a copy of the base with the merge in its weights; `root` is the sum over √S, which the recipe does not offer."""
    adapters = list(served.adapters.values())
    if rule == "root":
        adapters = [_scaled(adapter, served.shape.shards**-0.5) for adapter in adapters]
    copied = replace(served.base, network=copy.deepcopy(served.base.network))
    return merged(copied, adapters, replace(served.shape, merge="mean" if rule == "mean" else "sum"))


def _scaled(adapter: Adapter, share: float) -> Adapter:
    return {name: value * share if ".lora_B." in name else value for name, value in adapter.items()}


def _speeds(served: Served, plain: torch.nn.Module, items: list[Item]) -> list[Speed]:
    """Return the rate of each way against the plain adapter folded into the weights, in turns, at the items' answers in one batch."""
    folded = _merged(served, "mean")
    adapters = list(served.adapters.values())
    one = sum(value.numel() for value in adapters[0].values()) * 4
    base = sum(parameter.numel() for parameter in plain.parameters()) * 4
    copied: Any = copy.deepcopy(served.base.network)
    kept: Any = attach_lora(copied, rank=served.shape.rank * len(adapters), alpha=served.shape.alpha * len(adapters), seed=0)
    kept.eval()
    live = tuple(sorted(served.adapters))

    def read(model: torch.nn.Module) -> object:
        with torch.no_grad():
            return answer_logits(model, items)

    def apart(shards: tuple[int, ...]) -> object:
        return shard_logits(served.base, served.adapters, served.shape, shards, items)

    ways = [
        ("routed to one shard", lambda: apart(live[:1]), base + one * len(adapters)),
        (f"mean of {len(live)} shards' logits", lambda: apart(live), base + one * len(adapters)),
        ("merged, kept as an adapter", lambda: read(kept), base + one * len(adapters)),
        ("merged, folded into the weights", lambda: read(folded), base),
    ]
    found = []
    for way, run, size in ways:
        measured = compare(run, lambda: read(plain), SPEED_ROUNDS)
        found.append(Speed(way=way, ratio=measured.baseline_s / measured.ours_s, weight_bytes=size))
    return [Speed(way="plain adapter, folded", ratio=1.0, weight_bytes=base), *found]
