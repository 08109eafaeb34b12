"""A stretch of a run is kept and run again: the same run ends in the same state, another one does not."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest

from rtbf.errors import Fault
from rtbf.evidence.canonical import digest_bytes
from rtbf.lm.stretch import KeptStretch, RunStates, run_again
from rtbf.lm.training import LoopSpec, by_loss, run_loop
from tests.unit.lm.test_training import Network

if TYPE_CHECKING:
    from pathlib import Path

SPEC = LoopSpec(
    run_digest="sha256:" + "11" * 32,
    seed=7,
    max_steps=12,
    learning_rate="0.05",
    warmup_steps=3,
    final_rate_fraction="0.1",
    beta1="0.9",
    beta2="0.98",
    clip_norm="1",
    checkpoint_every=3,
)


class Killed(Exception):
    pass


def _train(states: RunStates, *, kill_at: int | None = None, scale: float = 1.0) -> None:
    network = Network()

    def progress(step: str, done: int, total: int) -> None:
        if done == kill_at:
            raise Killed

    run_loop(
        SPEC,
        network.parameters,
        by_loss(lambda step: scale * network.loss_at(step)),
        after_step=lambda _step, _loss: False,
        checkpoint=states,
        progress=progress,
    )
    states.drop()


@pytest.mark.parametrize("seed", range(6))
def test_the_same_run_ends_the_kept_stretch_in_the_same_state(tmp_path: Path, seed: int) -> None:
    states = KeptStretch(folder=tmp_path, seed=seed)
    _train(states)

    kept = states.kept()
    again = run_again(kept, _train)

    assert again == kept.digest
    assert kept.to_step - kept.from_step == SPEC.checkpoint_every
    assert (kept.state is None) == (kept.from_step == 0)
    assert states.is_ended()


def test_another_run_ends_it_in_another_state(tmp_path: Path) -> None:
    states = KeptStretch(folder=tmp_path, seed=1)
    _train(states)

    again = run_again(states.kept(), lambda second: _train(second, scale=1.001))

    assert again != states.kept().digest


def test_every_stretch_is_drawn_about_as_often(tmp_path: Path) -> None:
    """Four stretches, 200 seeds: 50 each, with a standard deviation of √(200 · ¼ · ¾) = 6.1; five of them is 31."""
    contents = {step: _content(step) for step in (3, 6, 9, 12)}
    drawn: Counter[int] = Counter()
    for seed in range(200):
        states = KeptStretch(folder=tmp_path / str(seed), seed=seed)
        for step, content in contents.items():
            states.save(step, content)
        drawn[states.kept().to_step] += 1

    assert sorted(drawn) == [3, 6, 9, 12]
    assert max(abs(count - 50) for count in drawn.values()) <= 31


@pytest.mark.parametrize("kill_at", [4, 7, 11])
def test_a_run_that_was_killed_keeps_the_stretch_of_an_undisturbed_one(tmp_path: Path, kill_at: int) -> None:
    undisturbed, killed = (KeptStretch(folder=tmp_path / name, seed=3) for name in ("a", "b"))
    _train(undisturbed)
    with pytest.raises(Killed):
        _train(killed, kill_at=kill_at)
    was_ended = killed.is_ended()

    _train(killed)

    assert killed.kept() == undisturbed.kept()
    assert not was_ended


def test_a_second_run_that_never_comes_to_the_step_is_another_run(tmp_path: Path) -> None:
    states = KeptStretch(folder=tmp_path, seed=1)
    _train(states)

    with pytest.raises(Fault, match="without the kept step"):
        run_again(states.kept(), lambda second: second.drop())


def test_a_run_that_saved_nothing_has_no_stretch(tmp_path: Path) -> None:
    with pytest.raises(Fault, match="kept no state"):
        KeptStretch(folder=tmp_path, seed=1).kept()


def _content(step: int) -> bytes:
    """Return a state as `run_loop` writes it, of no weights."""
    made: list[bytes] = []

    class Catch:
        def load(self) -> bytes | None:
            return None

        def save(self, step: int, content: bytes) -> None:
            made.append(content)

    network = Network()
    from dataclasses import replace  # noqa: PLC0415

    run_loop(
        replace(SPEC, max_steps=step, checkpoint_every=step),
        network.parameters[:1],
        by_loss(network.loss_at),
        after_step=lambda _step, _loss: False,
        checkpoint=Catch(),
    )
    assert digest_bytes(made[-1])
    return made[-1]
