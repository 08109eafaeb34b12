"""A submission through the API: once per key, read strictly, answered with dates, role, grounds and hints."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from rtbf.store.tickets import list_tickets

if TYPE_CHECKING:
    from fastapi.testclient import TestClient

    from rtbf.installation import Installation

JO: dict[str, Any] = {"subject": [{"kind": "name", "value": "Jo Quillfeather"}, {"kind": "email", "value": "jo@example.org"}]}
JSON = {"Content-Type": "application/json"}


def count(installation: Installation) -> int:
    with installation.transaction() as session:
        return len(list_tickets(session))


def test_a_submission_sent_again_under_its_key_is_the_same_ticket(caller: TestClient, installation: Installation) -> None:
    first = caller.post("/v1/tickets", json=JO, headers={"Idempotency-Key": '"4a2c0f1e-7d1b"'})

    again = caller.post("/v1/tickets", json=JO, headers={"Idempotency-Key": "4a2c0f1e-7d1b"})

    assert (first.status_code, again.status_code) == (201, 201)
    assert (first.json(), first.headers["location"]) == (again.json(), again.headers["location"])
    assert ("idempotency-replayed" in first.headers, again.headers["idempotency-replayed"]) == (False, "true")
    assert count(installation) == 1


def test_a_replay_tells_where_the_ticket_stands_by_then(caller: TestClient) -> None:
    first = caller.post("/v1/tickets", json=JO, headers={"Idempotency-Key": "k"})
    question = {"method": "document_viewed", "doubt": "high_risk"}
    caller.post(f"{first.headers['location']}/identity-checks", json=question, headers={"If-Match": first.headers["etag"]})

    again = caller.post("/v1/tickets", json=JO, headers={"Idempotency-Key": "k"})

    assert (first.json()["state"], again.json()["state"]) == ("received", "identifying")


def test_a_key_with_another_body_is_unprocessable(caller: TestClient, installation: Installation) -> None:
    caller.post("/v1/tickets", json=JO, headers={"Idempotency-Key": "jo@example.org"})

    answer = caller.post("/v1/tickets", json={**JO, "locale": "de"}, headers={"Idempotency-Key": "jo@example.org"})

    assert (answer.status_code, answer.json()["type"]) == (422, "urn:rtbf:problem:idempotency-key-reused")
    assert "jo@example.org" not in answer.text
    assert count(installation) == 1


@pytest.mark.parametrize("key", ["", '""', "x" * 201, "two words", '"'])
def test_a_key_that_is_none_is_refused_before_anything_is_stored(caller: TestClient, installation: Installation, key: str) -> None:
    answer = caller.post("/v1/tickets", json=JO, headers={"Idempotency-Key": key})

    # A lone quote is a printable character, hence a key.
    assert answer.status_code == (201 if key == '"' else 422)
    assert count(installation) == (1 if key == '"' else 0)


def test_without_a_key_the_second_is_linked_with_the_first(caller: TestClient) -> None:
    first, second = (caller.post("/v1/tickets", json=JO).json() for _ in range(2))

    assert second["possible_duplicates"] == [first["id"]]
    assert caller.get(f"/v1/tickets/{first['id']}").json()["possible_duplicates"] == [second["id"]]


def test_an_answer_tells_dates_role_grounds_and_levels(caller: TestClient) -> None:
    body = {
        **JO,
        "requester": {"role": "guardian"},
        "grounds": ["ChildData"],
        "locale": "de-AT",
        "received_at": "2026-01-30T10:00:00+01:00",
    }

    answer = caller.post("/v1/tickets", json=body).json()

    # 30 January + 1 month = Sat 28 February, so Mon 2 March; three working days after Fri 30 January: Wed 4 February.
    assert answer["clock"] == {
        "acknowledge_by": "2026-02-04", "deadline": "2026-03-02", "strict_deadline": "2026-03-02",
        "is_suspended": False, "is_extended": False, "is_overdue": False,
    }  # fmt: skip
    assert (answer["requester"], answer["locale"]) == ({"role": "guardian"}, "de-AT")
    assert answer["grounds"] == ["eu-gdpr:JustificationA17ChildData"]
    assert answer["identity"] == {"level": None, "required": "substantial"}


def test_a_late_ticket_says_that_it_is_overdue(caller: TestClient, clock: Any) -> None:
    place = caller.post("/v1/tickets", json=JO).headers["location"]
    in_time = caller.get(place).json()["clock"]["is_overdue"]
    clock.move(days=32)  # 2 March + 32 days = 3 April; the deadline was 2 April

    late = caller.get(place).json()["clock"]["is_overdue"]

    assert (in_time, late) == (False, True)


def test_the_answers_etag_is_the_version(caller: TestClient) -> None:
    submitted = caller.post("/v1/tickets", json=JO)

    shown = caller.get(submitted.headers["location"])

    assert submitted.headers["etag"] == shown.headers["etag"] == f'"{shown.json()["version"]}"'


def test_look_alike_letters_are_marked(caller: TestClient) -> None:
    body = {"subject": [{"kind": "email", "value": "p\u0430ul@example.org"}, {"kind": "name", "value": "Ines Varga"}]}

    marks = caller.post("/v1/tickets", json=body).json()["identifiers"]

    assert [mark["warnings"] for mark in marks] == [["mixed_scripts"], []]


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b'{"subject":[{"kind":"name","value":"Jo"}],"subject":[{"kind":"name","value":"Quillfeather"}]}', "twice"),
        (b'{"subject":[{"kind":"name","value":"Jo","value":"Quillfeather"}]}', "twice"),
        (b'{"Quillfeather":1,"Quillfeather":2}', "twice"),
        (b'{"received_at":NaN,"subject":[{"kind":"name","value":"Quillfeather"}]}', "NaN"),
        (b'{"subject":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "deep"),
        (b'{"a":' * 100_000, "deep"),
        (b'{"subject":[{"kind":"name","value":"Quillfeather"}]} trailing', "JSON"),
        ('{"subject":[{"kind":"name","value":"Quillfeather"}]}'.encode("utf-16"), "JSON"),
    ],
)
def test_a_body_that_two_programs_may_read_differently_is_refused(
    caller: TestClient, installation: Installation, content: bytes, fault: str
) -> None:
    answer = caller.post("/v1/tickets", content=content, headers=JSON)

    assert (answer.status_code, answer.json()["type"]) == (422, "urn:rtbf:problem:wrong-body")
    assert fault in answer.json()["errors"][0]["message"]
    assert "Quillfeather" not in answer.text
    assert count(installation) == 0


@pytest.mark.parametrize(
    "change",
    [
        {"regime": "eu-gdpr2"}, {"regime": ""}, {"grounds": ["NoSuchGround"]}, {"grounds": ["LegalClaims"]}, {"grounds": "ChildData"},
        {"grounds": ["ChildData"] * 21}, {"locale": "German, please"}, {"requester": {"role": "neighbour"}}, {"requester": "guardian"},
        {"received_at": "2026-03-02T12:06:00Z"}, {"received_at": "1969-12-31T23:59:59Z"}, {"received_at": "0001-01-01T00:00:00+14:00"},
        {"received_at": "9999-12-31T23:59:59-14:00"}, {"received_at": 20260301}, {"received_at": "20260301"},
        {"received_at": "2026-02-29T12:00:00Z"}, {"received_at": "2026-03-01"}, {"received_at": "2026-03-01T12:00:00"},
        {"subject": [{"kind": "name", "value": "Jo"}] * 201}, {"subject": [{"kind": "name", "value": "x" * 20_001}]},
        {"subject": [{"kind": "name", "value": "\u202eoJ"}]}, {"subject": [{"kind": "email", "value": "jo\u200b@example.org"}]},
    ],
)  # fmt: skip
def test_bad_input_is_unprocessable_and_stores_nothing(caller: TestClient, installation: Installation, change: dict[str, Any]) -> None:
    answer = caller.post("/v1/tickets", content=json.dumps({**JO, **change}), headers=JSON)

    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert count(installation) == 0


@pytest.mark.parametrize("value", ["\u0645\u062d\u0645\u062f \u0639\u0644\u064a", "\u05d9\u05e2\u05dc \u05db\u05d4\u05df", "\u738b\u4f1f"])
def test_names_of_every_script_are_taken(caller: TestClient, value: str) -> None:
    answer = caller.post("/v1/tickets", json={"subject": [{"kind": "name", "value": value}]})

    assert answer.status_code == 201
    assert answer.json()["identifiers"][0]["warnings"] == []
