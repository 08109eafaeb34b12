"""Step 6: the approvals once more: signatures, four eyes, quorum, validity and grace period.

Says how far they are proven: by a key that the auditor's trust file names as an approver's, by a key that only the report
carries, or not at all (self-declared). A key says nothing of who holds it; the trust file is the operator's word on that.
Every fault is a ValueError.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rtbf.clock import parse_rfc3339, rfc3339
from rtbf.errors import FourEyes, SignatureRefused
from rtbf.evidence.actor_key import read_public_text
from rtbf.evidence.approval_statement import ApprovalClaim, verify_approval
from rtbf.evidence.keys import APPROVER
from rtbf.plan.approval import quorum_met, quorum_met_at, require_approver
from rtbf.report.approvals import as_given, exact_instant
from rtbf.report.check.handed import Misfit, Seen
from rtbf.report.predicate_v1 import StatementBodyV1

if TYPE_CHECKING:
    from rtbf.evidence.trust_file import Trust
    from rtbf.report.check.handed import Found, Handed
    from rtbf.report.check.versions import Lawful
    from rtbf.report.lawful import ApprovalPart, SignaturePart
    from rtbf.report.predicate_v1 import PredicateV1

EXPECTED = "approvals of this very plan by enough other people, before it was carried out"

PROVEN = "signed by an approver's key of the trust file"


def check(_handed: Handed, found: Found) -> Seen:
    """Return how far the approvals are proven; raises ValueError when one is forged, moved, or against the rules.

    Not decided, and no fault, while the trust file does not name the approvers' keys.
    """
    body = found.body
    try:
        return _check_v1(body.predicate) if isinstance(body, StatementBodyV1) else _check(body.predicate, found.trust)
    except ValueError as refused:
        # What is said of a plan that nobody may have approved is not repeated.
        found.is_story_shown = False
        raise Misfit(str(refused), EXPECTED) from None


def _check(predicate: Lawful, trust: Trust) -> Seen:
    """Return how far the approvals are proven; decided when a full quorum signed with keys that the trust file gives to approvers.

    1. each signature fits this ticket, this plan's digest, its actor and its times, and each key belongs to one actor
    2. the times fit the plan, and nobody said no
    3. no approver submitted the ticket, made the plan or decided its items
    4. the quorum was live when unlearning began, and the grace period was over
    """
    holders: dict[str, str] = {}
    standings: list[str] = []
    for given in predicate.approvals:
        standing = "self-declared"
        if given.signature is not None:
            _require_signature(predicate, given, given.signature)
            if holders.setdefault(given.signature.key_id, given.actor_id) != given.actor_id:
                raise ValueError("one key that signed as two different approvers")
            standing = _standing(given, given.signature, predicate.report.issued_at, trust)
        standings.append(standing)
    live = _require_rules(predicate)
    # An actor may have approved twice; only approvals that were live at the start say how far the actor is proven.
    seen: dict[str, set[str]] = {}
    for given, standing in zip(predicate.approvals, standings, strict=True):
        if given in live:
            seen.setdefault(given.actor_id, set()).add(standing)
    how = {actor: PROVEN if PROVEN in found else min(found, key=len) for actor, found in sorted(seen.items())}
    proven = sum(standing == PROVEN for standing in how.values())
    return Seen(
        is_decided=proven >= predicate.plan.quorum,
        detail=f"{proven} of {predicate.plan.quorum} needed approvals proven: "
        + "; ".join(f"{actor} {standing}" for actor, standing in how.items()),
    )


def _check_v1(predicate: PredicateV1) -> Seen:
    """Return that nothing is proven: the first version carries no signatures. Raises ValueError without a second person."""
    involved = {predicate.ticket.submitted_by, predicate.plan.planned_by}
    given = {approval.actor_id for approval in predicate.approvals if approval.decision == "approved"} - involved
    if not given:
        raise ValueError("no approval of the plan by somebody who neither submitted the ticket nor made the plan")
    return Seen(is_decided=False, detail=f"{len(given)} approval(s), self-declared: this version of reports carries no signatures")


def _require_signature(predicate: Lawful, given: ApprovalPart, signature: SignaturePart) -> None:
    claim = ApprovalClaim(
        ticket_id=predicate.ticket.ticket_id,
        plan_digest=predicate.records.plan,
        decision="approve" if given.decision == "approved" else "reject",
        actor_id=given.actor_id,
        given_at=given.given_at,
        expires_at=given.expires_at,
    )
    try:
        verify_approval(signature.envelope.encode(), read_public_text(signature.spki, signature.key_id), claim)
    except SignatureRefused as refused:
        raise ValueError(f"an approval with {refused.found}") from None


def _standing(given: ApprovalPart, signature: SignaturePart, issued_at: str, trust: Trust) -> str:
    """Return what the trust file makes of an approval's key; its id was found to be the digest of the key itself before."""
    entry = next((entry for entry in trust.keys if entry.id == signature.key_id), None)
    if entry is None:
        return "signed by a key that only the report carries"
    if entry.alg != "ed25519" or entry.role != APPROVER:
        raise ValueError("an approval signed by a key that the trust file gives to no approver")
    given_at = exact_instant(given.given_at)
    revoked_at = None if entry.revoked_at is None else parse_rfc3339(entry.revoked_at)
    is_too_late = entry.not_after is not None and given_at > parse_rfc3339(entry.not_after)
    if given_at < parse_rfc3339(entry.not_before) or is_too_late or (revoked_at is not None and given_at >= revoked_at):
        raise ValueError("an approval given outside its key's window")
    # The report's own signature shows that the approval was there at its issue; a later revocation does not touch it.
    if revoked_at is not None and exact_instant(issued_at) >= revoked_at:
        return "signed by a key that was revoked before the report was issued"
    return PROVEN


