"""Methods of checking who is asking, the level each reaches, and the doubts that justify asking. Pure rules.

A method's level is ours, by analogy with eIDAS (Regulation (EU) 910/2014, Art. 8); what level a requester needs is the
regime pack's. Asking needs a reasonable doubt (GDPR Art. 12(6)), recorded as a code. No document is ever kept: that one
was seen, by whom and when, is all. What it does not prove: that the person who answers a code sent to an address is its owner.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from rtbf.ticket.regime import IdentityLevel

IdentityMethod = Literal["email_code", "account_login", "agent_attestation", "document_viewed", "in_person", "controller_assertion"]

LEVELS: tuple[IdentityLevel, ...] = ("low", "substantial", "high")
METHOD_LEVELS: dict[IdentityMethod, IdentityLevel] = {
    "email_code": "low",
    "controller_assertion": "low",
    "account_login": "substantial",
    "agent_attestation": "substantial",
    "document_viewed": "high",
    "in_person": "high",
}
DOUBTS: dict[str, str] = {
    "unknown_sender": "the request came from an address or account that is not known for this person",
    "name_shared": "several people here share the identifiers that were given",
    "third_party": "somebody asks on another person's behalf",
    "conflicting": "the identifiers that were given belong to different people here",
    "high_risk": "erasing the wrong person's data would do serious harm",
}


def reaches(level: str | None, required: str) -> bool:
    """Return whether a passed check of `level` is enough; a level that was not recorded never is."""
    return level in LEVELS and LEVELS.index(level) >= LEVELS.index(required)
