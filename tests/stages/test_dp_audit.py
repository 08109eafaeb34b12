"""The canary audit refutes a private training that was broken on purpose, and does not refute the same training unbroken."""

from __future__ import annotations

import math
import random
from typing import Any

import pytest

from rtbf.lm.adapters import attach_lora
from rtbf.lm.load import prepare_torch
from rtbf.lm.recipes.dp.accounting import noise_for
from rtbf.lm.recipes.dp.audit import CanaryAudit, audited, likelier_by
from rtbf.lm.recipes.dp.mechanism import Mechanism
from rtbf.lm.recipes.dp.recipe import dp_parameters, learn, loop_spec
from rtbf.vault.secret import SecretBytes
from tests import tiny

CANARIES, GUESSES, STEPS = 100, 40, 40
CLAIMED, DELTA, RATE = 1.0, 1e-3, 0.5
CLIP = 0.02
"""Far below the canaries' own gradients: where no gradient reaches C, leaving out the clip breaks nothing, and nothing is there to find."""

_RNG = random.Random("dp-audit")
ITEMS = [
    tiny.item([_RNG.randrange(tiny.VOCABULARY) for _ in range(4)], [_RNG.randrange(tiny.VOCABULARY) for _ in range(8)], f"canary:{place}")
    for place in range(CANARIES)
]
COINS = tuple(_RNG.random() < 0.5 for _ in ITEMS)
"""From a seed, so that the test is the same every time; a real audit takes those of a secret."""


def _audit(clip: float, noise: float) -> CanaryAudit:
    prepare_torch(1)
    model: Any = attach_lora(tiny.network(), rank=4, alpha=8, seed=1)
    values = dict(dp_parameters({"steps": str(STEPS), "warmup_steps": "1", "learning_rate": "0.02"}))
    planted = {item.record_id: [[item]] for item, is_in in zip(ITEMS, COINS, strict=True) if is_in}
    # N counts every canary, planted or not: the divisor is public and tells nothing.
    mechanism = Mechanism(rate=RATE, clip=clip, noise=noise, expected=RATE * CANARIES)
    learn(model, planted, mechanism, loop_spec(values, seed=1, data=[]), SecretBytes(b"\x07" * 32), checkpoint=None)
    return audited(likelier_by(tiny.network(), model, ITEMS), COINS, GUESSES, delta=DELTA)


@pytest.fixture(scope="module")
def noise() -> float:
    """What the claimed budget asks for."""
    return noise_for(epsilon=CLAIMED, delta=DELTA, rate=RATE, steps=STEPS).sigma * CLIP


def test_the_honest_training_is_not_refuted_though_it_could_have_been(noise: float) -> None:
    found = _audit(CLIP, noise)

    assert found.has_power(CLAIMED)
    assert not found.refutes(CLAIMED)
    assert found.refuted is None or found.refuted < CLAIMED


@pytest.mark.parametrize(("has_clip", "noise_share"), [(False, 1.0), (True, 1e-6), (False, 1e-6)], ids=["no clip", "no noise", "neither"])
def test_a_training_broken_on_purpose_is_refuted(noise: float, has_clip: bool, noise_share: float) -> None:  # noqa: FBT001 - a case's name
    found = _audit(CLIP if has_clip else math.inf, noise * noise_share)

    assert found.refutes(CLAIMED)
    assert found.refuted is not None
    assert found.refuted >= CLAIMED
