"""What an approved plan may still unlearn when its run begins: what it names, less what was decided or held since.

Erasing less than approved is allowed, more never. What is left out is named in the unlearning record and the report.
Source: specs/domain.md §2, guard 10.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rtbf.errors import IllegalMove, StalePlan
from rtbf.evidence.canonical import digest_of
from rtbf.plan.decisions import erased_records, is_subset, models_to_change, require_decided
from rtbf.plan.holds import held_items
from rtbf.plan.items import model_item, record_item

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from rtbf.footprint.record import Footprint
    from rtbf.plan.decisions import Decisions
    from rtbf.plan.holds import Hold
    from rtbf.plan.record import Plan


def withheld_records(
    plan: Plan, footprint: Footprint, approved: Decisions, decisions: Decisions, holds: Sequence[Hold], now: datetime
) -> tuple[str, ...]:
    """Return the records of the plan's forget set that must not be unlearned now, in its order; empty when all may be.

    footprint, decisions, holds   the newest ones; `approved` are the decisions that the plan was made from

    Raises StalePlan when footprint or approved decisions are not the plan's, or when more is decided `erase` than was
    approved; PlanImpossible when an item lost its decision; IllegalMove when nothing is left to unlearn.
    """
    _require_no_more(plan, footprint, approved, decisions)
    require_decided(footprint, decisions)
    held = held_items(footprint, holds, now)
    here = {hit.record_id: record_item(number) for number, hit in enumerate(footprint.hits, start=1) if hit.version == plan.forget.version}
    erased = {hit.record_id for hit in erased_records(footprint, decisions) if hit.version == plan.forget.version}
    target = model_item(plan.model)
    may_change = plan.model in models_to_change(footprint, decisions) and target not in held
    withheld = tuple(record for record in plan.forget.record_ids if not may_change or record not in erased or here[record] in held)
    if len(withheld) == len(plan.forget.record_ids):
        covering = [held[item] for item in (target, *(here[record] for record in withheld if record in here)) if item in held]
        names = ", ".join(sorted({hold.hold_id for hold in covering}))
        raise IllegalMove(
            found=f"a plan of which nothing may be unlearned now ({f'held by {names}' if names else 'all is kept by later decisions'})",
            expected="at least one record of the plan that is decided `erase` and free of holds",
            remedy=f"release the hold, or decide again and make another plan: `rtbf show {plan.ticket_id}`",
        )
    return withheld


def _require_no_more(plan: Plan, footprint: Footprint, approved: Decisions, decisions: Decisions) -> None:
    if plan.footprint_digest != digest_of(footprint) or plan.decisions_digest != digest_of(approved):
        raise StalePlan(
            found="a plan made from another footprint or other decisions",
            expected=f"the footprint {plan.footprint_digest} and the decisions {plan.decisions_digest}",
            remedy=f"make another plan: `rtbf plan {plan.ticket_id}`",
        )
    if not is_subset(approved, decisions):
        raise StalePlan(
            found=f"decisions (revision {decisions.revision}) that erase more than the approved plan",
            expected="as much as was approved, or less",
            remedy=f"make another plan and let it be approved: `rtbf plan {plan.ticket_id}`",
        )
