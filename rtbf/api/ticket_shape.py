"""A ticket as the API answers it: state, dates and identity. No personal data: an identifier is number, kind and commitment."""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from rtbf.ticket.record import IdentifierKind, RequesterRole
from rtbf.ticket.regime import IdentityLevel

if TYPE_CHECKING:
    from rtbf.pipeline.standing import Standing

_TICKET_EXAMPLE: dict[str, JsonValue] = {
    "id": "tkt_0123456789abcdef",
    "state": "locating",
    "reason": "awaiting_worker",
    "outcome": None,
    "regime": "eu-gdpr",
    "channel": "api",
    "requester": {"role": "data_subject"},
    "grounds": ["eu-gdpr:JustificationA17ObjectA21"],
    "locale": "en",
    "received_at": "2026-11-24T08:30:00.000Z",
    "created_at": "2026-11-24T08:30:00Z",
    "closed_at": None,
    "clock": {
        "acknowledge_by": "2026-11-27",
        "deadline": "2026-12-24",
        "strict_deadline": "2026-12-24",
        "is_suspended": False,
        "is_extended": False,
        "is_overdue": False,
    },
    "identity": {"level": "substantial", "required": "low"},
    "external_ref": "jira:PRIV-1042",
    "models": [],
    "identifiers": [{"number": 1, "kind": "name", "commitment": "sha256:" + "0" * 64, "warnings": []}],
    "possible_duplicates": [],
    "attempt": 0,
    "version": 2,
    "plan_digest": None,
    "verdict": None,
    "has_report": False,
    "receipt": None,
}


class IdentifierMarkShape(BaseModel):
    """One identifier without its value. `warnings` are codes; `mixed_scripts`: letters of several alphabets that may look alike."""

    number: int
    kind: IdentifierKind
    commitment: str
    warnings: list[str]


class VerdictShape(BaseModel):
    """The newest attempt's verdict: its status and the guarantee class it awards."""

    status: str
    guarantee_class: str


class RoleShape(BaseModel):
    """Who asks, by role."""

    role: RequesterRole


class ClockShape(BaseModel):
    """The legal clock now. `strict_deadline` knows neither suspension nor extension: an authority may not accept either."""

    acknowledge_by: date
    deadline: date
    strict_deadline: date
    is_suspended: bool
    is_extended: bool
    is_overdue: bool


class IdentityLevelShape(BaseModel):
    """How well the person's identity was shown (null: not yet), and how well it has to be before anything is done."""

    level: IdentityLevel | None
    required: IdentityLevel


class ReceiptShape(BaseModel):
    """That the request came in: its event in the signed ledger. Keep it as it is; `leaf` and `proof` are checked byte for byte.

    `leaf` is the event's JSON text, `proof` the text of a C2SP `.tlog-proof` file with the signed tree head in it.
    """

    model_config = ConfigDict(populate_by_name=True)

    schema_name: str = Field(alias="schema")
    leaf: str
    proof: str


class TicketShape(BaseModel):
    """Where a ticket stands. `reason` says what an open ticket waits for, `outcome` how a closed one ended.

    `receipt` is null until the ledger's next signed head, some minutes at most: ask again.
    `possible_duplicates` are a hint for an officer: anybody may name anybody's address.
    """

    model_config = ConfigDict(json_schema_extra={"examples": [_TICKET_EXAMPLE]})

    id: str
    state: str
    reason: str | None
    outcome: str | None
    regime: str
    channel: str
    requester: RoleShape
    grounds: list[str]
    locale: str
    received_at: str
    created_at: datetime
    closed_at: datetime | None
    clock: ClockShape
    identity: IdentityLevelShape
    external_ref: str | None
    models: list[str]
    identifiers: list[IdentifierMarkShape]
    possible_duplicates: list[str]
    attempt: int
    version: int
    plan_digest: str | None
    verdict: VerdictShape | None
    has_report: bool
    receipt: ReceiptShape | None


def ticket_shape(standing: Standing) -> TicketShape:
    """Return the answer about a ticket."""
    view, ticket, clock = standing.view, standing.view.ticket, standing.clock
    verdict = None if view.verification is None else view.verification.verdict
    return TicketShape(
        id=ticket.ticket_id,
        state=view.state,
        reason=view.reason,
        outcome=view.outcome,
        regime=ticket.regime,
        channel=ticket.channel,
        requester=RoleShape(role=ticket.requester_role),
        grounds=list(ticket.grounds),
        locale=ticket.locale,
        received_at=ticket.received_at,
        created_at=view.created_at,
        closed_at=view.closed_at,
        clock=ClockShape(
            acknowledge_by=clock.acknowledge_by,
            deadline=clock.deadline,
            strict_deadline=clock.strict_deadline,
            is_suspended=clock.is_suspended,
            is_extended=clock.is_extended,
            is_overdue=standing.is_overdue,
        ),
        identity=IdentityLevelShape(level=standing.identity_level, required=standing.identity_required),
        external_ref=ticket.external_ref,
        models=list(ticket.models),
        identifiers=[
            IdentifierMarkShape(number=mark.number, kind=mark.kind, commitment=mark.commitment, warnings=list(mark.warnings))
            for mark in ticket.identifiers
        ],
        possible_duplicates=list(view.linked),
        attempt=view.attempt,
        version=view.version,
        plan_digest=view.plan_digest,
        verdict=None if verdict is None else VerdictShape(status=verdict.status, guarantee_class=verdict.class_awarded),
        has_report=view.report is not None,
        receipt=None
        if standing.receipt is None
        else ReceiptShape(schema_name=standing.receipt.schema, leaf=standing.receipt.leaf, proof=standing.receipt.proof),
    )
