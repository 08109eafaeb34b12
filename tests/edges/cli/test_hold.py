"""`rtbf hold`: placed on something that is here, listed while in force, released; tickets follow at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.terminal import Desk, located_desk

if TYPE_CHECKING:
    from rtbf.installation import Installation
    from tests.installed import FrozenClock

WHY = ("--ground", "LegalClaims", "--authority", "court/17-C-26")


@pytest.fixture
def desk(installation: Installation) -> Desk:
    made = located_desk(installation)
    made.decide()
    return made


def test_a_held_ticket_waits_and_goes_on_when_the_hold_is_released(desk: Desk) -> None:
    placed = desk("hold", "add", "--ticket", desk.ticket_id, *WHY, "--json")
    assert placed.code == 0, placed.err
    waited = desk.view.reason
    shown = desk("show", desk.ticket_id).out

    released = desk("hold", "release", placed.json["hold_id"], actor="dina")

    assert waited == "hold"
    assert f"{placed.json['hold_id']}  on this ticket" in shown
    assert "21 items, until it is released" in shown
    assert released.code == 0, released.err
    assert desk.view.reason == "awaiting_worker"


def test_the_list_shows_what_is_in_force_and_all_on_request(desk: Desk, clock: FrozenClock) -> None:
    ended = desk("hold", "add", "--ticket", desk.ticket_id, *WHY, "--until", "2026-03-02", "--json").json["hold_id"]
    kept = desk("hold", "add", "--model", "assistant", *WHY, "--json").json["hold_id"]
    clock.move(hours=12)

    live, every = (desk("hold", "list", *option, "--json").json["holds"] for option in ((), ("--all",)))
    text = desk("hold", "list").out

    assert [entry["hold_id"] for entry in live] == [kept]
    assert {entry["hold_id"]: entry["is_live"] for entry in every} == {ended: False, kept: True}
    assert (kept in text, "court/17-C-26" in text, ended in text) == (True, True, False)


def test_a_bare_date_lasts_until_that_day_is_over(desk: Desk) -> None:
    placed = desk("hold", "add", "--ticket", desk.ticket_id, *WHY, "--until", "2026-12-31", "--json")

    assert placed.json["until"] == "2027-01-01T00:00:00.000Z"


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (("--ticket", "tkt_0000000000000000", *WHY), "unknown-name"),
        (("--corpus", "comunity", *WHY), "unknown-name"),  # a hold on a mistyped name would protect nothing
        (("--model", "asistant", *WHY), "nearest: assistant"),
        (("--model", "assistant", "--ground", "NonNecessity", "--authority", "court/1"), "NonNecessity"),  # a ground to erase keeps nothing
        (("--model", "assistant", "--ground", "LegalClaims", "--authority", "the letter of Ms Varga"), "authority reference"),
        (("--model", "assistant", *WHY, "--until", "soon"), "--until"),
        (("--model", "assistant", *WHY, "--until", "2026-01-01"), "ends before it begins"),
    ],
)
def test_a_hold_that_cannot_be_is_refused(desk: Desk, arguments: tuple[str, ...], word: str) -> None:
    said = desk("hold", "add", *arguments)

    assert said.code == 1
    assert word in said.err
    assert "Varga" not in said.err
    assert desk("hold", "list", "--all", "--json").json["holds"] == []


@pytest.mark.parametrize("arguments", [WHY, ("--ticket", "tkt_1", "--model", "assistant", *WHY), ("--model", "assistant")])
def test_one_scope_ground_and_papers_are_needed(desk: Desk, arguments: tuple[str, ...]) -> None:
    assert desk("hold", "add", *arguments).code == 2


def test_releasing_an_unknown_hold_is_refused(desk: Desk) -> None:
    said = desk("hold", "release", "hld_none")

    assert said.code == 1
    assert "rtbf hold list" in said.err
