"""A ticket through the API: submitted, shown, its report fetched."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import pytest

from rtbf.evidence.ledger import leaf_hash
from rtbf.evidence.tlog_proof import check_inclusion, read_proof
from rtbf.evidence.trust_file import note_keys
from rtbf.files import make_private_folder
from rtbf.pipeline.ledger import seal_ledger
from rtbf.report.record import Report
from rtbf.store.actors import actor_name, list_tokens, revoke_token
from rtbf.store.identifiers import open_identifiers
from rtbf.store.records import save_record
from rtbf.store.tickets import list_tickets
from rtbf.ticket_view import view_ticket

if TYPE_CHECKING:
    from fastapi.testclient import TestClient

    from rtbf.installation import Installation

JO: dict[str, Any] = {
    "subject": [{"kind": "name", "value": "Jo Example"}, {"kind": "phone", "value": "+1 212 555 0142"}],
    "identity": {"method": "account_login"},
    "external_ref": "jira:PRIV-7",
}
ENVELOPE = b'{"payload":"e30=","payloadType":"application/vnd.in-toto+json","signatures":[]}'
PDF = b"%PDF-1.7 a report"


def issue_report(installation: Installation, ticket_id: str, *, has_pdf: bool = True) -> None:
    """Put a report's files and record in place, as the report stage does."""
    folder = installation.home.report_of(ticket_id, "rpt_1")
    make_private_folder(folder)
    (folder / "report.dsse.json").write_bytes(ENVELOPE)
    if has_pdf:
        (folder / "report.pdf").write_bytes(PDF)
    record = Report(
        ticket_id=ticket_id,
        attempt=1,
        report_id="rpt_1",
        verification_digest="sha256:00",
        envelope_sha256=hashlib.sha256(ENVELOPE).hexdigest(),
        pdf_sha256=hashlib.sha256(PDF).hexdigest() if has_pdf else None,
        pdf_missing_because=None if has_pdf else "typst is not installed",
        signed_by="sha256:11",
        issued_at="2026-03-02T12:00:00.000Z",
    )
    with installation.transaction() as session:
        save_record(session, record, 1, installation.clock())


def test_a_submitted_ticket_is_stored_sealed_and_its_address_is_told(caller: TestClient, installation: Installation) -> None:
    body = JO

    answer = caller.post("/v1/tickets", json=body)

    ticket_id = answer.json()["id"]
    assert (answer.status_code, answer.headers["location"]) == (201, f"/v1/tickets/{ticket_id}")
    with installation.transaction() as session:
        opened = open_identifiers(session, installation.kek, ticket_id)
    assert [(entry.kind, entry.value.reveal()) for entry in opened] == [("name", "Jo Example"), ("phone", "+1 212 555 0142")]


def test_an_answer_shows_identifiers_by_number_kind_and_commitment_only(caller: TestClient) -> None:
    submitted = caller.post("/v1/tickets", json=JO).json()

    shown = caller.get(f"/v1/tickets/{submitted['id']}").json()

    assert shown == submitted
    assert [sorted(mark) for mark in shown["identifiers"]] == [["commitment", "kind", "number", "warnings"]] * 2
    assert [(mark["number"], mark["kind"]) for mark in shown["identifiers"]] == [(1, "name"), (2, "phone")]


def test_a_ticket_with_checked_identity_waits_for_a_worker_and_one_without_for_identity(caller: TestClient) -> None:
    without = {key: value for key, value in JO.items() if key != "identity"}

    states = [(answer["state"], answer["reason"]) for answer in (caller.post("/v1/tickets", json=body).json() for body in (JO, without))]

    assert states == [("locating", "awaiting_worker"), ("received", "need_identity")]


def test_a_ticket_is_submitted_by_the_actor_of_the_token(caller: TestClient, installation: Installation) -> None:
    ticket_id = caller.post("/v1/tickets", json=JO).json()["id"]

    submitted_by = view_ticket(installation, ticket_id).ticket.submitted_by

    with installation.transaction() as session:
        assert actor_name(session, submitted_by) == "jira"