def _require_rules(predicate: Lawful) -> tuple[ApprovalPart, ...]:
    """Return the approvals that were live when unlearning began; raises ValueError when the rules of approval were not kept."""
    plan, quorum = predicate.plan, predicate.quorum
    given = tuple(as_given(approval, predicate.records.plan) for approval in predicate.approvals)
    started_at, issued_at = exact_instant(quorum.unlearning_started_at), exact_instant(predicate.report.issued_at)
    if any((entry.expires_at - entry.given_at).total_seconds() != plan.approval_valid_s for entry in given):
        raise ValueError("an approval that is valid for another time than the plan says")
    if started_at > issued_at or any(entry.given_at > issued_at for entry in given):
        raise ValueError("an approval or a start later than the report")
    for entry in given:
        if entry.is_approval:
            _require_four_eyes(entry.actor_id, predicate)
    if plan.quorum < 1 or (quorum.needed, quorum.reason) != (plan.quorum, plan.quorum_reason):
        raise ValueError("another number of approvers than the plan asks for, or none")
    met_at = quorum_met_at(plan, [entry for entry in given if entry.given_at <= started_at], predicate.records.plan)
    if met_at is None or not quorum_met(plan, given, predicate.records.plan, started_at):
        raise ValueError("too few different people with a live approval of this plan when unlearning began, or a rejection")
    grace_ends = met_at.timestamp() + plan.grace_s
    if (rfc3339(met_at), grace_ends) != (quorum.met_at, exact_instant(quorum.grace_ends_at).timestamp()):
        raise ValueError("a quorum or a grace period that the approvals do not give")
    if started_at.timestamp() < grace_ends:
        raise ValueError("a start before the grace period was over")
    return tuple(
        approval for approval, entry in zip(predicate.approvals, given, strict=True) if entry.given_at <= started_at < entry.expires_at
    )


def _require_four_eyes(actor_id: str, predicate: Lawful) -> None:
    try:
        require_approver(
            actor_id,
            submitted_by=predicate.ticket.submitted_by,
            planned_by=predicate.plan.planned_by,
            decided_by=frozenset(predicate.decisions.deciders),
        )
    except FourEyes as refused:
        raise ValueError(refused.found) from None
