"""Identity through the API: asked with a doubt and a version, answered by a code that no answer holds."""

from __future__ import annotations

import re
from email import message_from_bytes, policy
from typing import TYPE_CHECKING, Any

import pytest

from rtbf.pipeline.standing import checks_of

if TYPE_CHECKING:
    from fastapi.testclient import TestClient

    from rtbf.installation import Installation

JO: dict[str, Any] = {"subject": [{"kind": "name", "value": "Jo Example"}, {"kind": "email", "value": "jo@example.org"}]}
BY_CODE = {"method": "email_code", "doubt": "unknown_sender"}
ATTEMPTS = 5


def submit(caller: TestClient, **changes: Any) -> tuple[str, str]:
    """Return the address and the ETag of a new ticket."""
    answer = caller.post("/v1/tickets", json={**JO, **changes})
    return answer.headers["location"], answer.headers["etag"]


def ask(caller: TestClient, ticket: str, etag: str, **question: str) -> Any:
    return caller.post(f"{ticket}/identity-checks", json=BY_CODE | question, headers={"If-Match": etag})


def letter_code(installation: Installation) -> str:
    """Return the code in the newest letter of the outbox."""
    newest = max(installation.home.outbox.glob("*.eml"), key=lambda path: path.stat().st_mtime_ns)
    body = message_from_bytes(newest.read_bytes(), policy=policy.default).get_body()
    assert body is not None
    # Not inside a ticket's id, whose hexadecimal digits may look like a code.
    (code,) = set(re.findall(r"(?<![\w-])\d{4}[ \u00a0]?\d{4}(?![\w-])", body.get_content()))
    return code


def wrong(code: str, step: int = 1) -> str:
    return f"{(int(re.sub(r'[^0-9]', '', code)) + step) % 10**8:08d}"


def test_a_code_is_asked_for_by_letter_and_answered_once(caller: TestClient, installation: Installation) -> None:
    ticket, etag = submit(caller)

    asked = ask(caller, ticket, etag)
    answer = caller.post(f"{asked.headers['location']}/answer", json={"code": letter_code(installation)})
    again = caller.post(f"{asked.headers['location']}/answer", json={"code": letter_code(installation)})

    assert (asked.status_code, asked.json()["result"], asked.json()["attempts"]) == (201, "open", 0)
    assert (answer.status_code, answer.json()["state"], answer.json()["identity"]) == (200, "locating", {"level": "low", "required": "low"})
    assert (again.status_code, again.json()["type"]) == (410, "urn:rtbf:problem:identity-expired")


def test_no_answer_holds_the_code(caller: TestClient, installation: Installation) -> None:
    ticket, etag = submit(caller)

    asked = ask(caller, ticket, etag)

    code = re.sub(r"[^0-9]", "", letter_code(installation))
    shown = [asked, caller.get(ticket), caller.get(f"{ticket}/identity-checks")]
    assert all(code not in answer.text + str(answer.headers) for answer in shown)
    assert sorted(asked.json()) == ["asked_at", "attempts", "doubt", "expires_at", "id", "level", "method", "result"]


def test_a_wrong_code_is_forbidden_and_counted_and_says_no_more(caller: TestClient, installation: Installation) -> None:
    ticket, etag = submit(caller)
    asked = ask(caller, ticket, etag)
    code = letter_code(installation)

    answers = [caller.post(f"{asked.headers['location']}/answer", json={"code": wrong(code, step)}) for step in (1, 2)]

    assert [answer.status_code for answer in answers] == [403, 403]
    assert answers[0].json() == answers[1].json()
    (check,) = caller.get(f"{ticket}/identity-checks").json()
    assert (check["attempts"], check["result"]) == (2, "open")


def test_too_many_wrong_codes_are_told_and_a_fresh_question_helps(caller: TestClient, installation: Installation, clock: Any) -> None:
    ticket, etag = submit(caller)
    place = ask(caller, ticket, etag).headers["location"]
    code = letter_code(installation)
    for step in range(1, ATTEMPTS + 1):
        caller.post(f"{place}/answer", json={"code": wrong(code, step)})

    over = caller.post(f"{place}/answer", json={"code": code})
    clock.move(seconds=1)
    fresh = ask(caller, ticket, caller.get(ticket).headers["etag"])
    answer = caller.post(f"{fresh.headers['location']}/answer", json={"code": letter_code(installation)})

    assert (over.status_code, over.json()["type"]) == (429, "urn:rtbf:problem:identity-exhausted")
    assert (fresh.status_code, answer.status_code) == (201, 200)


def test_a_late_code_is_gone(caller: TestClient, installation: Installation, clock: Any) -> None:
    ticket, etag = submit(caller)
    place = ask(caller, ticket, etag).headers["location"]
    clock.move(hours=72)

    answer = caller.post(f"{place}/answer", json={"code": letter_code(installation)})

    assert (answer.status_code, answer.json()["type"]) == (410, "urn:rtbf:problem:identity-expired")


