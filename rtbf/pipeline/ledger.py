"""The ledger of one installation: events get their places, the tree gets its signed heads, anybody gets a proof.

The signer's refusals (`rtbf.evidence.log_signer`) come through as they are. A witness that refuses or does not answer is told
and blocks nothing: a head without it is worth less, and says so itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rtbf.errors import BadInput, LedgerBroken, LedgerForked, RTBFError, VaultLocked, WitnessRefused
from rtbf.evidence.head_exports import export_head
from rtbf.evidence.log_signer import SeenTree, SignerPlaces, sign_tree
from rtbf.evidence.merkle import prove_consistency, prove_inclusion
from rtbf.evidence.receipt import make_receipt
from rtbf.evidence.signed_note import with_signature
from rtbf.evidence.tlog_proof import ConsistencyProof, InclusionProof, consistency_text, proof_text
from rtbf.evidence.tree_head import TreeHead, head_in, open_head
from rtbf.evidence.trust_file import note_keys
from rtbf.store.events import first_leaf
from rtbf.store.sequencer import sequence_all
from rtbf.store.tickets import find_ticket
from rtbf.store.tree import leaves, node_reader, tree_root, tree_size
from rtbf.store.tree_heads import add_head, head_note, newest_head, size_before, sizes_of_heads

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy.orm import Session

    from rtbf.evidence.receipt import Receipt
    from rtbf.evidence.signed_note import VerifiedNote
    from rtbf.evidence.witness import Witness
    from rtbf.installation import Installation

_READ_AT_ONCE = 1000


@dataclass(frozen=True, kw_only=True, slots=True)
class SealedHead:
    """The signed head over everything that was committed, and how it came about.

    fresh      events that no earlier head covered
    cosigned   names of the witnesses whose line is in the note
    refused    (witness, error's code) of those that did not sign this time
    """

    head: TreeHead
    note: str
    fresh: int
    cosigned: tuple[str, ...]
    refused: tuple[tuple[str, str], ...]


def sequence_events(installation: Installation) -> int:
    """Give every committed event its place in the ledger; return how many got one. Raises LedgerForked, LedgerBroken."""
    return sequence_all(installation.transaction, installation.log)


def seal_ledger(installation: Installation, witnesses: Sequence[Witness] = ()) -> SealedHead:
    """Sequence, sign what is new, store and export the head; asked twice, it signs once.

    Raises LedgerForked when the database, the signer's state and the exports are not of one history; LedgerBroken,
    RecordBroken, VaultLocked, VaultBroken or SignatureRefused when something is damaged or missing. Events keep their places.
    """
    sequence_events(installation)
    origin, trust = installation.log, installation.trust
    keys = note_keys(trust, origin)
    with installation.transaction() as session:
        before = sizes_of_heads(session, origin)[0] or 0
    refused: list[tuple[str, str]] = []

    def publish(note: str) -> str:
        head = head_in(note)
        with installation.transaction() as session:
            stored = head_note(session, origin, head.size)
            old_size = size_before(session, origin, head.size)
        if stored is None:
            for witness in witnesses:
                try:
                    longer = with_signature(note, _cosigned(installation, witness, note, head, old_size))
                    open_head(longer, keys)
                except (RTBFError, OSError, ValueError) as trouble:
                    refused.append((witness.name, trouble.code if isinstance(trouble, RTBFError) else "no-cosignature"))
                else:
                    note = longer
            with installation.transaction() as session:
                add_head(session, origin, head.size, note, installation.clock())
            stored = note
        elif stored_head(stored) != head:
            raise LedgerForked(
                found=f"another stored head of {head.size} events than the one that was signed",
                expected="one head for one size",
                remedy="run `rtbf log check`: somebody wrote into the database, or two signers work on it",
            )
        export_head(installation.log_exports, stored)
        return stored

    note = sign_tree(
        signer_places(installation),
        origin=origin,
        key=lambda: installation.log_key,
        tree=lambda: seen_tree(installation, origin),
        publish=publish,
    )
    head, opened = opened_head(installation, note)
    return SealedHead(
        head=head,
        note=note,
        fresh=max(0, head.size - before),
        cosigned=tuple(name for name, _ in opened.cosigned_at),
        refused=tuple(refused),
    )


def is_signer(installation: Installation) -> bool:
    """Return whether this process can open the log key; it may be kept for another account, or another machine, alone."""
    try:
        return installation.log_key is not None
    except VaultLocked:
        return False


def ledger_head(installation: Installation) -> TreeHead:
    """Return the head over everything that was committed: signed here, or left for the signer, who will find the same tree.

    A report signs size and root with its own key. Raises as `seal_ledger`; a process that is not the signer sees no forks.
    """
    if is_signer(installation):
        return seal_ledger(installation).head
    sequence_events(installation)
    with installation.transaction() as session:
        size = tree_size(session)
        return TreeHead(origin=installation.log, size=size, root=tree_root(session, size))


def newest_sealed(installation: Installation) -> str | None:
    """Return the note of a head over everything that was committed, or the newest stored one when the signer is elsewhere."""
    return seal_ledger(installation).note if is_signer(installation) else newest_note(installation)


def opened_head(installation: Installation, note: str) -> tuple[TreeHead, VerifiedNote]:
    """Return a stored note's head and who signed it, by the trust file; raises LedgerBroken when no key that counts did."""
    head = stored_head(note)
    try:
        return open_head(note, note_keys(installation.trust, head.origin))
    except ValueError as refused:
        raise LedgerBroken(
            found=f"a stored head of {head.size} events that does not open ({refused})",
            expected="a note signed by a key of the trust file",
            remedy="run `rtbf log check`; a key that was revoked needs a newer head by its successor",
        ) from None


def stored_head(note: str) -> TreeHead:
    """Return the head that a stored note is about; raises LedgerBroken when it is about none."""
    try:
        return head_in(note)
    except ValueError as refused:
        raise LedgerBroken(
            found=f"a stored tree head that is none ({refused})", expected="a note as it was signed", remedy="run `rtbf log check`"
        ) from None


def newest_note(installation: Installation) -> str | None:
    """Return the newest stored head's note without signing anything; None before the first."""
    with installation.transaction() as session:
        row = newest_head(session)
        return None if row is None else row.note


def tree_size_of(installation: Installation) -> int:
    """Return how many events have their place in the ledger."""
    with installation.transaction() as session:
        return tree_size(session)


def leaf_at(installation: Installation, idx: int) -> bytes:
    """Return the raw bytes of the event with that index; raises BadInput when there is none."""
    with installation.transaction() as session:
        size = tree_size(session)
        if not 0 <= idx < size:
            raise BadInput(found=f"event {idx}", expected=f"one of the {size} events, counted from 0", remedy="see `rtbf log head`")
        return next(iter(leaves(session, idx, idx + 1)))


def proof_of(installation: Installation, idx: int, note: str) -> str:
    """Return the text of the proof that event `idx` is under the head in `note`; raises BadInput when it is not."""
    with installation.transaction() as session:
        return proof_in(session, idx, note)


def proof_in(session: Session, idx: int, note: str) -> str:
    """Return the same inside the caller's transaction."""
    head = stored_head(note)
    if not 0 <= idx < head.size:
        raise BadInput(
            found=f"event {idx}", expected=f"one of the {head.size} under this head", remedy="sign a newer one: `rtbf log head --sign`"
        )
    try:
        hashes = prove_inclusion(idx, head.size, node_reader(session))
    except ValueError as refused:
        raise _broken(refused) from None
    return proof_text(InclusionProof(index=idx, hashes=hashes, head_note=note))


def consistency_of(installation: Installation, first: int, second: int) -> str:
    """Return the text of the proof that the tree of `second` events begins with that of `first`; raises BadInput."""
    with installation.transaction() as session:
        hashes = _consistency(session, first, second)
    return consistency_text(ConsistencyProof(first=first, second=second, hashes=hashes))


def intake_receipt(installation: Installation, ticket_id: str) -> Receipt | None:
    """Return the ticket's receipt under the newest head; None while no head covers its first event. Raises UnknownName.

    Signs nothing and waits for nobody.
    """
    with installation.transaction() as session:
        find_ticket(session, ticket_id)
        return receipt_in(session, ticket_id)


def receipt_in(session: Session, ticket_id: str) -> Receipt | None:
    """Return the same inside the caller's transaction."""
    first = first_leaf(session, ticket_id)
    if first is None:
        return None
    idx, leaf = first
    row = newest_head(session, above=idx)
    return None if row is None else make_receipt(leaf, proof_in(session, idx, row.note))


def first_index(installation: Installation, ticket_id: str) -> int:
    """Return the index of the ticket's first event; raises UnknownName, and BadInput while it has no place."""
    with installation.transaction() as session:
        find_ticket(session, ticket_id)
        first = first_leaf(session, ticket_id)
    if first is None:
        raise BadInput(found=f"no sequenced event of {ticket_id}", expected="its first one", remedy="run `rtbf log head`, which sequences")
    return first[0]


def signer_places(installation: Installation) -> SignerPlaces:
    """Return where this installation's log signer keeps its state and lays its heads."""
    return SignerPlaces(state=installation.log_state, exports=installation.log_exports)


def seen_tree(installation: Installation, origin: str) -> SeenTree:
    """Return the database's tree as it is now; each reading is a short transaction of its own."""

    def root_at(size: int) -> bytes:
        with installation.transaction() as session:
            return tree_root(session, size)

    def read(start: int, end: int) -> Iterator[bytes]:
        for first in range(start, end, _READ_AT_ONCE):
            with installation.transaction() as session:
                part = list(leaves(session, first, min(first + _READ_AT_ONCE, end)))
            yield from part

    with installation.transaction() as session:
        largest, count = sizes_of_heads(session, origin)
        return SeenTree(size=tree_size(session), leaves=read, root_at=root_at, largest_head=largest, has_heads=count > 0)


def _cosigned(installation: Installation, witness: Witness, note: str, head: TreeHead, old_size: int) -> str:
    """Return the witness's line; one that keeps another size than we thought says so, and is asked once more."""
    try:
        return _ask(installation, witness, note, head, old_size)
    except WitnessRefused as refused:
        known = refused.known_size
        if known is None or known == old_size or known > head.size:
            raise
        return _ask(installation, witness, note, head, known)


def _ask(installation: Installation, witness: Witness, note: str, head: TreeHead, old_size: int) -> str:
    proof: tuple[bytes, ...] = ()
    if old_size:
        with installation.transaction() as session:
            proof = _consistency(session, old_size, head.size)
    return witness.cosign(note, old_size, proof)


def _consistency(session: Session, first: int, second: int) -> tuple[bytes, ...]:
    size = tree_size(session)
    if not 1 <= first <= second <= size:
        raise BadInput(found=f"sizes {first} and {second}", expected=f"1 <= older <= newer <= {size}", remedy="see `rtbf log head`")
    try:
        return prove_consistency(first, second, node_reader(session))
    except ValueError as refused:
        raise _broken(refused) from None


def _broken(refused: ValueError) -> LedgerBroken:
    return LedgerBroken(
        found=f"no proof can be made ({refused})",
        expected="every node of the tree",
        remedy="run `rtbf log check`, and restore from a backup",
    )
