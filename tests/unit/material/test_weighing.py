"""Before a plan: the rate is measured on the pass that planning makes anyway, and the options follow ticket, model and deadline."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from rtbf.errors import PlanImpossible
from rtbf.lm.encoding import training_items
from rtbf.lm.load import context_tokens, load_model, load_tokenizer
from rtbf.lm.scoring import score_items, tokens_of
from rtbf.material.planning import planned
from rtbf.material.weighing import RATE_TOKENS, measured_rate, plan_basis
from rtbf.plan.request import PlanRequest
from tests import builders, tiny

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from rtbf.footprint.record import Footprint
    from rtbf.installation import Installation
    from rtbf.material.weighing import Basis


def _clock(*moments_s: float) -> Callable[[], float]:
    left = list(moments_s)
    return lambda: left.pop(0)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Any, int]:
    folder: Path = tmp_path_factory.mktemp("model") / "model"
    digest = tiny.train_folder(tiny.records(people=2), folder, epochs="1")
    network = load_model(folder, digest, "a test's model")
    return network, load_tokenizer(folder), context_tokens(network)


def test_the_rate_is_tokens_over_the_seconds_of_the_pass(model: tuple[Any, Any, int]) -> None:
    network, tokenizer, size = model
    items = training_items(tiny.records(people=2), tokenizer, size)
    assert tokens_of(items) >= RATE_TOKENS

    scores, rate, origin = measured_rate(network, items, [], elapsed_s=_clock(10.0, 12.0))

    assert rate == pytest.approx(tokens_of(items) / 2.0)
    assert scores == score_items(network, items, columns="plain")
    assert origin.startswith(f"{rate:,.0f} forward tokens a second")
    assert f"{tokens_of(items):,} tokens" in origin


def test_where_few_tokens_are_to_be_forgotten_retained_records_are_scored_until_there_are_enough(model: tuple[Any, Any, int]) -> None:
    network, tokenizer, size = model
    items = training_items(tiny.records(people=2), tokenizer, size)
    besides = 1
    while tokens_of([*items[:1], *items[1 : 1 + besides]]) < RATE_TOKENS:
        besides += 1

    scores, rate, _ = measured_rate(network, items[:1], items[1:], elapsed_s=_clock(0.0, 1.0, 5.0, 8.0))

    assert len(scores) == 1
    # One second for the record, three for the others: what lies between the two passes is nobody's.
    assert rate == pytest.approx(tokens_of(items[: 1 + besides]) / 4.0)


def test_a_clock_that_stands_still_gives_no_division_by_zero(model: tuple[Any, Any, int]) -> None:
    network, tokenizer, size = model
    items = training_items(tiny.records(people=2), tokenizer, size)

    assert measured_rate(network, items, [], elapsed_s=_clock(3.0, 3.0))[1] > 0


def _weighed(installation: Installation, located: Footprint, request: PlanRequest, left: timedelta | None, grace_s: int = 60) -> Basis:
    view: Any = SimpleNamespace(ticket=builders.ticket(), footprint=located, attempt=0)
    return plan_basis(
        installation, view, request, decisions=builders.decisions(located), holds=(), restricted={}, grace_s=grace_s,
        deadline_at=None if left is None else installation.clock() + left, profile="smoke", threads=1,
    )  # fmt: skip


def test_the_options_of_a_model_trained_here_are_weighed_and_nothing_is_trained(
    installation: Installation,
    footprint: Footprint,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("rtbf.material.originals.control_model", lambda *_: pytest.fail("a control was trained"))

    basis = _weighed(installation, footprint, PlanRequest(seed=4), timedelta(days=30))

    options = {option.method: option for option in basis.choice.options}
    sizes = basis.looked.sizes
    assert (basis.request.method, basis.choice.method) == ("npo", "npo")
    assert (sizes.trained_records, sizes.forget_records) == (40, 6)
    # One epoch and a second run of all of it, three units a token.
    assert options["full_retrain"].tokens == 6 * (sizes.trained_tokens - sizes.forget_tokens)
    assert options["full_retrain"].is_in_time is True
    assert "not sharded" in (options["shard_retrain"].unavailable or "")
    assert "forward tokens a second" in basis.choice.rate_origin


@pytest.mark.parametrize(
    ("left", "grace_s", "in_time"), [(None, 60, None), (timedelta(hours=1), 7_200, False), (timedelta(hours=9), 0, True)]
)
def test_the_grace_period_counts_against_the_deadline(
    installation: Installation,
    footprint: Footprint,
    left: timedelta | None,
    grace_s: int,
    in_time: bool | None,  # noqa: FBT001 - a table
) -> None:
    basis = _weighed(installation, footprint, PlanRequest(seed=4), left, grace_s)

    assert basis.choice.option is not None
    assert basis.choice.option.is_in_time is in_time


def test_class_exact_is_asked_for_and_the_plan_says_why_what_was_chosen(
    installation: Installation,
    footprint: Footprint,
) -> None:
    view: Any = SimpleNamespace(ticket=builders.ticket(), footprint=footprint, attempt=0)

    plan, _ = planned(
        installation, view, PlanRequest(seed=4, guarantee="exact"), builders.PLANNER, decisions=builders.decisions(footprint), holds=(),
        restricted={}, grace_s=60, approval_valid_s=3_600, profile="smoke", threads=1,
    )  # fmt: skip

    chosen = next(option for option in plan.options if option.method == "full_retrain")
    assert (plan.method, plan.class_cap, plan.guarantee_requested) == ("full_retrain", "exact", "exact")
    assert plan.choice_reason == "class exact was asked for; full_retrain alone gives it"
    assert plan.cost.unlearning == chosen.tokens
    assert plan.rate_origin != ""
    assert {"npo", "gradient_difference", "full_retrain"} <= {option.method for option in plan.options}


def test_a_class_that_the_model_cannot_reach_is_refused_before_a_control_is_trained(
    installation: Installation,
    footprint: Footprint,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("rtbf.material.originals.control_model", lambda *_: pytest.fail("a control was trained"))

    with pytest.raises(PlanImpossible, match="no method that gives class dp"):
        _weighed(installation, footprint, PlanRequest(seed=4, guarantee="dp"), None)
