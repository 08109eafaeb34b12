"""Read a submission: the one shape that the terminal, a file and the API all bring. Refuses without repeating values."""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from rtbf.errors import BadInput
from rtbf.ticket.identity import IdentityMethod
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
_FIRST_INSTANT = datetime(1970, 1, 2, tzinfo=UTC)
"""From here on every zone's civil date lies in a year that the legal clock counts (rtbf.ticket.deadline)."""
_A_TIME = re.compile(r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}")
_A_KEY = re.compile(r"[\x21-\x7e]{1,200}")

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
        if self.kind == "email" and any(character.isspace() or unicodedata.category(character) == "Cf" for character in self.value):
            raise ValueError("an e-mail address has no spaces and no invisible characters")
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

    @field_validator("received_at", mode="before")
    @classmethod
    def _a_written_time(cls, value: Any) -> Any:  # noqa: ANN401 - untrusted JSON
        # A bare number would be taken for seconds since 1970: 20260302 for a day in August of that year.
        if value is None or isinstance(value, datetime) or (isinstance(value, str) and _A_TIME.match(value)):
            return value
        raise ValueError("a time is written as RFC 3339 with its zone, for example 2026-03-02T12:00:00+01:00")

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
    if submission.received_at is not None and submission.received_at < _FIRST_INSTANT:
        raise BadInput(found="a received_at before 1970", expected="the moment the request came in", remedy="correct it and submit again")
    return submission


def read_idempotency_key(text: str) -> str:
    """Return the key that `text` holds, bare or in the quotes of a structured header field (RFC 8941 section 3.3.3).

    Raises BadInput, which never repeats the key: a careless client may have put a person's address into it.
    """
    key = text[1:-1] if len(text) > 1 and text[0] == text[-1] == '"' else text
    if not _A_KEY.fullmatch(key):
        raise BadInput(
            found=f"an idempotency key of {len(key)} characters",
            expected="1 to 200 printable ASCII characters without spaces",
            remedy="make a random one for each submission, such as a UUID, and keep it for its repetitions; nothing was stored",
        )
    return key


def _place(parts: tuple[int | str, ...], kind: str) -> str:
    """Return where a fault lies. A surplus field's own name was chosen by the sender and may be about a person."""
    known = [str(part) for part in parts]
    if kind == "extra_forbidden":
        known[-1] = _UNKNOWN_FIELD
    return ".".join(known)
