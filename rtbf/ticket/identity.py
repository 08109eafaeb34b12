"""Methods of checking who is asking, the level each reaches, and the doubts that justify asking. Pure rules.

A method's level is ours, by analogy with eIDAS (Regulation (EU) 910/2014, Art. 8); what level a requester needs is the
regime pack's. Asking needs a reasonable doubt (GDPR Art. 12(6)), recorded as a code. No document is ever kept: that one
was seen, by whom and when, is all. What it does not prove: that the person who answers a code sent to an address is its owner.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from rtbf.errors import BadInput
from rtbf.ticket.record import STRONG_KINDS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rtbf.ticket.record import IdentifierMark
    from rtbf.ticket.regime import IdentityLevel

IdentityMethod = Literal["email_code", "account_login", "agent_attestation", "document_viewed", "in_person", "controller_assertion"]

CODE_METHOD: IdentityMethod = "email_code"
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


def level_of(method: str) -> IdentityLevel:
    """Return the level that a passed check by `method` reaches; raises BadInput for an unknown method."""
    return METHOD_LEVELS[require_method(method)]


def shown_level(method: str, identifiers: Iterable[IdentifierMark]) -> IdentityLevel | None:
    """Return the level that a passed check by `method` shows for a whole ticket; None when it says nothing of a part of it.

    A code shows who reads one mailbox. Whoever adds somebody else's mailbox, phone or account to a ticket of their own
    must not pass for that person with a code sent to themselves. Raises BadInput for an unknown method.
    """
    level = level_of(method)
    is_more_than_one = sum(mark.kind in STRONG_KINDS for mark in identifiers) > 1
    return None if method == CODE_METHOD and is_more_than_one else level


def highest_level(levels: Iterable[str | None]) -> IdentityLevel | None:
    """Return the highest of the levels that checks showed; None when none showed one."""
    given = set(levels)
    return max((level for level in LEVELS if level in given), key=LEVELS.index, default=None)


def require_method(method: str) -> IdentityMethod:
    """Return the method called `method`; raises BadInput naming the lawful ones."""
    for known in METHOD_LEVELS:
        if known == method:
            return known
    raise BadInput(
        found="an unknown method of checking identity", expected=f"one of {', '.join(METHOD_LEVELS)}", remedy="name one of these"
    )


def require_doubt(doubt: str) -> str:
    """Return the doubt when it is one of ours; raises BadInput: asking for proof needs a reasonable doubt (GDPR Art. 12(6))."""
    if doubt not in DOUBTS:
        raise BadInput(
            found="an unknown doubt",
            expected=f"one of {', '.join(DOUBTS)}",
            remedy="say why proof of identity is asked for; without a reasonable doubt it must not be (GDPR Art. 12(6))",
        )
    return doubt
