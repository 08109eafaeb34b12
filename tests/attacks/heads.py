"""Attacks on the ledger as a whole: forks, cut and rewritten histories, forged heads and proofs. Step 8."""

from __future__ import annotations

from dataclasses import replace

from rtbf.evidence.keys import key_id
from rtbf.evidence.signed_note import cosign_line, sign_note
from rtbf.evidence.tlog_proof import ConsistencyProof, consistency_text
from rtbf.evidence.tree_head import head_text
from rtbf.evidence.trust_change import with_log
from rtbf.evidence.trust_file import sign_trust
from rtbf.report.bundle import HEAD_NAME, consistency_name
from tests import builders, bundles
from tests.attacks.record import (
    COPY,
    LOG_KEY,
    OPERATOR,
    REQUESTER,
    Attack,
    Laid,
    around,
    bundle,
    good,
    laid,
    replaced,
    small,
    tale,
    thief,
    without,
)
from tests.bundles import NEW_YEAR, Told, Tree, leaves_of, packed, signed_head

FIRST, SECOND = 12, 13
"""The report's tree and the bundle's: the good story has twelve events, and the sealing is the thirteenth."""
WITNESSES = (("witness.example.org/w1", builders.witness_key()), ("witness.example.net/w2", builders.witness_key(bytes(range(160, 192)))))


def other_story(size: int = FIRST) -> list[Told]:
    """Return a history that differs in one event of somebody else's, as long as is asked for."""
    told = [replace(event, data={"corpus": "forum"}) if event.type == "corpus.added" else event for event in tale()]
    return [*told, *(Told(type="hold.placed", time="2026-03-03T09:00:00.000Z", ticket=None, data={"hold": f"hld_{each}"})
                     for each in range(size - len(told)))]  # fmt: skip


def later_story() -> list[Told]:
    """Return the good bundle's own ledger with three events more. Its sealing event is read from the bundle, not guessed."""
    return [*tale(), bundles.sealing(small(), good()["report.dsse.json"], None, None), *other_story(FIRST + 3)[FIRST:]]


def _other_head(size: int) -> bytes:
    return signed_head(Tree(leaves_of(other_story(size))).head()).encode()


def _named_proof(content: bytes) -> Laid:
    return laid(replaced(consistency_name(FIRST, SECOND), content))


def _other_sizes() -> Laid:
    """A proof from a tree to itself needs no hash and always holds; pymerkle 6.1 took the sizes from the proof."""
    renamed = without(consistency_name(FIRST, SECOND))
    proof = consistency_text(ConsistencyProof(first=SECOND, second=SECOND, hashes=())).encode()
    return laid({**renamed, consistency_name(SECOND, SECOND): proof})


def _extended_head() -> Laid:
    text = head_text(Tree(leaves_of(later_story()[:SECOND])).head()) + "extra line\n"
    return laid(replaced(HEAD_NAME, sign_note(text, builders.LOG, builders.log_key()).encode()))


def _witnessed_trust(needed: int = 1) -> bytes:
    return bundles.trust_bytes(witnesses=WITNESSES, witnesses_needed=needed)


def _one_witness_twice() -> Laid:
    files = bundle(witnesses=WITNESSES[:1], trust=_witnessed_trust(2))
    head = Tree(leaves_of(later_story()[:SECOND])).head()
    again = cosign_line(head_text(head), *WITNESSES[0], bundles.COSIGNED_AT.replace(minute=2))
    return laid(replaced(HEAD_NAME, files[HEAD_NAME] + again.encode(), files), trust=_witnessed_trust(2))


def _cut() -> Laid:
    """The database came back from a backup of before the report, and the thief of the log's key signs what there is."""
    return laid(around(good(), packed(tale()[:10], 9)))


def _rewritten() -> Laid:
    """The whole ledger written anew, with all its hashes, behind the report that was issued."""
    return laid(around(good(), packed([*other_story(), *later_story()[FIRST:SECOND]], FIRST)))


def _dropped_ticket() -> Laid:
    """Three leaves were there when the receipt was made; the rewritten ledger has more, and its own proof from three."""
    tree = Tree(leaves_of([event for event in tale() if event.ticket != builders.TICKET_ID] + later_story()[SECOND:]))
    kept = bundles.receipt(tale(), size=3)
    return laid(kept, file="receipt.json", head=signed_head(tree.head()).encode(), consistency=tree.consistency(3))


def _second_ledger() -> Laid:
    origin = "rtbf/fedcba9876543210"
    trust = sign_trust(
        with_log(builders.trusted(NEW_YEAR), origin, key_id(builders.log_key().public_key()), continues=None), builders.root_key()
    )
    return laid(bundle(origin=origin, trust=trust), trust=trust)


def _unpinned() -> Laid:
    """Version-1 trust files cannot say whose heads count; without a pinned root they are read."""
    plain = laid(good(), trust=builders.trust(NEW_YEAR))
    return replace(plain, options={})


