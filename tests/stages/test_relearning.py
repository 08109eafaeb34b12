"""The finding that makes relearning worth its time, on a tiny model: what was only suppressed comes back from other records.

A model that learned twenty records and was then suppressed by a negative LoRA passes every test of outputs. Fine-tuned on
ten of the records it gives the other ten back; a model that never saw any of them learns nothing of those
(Deeb and Roger, arXiv 2410.08827; sheet 6.5).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
import torch

from rtbf.lm.adapters import attach_lora, merge, trainable
from rtbf.lm.answers import answer_logits, nll_sums
from rtbf.lm.encoding import scoring_items, training_items
from rtbf.lm.load import load_model, load_tokenizer
from rtbf.lm.scoring import score_items
from rtbf.lm.states.relearn import CHECKS, relearn
from rtbf.lm.states.split import split_records
from tests import tiny

if TYPE_CHECKING:
    from rtbf.corpora.corpus import Record
    from rtbf.lm.encoding import Item

RECORDS = tiny.records(people=3)
FORGET, RETAIN = RECORDS[:20], RECORDS[20:]
RATE = 2e-3


@dataclass(frozen=True)
class Models:
    """Who knew the records and was suppressed, by a merged and by an unmerged adapter, and two who never saw them."""

    merged: Any
    unmerged: Any
    never_shown: Any
    never_shown_either: Any
    attackers: list[Item]
    held_out: list[Item]
    unrelated: list[Item]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Models:
    folder = tmp_path_factory.mktemp("models")
    shape: dict[str, Any] = {"hidden": "64", "epochs": "40"}
    original = tiny.train_folder(RECORDS, folder / "original", **shape)
    controls = []
    for seed in (2, 3):
        place = folder / f"control-{seed}"
        digest = tiny.train_folder(RETAIN, place, tokenizer_from=folder / "original", seed=seed, **shape)
        controls.append(load_model(place, digest, "a control"))
    tokenizer = load_tokenizer(folder / "original")
    halves = split_records([record.record_id for record in FORGET], seed=5)
    assert halves is not None

    def of(ids: tuple[str, ...]) -> list[Record]:
        return [record for record in FORGET if record.record_id in ids]

    forget, retain = training_items(FORGET, tokenizer, 256), training_items(RETAIN, tokenizer, 256)
    return Models(
        merged=merge(_suppressed(load_model(folder / "original", original, "the original"), forget, retain)),
        unmerged=_suppressed(load_model(folder / "original", original, "the original"), forget, retain),
        never_shown=controls[0],
        never_shown_either=controls[1],
        attackers=training_items(of(halves[0]), tokenizer, 256),
        held_out=scoring_items(of(halves[1]), tokenizer, 256),
        unrelated=retain,
    )


def _suppressed(model: Any, forget: list[Item], retain: list[Item]) -> Any:
    """Return the model under a LoRA that drives the forget items above 6 nats a token and holds the retain items."""
    wrapped = attach_lora(model, rank=8, alpha=16, seed=1)
    optimizer = torch.optim.AdamW([parameter for _, parameter in trainable(wrapped)], lr=RATE, weight_decay=0.0)
    generator = torch.Generator().manual_seed(0)
    for _ in range(40):
        batch = [forget[place] for place in torch.randperm(len(forget), generator=generator)[:8].tolist()]
        batch += [retain[place] for place in torch.randperm(len(retain), generator=generator)[:16].tolist()]
        sums, counts = nll_sums(answer_logits(wrapped, batch))
        nats = sums / counts
        optimizer.zero_grad()
        torch.autograd.backward(torch.relu(6.0 - nats[:8]).mean() + 2 * nats[8:].mean())
        optimizer.step()
    wrapped.eval()
    return wrapped


def _leak(model: Any, items: list[Item]) -> float:
    """Return the mean probability of a token of the answers, geometric within an answer."""
    means = [sum(score.content_log_probs) / len(score.content_log_probs) for score in score_items(model, items)]
    return sum(math.exp(mean) for mean in means) / len(means)


def _curve(model: Any, items: list[Item], models: Models) -> list[float]:
    return [_leak(model, models.held_out) for _ in relearn(model, items, learning_rate=RATE, seed=3)]


def _area_between(one: list[float], other: list[float]) -> float:
    """Return the mean height of one curve above the other over the steps, by the trapezoid rule."""
    gaps = [a - b for a, b in zip(one, other, strict=True)]
    widths = [end - start for start, end in pairwise(CHECKS)]
    return sum(width * (left + right) / 2 for width, (left, right) in zip(widths, pairwise(gaps), strict=True)) / CHECKS[-1]


@pytest.mark.parametrize("form", ["merged", "unmerged"])
def test_a_suppressed_model_gives_the_held_out_half_back_and_a_never_shown_one_does_not(models: Models, form: str) -> None:
    suppressed = getattr(models, form)
    before = {name: tensor.clone() for name, tensor in suppressed.state_dict().items()}

    curve, control = _curve(suppressed, models.attackers, models), _curve(models.never_shown, models.attackers, models)

    assert curve[0] < 0.02  # forgotten, as far as outputs tell
    assert curve[-1] > 0.5
    assert max(control) < 0.1
    assert _area_between(curve, control) > 0.15
    assert list(suppressed.state_dict()) == list(before)
    assert all(torch.equal(tensor, before[name]) for name, tensor in suppressed.state_dict().items())


def test_two_models_that_never_saw_the_records_do_not_differ(models: Models) -> None:
    """The null case: without it, an attack that teaches every model would look like a finding."""
    one, other = (_curve(model, models.attackers, models) for model in (models.never_shown, models.never_shown_either))

    assert abs(_area_between(one, other)) < 0.05
    assert one != other


def test_unrelated_text_wears_the_suppression_off_but_brings_nothing_beyond_a_never_shown_model(models: Models) -> None:
    """The benign variant (Hu et al., arXiv 2406.13356), weak at this size: 0.0015 to 0.0095, the control stays at 0.010."""
    benign, control = _curve(models.merged, models.unrelated, models), _curve(models.never_shown, models.unrelated, models)

    assert benign[-1] > 3 * benign[0]
    assert max(control) < 1.5 * min(control)
    assert _area_between(benign, control) < 0.01
