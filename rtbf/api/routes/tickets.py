"""Submit a ticket, see where it stands, fetch its signed report.

Answers hold no personal data: an identifier is shown by number, kind and commitment only.
"""

from __future__ import annotations

import hashlib
import re
from datetime import datetime
from pathlib import Path as FilePath
from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends, Header, Path, Response, status
from pydantic import BaseModel, ConfigDict, JsonValue

from rtbf.api.auth import Actor, Opened
from rtbf.api.problems import PROBLEM_JSON, NotAcceptable
from rtbf.errors import ArtefactMismatch, UnknownName
from rtbf.pipeline.intake import submit_ticket
from rtbf.report.record import Report
from rtbf.ticket.intake import SubmissionShape, read_submission
from rtbf.ticket.record import IdentifierKind
from rtbf.ticket_view import TicketView, report_folder, view_ticket

ENVELOPE_FILE = "report.dsse.json"
PDF_FILE = "report.pdf"
_JSON = "application/json"
_PDF = "application/pdf"
_TICKET_ID = re.compile(r"tkt_[0-9a-f]{16}")

_SUBMISSION_EXAMPLE = {
    "subject": [{"kind": "name", "value": "Jo Example"}, {"kind": "email", "value": "jo@example.org"}],
    "regime": "eu-gdpr",
    "channel": "api",
    "external_ref": "jira:PRIV-1042",
    "identity": {"method": "account_login"},
}
_TICKET_EXAMPLE: dict[str, JsonValue] = {
    "id": "tkt_0123456789abcdef",
    "state": "locating",
    "reason": "awaiting_worker",
    "outcome": None,
    "regime": "eu-gdpr",
    "channel": "api",
    "received_at": "2026-11-24T08:30:00.000Z",
    "created_at": "2026-11-24T08:30:00Z",
    "closed_at": None,
    "external_ref": "jira:PRIV-1042",
    "models": [],
    "identifiers": [{"number": 1, "kind": "name", "commitment": "sha256:" + "0" * 64}],
    "attempt": 0,
    "version": 2,
    "plan_digest": None,
    "verdict": None,
    "has_report": False,
}


class IdentifierMarkShape(BaseModel):
    """One identifier without its value."""

    number: int
    kind: IdentifierKind
    commitment: str


class VerdictShape(BaseModel):
    """The newest attempt's verdict: its status and the guarantee class it awards."""

    status: str
    guarantee_class: str


class TicketShape(BaseModel):
    """Where a ticket stands. `reason` says what an open ticket waits for, `outcome` how a closed one ended."""

    model_config = ConfigDict(json_schema_extra={"examples": [_TICKET_EXAMPLE]})

    id: str
    state: str
    reason: str | None
    outcome: str | None
    regime: str
    channel: str
    received_at: str
    created_at: datetime
    closed_at: datetime | None
    external_ref: str | None
    models: list[str]
    identifiers: list[IdentifierMarkShape]
    attempt: int
    version: int
    plan_digest: str | None
    verdict: VerdictShape | None
    has_report: bool


class ProblemShape(BaseModel):
    """A problem document (RFC 9457): the kind of trouble, what was found and expected, and what to do."""

    type: str
    title: str
    status: int
    detail: str


def _problems(**meanings: str) -> dict[int | str, dict[str, Any]]:
    """Return OpenAPI entries for problem answers, from `_401="…"` pairs."""
    content = {PROBLEM_JSON: {"schema": ProblemShape.model_json_schema()}}
    return {int(code.lstrip("_")): {"description": meaning, "content": content} for code, meaning in meanings.items()}


router = APIRouter(
    prefix="/v1/tickets",
    tags=["tickets"],
    responses=_problems(_401="No valid token", _422="The request has another shape, or names an unknown model", _503="Try again later"),
)


def lawful_id(ticket_id: Annotated[str, Path(examples=["tkt_0123456789abcdef"])]) -> str:
    """Return the path's ticket id; text that cannot be an id is refused before it reaches the database or a message."""
    if _TICKET_ID.fullmatch(ticket_id) is None:
        raise UnknownName("ticket", "", (), "rtbf list")
    return ticket_id


TicketId = Annotated[str, Depends(lawful_id)]


@router.post(
    "",
    status_code=status.HTTP_201_CREATED,
    responses=_problems(_413="The body is too large"),
)
def submit(
    installation: Opened,
    actor: Actor,
    submission: Annotated[SubmissionShape, Body(openapi_examples={"by name and mail": {"value": _SUBMISSION_EXAMPLE}})],
    response: Response,
) -> TicketShape:
    """Take a deletion request; its identifiers are sealed at once. Answers 201 with the ticket's address in `Location`."""
    # Read again as the terminal does: one reader holds every rule that needs the time.
    checked = read_submission(submission.model_dump(), installation.clock())
    ticket_id = submit_ticket(installation, checked, actor)
    response.headers["Location"] = f"{router.prefix}/{ticket_id}"
    response.headers["Cache-Control"] = "no-store"
    return _shape(view_ticket(installation, ticket_id))


