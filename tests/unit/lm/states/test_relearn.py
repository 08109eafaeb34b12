"""The relearning attack: it learns, it is seeded, and however it ends the model is the one that was given."""

from __future__ import annotations

from contextlib import closing, suppress
from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model
from peft.tuners.lora import LoraLayer

from rtbf.errors import BadInput, Fault
from rtbf.lm.adapters import attach_lora
from rtbf.lm.answers import answer_logits, nll_sums
from rtbf.lm.scoring import score_items
from rtbf.lm.states.adapter import adapter_off, merged_copy
from rtbf.lm.states.quantise import quantised
from rtbf.lm.states.relearn import attack_tokens, relearn
from tests import tiny
from tests.unit.lm.states.bits import adapted, fingerprint, furthest, log_probs

each_family = pytest.mark.parametrize("family", tiny.FAMILIES)
WORN = {"plain": tiny.network, "adapted": adapted}
each_form = pytest.mark.parametrize("form", WORN)


def _nats(model: torch.nn.Module) -> float:
    scores = score_items(model, tiny.items())
    return -sum(sum(score.log_probs) for score in scores) / sum(len(score.log_probs) for score in scores)


@each_form
@each_family
def test_it_yields_at_the_checks_learns_its_items_and_leaves_the_model_as_it_was(family: str, form: str) -> None:
    model = WORN[form](family)
    before, plain = fingerprint(model), log_probs(model)
    steps, nats = [], []

    for step in relearn(model, tiny.items(), learning_rate=3e-3, seed=4, checks=(0, 2, 8)):
        steps.append(step)
        nats.append(_nats(model))
        assert not any(module.training for module in model.modules())
        if step == 0:
            assert log_probs(model) == plain

    assert steps == [0, 2, 8]
    assert nats[0] > nats[1] > nats[2]
    assert fingerprint(model) == before
    assert log_probs(model) == plain


@each_form
def test_steps_are_those_of_a_loop_written_plainly(form: str) -> None:
    """AdamW at a fixed rate on the mean NLL per token, clipped to norm 1. Eight items fill each batch of eight whatever the seed."""
    model, items = WORN[form](), tiny.items(8)
    for _ in relearn(model, items, learning_rate=3e-2, seed=4, checks=(6,)):
        found = log_probs(model)

    by_hand: Any = attach_lora(tiny.network() if form == "plain" else merged_copy(adapted(), None), rank=8, alpha=16, seed=4)  # type: ignore[arg-type]
    parameters = [parameter for _, parameter in sorted(by_hand.named_parameters()) if parameter.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=3e-2, weight_decay=0.0)
    for _ in range(6):
        optimizer.zero_grad()
        sums, counts = nll_sums(answer_logits(by_hand, items))  # eight items in batches of eight: every step sees them all
        torch.autograd.backward(sums.sum() / counts.sum())
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()

    assert furthest(found, log_probs(by_hand)) < 1e-3  # without the clip 0.2 and 0.8
    assert furthest(found, log_probs(WORN[form]())) > 0.2


@each_form
def test_the_same_seed_is_the_same_attack_and_another_is_another(form: str) -> None:
    def attacked(seed: int) -> list[tuple[float, ...]]:
        model = WORN[form]()
        for step in relearn(model, tiny.items(20), learning_rate=3e-3, seed=seed, checks=(0, 3)):
            if step == 3:
                found = log_probs(model)
        return found

    assert attacked(1) == attacked(1)
    assert attacked(1) != attacked(2)


def test_checks_on_the_way_do_not_change_where_it_leads() -> None:
    model = tiny.network()

    def end(checks: tuple[int, ...]) -> list[tuple[float, ...]]:
        for _ in relearn(model, tiny.items(20), learning_rate=3e-3, seed=1, checks=checks):
            found = log_probs(model)
        return found

    assert end((0, 1, 2, 5)) == end((5,))


@each_form
def test_closed_early_it_leaves_the_model_as_before(form: str) -> None:
    model = WORN[form]("gpt2")
    before = fingerprint(model)

    with closing(relearn(model, tiny.items(), learning_rate=3e-3, seed=4)) as attack:
        steps = [next(attack), next(attack)]
        inside = fingerprint(model)

    assert steps == [0, 5]
    assert inside != before
    assert fingerprint(model) == before


@each_form
def test_an_error_in_the_callers_loop_leaves_the_model_as_before(form: str) -> None:
    model = WORN[form]("gpt2")
    before = fingerprint(model)

    with suppress(KeyError), closing(relearn(model, tiny.items(), learning_rate=3e-3, seed=4)) as attack:
        for _ in attack:
            inside = fingerprint(model)
            raise KeyError

    assert inside != before
    assert fingerprint(model) == before


@each_form
def test_a_loss_that_is_no_number_is_a_fault_and_leaves_the_model_as_before(form: str) -> None:
    model = WORN[form]("gpt2")
    before = fingerprint(model)
    attack = relearn(model, tiny.items(), learning_rate=1e30, seed=4)

    with pytest.raises(Fault, match=r"a loss of (nan|inf) at step [2-5] of relearning"):
        list(attack)

    assert fingerprint(model) == before


def test_an_attack_that_never_began_has_changed_nothing() -> None:
    model = tiny.network()
    before = fingerprint(model)

    relearn(model, tiny.items(), learning_rate=3e-3, seed=4)

    assert fingerprint(model) == before


