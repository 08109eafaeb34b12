"""The training loop: a killed run ends in the bits of an undisturbed one, and a bad number is never kept."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import torch

from rtbf.errors import Fault
from rtbf.lm.training import FolderCheckpoints, LoopSpec, by_loss, rate_at, read_metadata, run_loop

if TYPE_CHECKING:
    from pathlib import Path

SPEC = LoopSpec(
    run_digest="sha256:" + "ab" * 32,
    seed=7,
    max_steps=12,
    learning_rate="0.05",
    warmup_steps=3,
    final_rate_fraction="0.1",
    beta1="0.9",
    beta2="0.98",
    clip_norm="1",
    checkpoint_every=1,
)


class Killed(Exception):
    """The process ends here."""


class Network:
    """Two layers with dropout between them, data that depend on the step, and a memory of its own."""

    def __init__(self) -> None:
        torch.manual_seed(1)
        self.layers = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.Dropout(0.5), torch.nn.Linear(8, 1))
        self.parameters = sorted(self.layers.named_parameters())
        self.seen: list[int] = []

    def loss_at(self, step: int) -> torch.Tensor:
        data = torch.randn(6, 4, generator=torch.Generator().manual_seed(step))
        loss: torch.Tensor = (self.layers(data) - data.sum(dim=1, keepdim=True)).square().mean()
        return loss

    def bits(self) -> list[bytes]:
        return [parameter.detach().numpy().tobytes() for _, parameter in self.parameters]


def _run(network: Network, spec: LoopSpec, checkpoint: Path | None, *, kill_at: int | None = None, stop_at: int | None = None) -> int:
    def after_step(step: int, _loss: float) -> bool:
        network.seen.append(step)
        return step == stop_at

    def progress(step: str, done: int, total: int) -> None:
        if done == kill_at:
            raise Killed

    def restore(saved: list[int]) -> None:
        network.seen = list(saved)

    return run_loop(
        spec,
        network.parameters,
        by_loss(network.loss_at),
        after_step=after_step,
        checkpoint=None if checkpoint is None else FolderCheckpoints(folder=checkpoint),
        extra_state=lambda: network.seen,
        restore_extra=restore,
        progress=progress,
    )


@pytest.mark.parametrize("kill_at", range(1, 13))
@pytest.mark.parametrize("checkpoint_every", [1, 5])
def test_a_run_killed_at_any_step_and_resumed_ends_in_the_same_bits(tmp_path: Path, kill_at: int, checkpoint_every: int) -> None:
    spec = replace(SPEC, checkpoint_every=checkpoint_every)
    undisturbed, killed, resumed = Network(), Network(), Network()
    start = undisturbed.bits()
    _run(undisturbed, spec, None)
    with pytest.raises(Killed):
        _run(killed, spec, tmp_path / "state", kill_at=kill_at)

    steps = _run(resumed, spec, tmp_path / "state")

    assert steps == 12
    assert resumed.bits() == undisturbed.bits() != start
    assert resumed.seen == list(range(1, 13))


def test_a_finished_run_is_not_run_again(tmp_path: Path) -> None:
    first, second = Network(), Network()
    _run(first, SPEC, tmp_path / "state", stop_at=5)

    steps = _run(second, SPEC, tmp_path / "state", kill_at=1)

    assert steps == 5
    assert second.bits() == first.bits()
    assert second.seen == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("change", [{"run_digest": "sha256:" + "cd" * 32}, {"seed": 8}, {"learning_rate": "0.06"}, {"max_steps": 13}])
def test_a_checkpoint_of_another_run_is_ignored(tmp_path: Path, change: dict[str, str]) -> None:
    other = replace(SPEC, **change)  # type: ignore[arg-type]
    alone, after = Network(), Network()
    _run(alone, other, None)
    with pytest.raises(Killed):
        _run(Network(), SPEC, tmp_path / "state", kill_at=9)

    _run(after, other, tmp_path / "state")

    assert after.bits() == alone.bits()


def test_a_loop_that_is_asked_to_stop_returns_the_step_it_stopped_at() -> None:
    assert _run(Network(), SPEC, None, stop_at=4) == 4


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_loss_that_is_not_finite_is_a_fault_and_its_step_is_not_kept(tmp_path: Path, bad: float) -> None:
    network = Network()
    good = Network()
    _run(good, replace(SPEC, max_steps=12), None, stop_at=3)

    def loss_at(step: int) -> torch.Tensor:
        return network.loss_at(step) * (bad if step == 4 else 1.0)

    with pytest.raises(Fault) as raised:
        run_loop(
            SPEC,
            network.parameters,
            by_loss(loss_at),
            after_step=lambda _step, _loss: False,
            checkpoint=FolderCheckpoints(folder=tmp_path / "state"),
        )

    assert "not finite" in str(raised.value) or "finite" in raised.value.expected
    assert network.bits() == good.bits()


def test_two_seeds_draw_different_dropout() -> None:
    first, second = Network(), Network()

    _run(first, SPEC, None)
    _run(second, replace(SPEC, seed=8), None)

    assert first.bits() != second.bits()


@pytest.mark.parametrize(
    ("step", "rate"),
    [
        (1, 0.05 / 3),
        (3, 0.05),  # the end of the warm-up: the peak
        (12, 0.005),  # the last step: a tenth of it
        (6, 0.05 * (0.1 + 0.9 * 0.75)),  # a third of the way: 0.5 · (1 + cos 60°) = 0.75
        (9, 0.05 * (0.1 + 0.9 * 0.25)),  # two thirds: 0.5 · (1 + cos 120°) = 0.25
    ],
)
def test_the_rate_rises_in_a_line_and_falls_in_half_a_cosine(step: int, rate: float) -> None:
    assert rate_at(SPEC, step) == pytest.approx(rate, rel=1e-12)


def test_a_run_no_longer_than_its_warm_up_has_rates() -> None:
    spec = replace(SPEC, max_steps=3, warmup_steps=3)

    rates = [rate_at(spec, step) for step in (1, 2, 3)]

    assert rates == pytest.approx([0.05 / 3, 0.1 / 3, 0.05])


def test_the_gradient_is_clipped() -> None:
    """One step of AdamW moves by the rate whatever the gradient; the clipped norm shows in the parameter's gradient."""
    network = Network()

    run_loop(
        replace(SPEC, max_steps=1),
        network.parameters,
        by_loss(lambda step: 1e6 * network.loss_at(step)),
        after_step=lambda *_: False,
        checkpoint=None,
    )

    norm = torch.stack([parameter.grad.square().sum() for _, parameter in network.parameters if parameter.grad is not None]).sum().sqrt()
    assert norm.item() == pytest.approx(1.0, rel=1e-4)


