"""Step 8: tree heads. The bundle's is signed by the ledger and enough witnesses, and extends the one that the report names.

An auditor who kept a head, or got one from somebody else, sees here that the operator shows both the same ledger.
Sizes and roots come from signed texts only: the report's statement and heads, never a proof's own.
Does not prove that others see the same ledger: below the number of witnesses that takes two who compare.
Source: RFC 9162 §2.1.4, C2SP tlog-checkpoint and tlog-cosignature.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rtbf.evidence.merkle import verify_consistency
from rtbf.evidence.signed_note import COSIGNER_KIND
from rtbf.evidence.strict_base64 import read_base64
from rtbf.evidence.tlog_proof import MAX_PROOF_BYTES, consistency_text, read_consistency
from rtbf.evidence.tree_head import MAX_NOTE_BYTES, TreeHead, open_head
from rtbf.evidence.trust_file import note_keys
from rtbf.report.bundle import HEAD_NAME, consistencies_named, consistency_name
from rtbf.report.check.handed import Misfit, Seen, Undecided
from rtbf.report.check.versions import InTreeBody

if TYPE_CHECKING:
    from rtbf.evidence.trust_file import Trust
    from rtbf.report.check.handed import Found, Handed

EXPECTED = "heads of one ledger that only grew"


def check(handed: Handed, found: Found) -> Seen:
    """Open the bundle's head and hold it against the report's and the auditor's; raises Misfit, or Undecided without a proof."""
    body = found.body
    if not isinstance(body, InTreeBody):
        return _of_earlier_version(handed)
    named = TreeHead(origin=body.predicate.trail.log, size=body.predicate.trail.tree_size, root=read_base64(body.predicate.trail.root))
    if handed.bundle is None:
        return _of_envelope_alone(handed, found.trust, named)
    head = open_trusted(handed.bundle[HEAD_NAME], found.trust)
    if named.origin not in lineage(found.trust, head.origin):
        raise Misfit("a report of another ledger than the head's", "one ledger, or one that was restarted from it")
    _require_extension(handed, named, head)
    found.head = head
    compared = "" if handed.head is None else _compare_own(handed, found.trust, named, head)
    return Seen(
        is_decided=True,
        detail=f"{head.size} leaves, signed by the ledger{_witnessed(found.trust)}, extending the {named.size} of the report{compared}",
    )


def open_trusted(raw: bytes, trust: Trust) -> TreeHead:
    """Return the head in a note that a ledger of the trust file signed, with the witnesses it asks for; raises Misfit."""
    if not trust.logs:
        raise Undecided("a trust file that names no ledger", "a signed trust file with the ledger's key")
    origin = text_of(raw, MAX_NOTE_BYTES, "a tree head").partition("\n")[0]
    if origin not in {log.origin for log in trust.logs}:
        raise Misfit("a tree head of a ledger that the trust file does not name", "a ledger of the trust file")
    try:
        head, opened = open_head(raw.decode(), note_keys(trust, origin))
    except ValueError as refused:
        raise Misfit(f"a tree head that does not open ({refused})", "the ledger's own signature") from None
    witnesses = {(key.name, key.key_hash) for key in opened.by if key.kind == COSIGNER_KIND}
    if len(witnesses) < trust.witnesses_needed:
        raise Misfit(f"a tree head with {len(witnesses)} of {trust.witnesses_needed} witnesses", "as many as the trust file asks for")
    return head


def compare_kept(handed: Handed, trust: Trust, named: TreeHead, whose: str) -> TreeHead:
    """Return the auditor's own head after holding it against `named`; raises Misfit, or Undecided without the proof between them."""
    assert handed.head is not None
    own = open_trusted(handed.head, trust)
    if named.origin not in lineage(trust, own.origin) and own.origin not in lineage(trust, named.origin):
        raise Misfit(f"a tree head of another ledger than {whose}", "a head of the same ledger")
    if handed.consistency is None and own.size != named.size:
        raise Undecided(f"your tree head of {own.size} leaves beside {whose} of {named.size}", "--consistency FILE, or the whole bundle")
    _require_one_ledger(handed, own, named)
    return own


