"""Refusals over HTTP: their shape, their status, and that nothing a caller sent comes back or is logged."""

from __future__ import annotations

import io
import json
import logging
from typing import TYPE_CHECKING, Any

import pytest
import structlog
from fastapi.testclient import TestClient

from rtbf.api.app import create_app
from rtbf.errors import DatabaseUnreachable
from rtbf.logs import configure_logs
from rtbf.store.tickets import list_tickets

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rtbf.installation import Installation

CANARY = "Canary Quillfeather"
GOOD = [{"kind": "name", "value": "Jo Example"}]


@pytest.fixture
def logged(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """Everything that is logged, by structlog or by a library, down to debug."""
    output = io.StringIO()
    monkeypatch.setattr("sys.stderr", output)
    configure_logs(is_json=True, level=logging.DEBUG)
    handler = logging.StreamHandler(output)
    root = logging.getLogger()
    root.addHandler(handler)
    yield output
    root.removeHandler(handler)
    structlog.reset_defaults()


@pytest.mark.parametrize(
    "body",
    [
        {"subject": [{"kind": "name", "value": CANARY + "\x00"}]},
        {"subject": [{"kind": CANARY, "value": "abc"}]},
        {"subject": [{"kind": "name", "value": [CANARY]}]},
        {"subject": [{"kind": "name", "value": "abc", CANARY: 1}]},
        {"subject": GOOD, CANARY: 1},
        {"subject": GOOD, "received_at": CANARY},
        {"subject": GOOD, "external_ref": CANARY},
        {"subject": GOOD, "models": [CANARY]},
        {"subject": GOOD, "models": [CANARY + "\x00"]},
        {"subject": GOOD, "identity": {"method": CANARY}},
        {"subject": CANARY},
        [CANARY],
        CANARY,
    ],
)
def test_a_refused_body_is_never_repeated_in_answer_or_log(
    caller: TestClient, installation: Installation, logged: io.StringIO, body: Any
) -> None:
    content = json.dumps(body).encode()

    answer = caller.post("/v1/tickets", content=content, headers={"Content-Type": "application/json"})

    output = logged.getvalue()
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    assert "Quillfeather" not in answer.text + str(answer.headers) + output
    assert '"event": "request.answered"' in output
    with installation.transaction() as session:
        assert list_tickets(session) == []


def test_an_accepted_body_is_in_no_answer_and_no_log(caller: TestClient, logged: io.StringIO) -> None:
    body = {"subject": [{"kind": "name", "value": CANARY}, {"kind": "excerpt", "value": f"I know {CANARY} well"}]}

    submitted = caller.post("/v1/tickets", json=body)
    shown = caller.get(submitted.headers["location"])

    output = logged.getvalue()
    assert (submitted.status_code, shown.status_code) == (201, 200)
    assert "Quillfeather" not in submitted.text + shown.text + output


@pytest.mark.parametrize("path", [f"/v1/tickets/{CANARY}", f"/v1/tickets/{CANARY}/report", f"/{CANARY}", f"/v1/tickets?q={CANARY}"])
def test_a_name_in_a_path_is_never_repeated(caller: TestClient, logged: io.StringIO, path: str) -> None:
    answer = caller.get(path)

    output = logged.getvalue()
    assert answer.status_code in {404, 405}
    assert "Quillfeather" not in answer.text + output


@pytest.mark.parametrize(
    ("content", "content_type"),
    [
        (b"not json", "application/json"),
        (b"", "application/json"),
        (b"\xff\xfe\x00", "application/json"),
        (b"[" * 200_000, "application/json"),
        (b"9" * 5_000, "application/json"),
        (b'{"subject":[{"kind":"name","value":"\\ud800\\ud800"}]}', "application/json"),
        (b'{"subject":[{"kind":"name","value":"Jo Example"}],"models":["a\\ud800"]}', "application/json"),
        (b"subject=Jo", "application/x-www-form-urlencoded"),
        (b'{"subject":[{"kind":"name","value":"Jo Example"}]}', "text/plain"),
    ],
)
def test_what_is_not_the_json_shape_is_unprocessable(caller: TestClient, content: bytes, content_type: str) -> None:
    headers = {"Content-Type": content_type}

    answer = caller.post("/v1/tickets", content=content, headers=headers)

    problem = answer.json()
    assert (answer.status_code, problem["status"], problem["type"]) == (422, 422, "urn:rtbf:problem:wrong-body")
    assert problem["errors"][0]["field"].startswith("body")


def test_a_body_over_one_mebibyte_is_refused_unread(caller: TestClient) -> None:
    at_the_limit, above = b" " * 1_048_576, b" " * 1_048_577  # 1 MiB = 1024 * 1024

    answers = [caller.post("/v1/tickets", content=content) for content in (at_the_limit, above)]

    assert [answer.status_code for answer in answers] == [422, 413]


def test_a_body_that_hides_its_length_is_counted_as_it_comes(caller: TestClient) -> None:
    def endless() -> Iterator[bytes]:
        for _ in range(40):
            yield b" " * 65_536  # 40 * 64 KiB = 2.5 MiB

    answer = caller.post("/v1/tickets", content=endless())

    assert answer.status_code == 413


def test_a_time_in_the_future_is_refused(caller: TestClient) -> None:
    body = {"subject": GOOD, "received_at": "2026-03-02T12:06:00Z"}  # the frozen clock shows noon; five minutes are allowed

    answer = caller.post("/v1/tickets", json=body)

    assert (answer.status_code, answer.json()["type"]) == (422, "urn:rtbf:problem:bad-input")


def test_an_unknown_ticket_is_not_found(caller: TestClient) -> None:
    answer = caller.get("/v1/tickets/tkt_0123456789abcdef")

    assert (answer.status_code, answer.json()["type"]) == (404, "urn:rtbf:problem:unknown-name")


def test_an_unforeseen_exception_is_answered_and_logged_by_type_only(installation: Installation, logged: io.StringIO) -> None:
    app = create_app(installation)

    @app.get("/broken")
    def broken() -> None:
        raise ZeroDivisionError(CANARY)

    with TestClient(app) as client:
        answer = client.get("/broken")

    output = logged.getvalue()
    incident = answer.json()["instance"].removeprefix("urn:rtbf:incident:")
    assert (answer.status_code, answer.json()["type"]) == (500, "urn:rtbf:problem:unforeseen")
    assert f'"incident": "{incident}"' in output
    assert '"error_type": "ZeroDivisionError"' in output
    assert "Quillfeather" not in answer.text + output


def test_an_outage_says_when_to_try_again(installation: Installation) -> None:
    app = create_app(installation)

    @app.get("/away")
    def away() -> None:
        raise DatabaseUnreachable(found="no answer", expected="an answer", remedy="wait")

    with TestClient(app) as client:
        answer = client.get("/away")

    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert answer.json()["found"] == "no answer"


def test_alive_and_ready_need_no_token(anybody: TestClient) -> None:
    answers = [anybody.get("/healthz"), anybody.get("/readyz")]

    assert [(answer.status_code, answer.json()) for answer in answers] == [(200, {"status": "ok"}), (200, {"status": "ready"})]


def test_a_database_without_this_schema_is_alive_but_not_ready(anybody: TestClient, installation: Installation) -> None:
    with installation.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = 'of the future'")

    answers = [anybody.get("/healthz"), anybody.get("/readyz")]

    assert [answer.status_code for answer in answers] == [200, 503]
    assert answers[1].json()["type"] == "urn:rtbf:problem:schema-too-new"


def test_the_description_shows_an_example_body_and_every_reference_resolves(anybody: TestClient) -> None:
    description = anybody.get("/openapi.json").json()

    text = json.dumps(description)
    named = {part.split('"')[0] for part in text.split('"#/components/schemas/')[1:]}
    body = description["paths"]["/v1/tickets"]["post"]["requestBody"]["content"]["application/json"]
    assert named <= set(description["components"]["schemas"])
    assert body["examples"]["by name and mail"]["value"]["subject"][0] == {"kind": "name", "value": "Jo Example"}
    assert description["paths"]["/v1/tickets"]["post"]["security"] == [{"token": []}]
