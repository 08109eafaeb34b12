"""`rtbf regime`: dates and rules for people and for machines, without a home."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from rtbf.cli.context import CliContext
from rtbf.cli.regime import regime
from rtbf.config import Settings
from rtbf.errors import BadInput, UnknownName
from rtbf.ticket.regime import load_regime, regime_names


def told(*arguments: str, is_json: bool = False) -> str:
    context = CliContext(home=Path("/nonexistent"), actor="olga", is_json=is_json, settings=Settings())
    return CliRunner().invoke(regime, arguments, obj=context, catch_exceptions=False).stdout


def read(*arguments: str) -> Any:
    return json.loads(told(*arguments, is_json=True))


def test_every_regime_is_listed_with_its_digest() -> None:
    text, listed = told("list"), read("list")

    assert all(name in text for name in regime_names())
    assert [(pack["name"], pack["digest"]) for pack in listed] == [(name, load_regime(name).digest) for name in regime_names()]


def test_a_regime_is_shown_with_sources_codes_and_digest() -> None:
    text = " ".join(told("show", "eu-gdpr").split())

    assert "Art. 12(3)" in text
    assert "NonNecessity" in text
    assert load_regime("eu-gdpr").digest in text
    assert read("show", "eu-gdpr")["codes"]["exemption"][0]["article"] == "Art. 17(3)(a)"


def test_a_regime_without_codes_of_a_kind_says_so() -> None:
    assert "Reasons for delay: none" in told("show", "voluntary")


def test_a_date_is_told_with_its_steps_and_the_extended_one() -> None:
    text = told("due", "eu-gdpr", "--received-at", "2026-03-05", "--time-zone", "Europe/Berlin", "--holidays", "DE-BE")

    assert text.splitlines()[0] == "due 2026-04-07"
    assert "a Sunday; the next working day is 2026-04-07 (Tue)" in text
    assert "if extended, with notice before that: 2026-06-05" in text


@pytest.mark.parametrize(
    ("received_at", "time_zone", "due"),
    [
        ("2026-01-30", "Europe/Berlin", "2026-03-02"),
        ("2026-01-30", "America/Los_Angeles", "2026-03-02"),  # a bare date is that date, wherever the controller is
        ("2026-01-29T23:30:00Z", "Europe/Berlin", "2026-03-02"),
        ("2026-01-29T23:30:00Z", "UTC", "2026-03-02"),  # 28 February again: 29 January clamps to it
        ("2026-01-27T23:30:00Z", "UTC", "2026-02-27"),
    ],
)
def test_a_receipt_is_a_civil_date_or_an_instant(received_at: str, time_zone: str, due: str) -> None:
    assert read("due", "eu-gdpr", "--received-at", received_at, "--time-zone", time_zone)["deadline"] == due


def test_a_regime_without_extension_names_no_extended_date() -> None:
    assert "if extended" not in told("due", "voluntary", "--received-at", "2026-03-05")


def test_the_machines_form_pins_pack_and_calendar() -> None:
    facts = read("due", "eu-gdpr", "--received-at", "2026-11-23", "--time-zone", "Europe/Berlin", "--holidays", "DE-BE")

    assert (facts["deadline"], facts["extended_deadline"]) == ("2026-12-23", "2027-02-23")
    assert facts["regime_digest"] == load_regime("eu-gdpr").digest
    assert facts["calendar_digest"].startswith("sha256:")


@pytest.mark.parametrize(
    "received_at", ["tomorrow", "2026-02-30", "2026-11-23T09:14:00", "", "0001-01-01", "9999-12-31", "Jo Quillfeather"]
)
def test_what_is_no_date_is_refused_without_being_repeated(received_at: str) -> None:
    with pytest.raises(BadInput) as refused:
        told("due", "eu-gdpr", "--received-at", received_at)

    assert "Quillfeather" not in str(refused.value)


@pytest.mark.parametrize("command", [("show", "eu-gpdr"), ("due", "eu-gpdr", "--received-at", "2026-11-23")])
def test_an_unknown_regime_is_refused_with_near_names(command: tuple[str, ...]) -> None:
    with pytest.raises(UnknownName, match="nearest: eu-gdpr"):
        told(*command)
