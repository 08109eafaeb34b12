"""`rtbf submit`: every field from options, prompt or file; once per key; nothing of a person on standard output."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, get_args

import pytest
from click.testing import CliRunner

from rtbf.cli.context import CliContext
from rtbf.cli.submit import submit
from rtbf.config import Settings
from rtbf.errors import BadInput, IdempotencyKeyReused, UnknownName
from rtbf.store.identifiers import open_identifiers
from rtbf.store.tickets import list_tickets
from rtbf.ticket.intake import Channel
from rtbf.ticket_view import view_ticket

if TYPE_CHECKING:
    from pathlib import Path

    from click.testing import Result

    from rtbf.installation import Installation
    from rtbf.ticket.record import Ticket


def run(installation: Installation, *arguments: str, typed: str | bytes = "") -> Result:
    context = CliContext(home=installation.home.path, actor="olga", is_json=True, settings=Settings())
    return CliRunner().invoke(submit, arguments, obj=context, catch_exceptions=False, input=typed)


def submitted(installation: Installation, result: Result) -> Ticket:
    return view_ticket(installation, json.loads(result.stdout)["ticket_id"]).ticket


def values(installation: Installation, ticket_id: str) -> list[tuple[str, str]]:
    with installation.transaction() as session:
        return [(entry.kind, entry.value.reveal()) for entry in open_identifiers(session, installation.kek, ticket_id)]


def count(installation: Installation) -> int:
    with installation.transaction() as session:
        return len(list_tickets(session))


def test_every_option_stands_in_the_record(installation: Installation) -> None:
    arguments = (
        "--name", "Jo Quillfeather", "--regime", "uk-gdpr", "--requester", "guardian", "--ground", "ChildData", "--ground", "NonNecessity",
        "--channel", "post", "--locale", "de", "--ref", "jira:PRIV-1", "--received-at", "2026-02-27T09:00:00+01:00",
    )  # fmt: skip

    ticket = submitted(installation, run(installation, *arguments))

    assert (ticket.regime, ticket.requester_role, ticket.channel, ticket.locale) == ("uk-gdpr", "guardian", "post", "de")
    assert [ground.rpartition("A17")[2] for ground in ticket.grounds] == ["ChildData", "NonNecessity"]
    assert (ticket.external_ref, ticket.received_at) == ("jira:PRIV-1", "2026-02-27T08:00:00.000Z")


def test_without_options_a_ticket_is_the_persons_own_by_the_terminal(installation: Installation) -> None:
    ticket = submitted(installation, run(installation, "--name", "Jo Quillfeather"))

    assert (ticket.requester_role, ticket.channel, ticket.locale, ticket.grounds) == ("data_subject", "cli", "en", ())


def test_a_dash_asks_for_the_value(installation: Installation) -> None:
    result = run(installation, "--name", "-", "--email", "-", typed="Jo Quillfeather\njo@example.org\n")

    ticket = submitted(installation, result)
    assert values(installation, ticket.ticket_id) == [("name", "Jo Quillfeather"), ("email", "jo@example.org")]


def test_nothing_of_the_person_is_printed_back(installation: Installation) -> None:
    result = run(installation, "--name", "Jo Quillfeather", "--email", "jo@example.org")

    assert "Quillfeather" not in result.output
    assert "jo@example.org" not in result.output


def test_the_same_key_makes_no_second_ticket_and_says_so(installation: Installation) -> None:
    first = run(installation, "--name", "Jo Quillfeather", "--idempotency-key", "k-1")

    again = run(installation, "--name", "Jo Quillfeather", "--idempotency-key", "k-1")

    assert json.loads(first.stdout)["ticket_id"] == json.loads(again.stdout)["ticket_id"]
    assert ("came before" in first.stderr, "came before" in again.stderr) == (False, True)
    assert count(installation) == 1


def test_a_key_with_another_submission_is_refused(installation: Installation) -> None:
    run(installation, "--name", "Jo Quillfeather", "--idempotency-key", "k-1")

    with pytest.raises(IdempotencyKeyReused):
        run(installation, "--name", "Ines Varga", "--idempotency-key", "k-1")

    assert count(installation) == 1


def test_a_second_equal_submission_is_told_as_possible_duplicate(installation: Installation) -> None:
    first = json.loads(run(installation, "--email", "jo@example.org").stdout)["ticket_id"]

    second = run(installation, "--email", "jo@example.org")

    assert f"perhaps the same person as {first}; nothing was merged" in second.stderr
    assert count(installation) == 2


def test_mixed_alphabets_are_told_by_number(installation: Installation) -> None:
    result = run(installation, "--name", "Jo Example", "--email", "p\u0430ul@example.org")

    assert "identifier 2 (email) mixes alphabets" in result.stderr
    assert "identifier 1" not in result.stderr


def test_a_file_brings_the_whole_submission(installation: Installation, tmp_path: Path) -> None:
    body = {"subject": [{"kind": "name", "value": "Jo Quillfeather"}], "requester": {"role": "guardian"}, "locale": "de"}
    file = tmp_path / "ticket.json"
    file.write_text(json.dumps(body))

    from_file = submitted(installation, run(installation, "--from-file", str(file)))
    from_input = submitted(installation, run(installation, "--from-file", "-", typed=json.dumps(body)))

    assert {(ticket.requester_role, ticket.locale, ticket.channel) for ticket in (from_file, from_input)} == {("guardian", "de", "api")}


@pytest.mark.parametrize("option", [("--regime", "uk-gdpr"), ("--name", "Jo"), ("--ground", "ChildData"), ("--identity", "in_person")])
def test_a_file_and_options_together_are_refused_rather_than_one_ignored(installation: Installation, option: tuple[str, str]) -> None:
    result = run(installation, "--from-file", "-", *option, typed='{"subject":[{"kind":"name","value":"Jo Example"}]}')

    assert result.exit_code == 2
    assert count(installation) == 0


@pytest.mark.parametrize(
    "content",
    [
        b"", b"not json", b"\xff\xfe", b"[]", b"{}", b"[" * 200_000, b'{"subject":[],"subject":[]}',
        b'{"subject":[{"kind":"name","value":"Quillfeather"}],"subject":[{"kind":"name","value":"Jo"}]}',
        b'{"subject":[{"kind":"name","value":"' + b"Quillfeather" * 900_000 + b'"}]}',
    ],
)  # fmt: skip
def test_a_file_that_is_no_submission_is_refused_and_never_repeated(installation: Installation, tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "ticket.json"
    file.write_bytes(content)

    with pytest.raises(BadInput) as refused:
        run(installation, "--from-file", str(file))

    assert "Quillfeather" not in str(refused.value)
    assert count(installation) == 0


def test_an_endless_file_is_not_read_to_its_end(installation: Installation) -> None:
    with pytest.raises(BadInput, match="more than"):
        run(installation, "--from-file", "/dev/zero")


def test_a_file_that_is_not_there_is_refused(installation: Installation, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="cannot be read"):
        run(installation, "--from-file", str(tmp_path / "none.json"))


@pytest.mark.parametrize(
    "arguments",
    [
        ("--regime", "mars"), ("--ground", "NoSuchGround"), ("--received-at", "tomorrow"), ("--received-at", "2030-01-01T00:00:00Z"),
        ("--received-at", "1901-01-01T00:00:00Z"), ("--locale", "German, please"), ("--ref", "no spaces"), ("--email", "Quillfeather"),
        ("--name", "\u202eoJ"), ("--name", ""), ("--idempotency-key", "two words"),
    ],
)  # fmt: skip
def test_a_bad_value_is_refused_and_nothing_stored(installation: Installation, arguments: tuple[str, str]) -> None:
    with pytest.raises(BadInput) as refused:
        run(installation, "--name", "Jo Quillfeather", *arguments)

    assert "Quillfeather" not in str(refused.value)
    assert count(installation) == 0


def test_an_unknown_model_is_refused(installation: Installation) -> None:
    with pytest.raises(UnknownName):
        run(installation, "--name", "Jo Quillfeather", "--model", "none")

    assert count(installation) == 0


def test_the_channels_offered_are_those_that_are_taken() -> None:
    (option,) = (parameter for parameter in submit.params if parameter.name == "channel")

    offered: Any = option.type
    assert tuple(offered.choices) == get_args(Channel)