ATTACKS = (
    Attack(name="two-histories", numbers=(12, 11), holds=LOG_KEY, done="two histories of the same length, one for each auditor",
           step="heads", make=lambda: laid(good(), head=_other_head(SECOND))),
    Attack(name="two-histories-of-other-lengths", numbers=(12, 11), holds=LOG_KEY, done="a longer other history, with its own proof",
           step="heads",
           make=lambda: laid(good(), head=_other_head(20), consistency=Tree(leaves_of(other_story(20))).consistency(SECOND))),
    Attack(name="history-cut", numbers=(11,), holds=LOG_KEY, done="a backup restored: fewer events than the report names", step="heads",
           make=_cut),
    Attack(name="history-rewritten", numbers=(10, 11), holds=LOG_KEY, done="the whole ledger rewritten and its head signed anew",
           step="heads", make=_rewritten),
    Attack(name="history-of-another-tree", numbers=(10, 11), holds=OPERATOR, done="a report that names a root of no such tree",
           step="heads", make=lambda: laid(bundle(trail={"root": builders.base64_text(b"\xab" * 32)}))),
    Attack(name="head-by-another-key", numbers=(10, 11), holds="the database", done="a head signed by a key that nobody trusts",
           step="heads", make=lambda: laid(bundle(log_key=thief()))),
    Attack(name="head-of-another-ledger", numbers=(8,), holds=LOG_KEY, done="the head of a ledger that the trust file does not name",
           step="heads", make=lambda: laid(bundle(origin="rtbf/fedcba9876543210"))),
    Attack(name="head-of-another-ledger-of-ours", numbers=(8,), holds=LOG_KEY,
           done="the head of a second ledger that does not go on from the report's", step="heads", make=_second_ledger),
    Attack(name="head-by-revoked-key", numbers=(11,), holds="the log signer's stolen key", done="a head by a key that was revoked",
           step="heads",
           make=lambda: laid(good(), trust=bundles.trust_bytes(of_keys={"log-signer": {"revoked_at": "2026-02-01T00:00:00.000Z"}},
                                                               version=3))),
    Attack(name="head-size-changed", numbers=(11,), holds=COPY, done="another size written into the signed head", step="heads",
           make=lambda: laid(replaced(HEAD_NAME, good()[HEAD_NAME].replace(b"\n13\n", b"\n14\n")))),
    Attack(name="head-with-a-line-more", holds=LOG_KEY, done="a line in the head that witnesses do not sign", step="heads",
           make=_extended_head),
    Attack(name="head-unwitnessed", numbers=(12,), holds=LOG_KEY, done="a head that no witness signed, where one is asked for",
           step="heads", make=lambda: laid(bundle(trust=_witnessed_trust()), trust=_witnessed_trust())),
    Attack(name="witness-unknown", numbers=(12,), holds=LOG_KEY, done="a witness of the operator's own making", step="heads",
           make=lambda: laid(bundle(witnesses=[(WITNESSES[0][0], thief())], trust=_witnessed_trust()), trust=_witnessed_trust())),
    Attack(name="witness-counted-twice", numbers=(12,), holds=LOG_KEY, done="one witness's two signatures where two are asked for",
           step="heads", make=_one_witness_twice),
    Attack(name="proof-forged", numbers=(19,), holds=COPY, done="made-up hashes as the proof that the ledger only grew", step="heads",
           make=lambda: _named_proof(consistency_text(ConsistencyProof(first=FIRST, second=SECOND, hashes=(b"\x00" * 32,) * 2)).encode())),
    Attack(name="proof-of-other-sizes", numbers=(19,), holds=COPY, done="a proof from the new tree to itself, which always holds",
           step="heads", make=_other_sizes),
    Attack(name="proof-of-sizes-inside", numbers=(19,), holds=COPY, done="such a proof under the right name", step="heads",
           make=lambda: _named_proof(consistency_text(ConsistencyProof(first=SECOND, second=SECOND, hashes=())).encode())),
    Attack(name="proof-of-another-history", numbers=(19, 12), holds=LOG_KEY, done="the proof between two heads of the other history",
           step="heads", make=lambda: _named_proof(Tree(leaves_of(other_story(SECOND))).consistency(FIRST))),
    Attack(name="kept-head-by-another-key", numbers=(12,), holds="a key of its own", done="a forged head given to the auditor",
           step="heads",
           make=lambda: laid(good(), head=signed_head(Tree(leaves_of(later_story())).head(), thief()).encode())),
    Attack(name="old-bundle-alone", numbers=(21,), holds=COPY, done="an old bundle beside a newer head, without the proof between them",
           step="heads", status="cannot decide",
           make=lambda: laid(good(), head=signed_head(Tree(leaves_of(later_story())).head()).encode())),
    Attack(name="receipt-forged", numbers=(14,), holds=REQUESTER, done="an intake receipt by a key that nobody trusts", step="heads",
           make=lambda: laid(bundles.receipt(tale(), log_key=thief()), file="receipt.json")),
    Attack(name="ticket-dropped", numbers=(14, 11), holds=LOG_KEY, done="a ledger rewritten without a ticket that has a receipt",
           step="heads", make=_dropped_ticket),
    Attack(name="ticket-dropped-and-no-proof", numbers=(14,), holds=LOG_KEY,
           done="the proof refused that the newest ledger still has the receipt's ticket", step="heads", status="cannot decide",
           make=lambda: replace(_dropped_ticket(), options={**laid(b"").options, "head": "their-checkpoint"})),
    Attack(name="receipt-changed", numbers=(14,), holds=REQUESTER, done="another ticket written into a receipt", step="heads",
           make=lambda: laid(bundles.receipt(tale()).replace(builders.TICKET_ID.encode(), b"tkt_01tess"), file="receipt.json")),
    Attack(name="trust-without-the-ledger", holds="an old, unsigned trust file", done="a trust file that names no ledger", step="heads",
           status="cannot decide", make=_unpinned),
)  # fmt: skip
