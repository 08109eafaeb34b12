"""The relearning attack: fine-tune a little on some records and watch whether others come back (sheet 6.5).

Deeb and Roger (arXiv 2410.08827, RTT): train on T, measure on V that shares no facts with T. What was only hidden
returns with the first steps; what was never there has to be learned, and V cannot be learned from T. The same steps on
unrelated text are the benign variant (Hu et al., arXiv 2406.13356; Łucki et al., arXiv 2409.18025).
It proves nothing without a control arm: every model learns the attacker's records.
Here: LoRA of rank 8 and alpha 16 on every linear layer, AdamW without decay at a fixed rate, seeded batches. Not emulated:
full fine-tuning, longer training, a search for the best rate (the caller may try several). Dropout stays off: the attack
is then a function of weights, items, rate and seed on one CPU build.
"""

from __future__ import annotations

import math
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import torch
from peft import LoraConfig, PeftModel
from peft.tuners.lora import LoraLayer
from transformers.pytorch_utils import Conv1D

from rtbf.errors import BadInput, Fault
from rtbf.lm.adapters import attach_lora, trainable
from rtbf.lm.answers import answer_logits, nll_sums
from rtbf.lm.states.weights import linear_layers

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Sequence

    from rtbf.lm.encoding import Item

CHECKS = (0, 5, 10, 25, 50)
BATCH_ITEMS = 8
RANK, ALPHA = 8, 16
_CLIP_NORM = 1.0
_NAME = "relearned"
_SEED_STRIDE = 1_000_003


def relearn(
    model: torch.nn.Module,
    items: Sequence[Item],
    *,
    learning_rate: float,
    seed: int,
    checks: Sequence[int] = CHECKS,
    batch_items: int = BATCH_ITEMS,
) -> Generator[int]:
    """Yield each step number of `checks` once that many steps were taken; the model, in eval mode, is then as attacked.

    Step 0 is the model before the attack, bit for bit in its answers. A model that wears an adapter keeps it, switched
    on and frozen, under the attacker's own. When the steps are over, on close() and on an error the attacker's adapter
    is removed and the model is as before, bit for bit: weights, adapters, modes and which parameters are trainable.
    A caller that may leave the loop early must close the iterator (contextlib.closing), since an exception can keep it
    alive. The loss of a step is the mean NLL in nats over its batch's answer tokens.

    Raises ValueError for no items, checks that do not rise or a rate that is not positive; Fault, as training does, when
    a loss is not finite: that attack then says nothing, and a smaller rate is needed.
    """
    if not items:
        raise ValueError("no items to relearn from")
    if not checks or list(checks) != sorted(set(checks)) or checks[0] < 0:
        raise ValueError(f"checks {tuple(checks)} do not rise from 0 or later")
    if not (math.isfinite(learning_rate) and learning_rate > 0) or batch_items < 1:
        raise ValueError(f"a learning rate of {learning_rate} with batches of {batch_items}")
    return _attack(model, list(items), learning_rate, seed, tuple(checks), batch_items)


def attack_tokens(items: Sequence[Item], *, seed: int, steps: int = CHECKS[-1], batch_items: int = BATCH_ITEMS) -> int:
    """Return the cost of one attack in forward tokens, known before it is run: a training step counts 3 per token, padding none."""
    batches = _batches(len(items), batch_items, seed)
    return 3 * sum(items[place].length for _ in range(steps) for place in next(batches))


def _attack(
    model: torch.nn.Module, items: list[Item], learning_rate: float, seed: int, checks: tuple[int, ...], batch_items: int
) -> Generator[int]:
    with _attackers_adapter(model, seed) as parameters:
        optimizer = torch.optim.AdamW(parameters, lr=learning_rate, weight_decay=0.0, foreach=False)
        batches = _batches(len(items), batch_items, seed)
        done = 0
        for check in checks:
            # A caller may have scored in between and left another mode.
            model.eval()
            while done < check:
                _take_step(model, [items[place] for place in next(batches)], parameters, optimizer, done + 1)
                done += 1
            optimizer.zero_grad(set_to_none=True)
            yield check


