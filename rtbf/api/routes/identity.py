"""Ask a ticket's person who they are, and take the answer to a one-time code. No answer of this API holds a code."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Body, Response, status
from pydantic import BaseModel, ConfigDict, Field, JsonValue

from rtbf.api.addressing import CheckId, TicketId, VersionRead, entity_tag
from rtbf.api.auth import Actor, Opened
from rtbf.api.problems import problem_answers
from rtbf.api.routes.tickets import answer_ticket
from rtbf.api.strict_json import StrictJSONRoute
from rtbf.api.ticket_shape import TicketShape
from rtbf.pipeline.asking import ask_person
from rtbf.pipeline.identity import require_right_answer
from rtbf.pipeline.standing import CheckStanding, checks_of, standing_of
from rtbf.vault.secret import Secret

_MAX_ANSWER_LENGTH = 100
_CHECK_EXAMPLE: dict[str, JsonValue] = {
    "id": "idc_0123456789abcdef",
    "method": "email_code",
    "doubt": "unknown_sender",
    "result": "open",
    "level": None,
    "attempts": 0,
    "asked_at": "2026-11-24T08:30:00Z",
    "expires_at": "2026-11-27T08:30:00Z",
}


class QuestionShape(BaseModel):
    """How the person is asked, and the doubt that makes asking lawful (GDPR Art. 12(6)); both are codes of ours."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    method: str = Field(max_length=40)
    doubt: str = Field(max_length=40)


class AnswerShape(BaseModel):
    """What the person typed."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    code: str = Field(max_length=_MAX_ANSWER_LENGTH, repr=False)


class CheckShape(BaseModel):
    """One identity check: how, why, and how it ended. Never its code."""

    model_config = ConfigDict(json_schema_extra={"examples": [_CHECK_EXAMPLE]})

    id: str
    method: str
    doubt: str | None
    result: str
    level: str | None
    attempts: int
    asked_at: datetime
    expires_at: datetime | None


router = APIRouter(
    prefix="/v1/tickets/{ticket_id}/identity-checks",
    tags=["identity"],
    route_class=StrictJSONRoute,
    responses=problem_answers(_401="No valid token", _404="No such ticket, or no such check of it", _503="Try again later"),
)


@router.get("")
def list_checks(installation: Opened, _actor: Actor, ticket_id: TicketId, response: Response) -> list[CheckShape]:
    """List the ticket's identity checks, oldest first."""
    response.headers["Cache-Control"] = "no-store"
    return [_shape(check) for check in checks_of(installation, ticket_id)]


@router.post(
    "",
    status_code=status.HTTP_201_CREATED,
    responses=problem_answers(
        _409="The identity is established already, or the letter lacks a setting",
        _412="The ticket has changed since",
        _422="An unknown method or doubt, or no address to send a code to",
        _428="No If-Match",
    ),
)
def ask(
    installation: Opened,
    actor: Actor,
    ticket_id: TicketId,
    version: VersionRead,
    question: Annotated[QuestionShape, Body(openapi_examples={"by code": {"value": {"method": "email_code", "doubt": "unknown_sender"}}})],
    response: Response,
) -> CheckShape:
    """Ask the person to show who they are. With `email_code` a letter with a one-time code is sent; an earlier check ends."""
    asked = ask_person(installation, ticket_id, question.method, question.doubt, actor, version=version)
    response.headers["Location"] = f"/v1/tickets/{ticket_id}/identity-checks/{asked.check_id}"
    response.headers["ETag"] = entity_tag(standing_of(installation, ticket_id).view.version)
    response.headers["Cache-Control"] = "no-store"
    return next(_shape(check) for check in checks_of(installation, ticket_id) if check.check_id == asked.check_id)


@router.post(
    "/{check_id}/answer",
    responses=problem_answers(
        _403="The answer is wrong, or this check is answered otherwise",
        _409="The ticket is closed",
        _410="The code was used or replaced, or its time is over",
        _429="Too many wrong answers; ask again",
    ),
)
def answer(
    installation: Opened,
    actor: Actor,
    ticket_id: TicketId,
    check_id: CheckId,
    typed: Annotated[AnswerShape, Body(openapi_examples={"a code": {"value": {"code": "0123 4567"}}})],
    response: Response,
) -> TicketShape:
    """Take the person's answer to a code, and return the ticket.

    Needs no `If-Match`: the check's id says which question is answered, and a person knows no version. A right code may
    reach too low a level for the regime; `identity` of the ticket shows both.
    """
    require_right_answer(installation, ticket_id, check_id, Secret(typed.code), actor)
    return answer_ticket(installation, ticket_id, response)


def _shape(check: CheckStanding) -> CheckShape:
    return CheckShape(
        id=check.check_id,
        method=check.method,
        doubt=check.doubt,
        result=check.result,
        level=check.level,
        attempts=check.attempts,
        asked_at=check.asked_at,
        expires_at=check.expires_at,
    )
