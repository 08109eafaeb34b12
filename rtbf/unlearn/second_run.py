"""Train, and run a stretch of the training a second time: what every method does that trains anew by a recorded recipe."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from rtbf.lm.stretch import KeptStretch, run_again
from rtbf.unlearn.record import Rerun

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from rtbf.lm.stretch import RunStates
    from rtbf.progress import Progress
    from rtbf.unlearn.method import Rebuild


def trained_and_run_again(training: Callable[[RunStates, Progress], None], folder: Path, work: Rebuild) -> tuple[int, Rerun]:
    """Make the weights at `work.target` unless they are there already, then run the kept stretch again; return the steps and both ends.

    training   writes the weights, given where its states lie and whom to tell of its steps
    folder     of these states; of a run that was killed they are found there again
    """
    states = KeptStretch(folder=folder, seed=work.seed)
    taken = [0]

    def told(step: str, done: int, total: int) -> None:
        taken[0] = max(taken[0], total)
        work.progress(step, done, total)

    if not (states.is_ended() and work.target.is_dir()):
        training(states, told)
    kept = states.kept()
    found = run_again(kept, lambda again: training(again, told))
    is_bitwise = not torch.cuda.is_available()
    return taken[0], Rerun(from_step=kept.from_step, to_step=kept.to_step, expected=kept.digest, found=found, is_bitwise=is_bitwise)
