"""Whole bundles of one fictitious ticket, made in memory: a good one, and hooks to change any part of it and sign it anew.

The ledger is ten or so leaves: the ticket's own story and, in between, events of others. `bundle()` goes the way of a real
report: events, tree head, statement, envelope, time-stamp, PDF, sealing event, second head, proofs. Each hook changes one
thing on that way, so that everything after it is made and signed as a liar with the keys would. To damage a finished bundle
instead, change the dictionary that comes out. Same arguments, same bytes.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from rtbf.evidence.canonical import canonical_bytes, digest_of
from rtbf.evidence.ledger import Link, leaf_hash, splice_leaf
from rtbf.evidence.merkle import EMPTY, extend, hash_leaf, prove_consistency, prove_inclusion, root_of
from rtbf.evidence.signed_note import cosign_line
from rtbf.evidence.tlog_proof import ConsistencyProof, InclusionProof, consistency_text, proof_text
from rtbf.evidence.tree_head import TreeHead, head_text, sign_head
from rtbf.report.bundle import (
    ENVELOPE_NAME,
    EVENTS_NAME,
    HEAD_NAME,
    PDF_NAME,
    TOKEN_NAME,
    TRUST_NAME,
    VERIFY_NAME,
    consistency_name,
    proof_name,
)
from rtbf.report.statement import Case, build_statement
from rtbf.report.verify_text import VERIFY_TEXT
from tests import builders

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from rtbf.evidence.merkle import Node

NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)
COSIGNED_AT = datetime(2026, 3, 2, 12, 1, tzinfo=UTC)
OTHER_TICKET = "tkt_01other"
SERVICE = "act_service"


@dataclass(frozen=True, kw_only=True, slots=True)
class Told:
    """One event before it has a place: of `ticket`, or of none."""

    type: str
    time: str
    actor: str = SERVICE
    data: dict[str, Any] = field(default_factory=dict)
    ticket: str | None = builders.TICKET_ID
    log: str = builders.LOG


def trust_bytes(**changes: Any) -> bytes:
    """Return the auditor's trust file, signed by `builders.root_key()`; `changes` as `builders.trusted` takes them."""
    return builders.signed_trust(NEW_YEAR, **changes)


def move(event: str, time: str, source: str, target: str, actor: str = SERVICE, **data: Any) -> Told:
    """Return the event of a move."""
    return Told(type=event, time=time, actor=actor, data={"from": source, "to": target, **data})


def story(made: Case | None = None) -> list[Told]:
    """Return what the ledger holds before the report is made: this ticket's walk up to its verification, and others' events."""
    case = made or builders.case()
    plan = digest_of(case.plan)
    approvals = [
        Told(
            type="approval.given" if given.decision == "approved" else "approval.refused",
            time=given.given_at,
            actor=given.actor_id,
            data={"plan": plan, "approved": given.decision == "approved", "signed_by": given.signature.key_id if given.signature else None},
        )
        for given in case.approvals
    ]
    finished = {
        "record": digest_of(case.unlearned),
        "artefact": case.unlearned.artefact_digest,
        "steps": 60,
        "kind": "merged",
        "withheld": 0,
    }
    return [
        Told(type="corpus.added", time="2026-02-19T08:00:00.000Z", ticket=None, data={"corpus": "community"}),
        Told(type="ticket.received", time="2026-02-20T09:30:00.000Z", actor=builders.SUBMITTER, data={"record": digest_of(case.ticket)}),
        move("identity.asked", "2026-02-20T09:31:00.000Z", "received", "identifying"),
        Told(type="ticket.received", time="2026-02-20T10:00:00.000Z", ticket=OTHER_TICKET, data={"record": builders.sha(90)}),
        move("identity.established", "2026-02-20T11:00:00.000Z", "identifying", "locating"),
        move("footprint.completed", "2026-02-20T11:05:00.000Z", "locating", "planning", record=digest_of(case.footprint)),
        Told(type="decisions.taken", time="2026-02-27T10:00:00.000Z", actor=builders.DECIDER, data={"record": case.decisions.digest}),
        move(
            "plan.frozen", "2026-02-28T10:00:00.000Z", "planning", "awaiting_approval", builders.PLANNER, record=plan, attempt=1, quorum=1
        ),
        *approvals,
        move("unlearning.started", case.unlearning_started_at, "awaiting_approval", "unlearning"),
        Told(type="hold.placed", time="2026-03-01T09:30:00.000Z", ticket=None, data={"hold": "hld_01other"}),
        move("unlearning.finished", "2026-03-01T15:00:00.000Z", "unlearning", "verifying", **finished),
    ]


