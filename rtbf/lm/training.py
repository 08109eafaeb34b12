"""The one training loop: AdamW over given parameters, a gradient per step, checkpoints, bit-equal resume on CPU.

Who trains what is the caller's: a recipe trains on a corpus, unlearning on pairs of forget and retain batches. Most give a
loss (`by_loss`); who has to look at each gradient, as differential privacy does, lays down the gradient itself. The
loop holds no random state: everything random at a step is a function of (seed, step), so a run that was killed and
resumed makes the same numbers as one that was not. On a GPU equal bits are not promised.
"""

from __future__ import annotations

import json
import math
import shutil
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Protocol

import torch
from safetensors.torch import load, save

from rtbf.errors import Fault
from rtbf.evidence.canonical import digest_of
from rtbf.files import folder_in_one_piece
from rtbf.progress import Progress, silent

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

_SEED_STRIDE = 1_000_003
_STATE_FILE = "state.safetensors"
_TOLD = "rtbf.state"
NO_CLIPPING = "none"


@dataclass(frozen=True, kw_only=True, slots=True)
class LoopSpec:
    """Everything that shapes a run besides data and weights. Rates are decimal text so that the spec has a digest.

    run_digest   names the run (plan or recipe, data, base): a checkpoint of another run is never resumed
    clip_norm    largest norm of the whole gradient, or "none" where the caller has clipped already
    """

    run_digest: str
    seed: int
    max_steps: int
    learning_rate: str
    warmup_steps: int
    final_rate_fraction: str
    beta1: str
    beta2: str
    clip_norm: str
    checkpoint_every: int


