"""Between approval and run: less may be erased, more never, and the levels that are left say where to stop."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtbf.errors import IllegalMove, PlanImpossible, StalePlan
from rtbf.evidence.canonical import digest_of
from rtbf.plan.decisions import VERDICTS
from rtbf.plan.record import ControlPlan
from rtbf.plan.stop import stop_rule_for
from rtbf.plan.withhold import withheld_records
from tests import builders

if TYPE_CHECKING:
    from rtbf.plan.decisions import Decisions

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
FOOTPRINT = builders.footprint()
APPROVED = builders.decisions(FOOTPRINT)
PLAN = builders.plan()
IDS = PLAN.forget.record_ids


def _withheld(decisions: Decisions = APPROVED, **changes: Any) -> tuple[str, ...]:
    fields: dict[str, Any] = {"plan": PLAN, "footprint": FOOTPRINT, "approved": APPROVED, "holds": (), "now": NOW, **changes}
    return withheld_records(decisions=decisions, **fields)


def _record_hold(place: int) -> Any:
    return builders.hold("record", f"community@{builders.sha(4)}#{IDS[place]}", hold_id=f"hld_{place:02}")


def test_with_nothing_changed_nothing_is_withheld() -> None:
    assert _withheld() == ()
    assert _withheld(replace(APPROVED, revision=2)) == ()


@given(st.lists(st.sampled_from(VERDICTS), min_size=20, max_size=20), st.sets(st.integers(0, 19)))
def test_what_a_later_decision_keeps_or_a_hold_covers_is_withheld_and_nothing_else(verdicts: list[Any], held: set[int]) -> None:
    later = builders.decisions(FOOTPRINT, {f"record:{n}": verdict for n, verdict in enumerate(verdicts, start=1)}, revision=2)
    expected = tuple(record for place, record in enumerate(IDS) if verdicts[place] != "erase" or place in held)

    if len(expected) == 20:
        with pytest.raises(IllegalMove, match="nothing may be unlearned now"):
            _withheld(later, holds=[_record_hold(place) for place in held])
        return
    assert _withheld(later, holds=[_record_hold(place) for place in held]) == expected


@given(st.sets(st.integers(1, 20), min_size=1, max_size=19), st.sets(st.integers(1, 20)))
def test_more_than_was_approved_is_refused_whatever_else_was_taken_back(kept: set[int], kept_later: set[int]) -> None:
    approved = builders.decisions(FOOTPRINT, {f"record:{n}": "retain" for n in kept})
    later = builders.decisions(FOOTPRINT, {f"record:{n}": "retain" for n in kept_later}, revision=2)
    plan = builders.plan(
        decisions_digest=digest_of(approved),
        forget=replace(PLAN.forget, record_ids=tuple(IDS[n - 1] for n in range(1, 21) if n not in kept)),
    )

    if kept <= kept_later and len(kept_later) < 20:
        assert set(_withheld(later, plan=plan, approved=approved)) == {IDS[n - 1] for n in kept_later - kept}
        return
    with pytest.raises(IllegalMove if kept <= kept_later else StalePlan):
        _withheld(later, plan=plan, approved=approved)


@pytest.mark.parametrize(
    "changes",
    [
        {"footprint": replace(FOOTPRINT, revision=2)},
        {"approved": replace(APPROVED, revision=2)},
        {"decisions": builders.decisions(replace(FOOTPRINT, revision=2))},
        {"plan": builders.plan(decisions_digest=builders.sha(3))},
        {"plan": builders.plan(footprint_digest=builders.sha(3))},
    ],
)
def test_another_footprint_or_other_decisions_than_the_plans_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(StalePlan):
        _withheld(changes.pop("decisions", APPROVED), **changes)


def test_an_item_that_lost_its_decision_stops_the_run() -> None:
    with pytest.raises(PlanImpossible, match="1 of 21"):
        _withheld(replace(APPROVED, items=APPROVED.items[1:]))


@pytest.mark.parametrize("scope", [("ticket", builders.TICKET_ID), ("corpus", "community"), ("model", "assistant")])
def test_when_a_hold_covers_all_of_it_the_run_is_refused_and_the_hold_is_named(scope: tuple[str, str]) -> None:
    with pytest.raises(IllegalMove, match="held by hld_01test"):
        _withheld(holds=[builders.hold(*scope)])


def test_when_the_model_itself_is_kept_by_a_later_decision_nothing_runs() -> None:
    with pytest.raises(IllegalMove, match="kept by later decisions"):
        _withheld(builders.decisions(FOOTPRINT, {"model:assistant": "retain"}))


def test_the_stop_rule_of_what_is_left_is_read_from_the_levels_the_plan_froze() -> None:
    levels = ("1.000000",) * 10 + ("3.000000",) * 10
    plan = builders.plan(forget_levels_nats=levels)

    assert stop_rule_for(plan, levels) == plan.stop
    left = stop_rule_for(plan, levels[8:])

    # (2 · 1 + 10 · 3) / 12 = 2.666667, give or take 0.10
    assert (left.forget_nll_nats_min, left.forget_nll_nats_max) == ("2.566667", "2.766667")
    assert replace(left, forget_nll_nats_min="1.900000", forget_nll_nats_max="2.100000") == plan.stop


def test_without_a_control_the_stop_rule_stays_as_it_is() -> None:
    plan = builders.plan(controls=ControlPlan(models=(), reason="too dear"))

    assert stop_rule_for(plan, plan.forget_levels_nats[:3]) == plan.stop
