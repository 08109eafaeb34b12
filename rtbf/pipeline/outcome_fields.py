"""The fields of letters that tell an outcome: what was done, what is kept and why, what remains, who was told, the proof slip.

Says `done` only of what a record of this attempt shows, and of a model only with the claim of its verdict. That a dataset's
own records were deleted at their source is shown by nothing here, so it is told as remaining.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rtbf.errors import LetterIncomplete, RecordBroken
from rtbf.footprint.record import Footprint
from rtbf.notice.fields import Erased, Kept, ModelClaim, ProofLine, Remaining, Untold
from rtbf.pipeline.decisions import REASONING
from rtbf.plan.decisions import Decisions
from rtbf.plan.items import MODEL_PREFIX, RECORD_PREFIX
from rtbf.plan.record import Plan
from rtbf.store.identifiers import open_nonces
from rtbf.store.recipients import ACKNOWLEDGED, TOLD, WAIVED, all_recipients, duties_of
from rtbf.store.records import newest_record
from rtbf.store.residuals import residuals_of
from rtbf.store.sealed_texts import open_texts
from rtbf.store.ticket_keys import ticket_key
from rtbf.ticket.lifecycle import VERIFYING
from rtbf.unlearn.record import Unlearned
from rtbf.vault.envelope import place_of, unseal
from rtbf.vault.secret import Secret
from rtbf.verify.record import Verification

if TYPE_CHECKING:
    from rtbf.pipeline.letters import Case
    from rtbf.store.law_tables import ResidualRow

RECIPIENT_SILENT = "recipient_silent"
RESTRICTED = "rtbf:Restricted"
"""What letters call an item that is restricted: no exemption keeps it, so no code of the law does either."""

ROLE_OF = {
    "model_not_changed": "model_team",
    "earlier_weights": "model_team",
    "source_records": "data_team",
    "own_copies": "privacy_office",
    "hold": "privacy_office",
    "backup_retention": "operations",
    "awaiting_retrain": "model_team",
    RECIPIENT_SILENT: "privacy_office",
    "provider_no_api": "privacy_office",
    "shared_with_others": "data_team",
    "measured_above_threshold": "model_team",
    "exempt": "privacy_office",
}
"""Reason of a residual → the role that a letter names as its owner; the ledger knows the actor, the person need not."""

_ORDER = {reason: place for place, reason in enumerate(ROLE_OF)}

_DONE = {"retrained": "retrain_exact", "private": "retrain_bounded", "merged": "unlearn_approx", "adapter": "overlay_adapter"}
"""Kind of an unlearned artefact → what was done. Of `unchanged` weights, and of those whose bound is said to suffice, nothing was."""


def _is_dropped(unlearned: Unlearned) -> bool:
    """Return whether a part of the model was taken away and nothing was trained: an adapter, or shards that are not served any more."""
    proof = unlearned.proof
    if proof is None:
        return False
    is_off = proof.shards is not None and any(change.change == "switched_off" for change in proof.shards.changes)
    return proof.restored is not None or is_off


def erased_and_claims(case: Case) -> tuple[tuple[Erased, ...], tuple[ModelClaim, ...]]:
    """Return what this attempt changed, and what its verdict lets us say of it; both empty outside verification."""
    plan = newest_record(case.session, case.row.id, Plan)
    unlearned = newest_record(case.session, case.row.id, Unlearned)
    verification = newest_record(case.session, case.row.id, Verification)
    if case.row.state != VERIFYING or plan is None or unlearned is None or verification is None:
        return (), ()
    if {plan.attempt, unlearned.attempt, verification.attempt} != {case.row.attempt}:
        return (), ()
    verdict = verification.verdict
    remedy = "drop_adapter" if _is_dropped(unlearned) else _DONE.get(unlearned.kind)
    done = () if remedy is None else (Erased(name=plan.model, remedy=remedy),)
    return done, (ModelClaim(model=plan.model, guarantee_class=verdict.class_awarded, sentence=verdict.claim),)


def kept_items(case: Case) -> tuple[Kept, ...]:
    """Return what was decided to be kept, by dataset or model, with code and reasons; empty before there are decisions.

    Raises RecordBroken for a reasoning that a decision names and the vault does not hold.
    """
    footprint = newest_record(case.session, case.row.id, Footprint)
    decisions = newest_record(case.session, case.row.id, Decisions)
    if footprint is None or decisions is None:
        return ()
    key = ticket_key(case.session, case.installation.kek, case.row.id)
    texts = open_texts(case.session, key, case.row.id, REASONING)
    kept: dict[tuple[str, str, str], Kept] = {}
    for decision in decisions.items:
        if decision.verdict not in {"retain", "restrict"}:
            continue
        commitment = decision.reasoning_commitment or ""
        if commitment not in texts:
            raise RecordBroken(
                found="a decision whose reasoning is not stored", expected=commitment, remedy="restore the database from a backup"
            )
        name, code = _item_name(footprint, decision.item), decision.code or RESTRICTED
        kept[(name, code, commitment)] = Kept(name=name, code=code, explanation=texts[commitment])
    return tuple(kept.values())


def remaining_items(case: Case) -> tuple[Remaining, ...]:
    """Return the open residuals: where, why, until when, and by which role; raises LetterIncomplete for one nobody owns."""
    recipients = {recipient.id: recipient.name for recipient in all_recipients(case.session)}
    remaining = []
    # Rows of one instant have no order of their own, and one letter is compared with another.
    for residual in sorted(residuals_of(case.session, case.row.id), key=lambda entry: (_ORDER.get(entry.reason, len(_ORDER)), entry.name)):
        if residual.resolved_at is not None:
            continue
        if residual.due_at is None or residual.owner_id is None:
            raise LetterIncomplete(
                found=f"the residual {residual.id} without owner or date",
                expected="an owner and a date for everything that remains",
                remedy=f"`rtbf residual list {case.row.id}`",
            )
        remaining.append(
            Remaining(
                name=_residual_name(residual, recipients),
                reason=residual.reason,
                due_on=case.day(residual.due_at),
                owner=case.word("roles", ROLE_OF.get(residual.reason, residual.reason)),
            )
        )
    return tuple(dict.fromkeys(remaining))


def told_fields(case: Case) -> dict[str, Any]:
    """Return how many recipients were told, and which were not and why; those still due stand among what remains."""
    key = ticket_key(case.session, case.installation.kek, case.row.id)
    recipients = {recipient.id: recipient.name for recipient in all_recipients(case.session)}
    duties = duties_of(case.session, case.row.id)
    untold = tuple(
        Untold(
            name=recipients[duty.recipient_id],
            explanation=Secret(
                unseal(key, place_of(case.row.id, "recipient_duty", "justification", duty.recipient_id), duty.justification).decode()
            ),
        )
        for duty in duties
        if duty.state == WAIVED and duty.justification is not None
    )
    return {"recipients_told": sum(duty.state in {TOLD, ACKNOWLEDGED} for duty in duties), "recipients_untold": untold}


def proof_lines(case: Case) -> tuple[ProofLine, ...]:
    """Return the proof slip: for each identifier its commitment and the nonce that opens it."""
    nonces = open_nonces(case.session, case.installation.kek, case.row.id)
    return tuple(
        ProofLine(number=mark.number, kind=mark.kind, commitment=mark.commitment, nonce=Secret(nonces[mark.number].hex()))
        for mark in case.ticket.identifiers
    )


def _item_name(footprint: Footprint, item: str) -> str:
    if item.startswith(RECORD_PREFIX):
        return footprint.hits[int(item.removeprefix(RECORD_PREFIX)) - 1].corpus
    return item.removeprefix(MODEL_PREFIX)


def _residual_name(residual: ResidualRow, recipients: dict[str, str]) -> str:
    if residual.reason == RECIPIENT_SILENT:
        return recipients.get(residual.name, residual.name)
    # "community sha256:…": a person has no use for the digest, and it fills a line.
    return residual.name.partition(" sha256:")[0]
