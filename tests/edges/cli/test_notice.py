"""`rtbf notice` and `rtbf extend`: a preview shows, a sending tells how far, and words need not be typed into the history."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from rtbf.cli.context import CliContext
from rtbf.cli.extend import extend
from rtbf.cli.main import run_arguments
from rtbf.cli.notice import notice
from rtbf.clock import utc_now
from rtbf.config import Settings
from rtbf.errors import IllegalMove
from rtbf.pipeline.notices import send_notice
from tests.desk import OFFICER, Desk, open_desk

if TYPE_CHECKING:
    from rtbf.installation import Installation

CONTROLLER = {"controller_name": "Example Models", "controller_contact": "privacy@example.org", "authority_name": "Example Authority"}


@pytest.fixture
def desk(installation: Installation) -> Desk:
    # The terminal's commands read the real clock.
    return open_desk(replace(installation, clock=utc_now))


def run(desk: Desk, command: Any, *arguments: str, stdin: str | None = None, is_json: bool = True) -> Any:
    """Run a command on the desk's home and return what it printed."""
    settings = Settings(**CONTROLLER)  # type: ignore[arg-type]  # plain text fields
    context = CliContext(home=desk.installation.home.path, actor=OFFICER, is_json=is_json, settings=settings)
    result = CliRunner().invoke(command, arguments, obj=context, input=stdin, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout) if is_json else result.stdout


def test_a_preview_shows_the_letter_and_sends_none(desk: Desk) -> None:
    shown = run(desk, notice, "preview", desk.ticket_id, "acknowledgement")

    assert (shown["kind"], shown["locale"]) == ("acknowledgement", "en")
    assert shown["subject"] == f"We have received your deletion request ({desk.ticket_id})"
    assert shown["body"].startswith("Hello,\n")
    assert run(desk, notice, "list", desk.ticket_id) == {"notices": []}


def test_a_sending_says_how_far_it_came_and_where_the_ticket_stands(desk: Desk) -> None:
    sent = run(desk, notice, "send", desk.ticket_id, "acknowledgement")

    assert (sent["delivery"], sent["channel"], sent["state"], sent["reason"]) == ("written", "file", "received", "need_identity")
    assert sent["path"].endswith(f"outbox/{sent['notice_id']}.eml")
    (listed,) = run(desk, notice, "list", desk.ticket_id)["notices"]
    assert (listed["notice_id"], listed["to"], listed["delivery"]) == (sent["notice_id"], "requester", "written")


def test_the_reasons_come_from_a_pipe_and_are_listed_nowhere(desk: Desk) -> None:
    run(desk, notice, "send", desk.ticket_id, "refusal", "--code", "ProcessExcessive", "--text", "-", stdin="Ines Canary asked in May.\n")

    page = run(desk, notice, "list", desk.ticket_id, is_json=False)
    assert "ProcessExcessive" in page
    assert "Canary" not in page + str(run(desk, notice, "list", desk.ticket_id))


def test_a_letter_is_printed_for_the_post_when_asked(desk: Desk) -> None:
    sent = run(desk, notice, "send", desk.ticket_id, "acknowledgement", "--by-post")

    assert (sent["channel"], sent["path"][-4:]) == ("post", ".txt")


def test_a_second_letter_is_refused_but_written_on_purpose(desk: Desk) -> None:
    run(desk, notice, "send", desk.ticket_id, "acknowledgement")

    with pytest.raises(IllegalMove, match="a second letter"):
        run(desk, notice, "send", desk.ticket_id, "acknowledgement")
    run(desk, notice, "send", desk.ticket_id, "acknowledgement", "--again")

    assert len(run(desk, notice, "list", desk.ticket_id)["notices"]) == 2


def test_an_extension_is_told_and_made_in_one_step(desk: Desk) -> None:
    told = run(desk, extend, desk.ticket_id, "--code", "ComplexityOfProcess", "--text", "-", stdin="Four datasets.")

    assert (told["kind"], told["delivery"]) == ("extension", "written")


def test_what_is_refused_leaves_with_one_and_says_the_way(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in CONTROLLER.items():
        monkeypatch.setenv(f"RTBF_{name.upper()}", value)

    code = run_arguments(["--home", str(desk.installation.home.path), "--json", "notice", "send", desk.ticket_id, "fulfilment"])

    told = json.loads(capsys.readouterr().err)
    assert (code, told["error"]) == (1, "illegal-move")
    assert told["expected"] == "a ticket in 'verifying'"


def test_a_missing_setting_is_named(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    code = run_arguments(["--home", str(desk.installation.home.path), "notice", "send", desk.ticket_id, "acknowledgement"])

    assert code == 1
    assert "RTBF_CONTROLLER_" in capsys.readouterr().err


def test_the_list_fits_into_eighty_columns(desk: Desk) -> None:
    desk.judged()
    send_notice(desk.installation, desk.ticket_id, "acknowledgement", OFFICER)
    send_notice(desk.installation, desk.ticket_id, "fulfilment", OFFICER)

    page = run(desk, notice, "list", desk.ticket_id, is_json=False)

    assert max(len(line) for line in page.splitlines()) <= 80
    assert page.count("to be posted") == 2
    assert "fulfilment" in page
