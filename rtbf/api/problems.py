"""Trouble as RFC 9457 problem documents; the only file that knows status codes of refusals and failures.

What a caller sent is never repeated: a person's name may stand in any field, key or path. So a wrong field is told by
its place in the shape and by the rule it broke, and an unknown name by its kind and the nearest names we know.
Source: RFC 9457; status codes from RFC 9110.
"""

from __future__ import annotations

import json
import secrets
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import structlog
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from rtbf import errors
from rtbf.errors import Fault, Outage, Refusal, RTBFError, UnknownName

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fastapi import FastAPI, Request

PROBLEM_JSON = "application/problem+json"
PROBLEM_TYPE_PREFIX = "urn:rtbf:problem:"
RETRY_AFTER_S = 5
_UNKNOWN_FIELD = "(a field this shape does not have)"

_log = structlog.get_logger()


class BodyTooLarge(Refusal):
    """The request's body is longer than this API reads."""


class NotAcceptable(Refusal):
    """The report does not exist in a form the caller accepts."""


class PreconditionMissing(Refusal):
    """A change was asked for without naming the version that it was decided on."""


class WrongBody(Refusal):
    """The body is not the JSON shape of this route. `faults` holds (place, rule) pairs, never values."""

    def __init__(self, faults: Sequence[tuple[str, str]]) -> None:
        self.faults = tuple(faults)
        super().__init__(
            found=f"a request with {len(faults)} wrong part(s)",
            expected="the shape that /openapi.json shows for this route, as application/json",
            remedy="correct the parts listed under `errors` and send it again; nothing was stored",
        )


# The nearest class in an error's ancestry decides. What the caller cannot mend, such as an old schema, is 503.
_STATUS: dict[type[RTBFError], HTTPStatus] = {
    errors.Unauthorised: HTTPStatus.UNAUTHORIZED,
    errors.FourEyes: HTTPStatus.FORBIDDEN,
    errors.IdentityRefused: HTTPStatus.FORBIDDEN,
    errors.SignatureRefused: HTTPStatus.FORBIDDEN,
    NotAcceptable: HTTPStatus.NOT_ACCEPTABLE,
    errors.IllegalMove: HTTPStatus.CONFLICT,
    errors.StalePlan: HTTPStatus.CONFLICT,
    errors.TicketBusy: HTTPStatus.CONFLICT,
    errors.ExtensionRefused: HTTPStatus.CONFLICT,
    errors.PlanImpossible: HTTPStatus.CONFLICT,
    errors.TrainingRestricted: HTTPStatus.CONFLICT,
    errors.CorpusChanged: HTTPStatus.CONFLICT,
    errors.SuppressedRecords: HTTPStatus.CONFLICT,
    errors.HomeExists: HTTPStatus.CONFLICT,
    errors.LetterIncomplete: HTTPStatus.CONFLICT,
    errors.WitnessRefused: HTTPStatus.CONFLICT,
    errors.TicketShredded: HTTPStatus.GONE,
    errors.IdentityExpired: HTTPStatus.GONE,
    errors.TicketChanged: HTTPStatus.PRECONDITION_FAILED,
    BodyTooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    errors.BadInput: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.UnknownName: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.IdempotencyKeyReused: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.CorpusUnreadable: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.ModelFolderRefused: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.LetterRefused: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.EvidenceRefused: HTTPStatus.UNPROCESSABLE_ENTITY,
    WrongBody: HTTPStatus.UNPROCESSABLE_ENTITY,
    PreconditionMissing: HTTPStatus.PRECONDITION_REQUIRED,
    errors.IdentityExhausted: HTTPStatus.TOO_MANY_REQUESTS,
    errors.SchemaBehind: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.SchemaTooNew: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.HomeMissing: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.ExtraMissing: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.SuppressionKeyUnavailable: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.SuppressionListUnavailable: HTTPStatus.SERVICE_UNAVAILABLE,
    Refusal: HTTPStatus.BAD_REQUEST,
    Fault: HTTPStatus.INTERNAL_SERVER_ERROR,
    Outage: HTTPStatus.SERVICE_UNAVAILABLE,
}
_IN_PATH = frozenset({"ticket", "identity check"})
"""Kinds of names that stand in a path, where an unknown one is 404; in a body it is 422."""


class ProblemShape(BaseModel):
    """A problem document (RFC 9457): the kind of trouble, what was found and expected, and what to do."""

    type: str
    title: str
    status: int
    detail: str


def status_of(error: RTBFError) -> HTTPStatus:
    """Return the status of an error: 404 for an unknown name that stands in a path, else what its kind has."""
    if isinstance(error, UnknownName) and error.kind in _IN_PATH:
        return HTTPStatus.NOT_FOUND
    return status_of_kind(type(error))


