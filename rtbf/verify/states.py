"""Put an arm into one of the states a probe looks at, and take it out again. Wakes torch.

"" is as served. What each of the others stands for, and what it does not emulate, is said in `rtbf.lm.states`.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from rtbf.errors import Fault
from rtbf.lm.states.adapter import adapter_off, adapter_scaled, merged_copy
from rtbf.lm.states.prune import activation_norms, pruned
from rtbf.lm.states.quantise import quantised
from rtbf.lm.states.relearn import attack_tokens
from rtbf.verify.item_log import AGAIN
from rtbf.verify.observed import AS_SERVED
from rtbf.verify.passes import RELEARNING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from rtbf.lm.encoding import Item
    from rtbf.verify.observed import PassKey

_SCALE, _PRUNED = "scale-", "pruned-"
_CALIBRATION_ITEMS = 64
"""Retained items that tell pruning which inputs matter; Wanda's own calibration set has 128 sequences."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Attack:
    """One relearning attack: `name` as in "relearn-rtt", and what the attacker trains on."""

    name: str
    items: Sequence[Item]
    learning_rate: float


def relearning_tokens(attacks: Mapping[str, Attack], passes: Iterable[PassKey], seed: int) -> int:
    """Return what the attacks of these passes cost in forward tokens: each is run once for every arm that is looked at under it."""
    runs = {(key.arm, found[0]) for key in passes if (found := attack_of(key.state)) is not None}
    return sum(attack_tokens(attacks[name].items, seed=seed) for _, name in runs if name in attacks)


def attack_of(state: str) -> tuple[str, int] | None:
    """Return (attack, step) of a relearning state, or None for any other."""
    if not state.startswith(RELEARNING):
        return None
    name, _, step = state.partition("@")
    return name, int(step)


@contextmanager
def in_state(model: torch.nn.Module, state: str, calibration: Sequence[Item]) -> Iterator[torch.nn.Module]:
    """Yield the model to measure; afterwards `model` is as it was, bit for bit. Relearning goes by steps and is not among these."""
    if state in {AS_SERVED, AGAIN}:
        yield model
    elif state == "adapter-off":
        with adapter_off(model):
            yield model
    elif state.startswith(_SCALE):
        with adapter_scaled(model, float(state.removeprefix(_SCALE))):
            yield model
    elif state == "merged-bf16":
        yield merged_copy(model, torch.bfloat16)
    elif state in {"merged-int8", "merged-nf4"}:
        merged = merged_copy(model, None)
        with quantised(merged, "int8" if state == "merged-int8" else "nf4"):
            yield merged
    elif state in {"int8", "nf4"}:
        with quantised(model, "int8" if state == "int8" else "nf4"):
            yield model
    elif state.startswith(_PRUNED):
        norms = activation_norms(model, calibration[:_CALIBRATION_ITEMS])
        with pruned(model, float(state.removeprefix(_PRUNED)), norms):
            yield model
    else:
        raise Fault(
            found=f"state '{state}' of a probe's card",
            expected="a state that this release can put a model into",
            remedy="mend the probe's CARD; the states are listed in docs/verification.md",
        )
