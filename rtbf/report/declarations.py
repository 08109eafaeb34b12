"""What every report says of its own standing: who attests it, and which actors are no more than names that were given."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rtbf.report.lawful import ApprovalPart

SELF_ATTESTED = (
    "Self-attested: no outside witness or time-stamp confirms the ledger or the times in this report; they are the word of "
    "the operator whose key signed it."
)


_ASKED = (
    "Self-attested: no outside witness confirms the ledger; it is the word of the operator whose key signed this report. An outside "
    "authority was asked to time-stamp it: without the token (report.dsse.json.tsr) its times are the operator's word too."
)


def attested(time_stamp: Literal["none", "asked"]) -> str:
    """Return the sentence on who vouches for ledger and times; the checker makes it again and compares."""
    return SELF_ATTESTED if time_stamp == "none" else _ASKED


def actors_declared(approvals: Sequence[ApprovalPart]) -> str:
    """Return the sentence on actors; the checker makes it again from the approvals and compares.

    Only approvals can be signed. Who submitted the ticket, made the plan and decided its items is self-declared always.
    """
    signed = sum(given.signature is not None for given in approvals)
    return (
        f"{signed} of {len(approvals)} approvals are signed with the approver's own key. All other actors are self-declared: their ids "
        "stand for the names that people gave when they used the program."
    )
