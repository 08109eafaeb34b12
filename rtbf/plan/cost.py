"""What a plan will cost, in forward-token units: one forward pass over one token of the target model is 1.

A training step counts 3 per token (forward, and a backward pass of about twice that). Source: methods/00-COMMON.md.
"""

from __future__ import annotations

from rtbf.plan.record import Cost

TRAINING_FACTOR = 3


def training_cost(tokens: int, epochs: int) -> int:
    """Return the cost of training on `tokens` for `epochs`."""
    return TRAINING_FACTOR * tokens * epochs


def plan_cost(
    *,
    forget_tokens: int,
    retain_tokens_per_step: int,
    forget_tokens_per_step: int,
    max_steps: int,
    retraining_cost: int | None,
    control_cost: int,
    verification: int,
) -> Cost:
    """Return the most that unlearning and controls can take (stopping early takes less), and what verification takes.

    retraining_cost   of a method that makes the weights anew; it takes no steps of its own
    """
    per_step = forget_tokens_per_step + retain_tokens_per_step
    return Cost(
        unlearning=forget_tokens + TRAINING_FACTOR * max_steps * per_step if retraining_cost is None else retraining_cost,
        controls=control_cost,
        verification=verification,
    )