class Checkpoints(Protocol):
    """Where the states of one run are kept: as bytes that hold weights, both moments and the step."""

    def load(self) -> bytes | None:
        """Return the newest state, None when there is none."""

    def save(self, step: int, content: bytes) -> None:
        """Keep the state after `step`, whole or not at all."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FolderCheckpoints:
    """The newest state of a run, alone in a folder of its own."""

    folder: Path

    def load(self) -> bytes | None:
        """Return the newest state, None when there is none."""
        path = self.folder / _STATE_FILE
        return path.read_bytes() if path.is_file() else None

    def save(self, step: int, content: bytes) -> None:  # noqa: ARG002 - one state is kept, whatever its step
        """Put the state in the place of the earlier one."""
        with folder_in_one_piece(self.folder) as part:
            (part / _STATE_FILE).write_bytes(content)

    def drop(self) -> None:
        """Forget the state: the run has ended, and what it made is written."""
        shutil.rmtree(self.folder, ignore_errors=True)


def by_loss(loss_at: Callable[[int], torch.Tensor]) -> Callable[[int], float]:
    """Return a step that lays down the gradient of `loss_at(step)` and returns that loss."""

    def gradient_at(step: int) -> float:
        loss = loss_at(step)
        value = float(loss.detach())
        if math.isfinite(value):
            loss.backward()  # type: ignore[no-untyped-call]
        return value

    return gradient_at


def run_loop(
    spec: LoopSpec,
    parameters: Sequence[tuple[str, torch.nn.Parameter]],
    gradient_at: Callable[[int], float],
    *,
    after_step: Callable[[int, float], bool],
    checkpoint: Checkpoints | None,
    rate: Callable[[LoopSpec, int], float] | None = None,
    extra_state: Callable[[], Any] = dict,
    restore_extra: Callable[[Any], None] = lambda _state: None,
    progress: Progress = silent,
    step_name: str = "training",
) -> int:
    """Run steps 1…max_steps until `after_step(step, loss)` returns True; return the last step taken.

    gradient_at(step)   leaves the step's gradients in the parameters' `.grad` and returns the loss
    checkpoint          with a state that belongs to this spec the run continues after it
    rate                learning rate of a step; None: `rate_at`

    `extra_state` and `restore_extra` carry the caller's own plain-JSON state through the checkpoints.
    Raises Fault when the loss is not finite: nothing of such a step is kept.
    """
    optimizer = torch.optim.AdamW(
        [parameter for _, parameter in parameters],
        lr=float(spec.learning_rate),
        betas=(float(spec.beta1), float(spec.beta2)),
        weight_decay=0.0,
        foreach=False,
    )
    done, is_done = 0, False
    if checkpoint is not None and (content := checkpoint.load()) is not None:
        done, is_done = _restore(content, spec, parameters, optimizer, restore_extra)
    if is_done:
        return done
    for step in range(done + 1, spec.max_steps + 1):
        # The only source of randomness of a step (dropout, if the model has any).
        torch.manual_seed(spec.seed * _SEED_STRIDE + step)
        loss = _take_step(spec, step, parameters, optimizer, gradient_at, (rate or rate_at)(spec, step))
        progress(step_name, step, spec.max_steps)
        is_done = after_step(step, loss)
        if checkpoint is not None and (is_done or step == spec.max_steps or step % spec.checkpoint_every == 0):
            checkpoint.save(step, _state(spec, step, is_done, parameters, optimizer, extra_state()))
        if is_done:
            return step
        done = step
    return done


def rate_at(spec: LoopSpec, step: int) -> float:
    """Return the learning rate of a step: linear warm-up, then a half cosine down to `final_rate_fraction` of the peak."""
    peak, floor = float(spec.learning_rate), float(spec.final_rate_fraction)
    if step <= spec.warmup_steps:
        return peak * step / spec.warmup_steps
    progressed = (step - spec.warmup_steps) / max(1, spec.max_steps - spec.warmup_steps)
    return peak * (floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * progressed)))


def _take_step(
    spec: LoopSpec,
    step: int,
    parameters: Sequence[tuple[str, torch.nn.Parameter]],
    optimizer: torch.optim.Optimizer,
    gradient_at: Callable[[int], float],
    rate: float,
) -> float:
    for group in optimizer.param_groups:
        group["lr"] = rate
    optimizer.zero_grad(set_to_none=True)
    value = gradient_at(step)
    if not math.isfinite(value):
        raise Fault(
            found=f"a loss of {value} at step {step}",
            expected="a finite loss",
            remedy="plan again with a smaller learning rate; nothing was kept",
        )
    if spec.clip_norm != NO_CLIPPING:
        torch.nn.utils.clip_grad_norm_([parameter for _, parameter in parameters], float(spec.clip_norm))
    optimizer.step()
    return value


def _state(
    spec: LoopSpec,
    step: int,
    is_done: bool,  # noqa: FBT001 - private
    parameters: Sequence[tuple[str, torch.nn.Parameter]],
    optimizer: torch.optim.Optimizer,
    extra: Any,  # noqa: ANN401 - the caller's JSON
) -> bytes:
    tensors: dict[str, torch.Tensor] = {}
    for name, parameter in parameters:
        state = optimizer.state[parameter]
        tensors[f"weight.{name}"] = parameter.detach()
        tensors[f"first_moment.{name}"] = state["exp_avg"]
        tensors[f"second_moment.{name}"] = state["exp_avg_sq"]
    # One entry: safetensors writes several in an order that changes from call to call, and equal states have equal bytes.
    told = {"spec": digest_of(asdict(spec)), "step": str(step), "is_done": str(is_done), "extra": json.dumps(extra)}
    return save({name: tensor.contiguous() for name, tensor in tensors.items()}, metadata={_TOLD: json.dumps(told, sort_keys=True)})


def _restore(
    content: bytes,
    spec: LoopSpec,
    parameters: Sequence[tuple[str, torch.nn.Parameter]],
    optimizer: torch.optim.Optimizer,
    restore_extra: Callable[[Any], None],
) -> tuple[int, bool]:
    """Take the state over; return its step and whether the run had ended, or (0, False) when it belongs to another run."""
    metadata = read_metadata(content)
    if metadata["spec"] != digest_of(asdict(spec)):
        return 0, False
    tensors, step = load(content), int(metadata["step"])
    with torch.no_grad():
        for name, parameter in parameters:
            parameter.copy_(tensors[f"weight.{name}"])
            optimizer.state[parameter] = {
                "step": torch.tensor(float(step)),
                "exp_avg": tensors[f"first_moment.{name}"].to(parameter.device),
                "exp_avg_sq": tensors[f"second_moment.{name}"].to(parameter.device),
            }
    restore_extra(json.loads(metadata["extra"]))
    return step, metadata["is_done"] == "True"


def read_metadata(content: bytes) -> dict[str, str]:
    """Return what a state says of itself: spec (a digest), step, is_done and the caller's extra (safetensors' header, no tensor)."""
    size = int.from_bytes(content[:8], "little")
    told: dict[str, str] = json.loads(json.loads(content[8 : 8 + size])["__metadata__"][_TOLD])
    return told
