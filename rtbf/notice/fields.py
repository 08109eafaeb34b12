"""What a letter's template may say: one frozen value with exactly these fields, and no other door to the case.

A field that does not apply to a letter is None, and a template that uses it is refused: a hole in a letter to a person
is never filled with a default. An empty tuple is an answer ("none"), save where the letter would then say nothing
(`NEVER_EMPTY`); None is not.
What a person or an officer wrote about a person comes as a `Secret`, so that this value can be printed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from datetime import date, datetime

    from rtbf.vault.secret import Secret

SETTING_OF = {
    "controller_name": "RTBF_CONTROLLER_NAME",
    "controller_contact": "RTBF_CONTROLLER_CONTACT",
    "authority_name": "RTBF_AUTHORITY_NAME",
    "sells_or_shares": "RTBF_SELLS_OR_SHARES",
}
"""Fields that come from the installation's settings, not from the case."""

NEVER_EMPTY = frozenset({"reasons", "searched", "materials"})
"""A refusal without a reason, a search of nothing and a letter about no material are not letters."""


MODEL_REMEDIES = frozenset({"retrain_exact", "retrain_bounded", "drop_adapter", "unlearn_approx", "overlay_adapter", "output_filter"})
"""What changes a model or what it says: told only together with the claim that the verdict permits."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Erased:
    """Something that was done. `remedy` is a code of the locale table's `done`; `count` is the number of records, None for a model."""

    name: str
    remedy: str
    count: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Kept:
    """Something that is not deleted: the code of the exemption and the officer's reasons, written for the person."""

    name: str
    code: str
    explanation: Secret


@dataclass(frozen=True, kw_only=True, slots=True)
class Later:
    """Something that follows: what (a code of `planned`), on which date, and the role that answers for it."""

    name: str
    remedy: str
    on: date
    owner: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Remaining:
    """A residual: where something may still be, why (a code of `residuals`), when it is looked at again, and by which role."""

    name: str
    reason: str
    due_on: date
    owner: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelClaim:
    """What may be said of one model (named as in `Erased`): its class and the generated sentence (rtbf.verify.claim)."""

    model: str
    guarantee_class: str
    sentence: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ProofLine:
    """One line of the proof slip: with the nonce (hexadecimal) the person can open the commitment in our records."""

    number: int
    kind: str
    commitment: str
    nonce: Secret


@dataclass(frozen=True, kw_only=True, slots=True)
class Reason:
    """Why a request is turned down: a code of the locale table's `codes` and the officer's explanation for the person."""

    code: str
    explanation: Secret


@dataclass(frozen=True, kw_only=True, slots=True)
class Unsearched:
    """A place where nobody looked, and why."""

    name: str
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Untold:
    """A recipient who was not told, with the facts (GDPR Art. 19; 11 CCR § 7022(b)(3) wants more than the bare assertion)."""

    name: str
    explanation: Secret


@dataclass(frozen=True, kw_only=True, slots=True)
class Material:
    """What a recipient holds of ours. `record_ids` tell nothing about anybody; empty when the suppression export tells them.

    `version` is the digest of the dataset's version, or of the model's files.
    """

    kind: Literal["dataset", "model"]
    name: str
    record_ids: tuple[str, ...]
    version: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class LetterFields:
    """The fields of all letters. Dates are civil dates of the installation; instants are aware, in its time zone."""

    # Every letter
    ticket_id: str
    regime: str
    written_at: datetime
    controller_name: str | None = None
    controller_contact: str | None = None

    # The request and its clock
    received_on: date | None = None
    deadline_on: date | None = None
    """The day on which the answer is due, before any extension that this letter tells of."""
    new_deadline_on: date | None = None
    delay_code: str | None = None
    explanation: Secret | None = None
    """Of an extension: why it takes longer. Of `unverified`: why the identity could not be confirmed."""
    withdrawn_on: date | None = None

    # Identity: a code, or a method by name
    doubt: Secret | None = None
    identity_code: Secret | None = None
    identity_method: str | None = None
    identity_effect: Literal["suspends", "starts", "none"] | None = None
    """What the wait does to the clock under the regime."""
    expires_at: datetime | None = None

    # The answer
    reasons: tuple[Reason, ...] | None = None
    erased: tuple[Erased, ...] | None = None
    kept: tuple[Kept, ...] | None = None
    later: tuple[Later, ...] | None = None
    claims: tuple[ModelClaim, ...] | None = None
    residuals: tuple[Remaining, ...] | None = None
    searched: tuple[str, ...] | None = None
    not_searched: tuple[Unsearched, ...] | None = None
    about_others: int | None = None
    """Of `no_data`: how many records matched and were found to be about somebody else."""
    recipients_told: int | None = None
    recipients_untold: tuple[Untold, ...] | None = None
    proof: tuple[ProofLine, ...] | None = None
    suppressed: bool | None = None
    """Whether the identifiers are on the suppression list."""
    shred_on: date | None = None
    """When the ticket's key, and with it our copy of identifiers and nonces, is destroyed."""

    # The person's rights
    authority_name: str | None = None
    sells_or_shares: bool | None = None
    """Whether the controller sells or shares personal data: a Californian refusal then offers the opt-out (11 CCR § 7022(g))."""

    # To a recipient
    recipient_name: str | None = None
    materials: tuple[Material, ...] | None = None
    suppression_export: str | None = None
    """Where the signed suppression export lies, and its digest."""
    reply_by: date | None = None
