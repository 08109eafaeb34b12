"""What a plan will cost, in forward-token units: one forward pass over one token of the target model is 1.

A training step counts 3 per token (forward, and a backward pass of about twice that). Source: methods/00-COMMON.md.
"""

from __future__ import annotations

from rtbf.plan.record import Cost

TRAINING_FACTOR = 3


def training_cost(tokens: int, epochs: float) -> int:
    """Return the cost of training on `tokens` for `epochs`; a share of an epoch counts as such."""
    return round(TRAINING_FACTOR * tokens * epochs)


def tokens_per_step(tokens: int, records: int, batch: int) -> int:
    """Return the mean tokens of a batch of at most `batch` records, drawn from `records` that have `tokens` in all."""
    return round(tokens * min(batch, records) / max(1, records))


def loop_cost(*, forget_tokens: int, forget_tokens_per_step: int, retain_tokens_per_step: int, max_steps: int) -> int:
    """Return the most that a method's loss over pairs of batches takes: one pass over the forget set, and every step."""
    return forget_tokens + TRAINING_FACTOR * max_steps * (forget_tokens_per_step + retain_tokens_per_step)


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
    stepping = loop_cost(
        forget_tokens=forget_tokens,
        forget_tokens_per_step=forget_tokens_per_step,
        retain_tokens_per_step=retain_tokens_per_step,
        max_steps=max_steps,
    )
    return Cost(
        unlearning=stepping if retraining_cost is None else retraining_cost,
        controls=control_cost,
        verification=verification,
    )
