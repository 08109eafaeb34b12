"""Where the layers, the final norm and the output layer of a causal model are, whatever the family calls them."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from rtbf.errors import BadInput
from rtbf.lm.states.weights import plain_part

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_FINAL_NORMS = ("norm", "ln_f", "final_layer_norm", "final_layernorm", "final_norm")
_SAMPLE_IDS = (1, 2, 3, 4)
_TOLERANCE = 1e-4


@dataclass(frozen=True, kw_only=True, slots=True)
class Decoder:
    """The parts of a model by which a state of its residual stream is read.

    layers   in their order; the state after a layer is (B, T, D)
    norm     the norm between the last layer and the output layer
    head     the output layer
    cap      logits are cap · tanh(logits / cap) afterwards (Gemma 2); None for none
    """

    layers: tuple[torch.nn.Module, ...]
    norm: torch.nn.Module
    head: torch.nn.Module
    cap: float | None

    @property
    def shape(self) -> tuple[int, ...]:
        """Return (V, D): how many tokens the output layer knows, and the width of the states it takes."""
        weight: Any = self.head.weight
        return tuple(weight.shape)

    def logits(self, states: torch.Tensor) -> torch.Tensor:
        """Return the logits (…, V) in float32 of states (…, D) as they leave a layer, before the final norm."""
        logits: torch.Tensor = self.head(self.norm(states)).float()
        return logits if self.cap is None else self.cap * torch.tanh(logits / self.cap)


def decoder_of(model: torch.nn.Module) -> Decoder:
    """Return the model's decoder; an adapter's change of a layer stays in it.

    The parts are found by name and shape, then tried: reading the last layer's state must give the model's own logits
    on a sample. Raises BadInput where they are not found or do not give them, instead of reading something else.
    """
    whole = plain_part(model)
    n_layers = getattr(whole.config, "num_hidden_layers", None)
    for parent in whole.base_model.modules():
        stacks = [child for child in parent.children() if isinstance(child, torch.nn.ModuleList) and len(child) == n_layers]
        norms = [getattr(parent, name) for name in _FINAL_NORMS if isinstance(getattr(parent, name, None), torch.nn.Module)]
        head = whole.get_output_embeddings()
        if len(stacks) == 1 and len(norms) == 1 and head is not None:
            cap = getattr(whole.config, "final_logit_softcapping", None)
            found = Decoder(layers=tuple(stacks[0]), norm=norms[0], head=head, cap=cap)
            if _gives_own_logits(whole, found):
                return found
    raise BadInput(
        found=f"a {type(whole).__name__} whose layers do not lead to its logits by a final norm and an output layer",
        expected="an architecture that can be read layer by layer",
        remedy="leave the probes between the layers out of the plan for this architecture",
    )


@contextmanager
def kept_states(layers: Iterable[torch.nn.Module]) -> Iterator[list[torch.Tensor]]:
    """Yield a list that holds, after each pass, the state (B, T, D) that left each of `layers`, in the order they ran."""
    seen: list[torch.Tensor] = []
    handles = []
    try:
        handles = [layer.register_forward_hook(lambda _layer, _given, output: seen.append(state_in(output))) for layer in layers]
        yield seen
    finally:
        for handle in handles:
            handle.remove()


def state_in(output: Any) -> torch.Tensor:  # noqa: ANN401 - what a layer returns: a tensor, or a tuple that begins with it
    """Return the residual stream's state in what a decoder layer returned."""
    state: torch.Tensor = output if isinstance(output, torch.Tensor) else output[0]
    return state


def _gives_own_logits(whole: Any, decoder: Decoder) -> bool:  # noqa: ANN401 - a PreTrainedModel
    modes = [(module, module.training) for module in whole.modules()]
    whole.eval()
    try:
        with torch.no_grad(), kept_states(decoder.layers[-1:]) as states:
            ids = torch.tensor([_SAMPLE_IDS], device=next(whole.parameters()).device)
            expected = whole(input_ids=ids, use_cache=False).logits.float()
            return len(states) == 1 and bool(torch.allclose(decoder.logits(states[0]), expected, rtol=_TOLERANCE, atol=_TOLERANCE))
    finally:
        for module, mode in modes:
            module.training = mode