def test_without_clipping_the_gradient_stays_as_it_was_laid_down() -> None:
    network, plain = Network(), Network()
    torch.manual_seed(SPEC.seed * 1_000_003 + 1)  # what the loop does before step 1, for the dropout
    plain.loss_at(1).backward()  # type: ignore[no-untyped-call]

    run_loop(
        replace(SPEC, max_steps=1, clip_norm="none"),
        network.parameters,
        by_loss(network.loss_at),
        after_step=lambda *_: False,
        checkpoint=None,
    )

    for (_, mine), (_, theirs) in zip(network.parameters, plain.parameters, strict=True):
        assert mine.grad is not None
        assert theirs.grad is not None
        torch.testing.assert_close(mine.grad, theirs.grad, rtol=0, atol=0)


def test_a_caller_may_lay_down_the_gradient_and_choose_the_rate() -> None:
    """AdamW's first step moves each weight by the rate against the gradient's sign, whatever its size."""
    network = Network()
    before = [parameter.detach().clone() for _, parameter in network.parameters]

    def gradient_at(_step: int) -> float:
        for _, parameter in network.parameters:
            parameter.grad = torch.full_like(parameter, 3.0)
        return 0.0

    run_loop(
        replace(SPEC, max_steps=1, clip_norm="none"),
        network.parameters,
        gradient_at,
        after_step=lambda *_: False,
        checkpoint=None,
        rate=lambda _spec, _step: 0.25,
    )

    for earlier, (_, parameter) in zip(before, network.parameters, strict=True):
        torch.testing.assert_close(parameter.detach(), earlier - 0.25)


def test_equal_states_are_equal_bytes(tmp_path: Path) -> None:
    """Safetensors writes several entries of metadata in an order of its own each time: digests of states then differed by chance."""
    first, second = Network(), Network()
    _run(first, SPEC, tmp_path / "a")
    _run(second, SPEC, tmp_path / "b")

    contents = {FolderCheckpoints(folder=tmp_path / name).load() for name in ("a", "b")}

    assert len(contents) == 1
    assert read_metadata(next(iter(contents)) or b"")["step"] == "12"