def status_of_kind(kind: type[RTBFError]) -> HTTPStatus:
    """Return the status of a kind of error, by the nearest of its ancestors that has one."""
    return next((_STATUS[ancestor] for ancestor in kind.__mro__ if ancestor in _STATUS), HTTPStatus.INTERNAL_SERVER_ERROR)


def problem_answers(**meanings: str) -> dict[int | str, dict[str, Any]]:
    """Return OpenAPI entries for problem answers, from `_401="…"` pairs."""
    content = {PROBLEM_JSON: {"schema": ProblemShape.model_json_schema()}}
    return {int(code.lstrip("_")): {"description": meaning, "content": content} for code, meaning in meanings.items()}


def install_problems(app: FastAPI) -> None:
    """Make `app` answer every error of the tree, every wrong body and every routing error as a problem document."""
    app.exception_handler(RTBFError)(_answer_error)
    app.exception_handler(RequestValidationError)(_answer_wrong_request)
    app.exception_handler(HTTPException)(_answer_routing)


def problem_of(error: RTBFError) -> Response:
    """Return the problem document of an error of our tree."""
    status = status_of(error)
    found = f"a {error.kind} that is not known here" if isinstance(error, UnknownName) else error.found
    headers: dict[str, str] = {}
    if isinstance(error, errors.Unauthorised):
        headers["WWW-Authenticate"] = 'Bearer realm="rtbf"'
    if status is HTTPStatus.SERVICE_UNAVAILABLE:
        headers["Retry-After"] = str(RETRY_AFTER_S)
    body: dict[str, Any] = {
        "type": PROBLEM_TYPE_PREFIX + error.code,
        "title": _title(error),
        "status": status.value,
        "detail": f"{found}; expected {error.expected}; {error.remedy}",
        "found": found,
        "expected": error.expected,
        "remedy": error.remedy,
    }
    if isinstance(error, WrongBody):
        body["errors"] = [{"field": place, "message": rule} for place, rule in error.faults]
    return _problem(body, status, headers)


def problem_of_unforeseen(unforeseen: Exception) -> Response:
    """Log the type of an exception nobody foresaw, and return a 500 that carries nothing of its text.

    The same random incident id stands in the log and in the answer.
    """
    incident = secrets.token_hex(8)
    _log.error("request.failed", incident=incident, error_type=type(unforeseen).__name__)
    status = HTTPStatus.INTERNAL_SERVER_ERROR
    body = {
        "type": PROBLEM_TYPE_PREFIX + "unforeseen",
        "title": "The service met an error it does not know",
        "status": status.value,
        "detail": f"tell the operator this incident: {incident}",
        "instance": f"urn:rtbf:incident:{incident}",
    }
    return _problem(body, status, {})


def _answer_error(_request: Request, error: RTBFError) -> Response:
    if not isinstance(error, Refusal):
        _log.error("request.failed", error=error.code, found=error.found)
    return problem_of(error)


def _answer_wrong_request(request: Request, error: RequestValidationError) -> Response:
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if request.method == "POST" and media_type != "application/json":
        # FastAPI would only say that the body is no object; the header is what curl's users forget.
        return problem_of(WrongBody([("body", "must be sent with Content-Type: application/json")]))
    return problem_of(WrongBody([_fault(fault) for fault in error.errors()]))


def _answer_routing(_request: Request, error: HTTPException) -> Response:
    status = HTTPStatus(error.status_code)
    if status is HTTPStatus.BAD_REQUEST:
        # FastAPI says 400 when the body's bytes are no text, are nested too deeply or hold a number too long to read.
        return problem_of(WrongBody([("body", "not readable as JSON")]))
    body = {"type": "about:blank", "title": status.phrase, "status": status.value, "detail": status.description or status.phrase}
    return _problem(body, status, dict(error.headers or {}))


def _fault(fault: Mapping[str, Any]) -> tuple[str, str]:
    """Return (place, rule). The place of a surplus field ends in the key the caller chose, so that key is left out."""
    place = [str(part) for part in fault["loc"]]
    if fault["type"] == "extra_forbidden":
        place[-1] = _UNKNOWN_FIELD
    if fault["type"] == "json_invalid":
        # The position alone would not say what is wrong; these words are ours (rtbf.api.strict_json).
        return "body", str(fault["ctx"]["error"])
    return ".".join(place), str(fault["msg"])


def _title(error: RTBFError) -> str:
    """Return the first sentence of the kind's docstring: the same for every occurrence, as RFC 9457 §3.1.3 asks."""
    return (type(error).__doc__ or error.code).split("\n", 1)[0].split(". ", 1)[0].rstrip(".")


def _problem(body: dict[str, Any], status: HTTPStatus, headers: dict[str, str]) -> Response:
    content = json.dumps(body, ensure_ascii=False).encode()
    return Response(content, status_code=status.value, media_type=PROBLEM_JSON, headers={"Cache-Control": "no-store", **headers})