@router.get("/{ticket_id}", responses=_problems(_404="No such ticket"))
def show(installation: Opened, _actor: Actor, ticket_id: TicketId, response: Response) -> TicketShape:
    """Say where a ticket stands."""
    response.headers["Cache-Control"] = "no-store"
    return _shape(view_ticket(installation, ticket_id))


@router.get(
    "/{ticket_id}/report",
    response_class=Response,
    responses={
        200: {
            "description": "The newest issued report: the signed DSSE envelope byte for byte, or the PDF made from it",
            "content": {_JSON: {"schema": {"type": "object"}}, _PDF: {"schema": {"type": "string", "format": "binary"}}},
        },
        **_problems(_404="No such ticket", _406="Not available in that form", _409="No report was issued yet"),
    },
)
def fetch_report(installation: Opened, _actor: Actor, ticket_id: TicketId, accept: Annotated[str, Header()] = "*/*") -> Response:
    """Return the signed report as JSON or PDF, as `Accept` asks; with no preference, JSON."""
    folder = report_folder(installation, ticket_id)
    report = view_ticket(installation, ticket_id).report
    assert report is not None
    form = _preferred(accept, report)
    name, digest = (ENVELOPE_FILE, report.envelope_sha256) if form == _JSON else (PDF_FILE, report.pdf_sha256 or "")
    headers = {"Content-Disposition": f'attachment; filename="{ticket_id}-{name}"', "Cache-Control": "no-store", "Vary": "Accept"}
    return Response(_issued_bytes(folder / name, digest), media_type=form, headers=headers)


def _shape(view: TicketView) -> TicketShape:
    verdict = None if view.verification is None else view.verification.verdict
    return TicketShape(
        id=view.ticket.ticket_id,
        state=view.state,
        reason=view.reason,
        outcome=view.outcome,
        regime=view.ticket.regime,
        channel=view.ticket.channel,
        received_at=view.ticket.received_at,
        created_at=view.created_at,
        closed_at=view.closed_at,
        external_ref=view.ticket.external_ref,
        models=list(view.ticket.models),
        identifiers=[
            IdentifierMarkShape(number=mark.number, kind=mark.kind, commitment=mark.commitment) for mark in view.ticket.identifiers
        ],
        attempt=view.attempt,
        version=view.version,
        plan_digest=view.plan_digest,
        verdict=None if verdict is None else VerdictShape(status=verdict.status, guarantee_class=verdict.class_awarded),
        has_report=view.report is not None,
    )


def _preferred(accept: str, report: Report) -> str:
    """Return the form the caller likes best among those that exist (RFC 9110 §12.5.1); raises NotAcceptable."""
    json_weight, pdf_weight = _weight(accept, _JSON), _weight(accept, _PDF)
    if json_weight > 0 and (json_weight >= pdf_weight or report.pdf_sha256 is None):
        return _JSON
    if pdf_weight > 0 and report.pdf_sha256 is not None:
        return _PDF
    why = f"this report has no PDF ({report.pdf_missing_because})" if pdf_weight > 0 else "another media type was asked for"
    forms = _JSON if report.pdf_sha256 is None else f"{_JSON} or {_PDF}"
    raise NotAcceptable(found=why, expected=f"Accept: {forms}", remedy="ask for one of these forms")


def _weight(accept: str, media_type: str) -> float:
    """Return the weight the most specific range of `accept` gives to `media_type`; 0 when none covers it."""
    best, best_rank = 0.0, -1
    ranks = {"*/*": 0, media_type.partition("/")[0] + "/*": 1, media_type: 2}
    for entry in accept.split(","):
        name, *parameters = (part.strip() for part in entry.lower().split(";"))
        weight = next((_quality(text[2:]) for text in parameters if text.startswith("q=")), 1.0)
        if ranks.get(name, -1) > best_rank:
            best, best_rank = weight, ranks[name]
    return best


def _quality(text: str) -> float:
    return float(text) if re.fullmatch(r"[01](\.\d{0,3})?", text) else 0.0


def _issued_bytes(path: FilePath, digest: str) -> bytes:
    """Return the file that was issued; raises ArtefactMismatch when it is absent or not the one that was recorded."""
    content = path.read_bytes() if path.is_file() else b""
    if hashlib.sha256(content).hexdigest() != digest.removeprefix("sha256:"):
        raise ArtefactMismatch(
            found=f"{path.name} differs from the one that was issued",
            expected=digest,
            remedy="restore the folder reports/ of the home from its backup",
        )
    return content
