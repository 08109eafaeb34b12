"""The laws every unlearning method keeps, run over all cards: a new file is covered without a new test.

At this writing "npo", "gradient_difference" and "noop"; what makes the weights anew, or leans on how they were made, is held to
its laws in tests/stages.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
import torch

from rtbf.evidence.canonical import canonical_bytes, digest_of
from rtbf.lm.adapters import attach_lora, trainable
from rtbf.lm.answers import answer_logits, nll_sums
from rtbf.lm.digest import digest_of_files, list_files
from rtbf.plan.card import load, method_cards, parse_parameters
from rtbf.unlearn.method import Pair
from rtbf.unlearn.run import unlearn
from tests import tiny

if TYPE_CHECKING:
    from pathlib import Path

    from rtbf.plan.card import MethodCard
    from rtbf.unlearn.record import Unlearned

CARDS = sorted(method_cards().values(), key=lambda card: card.name)
TRAINING = [card for card in CARDS if card.artefact == "adapter"]
REBUILDING = [card for card in CARDS if card.artefact == "weights"]
IDLE = [card for card in CARDS if card.artefact == "none" and card.class_cap == "none"]
ACCOUNTED = [card for card in CARDS if card.artefact == "none" and card.class_cap != "none"]

RECORDS = tiny.records(people=3)
FORGET, RETAIN = RECORDS[:20], RECORDS[20:]

each_method = pytest.mark.parametrize("card", [*TRAINING, *IDLE], ids=lambda card: card.name)
each_training_method = pytest.mark.parametrize("card", TRAINING, ids=lambda card: card.name)
each_idle_method = pytest.mark.parametrize("card", IDLE, ids=lambda card: card.name)


@dataclass(frozen=True)
class Original:
    folder: Path
    digest: str


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Original:
    """A tiny model that has learned its three people a little."""
    folder = tmp_path_factory.mktemp("original") / "model"
    return Original(folder=folder, digest=tiny.train_folder(RECORDS, folder, epochs="12"))


def _defaults(card: MethodCard) -> dict[str, float]:
    values = {}
    for name, text in parse_parameters(card, {}):
        try:
            values[name] = float(text)
        except ValueError:
            continue  # a choice, which is a word
    return values


def _pair(card: MethodCard, original: Original, *, forget_weight: float = 1.0) -> tuple[Any, Pair]:
    """Return a model with a fresh adapter and the pair of one step on it."""
    material = tiny.material(original.folder, original.digest, FORGET, RETAIN)
    model: Any = attach_lora(material.model, rank=4, alpha=8, seed=1)
    sums, counts = nll_sums(answer_logits(model, [*material.forget[:8], *material.retain[:24]]))
    pair = Pair(
        forget_nll=sums[:8],
        forget_tokens=counts[:8],
        forget_nll_reference=sums[:8].detach() - 0.5,
        forget_weight=torch.full((8,), forget_weight),
        retain_nll=sums[8:],
        retain_tokens=counts[8:],
        parameters={name: value for name, value in _defaults(card).items() if name != "learning_rate"},
    )
    return model, pair


def _run(card: MethodCard, original: Original, folder: Path, **changes: Any) -> Unlearned:
    plan = tiny.plan_for(card.name, original.digest, FORGET, RETAIN, **changes)
    material = tiny.material(original.folder, original.digest, FORGET, RETAIN)
    return unlearn(plan, digest_of(plan), material, original.folder, folder)[0]


def test_there_are_methods_of_every_kind() -> None:
    assert {"npo", "gradient_difference"} <= {card.name for card in TRAINING}
    assert {"full_retrain", "adapter_drop"} <= {card.name for card in REBUILDING}
    assert [card.name for card in IDLE] == ["noop"]
    assert [card.name for card in ACCOUNTED] == ["dp_certificate"]


@each_training_method
def test_its_loss_is_one_finite_number(card: MethodCard, original: Original) -> None:
    _, pair = _pair(card, original)

    loss = load("method", card.name).loss(pair)

    assert loss.shape == ()
    assert loss.dtype == torch.float32
    assert math.isfinite(loss.item())


@each_training_method
def test_its_gradient_reaches_the_adapter_and_nothing_else(card: MethodCard, original: Original) -> None:
    model, pair = _pair(card, original)

    load("method", card.name).loss(pair).backward()

    assert any(parameter.grad is not None and bool(parameter.grad.abs().sum() > 0) for _, parameter in trainable(model))
    assert all(parameter.grad is None for parameter in model.parameters() if not parameter.requires_grad)


@each_training_method
def test_it_pushes_forget_items_up_and_retain_items_down(card: MethodCard, original: Original) -> None:
    _, pair = _pair(card, original)
    pair.forget_nll.retain_grad()
    pair.retain_nll.retain_grad()

    load("method", card.name).loss(pair).backward()

    assert pair.forget_nll.grad is not None
    assert bool((pair.forget_nll.grad < 0).all())  # descending the loss raises each forget item's NLL
    if pair.retain_nll.grad is not None:
        assert bool((pair.retain_nll.grad >= 0).all())


@each_training_method
def test_items_that_the_brake_holds_pull_nothing(card: MethodCard, original: Original) -> None:
    _, pair = _pair(card, original, forget_weight=0.0)
    pair.forget_nll.retain_grad()

    load("method", card.name).loss(pair).backward()

    assert pair.forget_nll.grad is None or pair.forget_nll.grad.abs().sum().item() == 0.0


@each_training_method
def test_it_does_not_change_what_it_is_handed(card: MethodCard, original: Original) -> None:
    _, pair = _pair(card, original)
    handed = {name: getattr(pair, name).detach().clone() for name in ("forget_nll", "forget_tokens", "forget_weight", "retain_nll")}

    load("method", card.name).loss(pair)

    for name, tensor in handed.items():
        assert torch.equal(getattr(pair, name).detach(), tensor)


@each_method
def test_two_runs_of_one_plan_give_the_same_record(card: MethodCard, original: Original, tmp_path: Path) -> None:
    first = _run(card, original, tmp_path / "a")
    second = _run(card, original, tmp_path / "b")

    assert canonical_bytes(first) == canonical_bytes(second)
    assert first.method == card.name
    assert digest_of_files(list_files(original.folder)) == original.digest


@each_training_method
def test_it_forgets_more_than_it_loses(card: MethodCard, original: Original, tmp_path: Path) -> None:
    """On its card's defaults, but for the rate: the forget side rises, and more than the retain side does."""
    record = _run(card, original, tmp_path / "a", steps=40)

    start, end = record.curve[0], record.curve[-1]
    forget_rise = float(end.forget_nll_nats) - float(start.forget_nll_nats)
    retain_rise = float(end.retain_nll_nats) - float(start.retain_nll_nats)
    assert forget_rise > 0.1
    assert forget_rise > retain_rise


