"""The level at which forgetting may stop: what never-shown control models say, give or take a margin.

The rule is fixed in the plan. When less is erased than the plan names, the same rule is read for the items that are
left, from the levels the plan froze for them: no number is chosen after the approval.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from rtbf.errors import PlanImpossible
from rtbf.evidence.canonical import decimal_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rtbf.plan.record import Plan, StopRule

CONTROL_MARGIN_NATS = 0.10


def control_bounds(levels_nats: Sequence[float]) -> tuple[str, str]:
    """Return the lower and upper bound, in nats per answer token, around the mean of the items' levels."""
    aim = sum(levels_nats) / len(levels_nats)
    return level_text(aim - CONTROL_MARGIN_NATS), level_text(aim + CONTROL_MARGIN_NATS)


def level_text(nats: float) -> str:
    """Return a level as decimal text; raises PlanImpossible when it is not finite."""
    text = decimal_text(nats)
    if text is None:
        raise PlanImpossible(found="a control model whose scores are not finite", expected="numbers", remedy="train the model again")
    return text


def stop_rule_for(plan: Plan, levels_nats: Sequence[str]) -> StopRule:
    """Return the plan's stop rule for the forget items whose levels are given; the plan's own when these are all of them.

    Without a control model every item has the same level, so fewer items change nothing.
    """
    if len(levels_nats) == len(plan.forget_levels_nats) or not plan.controls.models:
        return plan.stop
    low, high = control_bounds([float(level) for level in levels_nats])
    return replace(plan.stop, forget_nll_nats_min=low, forget_nll_nats_max=high)