@pytest.mark.parametrize("header", [None, "Bearer rtbf_wrong", "Basic amlyYTpqaXJh", "Bearer", "Bearer " + "x" * 5000])
def test_without_a_valid_token_nothing_is_told_and_nothing_stored(
    anybody: TestClient, installation: Installation, header: str | None
) -> None:
    headers = {} if header is None else {"Authorization": header}

    answers = [
        anybody.post("/v1/tickets", json=JO, headers=headers),
        anybody.get("/v1/tickets/tkt_0123456789abcdef", headers=headers),
        anybody.get("/v1/tickets/tkt_0123456789abcdef/report", headers=headers),
    ]

    assert [answer.status_code for answer in answers] == [401, 401, 401]
    assert all(answer.headers["www-authenticate"].startswith("Bearer") for answer in answers)
    with installation.transaction() as session:
        assert list_tickets(session) == []


def test_a_revoked_token_stops_working_at_once(caller: TestClient, installation: Installation) -> None:
    with installation.transaction() as session:
        revoke_token(session, list_tokens(session)[0].id, installation.clock())

    answer = caller.post("/v1/tickets", json=JO)

    assert answer.status_code == 401


def test_a_report_that_was_not_issued_is_a_conflict(caller: TestClient) -> None:
    ticket_id = caller.post("/v1/tickets", json=JO).json()["id"]

    answer = caller.get(f"/v1/tickets/{ticket_id}/report")

    assert (answer.status_code, answer.json()["type"]) == (409, "urn:rtbf:problem:illegal-move")


@pytest.mark.parametrize(
    ("accept", "media_type", "content"),
    [
        (None, "application/json", ENVELOPE),
        ("application/json", "application/json", ENVELOPE),
        ("application/pdf", "application/pdf", PDF),
        ("text/html, application/pdf;q=0.9, */*;q=0.1", "application/pdf", PDF),
        ("application/*", "application/json", ENVELOPE),
        ("application/json;q=0, */*", "application/pdf", PDF),
    ],
)
def test_a_report_comes_byte_for_byte_in_the_form_that_is_asked_for(
    caller: TestClient, installation: Installation, accept: str | None, media_type: str, content: bytes
) -> None:
    ticket_id = caller.post("/v1/tickets", json=JO).json()["id"]
    issue_report(installation, ticket_id)

    answer = caller.get(f"/v1/tickets/{ticket_id}/report", headers={} if accept is None else {"Accept": accept})

    assert (answer.status_code, answer.headers["content-type"], answer.content) == (200, media_type, content)


@pytest.mark.parametrize(("accept", "has_pdf"), [("text/html", True), ("application/pdf", False), ("application/json;q=0", False)])
def test_a_form_that_does_not_exist_is_not_acceptable(
    caller: TestClient,
    installation: Installation,
    accept: str,
    has_pdf: bool,  # noqa: FBT001 - a column of the table
) -> None:
    ticket_id = caller.post("/v1/tickets", json=JO).json()["id"]
    issue_report(installation, ticket_id, has_pdf=has_pdf)

    answer = caller.get(f"/v1/tickets/{ticket_id}/report", headers={"Accept": accept})

    assert (answer.status_code, answer.json()["type"]) == (406, "urn:rtbf:problem:not-acceptable")


def test_a_report_changed_on_disk_is_never_handed_out(caller: TestClient, installation: Installation) -> None:
    ticket_id = caller.post("/v1/tickets", json=JO).json()["id"]
    issue_report(installation, ticket_id)
    (installation.home.report_of(ticket_id, "rpt_1") / "report.dsse.json").write_bytes(ENVELOPE.replace(b"e30=", b"e31="))

    answer = caller.get(f"/v1/tickets/{ticket_id}/report")

    assert (answer.status_code, answer.json()["type"]) == (500, "urn:rtbf:problem:artefact-mismatch")


def test_a_ticket_carries_its_receipt_once_a_signed_head_covers_it(caller: TestClient, installation: Installation) -> None:
    made = caller.post("/v1/tickets", json=JO).json()
    seal_ledger(installation)

    receipt = caller.get(f"/v1/tickets/{made['id']}").json()["receipt"]

    assert made["receipt"] is None
    assert sorted(receipt) == ["leaf", "proof", "schema"]
    keys = note_keys(installation.trust, installation.log)
    head, _ = check_inclusion(read_proof(receipt["proof"]), bytes.fromhex(leaf_hash(receipt["leaf"].encode())), keys)
    assert (json.loads(receipt["leaf"])["ticket"], head.origin) == (made["id"], installation.log)


def test_intake_waits_for_no_signature(caller: TestClient, installation: Installation) -> None:
    installation.log_state.parent.mkdir(exist_ok=True)
    installation.log_state.write_bytes(b"{")

    answer = caller.post("/v1/tickets", json=JO)

    assert (answer.status_code, answer.json()["receipt"]) == (201, None)
