"""Stage 2: what is chosen, what is refused, and which numbers a plan freezes before anything runs."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtbf.corpora.corpus import CorpusVersion, Layout, Shard
from rtbf.errors import BadInput, PlanImpossible, UnknownName
from rtbf.evidence.canonical import digest_of
from rtbf.footprint.record import Footprint, Hit, ModelReached
from rtbf.plan.card import code_digest, probe_cards
from rtbf.plan.cost import plan_cost, training_cost
from rtbf.plan.decisions import VERDICTS
from rtbf.plan.quorum import Quorum
from rtbf.plan.record import Control, HeldItem, Plan, PlannedSet
from rtbf.plan.request import PlanRequest
from rtbf.plan.run import Level, Questions, Selection, choose_model, freeze, select
from tests import builders

CORPUS = CorpusVersion(
    name="community",
    connector="jsonl",
    layout=Layout(prompt_field="question", completion_field="answer"),
    shards=(Shard(name="a.jsonl", sha256="ab" * 32, size_bytes=10, records=100, unread=()),),
)
TRAINED = [f"abababababab:{place}" for place in range(1, 101)]
THEIRS = TRAINED[:20]
NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
LEVEL = Level(
    item_levels_nats=(2.0,) * 10 + (3.0,) * 10,
    sequence_drop_nats=25.0,
    model_parameters=600_000,
    forget_items=20,
    answer_tokens=12.0,
    forget_tokens=400,
    retain_tokens=1_600,
)

QUESTIONS = Questions(
    profile="standard",
    sets=(
        PlannedSet(
            name="forget", reads="score", items=20, digest=builders.sha(40), samples=1, temperature="0", tokens=400, passes=3, left_out=()
        ),
    ),
    relearn=None,
    tokens=1_200,
)


def _footprint(models: tuple[str, ...] = ("assistant",), hits: list[str] = THEIRS) -> Footprint:
    reached = tuple(
        ModelReached(model=name, digest=builders.sha(5), corpus="community", version=CORPUS.digest, hits=len(hits), via=("community", name))
        for name in models
    )
    found = tuple(Hit(corpus="community", version=CORPUS.digest, record_id=record_id, matched=((1, "name", 1),)) for record_id in hits)
    return builders.footprint(models=reached, hits=found)


def _select(request: PlanRequest | None = None, **changes: Any) -> Selection:
    footprint = changes.get("footprint") or _footprint()
    fields: dict[str, Any] = {
        "footprint": footprint,
        "corpus": CORPUS,
        "trained_ids": TRAINED,
        "decisions": builders.decisions(footprint),
        "holds": (),
        "restricted": frozenset(),
        "now": NOW,
        **changes,
    }
    return select(request or PlanRequest(seed=4), **fields)


def _freeze(
    request: PlanRequest | None = None,
    level: Level = LEVEL,
    proposed: dict[str, str] | None = None,
    selected: dict[str, Any] | None = None,
    **changes: Any,
) -> Plan:
    asked = request or PlanRequest(seed=4)
    asked = asked if asked.method is not None else replace(asked, method="npo")
    fields: dict[str, Any] = {
        "ticket_id": builders.TICKET_ID,
        "attempt": 1,
        "planned_by": builders.PLANNER,
        "footprint_digest": builders.sha(2),
        "level": level,
        "questions": QUESTIONS,
        "qualification": None,
        "margins": {},
        "controls": [Control(seed=1_004, digest=builders.sha(12))],
        "controls_reason": "1 trained",
        "control_cost": 1_000,
        "proposed": proposed or {},
        "quorum": Quorum(approvers=2, reason="Two approvers: a base model is changed."),
        "grace_s": 86_400,
        "approval_valid_s": 1_209_600,
        **changes,
    }
    return freeze(asked, _select(asked, **(selected or {})), **fields)


def test_the_persons_records_are_to_go_and_none_of_them_is_drawn_to_stay() -> None:
    chosen = _select()

    assert chosen.forget.record_ids == tuple(THEIRS)
    assert not set(THEIRS) & {*chosen.retain.record_ids, *chosen.utility_holdout.record_ids}
    assert len(chosen.retain.record_ids) == 64
    assert len(chosen.utility_holdout.record_ids) == 16


def test_records_the_model_was_not_trained_on_are_neither_forgotten_nor_retained() -> None:
    chosen = _select(trained_ids=TRAINED[10:60])

    assert chosen.forget.record_ids == tuple(TRAINED[10:20])
    assert {*chosen.retain.record_ids, *chosen.utility_holdout.record_ids} == set(TRAINED[20:60])


def test_without_a_seed_one_is_drawn_and_kept() -> None:
    seeds = {_select(PlanRequest()).seed for _ in range(4)}

    assert len(seeds) > 1
    assert all(0 <= seed < 2**31 for seed in seeds)


@pytest.mark.parametrize(
    "changes",
    [
        {"corpus": None},
        {"trained_ids": []},
        {"trained_ids": THEIRS},
        {"trained_ids": TRAINED[:24]},  # four others: nothing to hold out
        {"footprint": _footprint(models=())},
        {"footprint": _footprint(hits=[])},
    ],
)
def test_a_plan_that_could_not_be_carried_out_or_judged_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(PlanImpossible):
        _select(**changes)


def test_several_models_need_a_name_and_the_others_are_listed_as_left_out() -> None:
    footprint = _footprint(models=("assistant", "helper"))

    with pytest.raises(BadInput, match="assistant, helper"):
        choose_model(PlanRequest(), footprint, builders.decisions(footprint), {})
    chosen = _select(PlanRequest(model="helper", seed=1), footprint=footprint)

    assert chosen.reached.model == "helper"
    assert chosen.left_out == ("assistant",)


def test_a_model_that_was_not_reached_cannot_be_planned_for() -> None:
    with pytest.raises(BadInput, match="assistant"):
        choose_model(PlanRequest(model="other"), _footprint(), builders.decisions(_footprint()), {})


@pytest.mark.parametrize(
    ("request_", "error"),
    [
        (PlanRequest(method="npos"), UnknownName),
        (PlanRequest(parameters={"bta": "1"}), UnknownName),
        (PlanRequest(parameters={"beta": "0"}), BadInput),
        (PlanRequest(parameters={"beta": "nan"}), BadInput),
    ],
)
def test_an_unusable_method_or_parameter_is_refused_before_any_model_is_looked_at(request_: PlanRequest, error: type[Exception]) -> None:
    with pytest.raises(error):
        _select(request_)


@given(st.data())
def test_only_what_is_decided_erase_and_is_free_of_holds_is_to_go_and_no_hit_stays_in_a_sample(drawn: st.DataObject) -> None:
    footprint = _footprint()
    verdicts = drawn.draw(st.lists(st.sampled_from(VERDICTS), min_size=20, max_size=20))
    held = drawn.draw(st.sets(st.sampled_from(THEIRS)))
    restricted = drawn.draw(st.sets(st.sampled_from(TRAINED[20:60])))
    free = [record for record, verdict in zip(THEIRS, verdicts, strict=True) if verdict == "erase" and record not in held]
    rules: dict[str, Any] = {
        "footprint": footprint,
        "decisions": builders.decisions(footprint, {f"record:{n}": verdict for n, verdict in enumerate(verdicts, start=1)}),
        "holds": [builders.hold("record", f"community@{CORPUS.digest}#{record}", hold_id=f"hld_{record}") for record in sorted(held)],
        "restricted": restricted,
    }

    if not free:
        with pytest.raises(PlanImpossible, match="nothing left to erase"):
            _select(**rules)
        return
    chosen = _select(**rules)

    assert list(chosen.forget.record_ids) == free
    drawn_to_stay = {*chosen.retain.record_ids, *chosen.utility_holdout.record_ids}
    assert not drawn_to_stay & {*THEIRS, *restricted}
    assert drawn_to_stay == set(TRAINED) - set(THEIRS) - restricted
    assert {entry.item for entry in chosen.held} == {
        f"record:{n}" for n, verdict in enumerate(verdicts, start=1) if verdict == "erase" and THEIRS[n - 1] in held
    }


def test_a_hit_of_another_version_is_not_drawn_to_stay_either() -> None:
    """The same shard in an older version of the corpus has the same record ids and the same text."""
    old = Hit(corpus="community", version=builders.sha(40), record_id=TRAINED[50], matched=((1, "name", 1),))
    footprint = replace(_footprint(), hits=(*_footprint().hits, old))

    chosen = _select(footprint=footprint)

    assert TRAINED[50] not in {*chosen.forget.record_ids, *chosen.retain.record_ids, *chosen.utility_holdout.record_ids}


def test_what_a_hold_keeps_is_named_in_the_plan_with_its_end() -> None:
    until = NOW + timedelta(days=30)
    holds = [builders.hold("record", f"community@{CORPUS.digest}#{THEIRS[1]}", until=until), builders.hold("record", "elsewhere")]

    plan = _freeze(selected={"holds": holds})

    assert plan.held == (HeldItem(item="record:2", hold_id="hld_01test", until="2026-04-01T12:00:00.000Z"),)
    assert THEIRS[1] not in plan.forget.record_ids
    assert plan.decisions_digest == digest_of(builders.decisions(_footprint()))
    assert (plan.quorum, plan.grace_s, plan.approval_valid_s) == (2, 86_400, 1_209_600)


@pytest.mark.parametrize(
    ("kept", "scope", "words"),
    [
        ({f"record:{n}": "retain" for n in range(1, 21)}, None, "20 are kept by decision and 0 held"),
        (
            {f"record:{n}": "not_about_subject" for n in range(1, 20)},
            ("corpus", "community"),
            "19 are kept by decision and 1 held by hld_01test",
        ),
        ({}, ("ticket", builders.TICKET_ID), "hld_01test"),
        ({}, ("model", "assistant"), "each under a hold .hld_01test"),
        ({"model:assistant": "retain"}, None, "no model decided to be changed"),
    ],
)
def test_a_plan_with_nothing_left_to_erase_is_refused_and_says_why(kept: dict[str, str], scope: tuple[str, str] | None, words: str) -> None:
    footprint = _footprint()
    holds = [] if scope is None else [builders.hold(*scope)]

    with pytest.raises(PlanImpossible, match=words):
        _select(footprint=footprint, decisions=builders.decisions(footprint, kept), holds=holds)


def test_a_plan_needs_a_decision_for_every_item_of_the_newest_footprint() -> None:
    footprint = _footprint()
    complete = builders.decisions(footprint)

    with pytest.raises(PlanImpossible, match=r"1 of 21 items without a decision \(record:3\)"):
        _select(footprint=footprint, decisions=replace(complete, items=(*complete.items[:2], *complete.items[3:])))
    with pytest.raises(PlanImpossible, match="21 of 21"):
        _select(footprint=footprint, decisions=None)
    with pytest.raises(PlanImpossible, match="21 of 21"):
        _select(footprint=replace(footprint, revision=2), decisions=complete)


def test_of_several_models_only_those_decided_to_be_changed_and_free_of_holds_can_be_planned_for() -> None:
    footprint = _footprint(models=("assistant", "helper", "tutor"))
    rules: dict[str, Any] = {
        "footprint": footprint,
        "decisions": builders.decisions(footprint, {"model:assistant": "retain"}),
        "holds": [builders.hold("model", "tutor")],
    }

    chosen = _select(PlanRequest(seed=4), **rules)

    assert (chosen.reached.model, chosen.left_out) == ("helper", ("assistant", "tutor"))
    assert [entry.item for entry in chosen.held] == ["model:tutor"]
    with pytest.raises(PlanImpossible, match="its decision"):
        _select(PlanRequest(model="assistant"), **rules)
    with pytest.raises(PlanImpossible, match="hold hld_01test"):
        _select(PlanRequest(model="tutor"), **rules)


def test_the_stop_rule_aims_at_the_controls_mean_and_each_item_at_its_own_level() -> None:
    plan = _freeze()

    assert (plan.stop.forget_nll_nats_min, plan.stop.forget_nll_nats_max) == ("2.400000", "2.600000")  # mean 2.5 ± 0.10
    assert plan.forget_levels_nats == ("2.000000",) * 10 + ("3.000000",) * 10
    assert plan.stop.is_braked


def test_without_a_control_the_level_is_an_answer_probability_of_a_tenth_and_has_no_upper_bound() -> None:
    plan = _freeze(level=replace(LEVEL, item_levels_nats=None, sequence_drop_nats=None), controls=[])

    assert float(plan.stop.forget_nll_nats_min) == pytest.approx(-math.log(0.1), abs=1e-6)
    assert plan.stop.forget_nll_nats_max is None
    assert plan.forget_levels_nats == ("2.302585",) * 20
    assert plan.controls.models == ()


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_control_whose_scores_are_not_finite_gives_no_plan(bad: float) -> None:
    with pytest.raises(PlanImpossible, match="not finite"):
        _freeze(level=replace(LEVEL, item_levels_nats=(bad,) * 20))


def test_what_a_person_sets_wins_over_what_the_method_proposes() -> None:
    plan = _freeze(PlanRequest(seed=4, parameters={"beta": "0.2"}), proposed={"beta": "0.3", "alpha": "12"})

    assert dict(plan.parameters) == {"alpha": "12", "beta": "0.2", "gamma": "1", "learning_rate": "0.0001"}


@pytest.mark.parametrize(
    ("request_", "cap", "has_adapter"),
    [
        (PlanRequest(seed=4), "approximate", True),
        (PlanRequest(seed=4, is_merged=False), "suppression", True),
        (PlanRequest(seed=4, method="noop"), "none", False),
        (PlanRequest(seed=4, method="gradient_difference", guarantee="exact"), "approximate", True),
    ],
)
def test_the_artefact_as_served_caps_the_class(request_: PlanRequest, cap: str, has_adapter: bool) -> None:  # noqa: FBT001 - a table
    plan = _freeze(request_)

    assert plan.class_cap == cap
    assert (plan.adapter is not None) == has_adapter
    assert plan.guarantee_requested == (request_.guarantee or "approximate")


def test_a_method_that_trains_nothing_plans_no_steps_and_no_brake() -> None:
    plan = _freeze(PlanRequest(seed=4, method="noop"))

    assert (plan.stop.max_steps, plan.stop.is_braked, plan.cost.unlearning) == (0, False, 400)


def test_every_probe_of_the_profile_is_planned_with_its_code_and_margin() -> None:
    plan, small = _freeze(), _freeze(questions=replace(QUESTIONS, profile="smoke"))

    cards = probe_cards()
    assert {probe.name for probe in plan.probes} == set(cards)
    assert {probe.name for probe in small.probes} == {name for name, card in cards.items() if card.profile == "smoke"}
    for probe in plan.probes:
        assert probe.code_digest == code_digest("probe", probe.name)
        assert (probe.margin, probe.margin_origin) == (cards[probe.name].margin, cards[probe.name].margin_origin)
    assert plan.method_digest == code_digest("method", "npo")


def test_the_same_request_freezes_the_same_plan_and_any_change_another_digest() -> None:
    plan = _freeze()
    others = [
        _freeze(PlanRequest(seed=5)),
        _freeze(PlanRequest(seed=4, max_steps=77)),
        _freeze(PlanRequest(seed=4, is_braked=False)),
        _freeze(PlanRequest(seed=4, parameters={"beta": "0.11"})),
        _freeze(attempt=2),
        _freeze(controls=[Control(seed=1_004, digest=builders.sha(13))]),
        _freeze(quorum=Quorum(approvers=1, reason="One approver.")),
        _freeze(grace_s=0),
        _freeze(questions=replace(QUESTIONS, profile="smoke")),
        _freeze(questions=replace(QUESTIONS, sets=(replace(QUESTIONS.sets[0], digest=builders.sha(41)),))),
        _freeze(questions=replace(QUESTIONS, tokens=1_201)),
        _freeze(approval_valid_s=60),
        _freeze(selected={"decisions": builders.decisions(_footprint(), revision=2)}),
        _freeze(selected={"holds": [builders.hold("record", f"community@{CORPUS.digest}#{THEIRS[3]}")]}),
    ]

    digests = [digest_of(made) for made in (plan, *others)]

    assert digest_of(_freeze()) == digests[0]
    assert len(set(digests)) == len(digests)


def test_cost_counts_a_training_token_as_three_forward_tokens() -> None:
    cost = plan_cost(
        forget_tokens=400,
        retain_tokens_per_step=600,
        forget_tokens_per_step=160,
        max_steps=150,
        retraining_cost=None,
        control_cost=9,
        verification=2_100,
    )

    assert training_cost(1_000, 25) == 75_000
    assert (cost.unlearning, cost.controls, cost.verification) == (400 + 3 * 150 * 760, 9, 2_100)


def test_a_margin_that_the_controls_call_for_stands_in_the_plan_with_its_origin() -> None:
    plan = _freeze(margins={"answer_probability": ("0.250000", "reference band")})

    by_name = {probe.name: probe for probe in plan.probes}
    assert (by_name["answer_probability"].margin, by_name["answer_probability"].margin_origin) == ("0.250000", "reference band")
    assert by_name["extraction_strength"].margin == probe_cards()["extraction_strength"].margin


@pytest.mark.parametrize(
    ("request_", "found"),
    [
        (PlanRequest(seed=4, method="full_retrain", is_merged=False), "merge=no with full_retrain"),
        (PlanRequest(seed=4, method="npo", guarantee="dp"), "class dp of method npo"),
    ],
)
def test_what_a_method_cannot_be_asked_for_is_refused_before_controls_are_trained(request_: PlanRequest, found: str) -> None:
    with pytest.raises(BadInput, match=found):
        _select(request_)
