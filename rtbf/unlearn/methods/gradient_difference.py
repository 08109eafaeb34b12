"""Gradient difference: ascend on what is to be forgotten, descend on what is to stay.

L = −γ · NLL_mean(D_f) + α · NLL_mean(D_r)

The forget term has no lower bound: only the clipped gradient, the step limit and the two-sided stop rule hold it.
Source: Liu, Liu, Stone: Continual Learning and Private Unlearning, arXiv 2203.12817; TOFU, arXiv 2401.06121, §3.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rtbf.unlearn.method import Pair, retain_nll_mean

if TYPE_CHECKING:
    import torch

CARD = {
    "name": "gradient_difference",
    "title": "Gradient difference (GradDiff)",
    "paper": "Maini et al. 2024, TOFU: A Task of Fictitious Unlearning for LLMs; Liu et al. 2022",
    "source": "arXiv 2401.06121, section 3; arXiv 2203.12817",
    "parameters": [
        {
            "name": "gamma", "kind": "decimal", "default": "1", "minimum": "0", "maximum": "100",
            "meaning": "weight of the forget term", "source": "TOFU default 1",
        },
        {
            "name": "alpha", "kind": "decimal", "default": "1", "minimum": "0", "maximum": "100",
            "meaning": "weight of the retain term", "source": "TOFU default 1",
        },
        {
            "name": "learning_rate", "kind": "decimal", "default": "0.0001", "minimum": "0.0000001", "maximum": "0.1",
            "meaning": "peak AdamW rate on the LoRA adapter",
            "source": "0.0001 or less from 1 B parameters on; measured on 0.6 M parameters: 0.001 (docs/log.md)",
        },
    ],
    "needs": ["forget", "retain"],
    "artefact": "adapter",
    "class_cap": "approximate",
    "cost_formula": "steps * (forget + retain tokens) * 3",
    "warnings": [
        "The forget term is unbounded: without the stop rule the answers collapse into gibberish, which is itself a trace.",
        "The retain term protects only what the retain sample covers.",
    ],
}  # fmt: skip


def loss(pair: Pair) -> torch.Tensor:
    """Return L of the module's head: a scalar, float32, in nats per token."""
    forget_mean = (pair.forget_weight * pair.forget_nll).sum() / pair.forget_tokens.sum()
    return pair.parameters["alpha"] * retain_nll_mean(pair) - pair.parameters["gamma"] * forget_mean
