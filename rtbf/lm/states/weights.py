"""A model's linear weights: which they are, how they lie, and how they are exchanged and put back bit for bit.

Embeddings and the output layer are not among them: quantisers and pruners of language models leave both alone, and the
two are often one tensor. An adapter's own matrices are not among them either: they are kept while the base changes.
A model that keeps weights of its layers elsewhere (fused experts) is refused, since a state that changed only a part of
it would look harmless.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from peft.tuners.tuners_utils import BaseTunerLayer
from transformers.pytorch_utils import Conv1D

from rtbf.errors import BadInput, Fault

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

_MATRIX_DIMENSIONS = 2
_BASE_OF_ADAPTER = ".base_layer"


@dataclass(frozen=True, kw_only=True, slots=True)
class LinearLayer:
    """One linear layer of a model. `name` is the same with and without an adapter around it."""

    name: str
    module: torch.nn.Module

    @property
    def weight(self) -> torch.nn.Parameter:
        """Return the weight as it is stored: (out, in), but (in, out) in GPT-2's Conv1D."""
        weight: Any = self.module.weight
        return weight  # type: ignore[no-any-return]

    @property
    def n_inputs(self) -> int:
        """Return how many inputs the layer takes: the length of a row."""
        return int(self.weight.shape[0 if isinstance(self.module, Conv1D) else 1])

    def rows(self) -> torch.Tensor:
        """Return the weight as (out, in) in float32, one row an output, detached; raises Fault if a number is not finite."""
        stored = self.weight.detach().float()
        if not bool(torch.isfinite(stored).all()):
            raise Fault(
                found=f"a weight in layer '{self.name}' that is not a finite number",
                expected="finite weights",
                remedy="check how the model was made; its scores mean nothing",
            )
        return stored.T if isinstance(self.module, Conv1D) else stored

    def stored(self, rows: torch.Tensor) -> torch.Tensor:
        """Return `rows` (out, in) laid out and typed as this layer stores its weight."""
        laid = rows.T if isinstance(self.module, Conv1D) else rows
        return laid.to(self.weight.dtype).contiguous()


def plain_part(model: torch.nn.Module) -> Any:  # noqa: ANN401 - a PreTrainedModel
    """Return the transformers model inside peft's wrapper, or the model itself; adapters stay in its layers."""
    wrapped: Any = model
    return wrapped.get_base_model() if hasattr(wrapped, "get_base_model") else wrapped


def linear_layers(model: torch.nn.Module) -> list[LinearLayer]:
    """Return the linear layers of the model in its own order, without embeddings, output layer and adapters' matrices.

    Raises BadInput for a model with no such layer, or with layer weights that are no matrices.
    """
    whole = plain_part(model)
    left_out = {id(module) for module in _adapter_parts(whole)}
    head: Any = whole.get_output_embeddings()
    if head is not None:
        left_out.add(id(head.get_base_layer() if isinstance(head, BaseTunerLayer) else head))
    found = [
        LinearLayer(name=name.removesuffix(_BASE_OF_ADAPTER), module=module)
        for name, module in whole.named_modules()
        if isinstance(module, torch.nn.Linear | Conv1D) and id(module) not in left_out
    ]
    fused = [name for name, parameter in whole.named_parameters() if parameter.dim() > _MATRIX_DIMENSIONS]
    if fused or not found:
        raise BadInput(
            found=f"{len(found)} linear layers and {len(fused)} weights that are no matrices",
            expected="a model whose layers are linear layers",
            remedy="leave the states that change weights out of the plan for this architecture",
        )
    return found


@contextmanager
def exchanged(layers: Iterable[LinearLayer], new_rows: Callable[[LinearLayer], torch.Tensor]) -> Iterator[None]:
    """Give each layer the weight (out, in) that `new_rows` makes of it, and afterwards its own again, bit for bit.

    The layer's own tensor is set aside, not copied or computed back, so nothing can be lost on the way. A weight which
    two layers share is exchanged once. The parameter objects stay the same, so hooks and tied modules follow.
    """
    kept: dict[int, tuple[torch.nn.Parameter, torch.Tensor]] = {}
    try:
        for layer in layers:
            weight = layer.weight
            if id(weight) not in kept:
                made = layer.stored(new_rows(layer))
                kept[id(weight)] = (weight, weight.data)
                weight.data = made
        yield
    finally:
        for weight, own in kept.values():
            weight.data = own


def _adapter_parts(whole: torch.nn.Module) -> Iterator[torch.nn.Module]:
    """Yield every module that peft put into the model, but not the layers it put them around."""
    for module in whole.modules():
        if isinstance(module, BaseTunerLayer):
            around = {id(part) for part in module.get_base_layer().modules()}
            inner: Any = module
            yield from (part for part in inner.modules() if id(part) not in around)