def lineage(trust: Trust, origin: str) -> tuple[str, ...]:
    """Return the ledger's names up to `origin`, oldest first: it and the ones that it was restarted from."""
    continues = {log.origin: log.continues for log in trust.logs}
    names = [origin]
    # The trust file's rules let a ledger continue an earlier entry only, so this ends.
    while (before := continues.get(names[0])) is not None:
        names.insert(0, before)
    return tuple(names)


def text_of(raw: bytes, limit: int, what: str) -> str:
    """Return the text in `raw`; raises Misfit when it is too long or not UTF-8."""
    if len(raw) > limit:
        raise Misfit(f"{what} of more than {limit} bytes", "one within the limit")
    try:
        return raw.decode("utf-8", errors="strict")
    except UnicodeDecodeError:
        raise Misfit(f"{what} that is not UTF-8", "text") from None


def _of_earlier_version(handed: Handed) -> Seen:
    if handed.bundle is not None:
        raise Misfit("a bundle around a report of a version that names no tree head", "a report of the present version")
    return Seen(is_decided=False, detail="this version of reports names no tree head")


def _of_envelope_alone(handed: Handed, trust: Trust, named: TreeHead) -> Seen:
    if handed.head is None:
        return Seen(is_decided=False, detail="not at hand: the bundle has the ledger's tree head")
    own = compare_kept(handed, trust, named, "the report's")
    return Seen(is_decided=True, detail=f"your tree head of {own.size} leaves and the {named.size} of the report are of one ledger")


def _require_extension(handed: Handed, named: TreeHead, head: TreeHead) -> None:
    """Require the bundle's one consistency proof, from the size that the report names to the head's."""
    assert handed.bundle is not None
    if not named.size < head.size:
        raise Misfit("a tree head that is not later than the report's own", "a head made after the report was sealed")
    name = consistency_name(named.size, head.size)
    if list(consistencies_named(handed.bundle).values()) != [name]:
        raise Misfit("a bundle with another consistency proof than its two sizes ask for", f"exactly {name}")
    _verify(handed.bundle[name], named, head)


def _compare_own(handed: Handed, trust: Trust, named: TreeHead, head: TreeHead) -> str:
    assert handed.head is not None
    own = open_trusted(handed.head, trust)
    if own.origin not in lineage(trust, head.origin) and head.origin not in lineage(trust, own.origin):
        raise Misfit("a tree head of another ledger than the bundle's", "a head of the same ledger")
    beside = named if own.size == named.size else head
    if handed.consistency is None and own.size != beside.size:
        raise Undecided(
            f"your tree head of {own.size} leaves, and no proof between it and the bundle's {head.size}",
            "--consistency FILE: ask the operator for the proof between these sizes (`rtbf log prove M-N`)",
        )
    _require_one_ledger(handed, own, beside)
    return f"; your head of {own.size} leaves is of the same ledger"


def _require_one_ledger(handed: Handed, own: TreeHead, other: TreeHead) -> None:
    if own.size == other.size:
        if own.root != other.root:
            raise Misfit("two histories: your tree head has another root at the same size", "one root for one size")
        return
    assert handed.consistency is not None
    older, newer = sorted((own, other), key=lambda head: head.size)
    _verify(handed.consistency, older, newer)


def _verify(raw: bytes, older: TreeHead, newer: TreeHead) -> None:
    text = text_of(raw, MAX_PROOF_BYTES, "a consistency proof")
    try:
        proof = read_consistency(text)
        if consistency_text(proof) != text:
            raise ValueError("not in its one form")
        if (proof.first, proof.second) != (older.size, newer.size):
            raise ValueError("between other sizes")
        verify_consistency(first=older.size, second=newer.size, first_root=older.root, second_root=newer.root, proof=proof.hashes)
    except ValueError as refused:
        raise Misfit(
            f"a ledger that was not only appended to, or a wrong proof of it ({refused})", "a proof between the signed sizes"
        ) from None


def _witnessed(trust: Trust) -> str:
    return f" and {trust.witnesses_needed} witness(es)" if trust.witnesses_needed else " alone, without a witness"
