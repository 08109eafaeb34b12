"""Check a requester's intake receipt by itself: one signed head, and in its tree the event that says a ticket was received.

Of the twelve steps four are about it; the others are about a report, and are not decided. Proves that the operator's ledger
had the event when it signed the head; beside a later head and the proof between them, that it was not dropped since. Does not
prove what became of the ticket: hand the receipt over beside its report.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rtbf.evidence.receipt import read_receipt
from rtbf.report.check import trust
from rtbf.report.check.events import open_receipt
from rtbf.report.check.handed import Seen
from rtbf.report.check.heads import compare_kept

if TYPE_CHECKING:
    from rtbf.report.check.handed import Found, Handed

EXPECTED = "an intake receipt as rtbf issues it"


def check_form(handed: Handed, _found: Found) -> Seen:
    """Read it as strict JSON of a receipt's fields; raises ValueError."""
    read_receipt(_raw(handed))
    return Seen(is_decided=True, detail=f"strict JSON of {len(_raw(handed))} bytes")


def check_trust(handed: Handed, found: Found) -> Seen:
    """Read the trust file; raises Undecided when it cannot be used."""
    return trust.check(handed, found)


def check_head(handed: Handed, found: Found) -> Seen:
    """Open the head that the receipt carries, and hold it against the reader's own; raises ValueError when either does not hold."""
    _, head = open_receipt(_raw(handed), found.trust)
    compared = ""
    if handed.head is not None:
        own = compare_kept(handed, found.trust, head, "the receipt's")
        compared = f"; your head of {own.size} leaves is of the same ledger"
    found.head = head
    return Seen(is_decided=True, detail=f"{head.size} leaves, signed by the ledger{compared}")


def check_event(handed: Handed, found: Found) -> Seen:
    """Say which ticket was received; raises ValueError when the event is not in the head's tree."""
    received, _ = open_receipt(_raw(handed), found.trust)
    found.events = (received,)
    return Seen(is_decided=True, detail=f"ticket {received.ticket_id} was received at {received.time}, leaf {received.idx} of that tree")


def not_about_it(_handed: Handed, _found: Found) -> Seen:
    """Say that a step is about reports."""
    return Seen(is_decided=False, detail="a receipt carries no report")


def _raw(handed: Handed) -> bytes:
    assert handed.receipt is not None
    return handed.receipt
