"""`rtbf identify`: asks by letter, takes a code, notes a check; and no step takes what it would lose."""

from __future__ import annotations

import json
import re
from email import message_from_bytes, policy
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from rtbf.cli.context import CliContext
from rtbf.cli.identify import identify
from rtbf.config import Settings
from rtbf.errors import IdentityRefused, IllegalMove, UnknownName
from rtbf.pipeline.intake import submit_ticket
from rtbf.pipeline.standing import checks_of
from rtbf.ticket.intake import read_submission

if TYPE_CHECKING:
    from click.testing import Result

    from rtbf.installation import Installation

ASK = ("ask", "--method", "email_code", "--doubt", "unknown_sender")
SETTINGS = Settings(controller_name="Example Models", controller_contact="privacy@example.org", authority_name="Example Authority")


@pytest.fixture
def ticket_id(installation: Installation) -> str:
    body = {"subject": [{"kind": "name", "value": "Jo Example"}, {"kind": "email", "value": "jo@example.org"}]}
    return submit_ticket(installation, read_submission(body, installation.clock()), "olga")


def run(installation: Installation, ticket_id: str, *arguments: str, typed: str = "") -> Result:
    context = CliContext(home=installation.home.path, actor="olga", is_json=True, settings=SETTINGS)
    return CliRunner().invoke(identify, (ticket_id, *arguments), obj=context, catch_exceptions=False, input=typed)


def letter_code(installation: Installation) -> str:
    (path,) = installation.home.outbox.glob("*.eml")
    body = message_from_bytes(path.read_bytes(), policy=policy.default).get_body()
    assert body is not None
    (code,) = set(re.findall(r"(?<![\w-])\d{4}[ \u00a0]?\d{4}(?![\w-])", body.get_content()))
    return code


@pytest.mark.parametrize("is_prompted", [True, False])
def test_a_code_goes_by_letter_and_its_answer_identifies(installation: Installation, ticket_id: str, *, is_prompted: bool) -> None:
    asked = run(installation, ticket_id, *ASK)
    code = letter_code(installation)

    answered = (
        run(installation, ticket_id, "answer", "-", typed=f"{code}\n") if is_prompted else run(installation, ticket_id, "answer", code)
    )

    assert (json.loads(asked.stdout)["state"], json.loads(answered.stdout)["state"]) == ("identifying", "locating")
    assert code not in asked.output
    assert re.sub(r"\D", "", code) not in asked.output


def test_a_missing_code_is_asked_for(installation: Installation, ticket_id: str) -> None:
    run(installation, ticket_id, *ASK)

    answered = run(installation, ticket_id, "answer", typed=f"{letter_code(installation)}\n")

    assert json.loads(answered.stdout)["state"] == "locating"


def test_a_wrong_code_is_refused_and_counted(installation: Installation, ticket_id: str) -> None:
    run(installation, ticket_id, *ASK)

    with pytest.raises(IdentityRefused, match="not the code"):
        run(installation, ticket_id, "answer", "not-a-code")

    assert [check.attempts for check in checks_of(installation, ticket_id)] == [1]


def test_a_check_can_be_named(installation: Installation, ticket_id: str) -> None:
    run(installation, ticket_id, *ASK)
    (check,) = checks_of(installation, ticket_id)

    with pytest.raises(UnknownName):
        run(installation, ticket_id, "answer", letter_code(installation), "--check", "idc_0123456789abcdef")
    answered = run(installation, ticket_id, "answer", letter_code(installation), "--check", check.check_id)

    assert json.loads(answered.stdout)["state"] == "locating"


def test_a_check_made_elsewhere_is_noted(installation: Installation, ticket_id: str) -> None:
    noted = run(installation, ticket_id, "record", "--method", "document_viewed")

    assert json.loads(noted.stdout)["state"] == "locating"


def test_asking_once_identified_is_refused(installation: Installation, ticket_id: str) -> None:
    run(installation, ticket_id, "record", "--method", "in_person")

    with pytest.raises(IllegalMove):
        run(installation, ticket_id, *ASK)


@pytest.mark.parametrize(
    "arguments",
    [
        ("ask",), ("ask", "--method", "email_code"), ("ask", "--doubt", "high_risk"),
        ("ask", "--method", "telepathy", "--doubt", "high_risk"),
        ("ask", "--method", "email_code", "--doubt", "a hunch"), (*ASK, "12345678"), (*ASK, "--check", "idc_1"),
        ("record",), ("record", "--method", "in_person", "--doubt", "high_risk"), ("record", "12345678", "--method", "in_person"),
        ("answer", "12345678", "--method", "email_code"), ("answer", "12345678", "--doubt", "high_risk"), ("believe",),
    ],
)  # fmt: skip
def test_what_a_step_does_not_take_is_a_wrong_command(installation: Installation, ticket_id: str, arguments: tuple[str, ...]) -> None:
    result = run(installation, ticket_id, *arguments)

    assert result.exit_code == 2
    assert checks_of(installation, ticket_id) == ()


def test_a_code_is_said_not_to_be_enough_when_more_is_named(installation: Installation, ticket_id: str) -> None:
    """A stranger may put an own address before the person's: the code then proves the stranger's."""
    mails = [{"kind": "email", "value": f"{name}@example.org"} for name in ("stranger", "jo")]
    several = submit_ticket(installation, read_submission({"subject": mails}, installation.clock()), "olga")

    of_several, of_one = run(installation, several, *ASK), run(installation, ticket_id, *ASK)

    assert "goes to identifier 1 and says nothing about 2 (email)" in of_several.stderr
    assert of_one.stderr == ""