def sealing(made: Case, envelope: bytes, pdf: bytes | None, token: bytes | None, lies: dict[str, Any] | None = None) -> Told:
    """Return the event that names the files of a report by digest."""
    data = {
        "attempt": made.plan.attempt,
        "report": made.report_id,
        "envelope": hashlib.sha256(envelope).hexdigest(),
        "pdf": None if pdf is None else hashlib.sha256(pdf).hexdigest(),
        "token": None if token is None else hashlib.sha256(token).hexdigest(),
        "supersedes": None if made.supersedes is None else made.supersedes.report_id,
    }
    return Told(type="report.sealed", time="2026-03-02T12:00:01.000Z", data={**data, **(lies or {})})


def leaves_of(told: Sequence[Told]) -> list[bytes]:
    """Return the leaves: indices without a gap, each ticket's chain, and nonces that follow from the index."""
    ends: dict[str, Link] = {}
    leaves = []
    for idx, event in enumerate(told):
        link = None if event.ticket is None else ends.get(event.ticket)
        leaf = splice_leaf(
            idx=idx, log=event.log, ticket=event.ticket, link=link, event_type=event.type, actor_id=event.actor,
            data=canonical_bytes(event.data), nonce=f"{idx:032x}", time=event.time,
        )  # fmt: skip
        if event.ticket is not None:
            ends[event.ticket] = Link(seq=1 if link is None else link.seq + 1, hash=leaf_hash(leaf))
        leaves.append(leaf)
    return leaves


class Tree:
    """A tree over leaves, with every proof that can be asked of it."""

    def __init__(self, leaves: Sequence[bytes]) -> None:
        hashes = [hash_leaf(leaf) for leaf in leaves]
        grown = extend(EMPTY, hashes)
        self.size, self.root = grown.frontier.size, root_of(grown.frontier)
        self._nodes: dict[Node, bytes] = {(0, place): each for place, each in enumerate(hashes)}
        self._nodes |= {(level, place): each for level, place, each in grown.nodes}

    def head(self, origin: str = builders.LOG) -> TreeHead:
        """Return the tree's head under a ledger's name."""
        return TreeHead(origin=origin, size=self.size, root=self.root)

    def inclusion(self, index: int, note: str) -> bytes:
        """Return the proof file of one leaf, with the head's note in it."""
        hashes = prove_inclusion(index, self.size, lambda _: self._nodes)
        return proof_text(InclusionProof(index=index, hashes=hashes, head_note=note)).encode()

    def consistency(self, first: int) -> bytes:
        """Return the proof file that this tree begins with its first `first` leaves."""
        hashes = prove_consistency(first, self.size, lambda _: self._nodes)
        return consistency_text(ConsistencyProof(first=first, second=self.size, hashes=hashes)).encode()


def signed_head(
    head: TreeHead,
    key: Ed25519PrivateKey | None = None,
    witnesses: Sequence[tuple[str, Ed25519PrivateKey]] = (),
) -> str:
    """Return the head's note by the ledger's key, cosigned by each witness."""
    note = sign_head(head, key or builders.log_key())
    return note + "".join(cosign_line(head_text(head), name, witness, COSIGNED_AT) for name, witness in witnesses)


