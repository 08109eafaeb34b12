"""The public terms of a sharded training: how many shards and slices, and the fixed numbers of every step.

Nothing here may follow from the corpus: a number that knew how many records there are would change when one leaves, and with it
every shard's training. So steps, rate and divisor are fixed, whatever they come to for the records at hand.
Source: methods/exact-unlearning.md, method 1 and "deletion-stable" 1-5.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from rtbf.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Mapping

RECIPE = "sharded"
FAMILY, STATE = "family", "shard_state"
"""Entries of a registered model's recipe that its training adds: the family's id, and the digest of what its shards are."""

_DEFAULTS = {
    "shards": "8", "slices": "4", "steps": "12", "rate": "0.25", "batch": "8", "rank": "16", "alpha": "32",
    "rehearsal": "0.05",
    "learning_rate": "0.0002", "warmup_steps": "5", "clip_norm": "1", "subject_field": "subject", "group_cap": "32", "merge": "mean",
}  # fmt: skip
_FIXED = {"recipe": RECIPE, "tune": "lora", "final_rate_fraction": "1", "beta1": "0.9", "beta2": "0.98"}
_WHOLE = frozenset({"shards", "slices", "steps", "batch", "rank", "alpha", "warmup_steps", "group_cap"})
_MERGES: tuple[Literal["sum", "mean"], ...] = ("sum", "mean")
_MOST = 100_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Shape:
    """The parameters of a recipe as numbers.

    steps          of one slice of one shard; a shard takes slices times as many
    rate           chance of a record of the slice to take part in a step
    rehearsal      share of that chance which a record of an earlier slice keeps in later ones: 0 leaves it to be overwritten (slices
                   apart), 1 is training on all slices so far. A record takes part in no step before its own slice
    batch          what the sum over the records that take part is divided by, however many they are
    group_cap      most subjects that are kept in one shard because records name them together
    merge          sum: every shard's change in full · mean: divided by the number of shards, those without records included
    """

    shards: int
    slices: int
    steps: int
    rate: float
    rehearsal: float
    batch: int
    rank: int
    alpha: int
    subject_field: str
    group_cap: int
    merge: Literal["sum", "mean"]


def sharded_parameters(overrides: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """Return every parameter of a training as sorted (name, text); raises BadInput for unknown names or bad texts."""
    values = {**_FIXED, **_DEFAULTS}
    for name, text in overrides.items():
        if name not in _DEFAULTS:
            raise BadInput(
                found=f"recipe parameter '{name}'", expected=f"one of {', '.join(sorted(_DEFAULTS))}", remedy="correct --set NAME=VALUE"
            )
        if not _is_usable(name, text):
            raise BadInput(
                found=f"{name}={text}",
                expected=f"a positive number, whole where it counts (at most {_MOST}); rate, rehearsal at most 1; merge sum or mean",
                remedy="correct --set NAME=VALUE",
            )
        values[name] = text
    return tuple(sorted(values.items()))


def shape_of(parameters: Mapping[str, str]) -> Shape:
    """Return the numbers of a recipe that `sharded_parameters` gave; raises BadInput for the recipe of another kind."""
    if parameters.get("recipe") != RECIPE:
        raise BadInput(found=f"recipe '{parameters.get('recipe')}'", expected=RECIPE, remedy="name a model that was trained in shards")
    whole = {name: int(parameters[name]) for name in ("shards", "slices", "steps", "batch", "rank", "alpha", "group_cap")}
    merge = next(word for word in _MERGES if word == parameters["merge"])
    rate, rehearsal = float(parameters["rate"]), float(parameters["rehearsal"])
    return Shape(**whole, rate=rate, rehearsal=rehearsal, subject_field=parameters["subject_field"], merge=merge)


def terms_of(parameters: Mapping[str, str]) -> list[list[str]]:
    """Return what a state of the training depends on besides records, base and seed: the parameters without family and shards' state."""
    return [[name, text] for name, text in sorted(parameters.items()) if name not in {FAMILY, STATE}]


def _is_usable(name: str, text: str) -> bool:
    """Return whether a run can use `text`. Only plain digits: equal numbers have equal texts, hence digests."""
    if name == "merge":
        return text in _MERGES
    if name == "subject_field":
        return bool(text.strip()) and text.isprintable()
    if name in _WHOLE:
        return text.isascii() and text.isdigit() and not text.startswith("0") and int(text) <= _MOST
    try:
        value = float(text)
    except ValueError:
        return False
    is_share = name in {"rate", "rehearsal"}
    is_in_range = value >= 0 if name == "rehearsal" else value > 0
    return math.isfinite(value) and is_in_range and (not is_share or value <= 1) and text.isascii() and not set(text) & set("_ +-eE")
