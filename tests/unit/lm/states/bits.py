"""Everything of a model that a state must leave as it was, as one digest; and tiny models that wear an adapter."""

from __future__ import annotations

import hashlib
from typing import Any

import torch

from rtbf.lm.adapters import attach_lora, trainable
from rtbf.lm.scoring import score_items
from tests import tiny


def fingerprint(model: torch.nn.Module) -> str:
    """Return a digest of a model's bytes by name, its tree of modules, attributes, modes, hooks, gradients' flags and LoRA's state."""
    digest = hashlib.sha256(repr(model).encode())
    for name, tensor in [*model.named_parameters(), *model.named_buffers()]:
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)} {tensor.requires_grad}".encode())
        digest.update(tensor.detach().contiguous().numpy().tobytes())
    for name, module in model.named_modules():
        hooks = len(module._forward_hooks) + len(module._forward_pre_hooks)  # noqa: SLF001 - torch shows hooks in no other way
        scaling = sorted(getattr(module, "scaling", {}).items()) if hasattr(module, "lora_A") else []
        active = getattr(module, "active_adapter", None) if hasattr(module, "lora_A") else None
        digest.update(f"{name} {module.training} {hooks} {scaling} {active} {sorted(vars(module))}".encode())
    return digest.hexdigest()


def adapted(family: str = "llama", seed: int = 2, size: float = 0.2) -> Any:
    """Return a tiny model in eval mode wearing a frozen adapter that changes its outputs, as `load_adapter` gives it."""
    model: Any = attach_lora(tiny.network(family), rank=4, alpha=8, seed=seed)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for _, parameter in trainable(model):
            parameter.add_(torch.randn(parameter.shape, generator=generator) * size)
    model.requires_grad_(requires_grad=False)
    return model.eval()


def log_probs(model: torch.nn.Module) -> list[tuple[float, ...]]:
    """Return the log-probabilities of the tiny items' answers."""
    return [score.log_probs for score in score_items(model, tiny.items())]


def furthest(one: list[tuple[float, ...]], other: list[tuple[float, ...]]) -> float:
    """Return the largest difference between two lists of log-probabilities, in nats."""
    return max(abs(a - b) for left, right in zip(one, other, strict=True) for a, b in zip(left, right, strict=True))