def bundle(
    made: Case | None = None,
    *,
    before: Sequence[Told] | None = None,
    trail: dict[str, Any] | None = None,
    statement: Callable[[dict[str, Any]], None] | None = None,
    envelope_key: Ed25519PrivateKey | None = None,
    token: Callable[[bytes], bytes] | None = None,
    pdf: Callable[[bytes], bytes] | None = None,
    seal: dict[str, Any] | None = None,
    after: Sequence[Told] = (),
    origin: str = builders.LOG,
    log_key: Ed25519PrivateKey | None = None,
    witnesses: Sequence[tuple[str, Ed25519PrivateKey]] = (),
    trust: bytes | None = None,
) -> dict[str, bytes]:
    """Return a bundle, name → content.

    made          the report's case, whose `trail` is filled in here
    before        the ledger before the report; `story(made)` by default
    trail         fields of the trail to lie about
    statement     changes the statement in place before it is signed
    token, pdf    make the time-stamp and the PDF from the envelope; without them the bundle has none
    seal          fields of the sealing event to lie about; {"type": …} is not among them: see `after`
    after         what the ledger holds after the sealing event
    origin        the ledger's name in the second head
    """
    case = made or builders.case()
    earlier = list(story(case) if before is None else before)
    known = leaves_of(earlier)
    first = Tree(known)
    own = [leaf for leaf, event in zip(known, earlier, strict=True) if event.ticket == case.ticket.ticket_id]
    case = replace(
        case,
        trail=replace(
            case.trail,
            **{
                "tree_size": first.size, "root": builders.base64_text(first.root), "events": len(own), "last_hash": leaf_hash(own[-1]),
                **(trail or {}),
            },
        ),
    )  # fmt: skip
    body = build_statement(case)
    if statement is not None:
        statement(body)
    envelope = builders.signed(body, envelope_key)
    stamp = None if token is None else token(envelope)
    printed = None if pdf is None else pdf(envelope)
    told = [*earlier, sealing(case, envelope, printed, stamp, seal), *after]
    files = packed(told, first.size, case.ticket.ticket_id, origin=origin, log_key=log_key, witnesses=witnesses)
    files |= {ENVELOPE_NAME: envelope, TRUST_NAME: trust or trust_bytes(), VERIFY_NAME: VERIFY_TEXT}
    files |= {} if stamp is None else {TOKEN_NAME: stamp}
    files |= {} if printed is None else {PDF_NAME: printed}
    return files


def packed(
    told: Sequence[Told],
    first_size: int,
    ticket_id: str = builders.TICKET_ID,
    *,
    origin: str = builders.LOG,
    log_key: Ed25519PrivateKey | None = None,
    witnesses: Sequence[tuple[str, Ed25519PrivateKey]] = (),
) -> dict[str, bytes]:
    """Return the ledger's part of a bundle: one ticket's events, head, inclusion proofs, and the proof from `first_size` leaves."""
    leaves = leaves_of(told)
    tree = Tree(leaves)
    note = signed_head(tree.head(origin), log_key, witnesses)
    own = [idx for idx, event in enumerate(told) if event.ticket == ticket_id]
    return {
        EVENTS_NAME: b"".join(leaves[idx] + b"\n" for idx in own),
        HEAD_NAME: note.encode(),
        consistency_name(first_size, tree.size): tree.consistency(first_size),
        **{proof_name(idx): tree.inclusion(idx, note) for idx in own},
    }


def receipt(told: Sequence[Told] | None = None, idx: int = 1, size: int = 5, log_key: Ed25519PrivateKey | None = None) -> bytes:
    """Return the intake receipt of leaf `idx` under the head of the first `size` leaves; of the good story's own ticket by default."""
    leaves = leaves_of(story() if told is None else told)[:size]
    tree = Tree(leaves)
    proof = tree.inclusion(idx, signed_head(tree.head(), log_key)).decode()
    return canonical_bytes({"schema": "rtbf.receipt/1", "leaf": leaves[idx].decode(), "proof": proof})


def good_bundle() -> dict[str, bytes]:
    """Return a bundle that passes every step with `trust_bytes()`: without a time-stamp and a PDF, which take extras."""
    return bundle()