@contextmanager
def _attackers_adapter(model: Any, seed: int) -> Iterator[list[torch.nn.Parameter]]:  # noqa: ANN401 - a PreTrainedModel, or peft's wrapper
    """Yield the parameters of a fresh adapter on the model, all that is trainable in it; afterwards undo everything."""
    _require_attackable(model)
    flags = [(parameter, parameter.requires_grad) for parameter in model.parameters()]
    modes = [(module, module.training) for module in model.modules()]
    places = [(parent, name, child) for parent in model.modules() for name, child in parent.named_children()]
    with ExitStack() as undo:
        undo.callback(_put_back, flags, modes, places)
        undo.callback(_drop_attributes, model, frozenset(vars(model)))
        # The fresh adapter's random numbers are the attack's own affair: the caller's go on as they were.
        with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
            if isinstance(model, PeftModel):
                undo.callback(_remove_second, model, list(model.active_adapters))
                _attach_second(model, seed)
            else:
                attach_lora(model, rank=RANK, alpha=ALPHA, seed=seed)
        yield [parameter for _, parameter in trainable(model)]


def _require_attackable(model: Any) -> None:  # noqa: ANN401 - as above
    layers: list[Any] = [module for module in model.modules() if isinstance(module, LoraLayer)]
    is_attacked = bool(layers) != isinstance(model, PeftModel) or any(_NAME in layer.lora_A for layer in layers)
    if is_attacked or any(layer.merged or layer.disable_adapters for layer in layers):
        raise BadInput(
            found="an adapter that is merged, switched off, no LoRA or another attack's",
            expected="a plain model, or a base that wears its LoRA adapter",
            remedy="start the attack outside of other states of the adapter",
        )


def _attach_second(model: Any, seed: int) -> None:  # noqa: ANN401 - a PeftModel
    """Add the attacker's adapter beside the model's own, all active, and only the attacker's trainable."""
    torch.manual_seed(seed)
    config = LoraConfig(
        r=RANK,
        lora_alpha=ALPHA,
        lora_dropout=0.0,
        # By name: on a model that has an adapter, "all-linear" would mean that adapter's matrices too.
        target_modules=[layer.name for layer in linear_layers(model)],
        task_type="CAUSAL_LM",
        fan_in_fan_out=any(isinstance(module, Conv1D) for module in model.modules()),
    )
    own = list(model.active_adapters)
    model.add_adapter(_NAME, config)
    model.base_model.set_adapter([*own, _NAME])
    model.requires_grad_(requires_grad=False)
    model.set_requires_grad(_NAME, requires_grad=True)


def _remove_second(model: Any, own: list[str]) -> None:  # noqa: ANN401 - a PeftModel
    if _NAME in model.peft_config:
        model.delete_adapter(_NAME)
    # Where attaching broke off, peft has dropped the adapter's name but not what it had put into layers by then.
    for layer in model.modules():
        if isinstance(layer, LoraLayer):
            layer.delete_adapter(_NAME)
    model.base_model.set_adapter(own)


def _drop_attributes(model: torch.nn.Module, own: frozenset[str]) -> None:
    """Drop what peft notes on a model that it wraps; with the note still there a second attack would look like a mistake."""
    for name in vars(model).keys() - own:
        delattr(model, name)


def _put_back(
    flags: list[tuple[torch.nn.Parameter, bool]],
    modes: list[tuple[torch.nn.Module, bool]],
    places: list[tuple[torch.nn.Module, str, torch.nn.Module]],
) -> None:
    """Set every module into its own place, out of the attacker's wrapping, then flags and modes."""
    for parent, name, child in places:
        if getattr(parent, name, None) is not child:
            setattr(parent, name, child)
    for parameter, flag in flags:
        parameter.requires_grad_(flag)
    for module, mode in modes:
        module.training = mode


def _batches(n_items: int, batch_items: int, seed: int) -> Iterator[list[int]]:
    """Yield places of items without end: seeded shuffles one after the other, every step the same number of items."""
    size, epoch, waiting = min(batch_items, n_items), 0, list[int]()
    while True:
        while len(waiting) < size:
            generator = torch.Generator().manual_seed(seed * _SEED_STRIDE + epoch)
            waiting += torch.randperm(n_items, generator=generator).tolist()
            epoch += 1
        yield waiting[:size]
        waiting = waiting[size:]


def _take_step(
    model: torch.nn.Module, batch: list[Item], parameters: list[torch.nn.Parameter], optimizer: torch.optim.Optimizer, step: int
) -> None:
    optimizer.zero_grad(set_to_none=True)
    # The caller may score under no_grad around the whole loop.
    with torch.enable_grad():
        sums, counts = nll_sums(answer_logits(model, batch))
        loss = sums.sum() / counts.sum()
        value = float(loss.detach())
        if not math.isfinite(value):
            raise Fault(
                found=f"a loss of {value} at step {step} of relearning",
                expected="a finite loss",
                remedy="give the attack a smaller learning rate",
            )
        loss.backward()  # type: ignore[no-untyped-call]
    torch.nn.utils.clip_grad_norm_(parameters, _CLIP_NORM)
    optimizer.step()
