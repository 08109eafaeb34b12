"""Submit a ticket, see where it stands, fetch its signed report.

Answers hold no personal data: an identifier is shown by number, kind and commitment only.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path as FilePath
from typing import Annotated

from fastapi import APIRouter, Body, Header, Response, status

from rtbf.api.addressing import TicketId, entity_tag
from rtbf.api.auth import Actor, Opened
from rtbf.api.problems import NotAcceptable, problem_answers
from rtbf.api.strict_json import StrictJSONRoute
from rtbf.api.ticket_shape import TicketShape, ticket_shape
from rtbf.errors import ArtefactMismatch
from rtbf.installation import Installation
from rtbf.pipeline.intake import submit_once
from rtbf.pipeline.standing import standing_of
from rtbf.report.bundle import ENVELOPE_NAME, PDF_NAME
from rtbf.report.record import Report
from rtbf.ticket.intake import SubmissionShape, read_idempotency_key, read_submission
from rtbf.ticket_view import report_folder, view_ticket

_JSON = "application/json"
_PDF = "application/pdf"

_SUBMISSION_EXAMPLE = {
    "subject": [{"kind": "name", "value": "Jo Example"}, {"kind": "email", "value": "jo@example.org"}],
    "regime": "eu-gdpr",
    "channel": "api",
    "requester": {"role": "data_subject"},
    "grounds": ["ObjectA21"],
    "locale": "en",
    "external_ref": "jira:PRIV-1042",
    "identity": {"method": "account_login"},
}
router = APIRouter(
    prefix="/v1/tickets",
    tags=["tickets"],
    route_class=StrictJSONRoute,
    responses=problem_answers(
        _401="No valid token", _422="The request has another shape, or names an unknown model", _503="Try again later"
    ),
)


@router.post(
    "",
    status_code=status.HTTP_201_CREATED,
    responses=problem_answers(_413="The body is too large"),
)
def submit(
    installation: Opened,
    actor: Actor,
    submission: Annotated[SubmissionShape, Body(openapi_examples={"by name and mail": {"value": _SUBMISSION_EXAMPLE}})],
    response: Response,
    idempotency_key: Annotated[
        str | None,
        Header(description="A random text of your own for this submission: sent again with it, the same body makes no second ticket."),
    ] = None,
) -> TicketShape:
    """Take a deletion request; its identifiers are sealed at once. Answers 201 with the ticket's address in `Location`.

    A submission sent again under its `Idempotency-Key` is answered with the ticket it made, as it stands now, and
    `Idempotency-Replayed: true`. Without a key it makes another ticket, linked as a possible duplicate.
    """
    # Read again as the terminal does: one reader holds every rule that needs the time.
    checked = read_submission(submission.model_dump(), installation.clock())
    key = None if idempotency_key is None else read_idempotency_key(idempotency_key)
    taken = submit_once(installation, checked, actor, key)
    response.headers["Location"] = f"{router.prefix}/{taken.ticket_id}"
    if taken.is_replay:
        response.headers["Idempotency-Replayed"] = "true"
    return answer_ticket(installation, taken.ticket_id, response)


@router.get("/{ticket_id}", responses=problem_answers(_404="No such ticket"))
def show(installation: Opened, _actor: Actor, ticket_id: TicketId, response: Response) -> TicketShape:
    """Say where a ticket stands. Its `ETag` is what `If-Match` of a change has to name."""
    return answer_ticket(installation, ticket_id, response)


@router.get(
    "/{ticket_id}/report",
    response_class=Response,
    responses={
        200: {
            "description": "The newest issued report: the signed DSSE envelope byte for byte, or the PDF made from it",
            "content": {_JSON: {"schema": {"type": "object"}}, _PDF: {"schema": {"type": "string", "format": "binary"}}},
        },
        **problem_answers(_404="No such ticket", _406="Not available in that form", _409="No report was issued yet"),
    },
)
def fetch_report(installation: Opened, _actor: Actor, ticket_id: TicketId, accept: Annotated[str, Header()] = "*/*") -> Response:
    """Return the signed report as JSON or PDF, as `Accept` asks; with no preference, JSON."""
    folder = report_folder(installation, ticket_id)
    report = view_ticket(installation, ticket_id).report
    assert report is not None
    form = _preferred(accept, report)
    name, digest = (ENVELOPE_NAME, report.envelope_sha256) if form == _JSON else (PDF_NAME, report.pdf_sha256 or "")
    headers = {"Content-Disposition": f'attachment; filename="{ticket_id}-{name}"', "Cache-Control": "no-store", "Vary": "Accept"}
    return Response(_issued_bytes(folder / name, digest), media_type=form, headers=headers)


def answer_ticket(installation: Installation, ticket_id: str, response: Response) -> TicketShape:
    """Return the ticket as it stands, its version as the answer's ETag."""
    standing = standing_of(installation, ticket_id)
    response.headers["ETag"] = entity_tag(standing.view.version)
    response.headers["Cache-Control"] = "no-store"
    return ticket_shape(standing)


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
