"""`rtbf decide`: items by number with code and reasoning, a whole file or none of it, and the closing form."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from rtbf.ticket.lifecycle import OUTCOMES
from tests.terminal import Desk, located_desk

if TYPE_CHECKING:
    from pathlib import Path

    from rtbf.installation import Installation

REASONING = "a court case about the invoices of 2024 is open"


@pytest.fixture
def desk(installation: Installation) -> Desk:
    return located_desk(installation)


def verdicts(desk: Desk) -> list[str]:
    return [entry["verdict"] or "undecided" for entry in desk("show", desk.ticket_id, "--items", "--json").json["items"]]


def test_items_are_decided_by_number_range_and_name(desk: Desk) -> None:
    said = desk("decide", desk.ticket_id, "1-3,5", "model:assistant", "--verdict", "erase", "--code", "NonNecessity")

    assert said.code == 0, said.err
    assert verdicts(desk) == ["erase"] * 3 + ["undecided", "erase"] + ["undecided"] * 15 + ["erase"]
    assert "16 items without a decision" in said.out


def test_the_reasoning_is_read_from_a_pipe_and_never_told_again(desk: Desk) -> None:
    said = desk("decide", desk.ticket_id, "all", "--verdict", "retain", "--code", "LegalClaims", "--reasoning", "-", stdin=REASONING)

    assert said.code == 0, said.err
    assert verdicts(desk) == ["retain"] * 21
    everything = said.out + said.err + desk("show", desk.ticket_id, "--items", "--events").out
    assert "invoices" not in everything
    assert b"invoices" not in b"".join(path.read_bytes() for path in desk.installation.home.path.glob("rtbf.db*"))


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (("all", "--verdict", "erase"), "without a code"),
        (("all", "--verdict", "erase", "--code", "LegalClaims"), "LegalClaims"),  # an exemption is no ground
        (("all", "--verdict", "retain", "--code", "LegalClaims"), "without reasoning"),
        (("all", "--verdict", "restrict"), "without reasoning"),
        (("99", "--verdict", "erase", "--code", "NonNecessity"), "record 99"),
        (("Ines", "--verdict", "erase", "--code", "NonNecessity"), "names no item"),
    ],
)
def test_what_the_law_or_the_footprint_does_not_allow_is_refused_and_nothing_is_decided(
    desk: Desk, arguments: tuple[str, ...], word: str
) -> None:
    said = desk("decide", desk.ticket_id, *arguments)

    assert said.code == 1
    assert word in said.err
    assert "Ines" not in said.err
    assert set(verdicts(desk)) == {"undecided"}


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("all",),
        ("--verdict", "erase"),
        ("all", "--close", "refused"),
        ("--from-file", "x", "--close", "refused"),
        ("--verdict", "forget"),
        ("--close", "withdrawn"),
    ],
)
def test_half_a_decision_or_two_at_once_is_a_usage_error(desk: Desk, arguments: tuple[str, ...]) -> None:
    assert desk("decide", desk.ticket_id, *arguments).code == 2


def test_a_file_is_taken_whole_or_not_at_all(desk: Desk, tmp_path: Path) -> None:
    good = {"item": "1-19", "verdict": "erase", "code": "NonNecessity"}
    bad = {"item": "20", "verdict": "erase", "code": "NoSuchCode"}
    path = tmp_path / "decisions.jsonl"
    path.write_text("\n".join(map(json.dumps, (good, bad))))
    refused = desk("decide", desk.ticket_id, "--from-file", str(path))
    left = set(verdicts(desk))
    kept = {"item": "20,models", "verdict": "not_about_subject"}

    taken = desk("decide", desk.ticket_id, "--from-file", "-", stdin="\n".join(map(json.dumps, (good, kept))))

    assert (refused.code, left) == (1, {"undecided"})
    assert "line 2" in refused.err
    assert taken.code == 0, taken.err
    assert verdicts(desk) == ["erase"] * 19 + ["not_about_subject"] * 2


def test_a_file_that_is_not_there_is_refused(desk: Desk, tmp_path: Path) -> None:
    said = desk("decide", desk.ticket_id, "--from-file", str(tmp_path / "none.jsonl"))

    assert said.code == 1
    assert "cannot be read" in said.err


def test_a_decision_on_an_older_footprint_is_refused(desk: Desk) -> None:
    digest = desk("show", desk.ticket_id, "--json").json["footprint"]["digest"]

    stale = desk("decide", desk.ticket_id, "all", "--verdict", "erase", "--code", "NonNecessity", "--footprint", "sha256:" + "0" * 64)
    right = desk("decide", desk.ticket_id, "all", "--verdict", "erase", "--code", "NonNecessity", "--footprint", digest)

    assert (stale.code, right.code) == (1, 0)
    assert "stale-plan" in stale.err


def test_closing_without_the_letter_names_the_letter(desk: Desk) -> None:
    desk("decide", desk.ticket_id, "all", "--verdict", "not_about_subject")

    said = desk("decide", desk.ticket_id, "--close", "refused", actor="dina")

    assert said.code == 1
    assert "rtbf notice send" in said.err


def test_a_ticket_is_closed_by_a_second_person_once_its_person_was_told(desk: Desk) -> None:
    desk("decide", desk.ticket_id, "all", "--verdict", "retain", "--code", "LegalClaims", "--reasoning", REASONING)
    told = desk("notice", "send", desk.ticket_id, "refusal", actor="olga")
    assert told.code == 0, told.err

    by_submitter = desk("decide", desk.ticket_id, "--close", "refused", actor="olga")
    said = desk("decide", desk.ticket_id, "--close", "refused", "--json", actor="dina")

    assert by_submitter.code == 1
    assert "four-eyes" in by_submitter.err
    assert (said.code, said.json["state"], said.json["outcome"]) == (0, "closed", "refused")


def test_help_lists_verdicts_outcomes_and_where_the_codes_are(desk: Desk) -> None:
    text = desk("decide", "-h").out

    assert all(verdict in text for verdict in ("erase", "retain", "restrict", "not_about_subject"))
    assert "rtbf regime show" in text
    assert all(outcome in text for outcome in OUTCOMES if outcome != "withdrawn")
