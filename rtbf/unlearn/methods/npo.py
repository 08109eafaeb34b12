"""Negative Preference Optimisation: gradient ascent whose weight fades as the model moves away from where it was.

L_f = −(2/β) · mean_i log σ(β · d_i),  d_i = NLL_sum(y_i; θ) − NLL_sum(y_i; θ0)   (paper, eq. 3)
L   = γ · L_f + α · NLL_mean(D_r)                                                    ("NPO+RT")

The ratio is of whole sequences: sums over answer tokens, not means. One widely copied implementation builds it from
raw logits over the vocabulary; that is not NPO.
Source: Zhang, Lin, Bai, Mei: Negative Preference Optimization, arXiv 2404.05868.
"""

from __future__ import annotations

import torch

from rtbf.unlearn.method import Pair, retain_nll_mean

CARD = {
    "name": "npo",
    "title": "Negative preference optimisation with retain loss",
    "paper": "Zhang et al. 2024, Negative Preference Optimization: From Catastrophic Collapse to Effective Unlearning",
    "source": "arXiv 2404.05868, eq. 3",
    "parameters": [
        {
            "name": "beta", "kind": "decimal", "default": "0.1", "minimum": "0.001", "maximum": "5",
            "meaning": "how soon the forget term fades: at a drop of 1/beta nats a sequence the pull has fallen by about half",
            "source": "paper default 0.1; with control models one is proposed from their level",
        },
        {
            "name": "gamma", "kind": "decimal", "default": "1", "minimum": "0", "maximum": "100",
            "meaning": "weight of the forget term", "source": "paper default 1",
        },
        {
            "name": "alpha", "kind": "decimal", "default": "2", "minimum": "0", "maximum": "100",
            "meaning": "weight of the retain term", "source": "paper 1; the AltPO authors' tuned NPO 2",
        },
        {
            "name": "learning_rate", "kind": "decimal", "default": "0.0001", "minimum": "0.0000001", "maximum": "0.1",
            "meaning": "peak AdamW rate on the LoRA adapter",
            "source": "0.0001 to 0.0002 from 1 B parameters on (npo.md); 0.0003 is proposed for models below 100 M",
        },
    ],
    "needs": ["forget", "retain", "reference"],
    "artefact": "adapter",
    "class_cap": "approximate",
    "cost_formula": "steps * (forget + retain tokens) * 3 + forget tokens",
    "warnings": [
        "Forgets short answers slowly: the pull fades after about 5/beta nats a sequence, however few its tokens.",
        "Low answer probability alone is no evidence: on tiny models relearning brought about a third of it back.",
    ],
}  # fmt: skip

_FADED_AT = 7.5
_SMALL_MODEL = 100_000_000


def loss(pair: Pair) -> torch.Tensor:
    """Return L of the module's head: a scalar, float32, in nats."""
    beta = pair.parameters["beta"]
    forgetting = pair.forget_nll - pair.forget_nll_reference
    forget_term = -(2 / beta) * (pair.forget_weight * torch.nn.functional.logsigmoid(beta * forgetting)).mean()
    return pair.parameters["gamma"] * forget_term + pair.parameters["alpha"] * retain_nll_mean(pair)


def propose(*, sequence_drop_nats: float | None, answer_tokens: float, model_parameters: int) -> dict[str, str]:
    """Return parameters for this model and these records; what a person sets wins over them.

    answer_tokens        mean number of answer tokens of a forget item
    sequence_drop_nats   how far NLL_sum of a forget item is to rise on average to reach the never-shown level; None: unknown
    The pull has faded to about 1/1000 at a rise of 7.5/β nats (w = 2/(1 + e^{βd})), so β is set to end there: with the
    paper's 0.1 short, strongly memorised answers stop far above that level. The forget term sums over a sequence's
    tokens while the retain term is a mean over tokens, so α is set to the tokens of an answer: with the paper's 1
    the retained records are thrown away first and repaired later (both measured: docs/log.md).
    """
    proposed = {"learning_rate": "0.0003" if model_parameters < _SMALL_MODEL else "0.0001"}
    proposed["alpha"] = f"{min(100.0, max(1.0, answer_tokens)):.0f}"
    if sequence_drop_nats is not None and sequence_drop_nats > 0:
        proposed["beta"] = f"{min(0.5, max(0.001, _FADED_AT / sequence_drop_nats)):.4f}"
    return proposed
