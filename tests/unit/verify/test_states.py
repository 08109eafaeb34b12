"""A state is entered by its name, its amount is read from it, and the model is the same before and after."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import pytest
import torch

from rtbf.errors import Fault
from rtbf.plan.card import probe_cards
from rtbf.verify import states
from rtbf.verify.observed import PassKey
from rtbf.verify.passes import is_white_box
from rtbf.verify.states import Attack, attack_of, in_state, relearning_tokens
from tests import tiny

if TYPE_CHECKING:
    from collections.abc import Iterator

MODEL: Any = object()
COPY: Any = object()


@pytest.fixture
def entered(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """What was entered and left, in order, with fakes for everything that touches weights."""
    log: list[tuple[Any, ...]] = []

    def fake(name: str) -> Any:
        @contextlib.contextmanager
        def enter(model: Any, *told: Any) -> Iterator[None]:
            log.append((name, "copy" if model is COPY else "model", *told))
            try:
                yield
            finally:
                log.append((f"end of {name}",))

        return enter

    def copied(_model: Any, dtype: Any) -> Any:
        log.append(("copy", dtype))
        return COPY

    def norms(_model: Any, items: Any) -> str:
        log.append(("norms", len(items)))
        return "norms"

    for name in ("adapter_off", "adapter_scaled", "quantised", "pruned"):
        monkeypatch.setattr(states, name, fake(name))
    monkeypatch.setattr(states, "merged_copy", copied)
    monkeypatch.setattr(states, "activation_norms", norms)
    return log


@pytest.mark.parametrize(
    ("state", "steps", "measured"),
    [
        ("", [], MODEL),
        ("again", [], MODEL),
        ("adapter-off", [("adapter_off", "model"), ("end of adapter_off",)], MODEL),
        ("scale-0.25", [("adapter_scaled", "model", 0.25), ("end of adapter_scaled",)], MODEL),
        ("scale-0.75", [("adapter_scaled", "model", 0.75), ("end of adapter_scaled",)], MODEL),
        ("merged-bf16", [("copy", torch.bfloat16)], COPY),
        # Merged without rounding first: the quantiser sees what a release would be made from.
        ("merged-int8", [("copy", None), ("quantised", "copy", "int8"), ("end of quantised",)], COPY),
        ("merged-nf4", [("copy", None), ("quantised", "copy", "nf4"), ("end of quantised",)], COPY),
        ("int8", [("quantised", "model", "int8"), ("end of quantised",)], MODEL),
        ("nf4", [("quantised", "model", "nf4"), ("end of quantised",)], MODEL),
        ("pruned-0.3", [("norms", 3), ("pruned", "model", 0.3, "norms"), ("end of pruned",)], MODEL),
    ],
)
def test_every_state_does_what_its_name_says_and_is_left_again(
    entered: list[tuple[Any, ...]], state: str, steps: list[tuple[Any, ...]], measured: Any
) -> None:
    with in_state(MODEL, state, tiny.items(3)) as model:
        seen = model

    assert seen is measured
    assert entered == steps


@pytest.mark.parametrize("state", ["adapter-off", "scale-0.5", "int8", "nf4", "merged-nf4", "pruned-0.3"])
def test_a_state_is_left_when_the_measuring_breaks(entered: list[tuple[Any, ...]], state: str) -> None:
    with pytest.raises(ZeroDivisionError), in_state(MODEL, state, []):
        raise ZeroDivisionError

    assert entered[-1][0].startswith("end of")


def test_pruning_looks_at_64_calibration_items_and_no_more(entered: list[tuple[Any, ...]]) -> None:
    with in_state(MODEL, "pruned-0.5", tiny.items(70)):
        pass

    assert entered[:2] == [("norms", 64), ("pruned", "model", 0.5, "norms")]


@pytest.mark.parametrize("state", ["nf5", "relearn-rtt@5", "lens-half", "Adapter-off", "quantised"])
def test_a_state_that_no_release_knows_is_our_fault_and_no_measurement(entered: list[tuple[Any, ...]], state: str) -> None:
    with pytest.raises(Fault, match=state), in_state(MODEL, state, []):
        pass

    assert entered == []


def test_every_state_of_a_shipped_card_can_be_entered(entered: list[tuple[Any, ...]]) -> None:
    found = {state for card in probe_cards().values() for state in card.states}

    alone = {state for state in found if not is_white_box(state) and attack_of(state) is None}

    for state in sorted(alone):
        with in_state(MODEL, state, tiny.items(2)) as model:
            assert model is not None
    assert {"", "adapter-off", "nf4"} <= alone


@pytest.mark.parametrize("state", ["int8", "nf4", "pruned-0.5"])
def test_a_real_model_differs_inside_and_is_itself_bit_for_bit_afterwards(state: str) -> None:
    model = tiny.network()
    before = {name: weight.clone() for name, weight in model.state_dict().items()}

    with in_state(model, state, tiny.items()) as measured:
        changed = {name for name, weight in measured.state_dict().items() if not torch.equal(weight, before[name])}

    assert measured is model
    assert len(changed) == 14  # seven linear layers in each of two blocks; neither embeddings nor norms
    assert all(torch.equal(weight, before[name]) for name, weight in model.state_dict().items())


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("relearn-rtt@25", ("relearn-rtt", 25)),
        ("relearn-benign@0", ("relearn-benign", 0)),
        ("", None),
        ("again", None),
        ("nf4", None),
        ("lens-half", None),
    ],
)
def test_only_relearning_is_an_attack_with_steps(state: str, expected: tuple[str, int] | None) -> None:
    assert attack_of(state) == expected


def _attack(name: str, lengths: tuple[int, ...]) -> Attack:
    items = [tiny.item([0], [3] * (length - 1), f"r{at}") for at, length in enumerate(lengths)]
    return Attack(name=name, items=items, learning_rate=0.002)


def _key(arm: str, state: str, items: str = "held") -> PassKey:
    return PassKey(items=items, arm=arm, state=state)


def test_an_attack_is_paid_once_an_arm_however_many_steps_and_sets_are_looked_at() -> None:
    attacks = {"relearn-rtt": _attack("relearn-rtt", (10,) * 8), "relearn-benign": _attack("relearn-benign", (4,) * 8)}
    passes = [
        _key(arm, f"relearn-rtt@{step}", name) for arm in ("unlearned", "control-1") for step in (0, 25, 50) for name in ("held", "forget")
    ]
    passes += [_key("unlearned", "relearn-benign@50"), _key("unlearned", ""), _key("original", "nf4")]

    # 50 steps of a batch of eight, three forwards a step: 8 × 10 tokens for two arms, 8 × 4 for one.
    assert relearning_tokens(attacks, passes, 17) == 2 * 3 * 50 * 80 + 3 * 50 * 32


def test_an_attack_that_is_not_at_hand_costs_nothing() -> None:
    assert relearning_tokens({}, [_key("unlearned", "relearn-rtt@5")], 17) == 0
    assert relearning_tokens({"relearn-rtt": _attack("relearn-rtt", (10,) * 8)}, [_key("unlearned", "")], 17) == 0