def test_a_code_cannot_be_answered_under_another_ticket(caller: TestClient, installation: Installation) -> None:
    mine, etag = submit(caller)
    place = ask(caller, mine, etag).headers["location"]
    other, _ = submit(caller)

    answer = caller.post(f"{other}/identity-checks/{place.rpartition('/')[2]}/answer", json={"code": letter_code(installation)})

    assert (answer.status_code, answer.json()["type"]) == (404, "urn:rtbf:problem:unknown-name")
    assert caller.get(mine).json()["state"] == "identifying"


@pytest.mark.parametrize("if_match", [None, "*"])
def test_a_question_without_the_version_it_was_decided_on_is_refused(caller: TestClient, if_match: str | None) -> None:
    ticket, _ = submit(caller)

    answer = caller.post(f"{ticket}/identity-checks", json=BY_CODE, headers={} if if_match is None else {"If-Match": if_match})

    assert (answer.status_code, answer.json()["type"]) == (428, "urn:rtbf:problem:precondition-missing")
    assert caller.get(ticket).json()["state"] == "received"


@pytest.mark.parametrize("if_match", ['"999"', 'W/"1"', "1", '"1", "2"', '"abc"', '""', '"' + "9" * 400 + '"'])
def test_another_version_than_the_newest_is_refused(caller: TestClient, if_match: str) -> None:
    ticket, _ = submit(caller)

    answer = caller.post(f"{ticket}/identity-checks", json=BY_CODE, headers={"If-Match": if_match})

    assert (answer.status_code, answer.json()["type"]) == (412, "urn:rtbf:problem:ticket-changed")
    assert caller.get(ticket).json()["state"] == "received"


def test_of_two_that_read_the_same_ticket_one_asks(caller: TestClient) -> None:
    ticket, etag = submit(caller)

    answers = [ask(caller, ticket, etag, method="document_viewed").status_code for _ in range(2)]

    assert answers == [201, 412]
    assert len(caller.get(f"{ticket}/identity-checks").json()) == 1


def test_the_etag_of_the_question_is_the_tickets(caller: TestClient) -> None:
    ticket, etag = submit(caller)

    asked = ask(caller, ticket, etag)

    shown = caller.get(ticket)
    assert asked.headers["etag"] == shown.headers["etag"] == f'"{shown.json()["version"]}"'
    assert asked.headers["etag"] != etag


def test_asking_when_identity_is_established_is_a_conflict(caller: TestClient) -> None:
    ticket, etag = submit(caller, identity={"method": "account_login"})

    answer = ask(caller, ticket, etag)

    assert (answer.status_code, answer.json()["type"]) == (409, "urn:rtbf:problem:illegal-move")


@pytest.mark.parametrize(
    "question", [{"doubt": "a hunch"}, {"doubt": ""}, {"method": "retina"}, {"method": "x" * 41}, {"note": "Jo Quillfeather"}]
)
def test_an_unlawful_question_is_refused_and_never_repeated(caller: TestClient, question: dict[str, str]) -> None:
    ticket, etag = submit(caller)

    answer = ask(caller, ticket, etag, **question)

    assert answer.status_code == 422
    assert not any(value in answer.text for value in question.values() if value not in {"", "note"})
    assert caller.get(ticket).json()["state"] == "received"


def test_a_code_without_an_address_is_refused(caller: TestClient) -> None:
    ticket, etag = submit(caller, subject=[{"kind": "name", "value": "Jo Example"}])

    answer = ask(caller, ticket, etag)

    assert (answer.status_code, answer.json()["type"]) == (422, "urn:rtbf:problem:bad-input")


@pytest.mark.parametrize("check", ["idc_0123456789abcdef", "idc_x", "Jo Quillfeather"])
def test_an_unknown_check_is_not_found_and_never_repeated(caller: TestClient, check: str) -> None:
    ticket, _ = submit(caller)

    answer = caller.post(f"{ticket}/identity-checks/{check}/answer", json={"code": "12345678"})

    assert answer.status_code == 404
    assert check not in answer.text


def test_identity_needs_a_token(caller: TestClient, anybody: TestClient, installation: Installation) -> None:
    ticket, etag = submit(caller)
    place = ask(caller, ticket, etag).headers["location"]

    answers = [
        anybody.get(f"{ticket}/identity-checks"),
        anybody.post(f"{ticket}/identity-checks", json=BY_CODE, headers={"If-Match": etag}),
        anybody.post(f"{place}/answer", json={"code": letter_code(installation)}),
    ]

    assert [answer.status_code for answer in answers] == [401, 401, 401]
    assert [check.attempts for check in checks_of(installation, ticket.rpartition("/")[2])] == [0]
