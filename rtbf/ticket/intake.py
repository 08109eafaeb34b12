"""Read a submission: the one shape that the terminal, a file and the API all bring. Refuses without repeating values."""

from __future__ import annotations

import unicodedata
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from rtbf.errors import BadInput
from rtbf.ticket.record import IdentifierKind, RequesterRole
from rtbf.vault.secret import Secret

_UNKNOWN_FIELD = "(unknown field)"
MAX_IDENTIFIERS = 200
MAX_VALUE_LENGTH = 20_000
MIN_LETTERS_OR_DIGITS = 2
MIN_PHONE_DIGITS = 5
_CLOCK_SKEW = timedelta(minutes=5)

Regime = Literal["eu-gdpr", "uk-gdpr", "us-ca-ccpa", "voluntary"]
Channel = Literal["web", "email", "post", "phone", "api", "cli"]
IdentityMethod = Literal["email_code", "account_login", "agent_attestation", "document_viewed", "in_person", "controller_assertion"]

# No control characters, no lone surrogates: PostgreSQL and UTF-8 cannot hold them.
_BIDI_CONTROLS = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""They turn the order of what is shown, so that an identifier reads as another than it is (Unicode UAX #9; CVE-2021-42574)."""

ModelName = Annotated[str, Field(min_length=1, max_length=80, pattern=r"^\P{C}+$")]


class IdentifierShape(BaseModel):
    """One identifier of the person as it was written."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    kind: IdentifierKind
    value: str = Field(min_length=2, max_length=MAX_VALUE_LENGTH, repr=False)

    @field_validator("value")
    @classmethod
    def _readable(cls, value: str) -> str:
        if any(character in _BIDI_CONTROLS for character in value):
            raise ValueError("invisible marks that turn the reading direction are not part of an identifier; type it without them")
        text = unicodedata.normalize("NFC", value).strip()
        # "Cc" holds the control characters; line breaks are lawful in an excerpt only as plain text.
        if any(unicodedata.category(character) == "Cc" and character not in "\n\t" for character in text):
            raise ValueError("control characters are not part of an identifier")
        if sum(character.isalnum() for character in text) < MIN_LETTERS_OR_DIGITS:
            raise ValueError("fewer than two letters or digits would match almost everything")
        return text

    @model_validator(mode="after")
    def _of_its_kind(self) -> IdentifierShape:
        local, at, domain = self.value.rpartition("@")
        if self.kind == "email" and (not at or not local.strip() or not domain.strip()):
            raise ValueError("an e-mail address has a part before and a part after its @")
        if self.kind == "phone" and sum(character.isdigit() for character in self.value) < MIN_PHONE_DIGITS:
            raise ValueError(f"a phone number has at least {MIN_PHONE_DIGITS} digits")
        return self


class IdentityShape(BaseModel):
    """How the controller checked who is asking, when that was done before the ticket came in."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    method: IdentityMethod


class RequesterShape(BaseModel):
    """Who asks: the person, somebody with parental responsibility, an agent, or the controller on its own account."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    role: RequesterRole = "data_subject"


class SubmissionShape(BaseModel):
    """The body of `POST /v1/tickets` and of `rtbf submit --from-file`."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    subject: list[IdentifierShape] = Field(min_length=1, max_length=MAX_IDENTIFIERS)
    regime: Regime = "eu-gdpr"
    channel: Channel = "api"
    received_at: AwareDatetime | None = None
    requester: RequesterShape = Field(default_factory=RequesterShape)
    grounds: list[Annotated[str, Field(max_length=100, pattern=r"^[A-Za-z0-9:-]+$")]] = Field(default_factory=list, max_length=20)
    locale: str | None = Field(default=None, max_length=35, pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$")
    models: list[ModelName] = Field(default_factory=list, max_length=1000)
    external_ref: str | None = Field(default=None, max_length=200, pattern=r"^[A-Za-z0-9._:/#-]+$")
    identity: IdentityShape | None = None

    def secrets(self) -> list[tuple[IdentifierKind, Secret]]:
        """Return the identifiers with their values wrapped, without repetitions, in the order they came."""
        seen = dict.fromkeys((entry.kind, entry.value) for entry in self.subject)
        return [(kind, Secret(value)) for kind, value in seen]


def read_submission(body: Any, now: datetime) -> SubmissionShape:  # noqa: ANN401 - untrusted JSON
    """Return the submission in `body`; raises BadInput naming every wrong field, never its value."""
    try:
        submission = SubmissionShape.model_validate(body)
    except ValidationError as refused:
        faults = "; ".join(
            f"{_place(error['loc'], error['type']) or 'body'}: {error['msg']}" for error in refused.errors(include_input=False)
        )
        raise BadInput(
            found=f"a submission with {refused.error_count()} wrong field(s) ({faults})",
            expected="subject (a list of {kind, value}), and optionally regime, channel, received_at, requester, "
            "grounds, locale, models, external_ref, identity",
            remedy="correct these fields and submit again; nothing was stored",
        ) from None
    if submission.received_at is not None and submission.received_at > now + _CLOCK_SKEW:
        raise BadInput(found="a received_at in the future", expected="the moment the request came in", remedy="correct it and submit again")
    return submission


def _place(parts: tuple[int | str, ...], kind: str) -> str:
    """Return where a fault lies. A surplus field's own name was chosen by the sender and may be about a person."""
    known = [str(part) for part in parts]
    if kind == "extra_forbidden":
        known[-1] = _UNKNOWN_FIELD
    return ".".join(known)
