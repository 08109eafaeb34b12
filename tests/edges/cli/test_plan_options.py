"""The options of a plan on the terminal and as JSON: the chosen one is marked, what cannot be planned says why, nothing is cut."""

from __future__ import annotations

import io
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from rich.console import Console

from rtbf.cli.plan_options import duration_text, options_part, short_count
from rtbf.errors import PlanImpossible
from rtbf.plan.choice import Choice
from rtbf.plan.record import PlanOption
from tests.terminal import Desk, located_desk

if TYPE_CHECKING:
    from rtbf.installation import Installation
    from rtbf.plan.request import PlanRequest

RATE = "9,432 forward tokens a second, measured when 612 tokens of this model's records were scored here"
NPO = PlanOption(
    method="npo", class_cap="approximate", tokens=684_400, minutes="1.21", is_in_time=True,
    utility="within the margins of the plan; not qualified", note="", unavailable=None,
)  # fmt: skip
OPTIONS = (
    replace(
        NPO, method="shard_switch_off", class_cap="exact", tokens=0, minutes="0.00",
        utility="without shard 3: 45 of 400 records gone",
        note="takes effect at once: containment, chosen by name only",
    ),
    replace(NPO, method="full_retrain", class_cap="exact", tokens=3_400_000_000, minutes="6008.00", is_in_time=False,
            utility="as trained, without 20 records", note="ends after the deadline"),
    NPO,
    replace(NPO, method="dp2unlearning", class_cap="dp", tokens=None, minutes=None, is_in_time=None,
            unavailable="the model was not fine-tuned from a base that was trained with differential privacy"),
)  # fmt: skip
CHOICE = Choice(method="npo", option=NPO, reason="no class was asked for; npo alone gives it in time", options=OPTIONS, rate_origin=RATE)


@pytest.fixture
def desk(installation: Installation) -> Desk:
    return located_desk(installation)


def drawn(width: int) -> str:
    out = io.StringIO()
    Console(file=out, width=width, no_color=True, highlight=False).print(
        options_part(CHOICE.options, chosen=CHOICE.method, reason=CHOICE.reason, rate_origin=CHOICE.rate_origin)
    )
    return out.getvalue()


@pytest.mark.parametrize("width", [80, 100, 140])
def test_the_table_holds_every_option_within_the_terminal_and_cuts_no_word(width: int) -> None:
    text = drawn(width)
    flat = " ".join(text.split())

    assert max(map(len, text.splitlines())) <= width
    assert "…" not in text
    for option in OPTIONS:
        words = (option.unavailable or f"{option.utility} {option.note}").split()
        assert set(words) <= set(flat.split())
    assert "chosen npo: no class was asked for; npo alone gives it in time" in flat


def test_the_chosen_one_is_marked_and_each_row_says_class_tokens_and_time() -> None:
    lines = drawn(140).splitlines()

    assert [line.split()[:6] for line in lines if "▶" in line] == [["▶", "npo", "approximate", "684", "k", "1.2"]]
    assert [line.split()[:5] for line in lines if "shard_switch_off" in line] == [["shard_switch_off", "exact", "0", "at", "once"]]
    assert [line.split()[:6] for line in lines if "full_retrain" in line] == [["full_retrain", "exact", "3.40", "G", "4.2", "days"]]
    # What cannot be planned stands below the table, with its own reason and no number.
    apart = next(at for at, line in enumerate(lines) if "not possible here" in line)
    assert lines[apart + 1].split()[:2] == ["dp2unlearning", "the"]


@pytest.mark.parametrize(("tokens", "said"), [(0, "0"), (812, "812"), (24_400, "24 k"), (1_020_000, "1.02 M"), (2 * 10**12, "2000.00 G")])
def test_tokens_take_little_room(tokens: int, said: str) -> None:
    assert short_count(tokens) == said


@pytest.mark.parametrize(
    ("minutes", "said"),
    [("0.00", "at once"), ("0.01", "1 s"), ("0.20", "12 s"), ("3.40", "3.4 min"), ("90.00", "1.5 h"), ("4464.00", "3.1 days")],
)
def test_a_time_is_told_as_people_say_it(minutes: str, said: str) -> None:
    assert duration_text(Decimal(minutes)) == said


def test_a_look_shows_the_options_and_plans_nothing(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.decide()
    asked: list[PlanRequest] = []

    def looked(_installation: object, _ticket: str, request: PlanRequest, *_: object, **__: object) -> tuple[str, Choice]:
        asked.append(request)
        return "assistant", CHOICE

    monkeypatch.setattr("rtbf.executor.plan_options", looked)
    monkeypatch.setattr("rtbf.executor.plan_ticket", lambda *_, **__: pytest.fail("a plan was made"))

    said = desk("plan", desk.ticket_id, "--options", "--guarantee", "exact", actor="max")
    as_json = desk("plan", desk.ticket_id, "--options", "--json", actor="max").json

    assert said.code == 0, said.err
    assert (asked[0].method, asked[0].guarantee) == (None, "exact")
    assert "for model assistant; nothing was planned" in said.out
    assert as_json["model"] == "assistant"
    assert (as_json["chosen"], as_json["choice_reason"], as_json["rate_origin"]) == ("npo", CHOICE.reason, RATE)
    assert as_json["options"][3] == {
        "method": "dp2unlearning", "class_cap": "dp", "tokens": None, "minutes": None, "is_in_time": None, "utility": NPO.utility,
        "note": "",
        "unavailable": "the model was not fine-tuned from a base that was trained with differential privacy",
    }  # fmt: skip
    assert desk.view.plan is None


def test_what_cannot_be_had_is_refused_with_its_reasons(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.decide()

    def refused(*_: object, **__: object) -> None:
        raise PlanImpossible(found="no method that gives class dp (npo: of a weaker class)", expected="one", remedy="look")

    monkeypatch.setattr("rtbf.executor.plan_options", refused)
    said = desk("plan", desk.ticket_id, "--options", "--guarantee", "dp", actor="max")

    assert said.code == 1
    assert "npo: of a weaker class" in said.err


@pytest.mark.parametrize("changes", [{"options": OPTIONS, "choice_reason": CHOICE.reason, "rate_origin": RATE}, {}])
def test_a_plan_shows_what_it_was_chosen_from_and_an_older_one_nothing(changes: dict[str, Any], desk: Desk) -> None:
    desk.decide()
    desk.plan(**changes)

    shown, brief = desk("show", desk.ticket_id, "--plan"), desk("show", desk.ticket_id)
    plan = desk("show", desk.ticket_id, "--json").json["plan"]

    assert ("not possible here" in shown.out) == bool(changes)
    assert "not possible here" not in brief.out
    assert [option["method"] for option in plan["options"]] == [option.method for option in changes.get("options", ())]
    assert plan["choice_reason"] == changes.get("choice_reason", "")