@each_form
def test_an_adapter_that_cannot_be_attached_leaves_the_model_as_before(form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error comes in the middle of peft's work: half of the layers are wrapped already."""
    model = WORN[form]("gpt2")
    before, calls = fingerprint(model), list[str]()
    honest = LoraLayer.update_layer

    def breaks_at_the_fifth(layer: Any, adapter_name: str, *given: Any, **named: Any) -> None:
        calls.append(adapter_name)
        if len(calls) == 5:
            raise MemoryError
        honest(layer, adapter_name, *given, **named)

    monkeypatch.setattr(LoraLayer, "update_layer", breaks_at_the_fifth)

    with pytest.raises(MemoryError):
        next(relearn(model, tiny.items(), learning_rate=3e-3, seed=4))

    assert len(calls) == 5
    assert fingerprint(model) == before


def test_modes_and_trainable_parameters_come_back_as_they_were() -> None:
    model = tiny.network("gpt2")
    model.train()
    model.transformer.h[0].eval()
    for name, parameter in model.named_parameters():
        parameter.requires_grad_("c_fc" in name)
    before = fingerprint(model)

    for _ in relearn(model, tiny.items(), learning_rate=3e-3, seed=4, checks=(0, 1)):
        assert not model.training

    assert fingerprint(model) == before


def test_the_callers_random_numbers_go_on_as_if_nothing_had_been_drawn() -> None:
    model = tiny.network()
    torch.manual_seed(5)
    expected = torch.rand(3)

    torch.manual_seed(5)
    for _ in relearn(model, tiny.items(), learning_rate=3e-3, seed=4, checks=(0, 2)):
        pass

    assert torch.equal(torch.rand(3), expected)


def test_it_trains_also_where_the_caller_takes_no_gradients() -> None:
    model = tiny.network()

    with torch.no_grad():
        nats = [_nats(model) for _ in relearn(model, tiny.items(), learning_rate=3e-3, seed=4, checks=(0, 4))]

    assert nats[1] < nats[0]


def test_the_models_own_adapter_stays_on_and_untrained_under_the_attackers() -> None:
    model = adapted()
    own = {name: tensor.clone() for name, tensor in model.named_parameters() if ".default." in name}

    for _ in relearn(model, tiny.items(), learning_rate=3e-3, seed=4, checks=(4,)):
        named = dict(model.named_parameters())
        assert all(torch.equal(named[name], tensor) for name, tensor in own.items())
        second = [name for name in named if "lora_B.relearned" in name]
        assert len(second) == 14
        assert all(named[name].abs().max() > 0 for name in second)
        assert model.active_adapters == ["default", "relearned"]
        assert [name for name, parameter in named.items() if parameter.requires_grad and "relearned" not in name] == []

    assert model.active_adapters == ["default"]
    assert list(model.peft_config) == ["default"]
    with adapter_off(model):
        assert log_probs(model) == log_probs(tiny.network())


def test_layers_that_the_models_own_adapter_left_alone_are_attacked_too_and_unwrapped_again() -> None:
    model = get_peft_model(tiny.network(), LoraConfig(r=2, target_modules=["q_proj"], task_type="CAUSAL_LM")).eval()
    before = fingerprint(model)

    for _ in relearn(model, tiny.items(), learning_rate=3e-3, seed=4, checks=(1,)):
        attacked = [name for name, _ in model.named_parameters() if "lora_B.relearned" in name]

    assert len(attacked) == 14
    assert fingerprint(model) == before


def test_quantised_weights_can_be_attacked_and_both_states_end() -> None:
    model = tiny.network()
    before = fingerprint(model)

    with quantised(model, "nf4"):
        nats = [_nats(model) for _ in relearn(model, tiny.items(), learning_rate=3e-3, seed=4, checks=(0, 4))]

    assert nats[1] < nats[0]
    assert fingerprint(model) == before


def test_an_adapter_that_is_off_or_merged_or_under_attack_is_not_attacked() -> None:
    off, merged, twice = adapted(), adapted(), adapted()
    merged.merge_adapter()
    plain = tiny.network()

    with adapter_off(off), pytest.raises(BadInput, match="switched off"):
        next(relearn(off, tiny.items(), learning_rate=1e-3, seed=1))
    with pytest.raises(BadInput, match="merged"):
        next(relearn(merged, tiny.items(), learning_rate=1e-3, seed=1))
    for model in (twice, plain):
        with closing(relearn(model, tiny.items(), learning_rate=1e-3, seed=1)) as first:
            next(first)
            with pytest.raises(BadInput, match="another attack's"):
                next(relearn(model, tiny.items(), learning_rate=1e-3, seed=1))


def test_the_cost_told_beforehand_is_that_of_the_batches_which_are_run(monkeypatch: pytest.MonkeyPatch) -> None:
    items, seen = tiny.items(20), list[Any]()

    def counted(model: torch.nn.Module, batch: list[Any]) -> Any:
        seen.extend(batch)
        return answer_logits(model, batch)

    monkeypatch.setattr("rtbf.lm.states.relearn.answer_logits", counted)

    told = attack_tokens(items, seed=4, steps=5)

    for _ in relearn(tiny.network(), items, learning_rate=3e-3, seed=4, checks=(5,)):
        assert told == 3 * sum(len(item.prompt_ids) + len(item.answer_ids) for item in seen)
    assert len(seen) == 40
    assert {item.record_id for item in seen} == {item.record_id for item in items}


@pytest.mark.parametrize(
    "wrong",
    [
        {"items": []},
        {"checks": ()},
        {"checks": (0, 5, 5)},
        {"checks": (5, 0)},
        {"checks": (-1, 0)},
        {"learning_rate": 0.0},
        {"learning_rate": float("nan")},
        {"batch_items": 0},
    ],
)
def test_an_attack_that_cannot_run_is_refused_at_once(wrong: dict[str, Any]) -> None:
    given: dict[str, Any] = {"items": tiny.items(), "learning_rate": 1e-3, "seed": 1, **wrong}

    with pytest.raises(ValueError, match=r"items|checks|learning rate"):
        relearn(tiny.network(), given.pop("items"), **given)
