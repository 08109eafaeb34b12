"""An arm's adapter switched off, turned down, or merged and stored: the adapter attacks A0 to A2 (sheet 6.3).

    adapter_off     who has the files loads the base alone. If the base ever saw the data, it comes back by construction
    adapter_scaled  who has the files mixes base and adapter, which is also what a later adapter does in part
    merged          the weights as they are served after merging, rounded to the type they are stored in (peft issues 1043,
                    1388 and 2502 report answers that changed); the quantised release is that model quantised (A3)

Not emulated: arithmetic in that type (activations stay in float32), another adapter stacked on top, and the base being
stored in the smaller type before the merge. An adapter that is no plain LoRA (DoRA, trained biases, whole layers saved
along) is refused where "off" or "a quarter of it" would not mean what the state's name says.
"""

from __future__ import annotations

import copy
import math
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch
from peft import PeftModel
from peft.tuners.lora import LoraLayer

from rtbf.errors import BadInput
from rtbf.lm.adapters import merge

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def adapter_off(model: torch.nn.Module) -> Iterator[None]:
    """Make the model answer as its base alone, bit for bit; afterwards with its adapter, trainable or frozen as before.

    Raises BadInput for a model without an unmerged, plain LoRA adapter.
    """
    wrapped, _ = _plain_lora(model)
    # peft makes every active adapter trainable when it switches it on again, a frozen one as well.
    flags = [(parameter, parameter.requires_grad) for parameter in model.parameters()]
    try:
        with wrapped.disable_adapter():
            yield
    finally:
        for parameter, flag in flags:
            parameter.requires_grad_(flag)


@contextmanager
def adapter_scaled(model: torch.nn.Module, factor: float) -> Iterator[None]:
    """Make the model answer as base + `factor` × the adapter's change; afterwards by its exact own scaling again.

    1 is as served, 0 the base. Raises BadInput for a model without an unmerged, plain LoRA adapter, ValueError for a
    factor that is not finite.
    """
    if not math.isfinite(factor):
        raise ValueError(f"a scale of {factor}")
    _, layers = _plain_lora(model)
    # The saved numbers are put back; dividing by the factor would not give them, and by 0 nothing.
    kept = [(layer, dict(layer.scaling)) for layer in layers]
    try:
        for layer, own in kept:
            layer.scaling.update({name: scale * factor for name, scale in own.items()})
        yield
    finally:
        for layer, own in kept:
            layer.scaling.update(own)


@contextmanager
def merged(model: torch.nn.Module, dtype: torch.dtype | None) -> Iterator[torch.nn.Module]:
    """Yield `merged_copy(model, dtype)`, which is let go afterwards."""
    yield merged_copy(model, dtype)


def merged_copy(model: torch.nn.Module, dtype: torch.dtype | None) -> torch.nn.Module:
    """Return a plain model: the adapter merged in float32, each weight rounded to `dtype` and back to float32.

    None leaves the rounding out. The given model is not touched: a copy is merged, since adding a change in floating
    point and subtracting it again does not give the weight that was there. Needs the room of a second
    model. Rounded are all parameters and stored buffers, embeddings and norms with them, as when the model is saved in
    `dtype`. Raises BadInput for a model without an adapter, or with one that is merged or switched off.
    """
    _, layers = _wrapped(model)
    if any(layer.disable_adapters for layer in layers):
        raise BadInput(found="an adapter that is switched off", expected="one that is on", remedy="merge outside of that state")
    copied: Any = copy.deepcopy(model)
    plain: torch.nn.Module = merge(copied.float())
    if dtype is not None:
        with torch.no_grad():
            # state_dict holds what is stored: tables made anew at each start, as rotary angles, are not among it.
            for tensor in plain.state_dict().values():
                if tensor.is_floating_point():
                    tensor.copy_(tensor.to(dtype).to(tensor.dtype))
    return plain


def _wrapped(model: torch.nn.Module) -> tuple[PeftModel, list[Any]]:
    """Return the model as peft's, and its LoRA layers."""
    layers: list[Any] = [module for module in model.modules() if isinstance(module, LoraLayer)]
    if not isinstance(model, PeftModel) or not layers or any(layer.merged for layer in layers):
        raise BadInput(
            found="a model without an unmerged LoRA adapter",
            expected="a base that wears its adapter",
            remedy="leave the adapter states out: this arm has no adapter to switch off, to scale or to merge",
        )
    return model, layers


def _plain_lora(model: torch.nn.Module) -> tuple[PeftModel, list[Any]]:
    """Return the same for an adapter whose whole effect is scaling × B A x, so that off and scale mean what they say."""
    wrapped, layers = _wrapped(model)
    configs: list[Any] = list(wrapped.peft_config.values())
    is_plain = all(config.bias == "none" and not config.modules_to_save for config in configs)
    if not is_plain or any(layer.lora_variant for layer in layers):
        raise BadInput(
            found="an adapter that changes more than LoRA's two matrices do",
            expected="a plain LoRA adapter",
            remedy="measure the merged form of this adapter instead",
        )
    return wrapped, layers
