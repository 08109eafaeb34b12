"""One step of the mechanism: each subject's mean gradient, one clip, noise by key, the expected count."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
import torch
from scipy import stats

from rtbf.lm.adapters import attach_lora, trainable
from rtbf.lm.recipes.dp.mechanism import Mechanism, clipped, gaussians, lay_down, noised_mean, subject_gradient
from tests import tiny

KEY, OTHER = bytes(range(32)), bytes(range(1, 33))
PLAIN = Mechanism(rate=1.0, clip=math.inf, noise=0.0, expected=4.0)
SUBJECTS = [
    [tiny.items(3, seed=1)[:1], tiny.items(3, seed=1)[1:]],
    [tiny.items(2, seed=2)],
    [tiny.items(4, seed=3)[:3]],
    [tiny.items(1, seed=4)],
]
"""Four subjects with 2, 1, 1 and 1 records of 1 to 3 items."""


@pytest.fixture
def model() -> Any:
    """A tiny network wearing an adapter whose both halves are away from 0."""
    wrapped: Any = attach_lora(tiny.network(), rank=2, alpha=4, seed=1)
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for _, parameter in trainable(wrapped):
            parameter.add_(torch.randn(parameter.shape, generator=generator) * 0.1)
    return wrapped.eval()


def _parameters(model: Any) -> list[torch.nn.Parameter]:
    return [parameter for _, parameter in trainable(model)]


def _loss(model: Any, subjects: list[Any]) -> torch.Tensor:
    """Mean over subjects of the mean over their records of NLL per answer token, by transformers' own forward, item by item."""
    by_subject = []
    for own in subjects:
        by_record = []
        for record in own:
            log_probs = []
            for item in record:
                ids = torch.tensor([[*item.prompt_ids, *item.answer_ids]])
                all_log_probs = torch.log_softmax(model(input_ids=ids).logits[0].double(), dim=-1)
                start = len(item.prompt_ids) - 1
                log_probs += [all_log_probs[start + place, token] for place, token in enumerate(item.answer_ids)]
            by_record.append(-torch.stack(log_probs).mean())
        by_subject.append(torch.stack(by_record).mean())
    return torch.stack(by_subject).mean()


@pytest.mark.parametrize("items_at_once", [1, 2, 8])
def test_without_noise_and_clip_the_step_is_the_plain_mean_gradient(model: Any, items_at_once: int) -> None:
    parameters = _parameters(model)
    expected = torch.cat([gradient.flatten() for gradient in torch.autograd.grad(_loss(model, SUBJECTS), parameters)]).double()
    zero = torch.zeros_like(expected)

    found = noised_mean((subject_gradient(model, parameters, own, items_at_once) for own in SUBJECTS), PLAIN, zero, KEY)

    assert float(expected.norm()) > 0.1
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-6)


def test_laying_down_gives_each_parameter_its_part(model: Any) -> None:
    parameters = _parameters(model)
    vector = torch.arange(sum(parameter.numel() for parameter in parameters), dtype=torch.float64)

    norm = lay_down(parameters, vector)

    laid = [parameter.grad for parameter in parameters]
    assert torch.equal(torch.cat([part.flatten() for part in laid if part is not None]).double(), vector)
    assert norm == pytest.approx(float(vector.norm()))
    assert math.isnan(lay_down(parameters, vector * math.inf))


@pytest.mark.parametrize("clip", [1e-3, 0.1, 1.0, 7.3])
def test_what_is_clipped_is_never_longer_than_the_clip_and_keeps_its_direction(clip: float) -> None:
    generator = torch.Generator().manual_seed(3)
    for place in range(300):
        vector = torch.randn(257, generator=generator, dtype=torch.float64) * 10.0 ** (place % 13 - 6)

        found = clipped(vector, clip)

        assert float(torch.linalg.vector_norm(found)) <= clip
        if float(vector.norm()) <= clip:
            assert torch.equal(found, vector)
        else:
            assert float(found.norm()) == pytest.approx(clip)
            assert float(found @ vector) == pytest.approx(float(found.norm() * vector.norm()))


def test_one_subject_moves_the_sum_by_the_clip_at_most(model: Any) -> None:
    parameters = _parameters(model)
    gradients = [subject_gradient(model, parameters, own) for own in SUBJECTS]
    mechanism = replace(PLAIN, clip=0.05, noise=0.1)
    zero = torch.zeros_like(gradients[0])

    with_all = noised_mean(gradients, mechanism, zero, KEY)
    without = noised_mean(gradients[:2] + gradients[3:], mechanism, zero, KEY)

    moved = float((with_all - without).norm()) * mechanism.expected
    assert float(gradients[2].norm()) > 0.05
    assert moved == pytest.approx(0.05, rel=1e-6)


def test_a_subjects_gradient_does_not_depend_on_who_came_before(model: Any) -> None:
    parameters = _parameters(model)
    alone = subject_gradient(model, parameters, SUBJECTS[2])
    for own in SUBJECTS[:2]:
        subject_gradient(model, parameters, own)

    after = subject_gradient(model, parameters, SUBJECTS[2])

    assert torch.equal(alone, after)


def test_a_gradient_that_is_not_finite_counts_as_none(model: Any) -> None:
    parameters = _parameters(model)
    with torch.no_grad():
        parameters[0].fill_(math.nan)

    found = subject_gradient(model, parameters, SUBJECTS[0])

    assert torch.equal(found, torch.zeros_like(found))


def test_nobody_drawn_leaves_the_noise_alone_by_the_expected_count() -> None:
    zero = torch.zeros(40_000, dtype=torch.float64)

    found = noised_mean([], replace(PLAIN, clip=0.5, noise=1.5, expected=6.0), zero, KEY)

    # 1.5 / 6 = 0.25; the deviation of 40 000 numbers is known to 0.35 %.
    assert float(found.std()) == pytest.approx(0.25, rel=0.015)
    assert torch.equal(zero, torch.zeros_like(zero))


def test_the_divisor_is_the_expected_count_whoever_was_drawn() -> None:
    one = torch.ones(3, dtype=torch.float64)
    zero = torch.zeros(3, dtype=torch.float64)

    assert torch.equal(noised_mean([one], PLAIN, zero, KEY), one / 4)
    assert torch.equal(noised_mean([one, one], PLAIN, zero, KEY), one / 2)


def test_the_noise_is_normal_and_follows_its_key_alone() -> None:
    first, again, other = gaussians(KEY, 100_000), gaussians(KEY, 100_000), gaussians(OTHER, 100_000)

    assert torch.equal(first, again)
    for drawn in (first, other):
        assert stats.kstest(drawn.numpy(), "norm").pvalue > 0.01
        alike = int((drawn[1:] * drawn[:-1] > 0).sum())
        assert stats.binomtest(alike, 99_999, 0.5).pvalue > 0.01
    assert abs(float((first * other).mean())) < 4 / math.sqrt(100_000)
    assert torch.isfinite(first).all()
    assert first.dtype == torch.float64


def test_keys_that_end_alike_give_different_noise() -> None:
    """The CPU generator of torch keeps the low 32 bits of a seed, so that 2³² tries find any noise it ever makes."""
    by_torch = [torch.randn(8, generator=torch.Generator().manual_seed(seed)) for seed in (1, 1 + 2**32)]

    ours = [gaussians(bytes([first]) + bytes(31), 8) for first in (0, 1)]

    assert torch.equal(*by_torch)
    assert not torch.equal(*ours)
