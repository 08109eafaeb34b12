"""`rtbf reveal`: on a terminal or as JSON, for a purpose, never into a pipe by accident."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from rtbf.cli.context import CliContext
from rtbf.cli.reveal import reveal
from rtbf.config import Settings
from rtbf.errors import BadInput, TicketShredded
from rtbf.pipeline.intake import submit_ticket
from rtbf.store.ticket_keys import destroy_ticket_key
from rtbf.ticket.intake import read_submission
from rtbf.ticket_view import ticket_events

if TYPE_CHECKING:
    from click.testing import Result

    from rtbf.installation import Installation


@pytest.fixture
def ticket_id(installation: Installation) -> str:
    body = {"subject": [{"kind": "name", "value": "[bold]Jo[/] Quillfeather"}]}
    return submit_ticket(installation, read_submission(body, installation.clock()), "olga")


def run(installation: Installation, *arguments: str, is_json: bool = True) -> Result:
    context = CliContext(home=installation.home.path, actor="dana", is_json=is_json, settings=Settings())
    return CliRunner().invoke(reveal, arguments, obj=context, catch_exceptions=False)


def looks(installation: Installation, ticket_id: str) -> int:
    return sum(b'"type":"pii.revealed"' in leaf for leaf in ticket_events(installation, ticket_id))


def test_json_shows_the_values_and_the_look_is_noted(installation: Installation, ticket_id: str) -> None:
    result = run(installation, ticket_id, "--purpose", "authority_request")

    told = json.loads(result.stdout)
    assert told["identifiers"] == [{"number": 1, "kind": "name", "value": "[bold]Jo[/] Quillfeather"}]
    assert result.stderr == ""
    assert looks(installation, ticket_id) == 1


def test_a_terminal_shows_the_values_as_they_are(installation: Installation, ticket_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rtbf.cli.reveal._is_terminal", lambda: True)

    result = run(installation, ticket_id, "--purpose", "audit", is_json=False)

    assert "[bold]Jo[/] Quillfeather" in result.stdout
    assert looks(installation, ticket_id) == 1


def test_a_pipe_gets_nothing_unasked_and_no_look_is_noted(installation: Installation, ticket_id: str) -> None:
    with pytest.raises(BadInput, match="no terminal"):
        run(installation, ticket_id, "--purpose", "audit", is_json=False)

    assert looks(installation, ticket_id) == 0


@pytest.mark.parametrize("arguments", [(), ("--purpose", "curiosity"), ("--purpose", "")])
def test_without_a_known_purpose_nothing_is_shown(installation: Installation, ticket_id: str, arguments: tuple[str, ...]) -> None:
    result = run(installation, ticket_id, *arguments)

    assert (result.exit_code, result.stdout) == (2, "")
    assert looks(installation, ticket_id) == 0


def test_after_shredding_there_is_nothing_to_show(installation: Installation, ticket_id: str) -> None:
    with installation.transaction() as session:
        destroy_ticket_key(session, ticket_id)

    with pytest.raises(TicketShredded):
        run(installation, ticket_id, "--purpose", "audit")

    assert looks(installation, ticket_id) == 0
