"""Step 9: the ticket's events. Each is in the tree, none is missing up to the report, their order is lawful, and they tell its story.

A requester's intake receipt is held against them: the ticket that was received is this one, and was not dropped.
Does not prove that something was written down when it happened, nor that no event followed after the bundle was made.
Source: evidence.md §2.1, §4 step 7; RFC 9162 §2.1.3.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rtbf.evidence.merkle import verify_inclusion
from rtbf.evidence.receipt import read_receipt
from rtbf.evidence.tlog_proof import MAX_PROOF_BYTES, proof_text, read_proof
from rtbf.report.bundle import EVENTS_NAME, HEAD_NAME, proofs_named
from rtbf.report.check.event_lines import Event, read_event, read_lines
from rtbf.report.check.event_order import RECEIVED, require_told, require_walk
from rtbf.report.check.handed import Misfit, Seen
from rtbf.report.check.heads import lineage, open_trusted, text_of
from rtbf.report.check.versions import InTreeBody

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rtbf.evidence.tree_head import TreeHead
    from rtbf.evidence.trust_file import Trust
    from rtbf.report.check.handed import Found, Handed
    from rtbf.report.check.versions import InTree

EXPECTED = "the ticket's whole chain of events, as the ledger's tree has it"


def check(handed: Handed, found: Found) -> Seen:
    """Hold events, proofs, trail and receipt together; raises ValueError with the first that does not fit."""
    body = found.body
    if handed.bundle is None or not isinstance(body, InTreeBody):
        if handed.receipt is None:
            return Seen(is_decided=False, detail="not at hand: the bundle has the ticket's events")
        received, _ = open_receipt(handed.receipt, found.trust)
        _require_own(received, body.predicate.ticket.ticket_id)
        return Seen(is_decided=False, detail="the receipt is of this report's ticket; the events themselves are in the bundle")
    assert found.head is not None
    predicate = body.predicate
    events = read_lines(handed.bundle[EVENTS_NAME])
    _require_chain(events, predicate.ticket.ticket_id, lineage(found.trust, found.head.origin))
    _require_included(events, handed.bundle, found.head)
    _require_trail(events, predicate)
    require_walk(events)
    require_told(events[: predicate.trail.events], predicate)
    found.events = events
    receipt = ""
    if handed.receipt is not None:
        received, _ = open_receipt(handed.receipt, found.trust)
        _require_own(received, predicate.ticket.ticket_id)
        if received.raw != events[0].raw:
            raise Misfit("a receipt of another event than the bundle begins with", "the event that the requester was given")
        receipt = "; the receipt is of the first of them"
    after = len(events) - predicate.trail.events
    return Seen(is_decided=True, detail=f"{predicate.trail.events} up to the report and {after} after it, each in the tree{receipt}")


def open_receipt(raw: bytes, trust: Trust) -> tuple[Event, TreeHead]:
    """Return the receipt's event, and the signed head in whose tree it is; raises ValueError for everything else."""
    receipt = read_receipt(raw)
    received = read_event(receipt.leaf.encode())
    if received.type != RECEIVED or received.seq != 1:
        raise Misfit("a receipt of something else than a ticket's intake", RECEIVED)
    note = read_proof(receipt.proof).head_note
    head = open_trusted(note.encode(), trust)
    if received.log not in lineage(trust, head.origin):
        raise Misfit("a receipt of another ledger than its head's", "one ledger")
    _verify(received, receipt.proof, note, head)
    return received, head


def _require_own(received: Event, ticket_id: str) -> None:
    if received.ticket_id != ticket_id:
        raise Misfit("a receipt of another ticket", "this report's ticket")


def _require_chain(events: Sequence[Event], ticket_id: str, names: Sequence[str]) -> None:
    """Number, hash and ledger's name of each event follow from the one before it; all are of one ticket."""
    before: Event | None = None
    for number, event in enumerate(events, start=1):
        if event.ticket_id != ticket_id:
            raise Misfit(f"event {number} of another ticket", "this report's ticket")
        if event.seq != number or event.previous != (None if before is None else before.hash):
            raise Misfit(f"event {number} does not follow the one before it", "the ticket's chain without a gap")
        if event.log not in names or (before is not None and names.index(event.log) < names.index(before.log)):
            raise Misfit(f"event {number} of another ledger", "the head's ledger, or one that it was restarted from, in that order")
        if before is not None and event.idx <= before.idx:
            raise Misfit(f"event {number} lies before the one before it", "rising places in the ledger")
        before = event


def _require_included(events: Sequence[Event], bundle: Mapping[str, bytes], head: TreeHead) -> None:
    proofs = proofs_named(bundle)
    if set(proofs) != {event.idx for event in events}:
        raise Misfit("proofs that are missing, or of leaves that are no event of the bundle", "exactly one for each event")
    note = bundle[HEAD_NAME].decode()
    for event in events:
        _verify(event, text_of(bundle[proofs[event.idx]], MAX_PROOF_BYTES, "a proof"), note, head)


def _verify(event: Event, text: str, note: str, head: TreeHead) -> None:
    """Verify that the event lies at its own index under the head, which is opened already; the proof carries the very same note."""
    try:
        proof = read_proof(text)
        if proof_text(proof) != text or proof.head_note != note:
            raise ValueError("of another head, or not in its one form")
        if proof.index != event.idx:
            raise ValueError("of another index")
        verify_inclusion(leaf_hash=bytes.fromhex(event.hash), index=event.idx, size=head.size, proof=proof.hashes, root=head.root)
    except ValueError as refused:
        raise Misfit(f"an event (tseq {event.seq}) that is not in the tree ({refused})", "a proof that leads to the signed root") from None


def _require_trail(events: Sequence[Event], predicate: InTree) -> None:
    """The report counts exactly the events that its own tree had, and names the last of them."""
    trail = predicate.trail
    counted, later = events[: trail.events], events[trail.events :]
    if len(counted) < trail.events or counted[-1].hash != trail.last_hash or counted[-1].log != trail.log:
        raise Misfit("fewer or other events than the report names in its trail", f"{trail.events} with the named last one")
    if counted[-1].idx >= trail.tree_size or (later and later[0].idx < trail.tree_size):
        raise Misfit("a report that counts other events than its own tree head had", "all of the ticket's events up to that head")