@each_idle_method
def test_a_method_without_artefact_leaves_the_original_and_claims_no_class(card: MethodCard, original: Original, tmp_path: Path) -> None:
    record = _run(card, original, tmp_path / "a")

    assert record.kind == "unchanged"
    assert record.artefact_digest == original.digest
    assert card.class_cap == "none"
    assert not hasattr(load("method", card.name), "loss")


@pytest.mark.parametrize("card", ACCOUNTED, ids=lambda card: card.name)
def test_a_method_that_does_nothing_claims_no_more_than_a_private_training_gave(card: MethodCard) -> None:
    module = load("method", card.name)

    assert (card.class_cap, card.works_on, card.parameters) == ("dp", ("dp",), ())
    assert not hasattr(module, "loss")
    assert not hasattr(module, "rebuild")


@each_method
@pytest.mark.parametrize("tokens", [1.0, 12.5, 400.0])
@pytest.mark.parametrize("drop", [None, -3.0, 0.0, 25.0, 4_000.0])
@pytest.mark.parametrize("parameters", [1_000, 10**9])
def test_what_it_proposes_its_own_card_accepts(card: MethodCard, tokens: float, drop: float | None, parameters: int) -> None:
    propose = getattr(load("method", card.name), "propose", None)
    proposed = {} if propose is None else propose(sequence_drop_nats=drop, answer_tokens=tokens, model_parameters=parameters)

    parsed = dict(parse_parameters(card, proposed))

    assert set(parsed) == {parameter.name for parameter in card.parameters}


@pytest.mark.parametrize("card", REBUILDING, ids=lambda card: card.name)
def test_a_method_that_makes_the_weights_anew_has_no_loss_and_may_claim_more_than_one_that_changes_them(card: MethodCard) -> None:
    module = load("method", card.name)

    assert callable(module.rebuild)
    assert not hasattr(module, "loss")
    assert card.class_cap in {"exact", "dp"}
