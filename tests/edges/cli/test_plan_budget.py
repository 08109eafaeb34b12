"""`rtbf plan`: its size, its packs, and the budget that stands on the terminal before anything is measured."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import pytest
from rich.console import Console

from rtbf.cli.plan_budget import budget_line, budget_part, tokens_text
from rtbf.cli.progress import count_text
from rtbf.plan.record import Cost, PlannedSet, Qualification, RelearnAttack
from rtbf.verify.packs import MAX_BYTES
from tests import builders
from tests.terminal import Desk, located_desk

if TYPE_CHECKING:
    from pathlib import Path

    from rtbf.installation import Installation
    from rtbf.plan.record import Plan
    from rtbf.plan.request import PlanRequest


@pytest.fixture
def desk(installation: Installation) -> Desk:
    return located_desk(installation)


def a_set(name: str, **changes: Any) -> PlannedSet:
    values: dict[str, Any] = {"reads": "reply", "items": 20, "digest": builders.sha(7), "samples": 1, "temperature": "0"}
    values |= {"tokens": 1_000, "passes": 3, "left_out": ()}
    return PlannedSet(name=name, **(values | changes))


def plan(**changes: Any) -> Plan:
    sets = (
        a_set("sampling", samples=128, tokens=200_000),
        a_set("secrets", reads="choice", items=40, tokens=50_000),
        a_set("forms", left_out=(("cloze: no such form", 2), ("not in the sample", 5))),
        a_set("earlier", reads="score", items=0, tokens=0, passes=0),
    )
    cost = Cost(unlearning=1_200_000, controls=0, verification=900_000)
    return builders.plan(**({"sets": sets, "cost": cost} | changes))


def drawn(made: Plan) -> str:
    out = io.StringIO()
    Console(file=out, width=80, no_color=True, highlight=False).print(budget_part(made))
    text = out.getvalue()
    assert max(map(len, text.splitlines())) <= 80
    return " ".join(text.split())


@pytest.mark.parametrize(
    ("tokens", "said"), [(812, "812"), (9_999, "9999"), (245_499, "245 thousand"), (1_012_494, "1.01 million"), (0, "0")]
)
def test_tokens_are_told_as_people_say_them(tokens: int, said: str) -> None:
    assert tokens_text(tokens) == said


def test_the_budget_names_its_total_its_dearest_sets_and_what_relearning_takes() -> None:
    text = drawn(plan())

    assert "900 thousand forward tokens in 9 passes over 3 sets of questions" in text
    # 3 · 200 000 of 900 000; the sets take 753 000, so relearning takes 147 000.
    assert "repeated sampling, temperature 1 600 thousand 67%" in text
    assert "20 answered 128 times, by 3 passes" in text
    assert "the relearning attacks' training 147 thousand 16%" in text
    assert budget_line(plan()) == "profile standard: 16 probes, 4 models, 900 thousand forward tokens"


def test_an_empty_set_and_what_was_left_out_are_told_in_words() -> None:
    text = drawn(plan())

    assert "empty records that earlier tickets removed: no earlier ticket removed records" in text
    assert "2 that cannot be put in this form (with a gap to fill)" in text
    assert "5 more than the profile asks" not in text


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"profile": "smoke"}, "no PASS: this profile does not run what a PASS asks for"),
        ({"sets": (a_set("secrets", items=2),)}, "20 records of at least 18, 2 details of at least 32"),
        ({"forget": builders.plan().forget, "sets": (a_set("population", items=1),)}, "1 detail of at least 32"),
    ],
)
def test_what_keeps_a_plan_from_a_pass_is_foreseen(changes: dict[str, Any], said: str) -> None:
    assert said in drawn(plan(**changes))


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"sets": (), "guarantee_requested": "suppression"},
        {"sets": (), "qualification": Qualification(digest=builders.sha(3), ends_on="2027-01-01", covers=True, reason="same method")},
    ],
)
def test_nothing_is_foreseen_where_enough_can_be_asked_or_is_not_needed(changes: dict[str, Any]) -> None:
    assert "foreseen" not in drawn(plan(**changes))


def test_smoke_says_that_it_can_show_a_failure_and_never_a_pass() -> None:
    assert "it can show a failure and never a PASS" in drawn(plan(profile="smoke"))


def test_the_attack_and_the_qualification_are_told_or_why_there_is_none() -> None:
    attack = RelearnAttack(
        attacker_records=tuple(f"r{n:04}" for n in range(10)), benign_records=("b1",), learning_rate="0.002", steps=50, batch=8
    )
    qualified = Qualification(digest=builders.sha(3), ends_on="2027-01-01", covers=False, reason="another model family")

    bare, full = drawn(plan()), drawn(plan(relearn=attack, qualification=qualified))

    assert "no probe of this profile relearns" in bare
    assert "no qualification of the method was at hand" in bare
    assert "an attacker trains on 10 of 20 records, the others are looked at; another on 1 unrelated ones; 50 steps at rate 0.002" in full
    assert "does not cover this plan: another model family" in full


def test_profile_and_packs_reach_the_planner_as_bytes(desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.decide()
    asked: list[PlanRequest] = []

    def planned(_installation: object, _ticket: str, _actor: str, request: PlanRequest, *_: object, **__: object) -> None:
        asked.append(request)
        desk.plan(profile="smoke")

    monkeypatch.setattr("rtbf.executor.plan_ticket", planned)
    packs = [tmp_path / "one.json", tmp_path / "two.json"]
    for number, path in enumerate(packs):
        path.write_bytes(b"{}" * (number + 1))

    said = desk("plan", desk.ticket_id, "--profile", "smoke", "--pack", str(packs[0]), "--pack", str(packs[1]), actor="max")

    assert said.code == 4, said.err
    assert [(request.profile, request.packs) for request in asked] == [("smoke", (b"{}", b"{}{}"))]
    assert "What will be measured" in said.out
    assert "never a PASS" in " ".join(said.out.split())


@pytest.mark.parametrize(("size_bytes", "word"), [(None, "No such file"), (MAX_BYTES + 1, f"more than {MAX_BYTES} bytes")])
def test_a_pack_that_is_missing_or_too_large_is_refused_before_anything_is_planned(
    desk: Desk, tmp_path: Path, size_bytes: int | None, word: str
) -> None:
    desk.decide()
    path = tmp_path / "pack.json"
    if size_bytes is not None:
        with path.open("wb") as file:
            file.truncate(size_bytes)

    said = desk("plan", desk.ticket_id, "--pack", str(path), actor="max")

    assert said.code == 1, said.err
    assert word in said.err
    assert desk.view.plan is None


def test_an_unknown_profile_is_a_usage_error(desk: Desk) -> None:
    assert desk("plan", desk.ticket_id, "--profile", "huge").code == 2


@pytest.mark.parametrize(
    ("step", "done", "total", "said"),
    [
        ("measuring", 0, 903_210, "  0 %"),
        ("measuring", 903_209, 903_210, " 99 %"),
        ("measuring", 903_210, 903_210, "100 %"),
        ("measuring", 0, 0, "  0 %"),
        ("unlearning", 3, 20, "3/20"),
    ],
)
def test_tokens_are_told_in_percent_and_steps_by_number(step: str, done: int, total: int, said: str) -> None:
    assert count_text(step, done, total) == said
