"""Build the in-toto Statement of one report from the frozen records. Pure: no clock, no files, no keys.

Refuses (RecordBroken) records that do not belong together. Holds counts instead of record ids and commitments instead
of identifiers; the operator's ticket reference stays out, since people write names into such fields.
Does not prove that the records tell the truth: that rests on the operator's machines, and the statement says so.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal

from rtbf.clock import rfc3339
from rtbf.errors import RecordBroken
from rtbf.evidence.canonical import canonical_bytes, digest_of
from rtbf.plan.approval import quorum_met_at
from rtbf.report.approvals import as_given
from rtbf.report.declarations import actors_declared, attested
from rtbf.report.lawful import QuorumPart
from rtbf.report.predicate import (
    PREDICATE_TYPE,
    STATEMENT_TYPE,
    FootprintPart,
    MeasuredPart,
    PlanPart,
    Predicate,
    RecordDigests,
    RelearnPart,
    ReportPart,
    SetPart,
    Sha256,
    StatementBody,
    Subject,
    SupersededPart,
    TicketPart,
    TrailPart,
    UnlearnedPart,
)
from rtbf.report.residuals import derived_residuals
from rtbf.report.words import PROBES
from rtbf.verify.claim import ALWAYS_STATED

if TYPE_CHECKING:
    from rtbf.footprint.record import Footprint
    from rtbf.plan.record import Plan, RecordSet, RelearnAttack
    from rtbf.report.lawful import (
        ApprovalPart,
        ClockPart,
        DecisionsPart,
        HoldPart,
        IdentityPart,
        KeyPart,
        NoticePart,
        RecipientsPart,
        Residual,
    )
    from rtbf.ticket.record import Ticket
    from rtbf.unlearn.record import Unlearned
    from rtbf.verify.record import Verification

LAPSES_WHEN = "This report lapses with any new fine-tune, quantisation or adapter of the artefact, and with any change to its files."


@dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    """Everything that one report is made from. Times are RFC 3339 in UTC with milliseconds.

    `approvals` are all decisions on this plan's digest; `unlearning_started_at` is the move into `unlearning` that used them.
    `residuals` holds at least what `derived_residuals` names.
    `trail` names a signed tree head and what `ledger.verify_chain` returned for the ticket's events in it.
    """

    report_id: str
    issued_at: str
    ticket: Ticket
    clock: ClockPart
    identity: tuple[IdentityPart, ...]
    footprint: Footprint
    decisions: DecisionsPart
    holds: tuple[HoldPart, ...]
    plan: Plan
    approvals: tuple[ApprovalPart, ...]
    unlearning_started_at: str
    unlearned: Unlearned
    verification: Verification
    residuals: tuple[Residual, ...]
    recipients: RecipientsPart
    notices: tuple[NoticePart, ...]
    key: KeyPart
    trail: TrailPart
    supersedes: SupersededPart | None
    time_stamp: Literal["none", "asked"]
    software: tuple[tuple[str, str], ...]


def build_statement(case: Case) -> dict[str, Any]:
    """Return the statement as plain JSON values; raises RecordBroken when the records are not of one case."""
    _require_one_case(case)
    body = StatementBody(
        subject=tuple(Subject(name=file.name, digest=Sha256(sha256=file.sha256)) for file in case.unlearned.files),
        predicate=_predicate(case),
    )
    plain: dict[str, Any] = json.loads(canonical_bytes(body))
    return {"_type": STATEMENT_TYPE, "predicateType": PREDICATE_TYPE, **plain}


def _require_one_case(case: Case) -> None:
    tickets = {record.ticket_id for record in (case.ticket, case.footprint, case.plan, case.unlearned, case.verification)}
    attempts = {record.attempt for record in (case.plan, case.unlearned, case.verification)}
    plans = {digest_of(case.plan), case.unlearned.plan_digest, case.verification.plan_digest}
    if len(tickets) != 1 or len(attempts) != 1 or len(plans) != 1 or case.plan.footprint_digest != digest_of(case.footprint):
        raise RecordBroken(
            found=f"records of {len(tickets)} ticket(s), {len(attempts)} attempt(s) and {len(plans)} plan(s) for one report",
            expected="the records of one attempt, each made from the one before",
            remedy="run the ticket again from its plan",
        )
    named = (case.ticket.regime, case.ticket.regime_digest, case.ticket.time_zone)
    if (case.clock.regime, case.clock.regime_digest, case.clock.time_zone) != named or case.decisions.digest != case.plan.decisions_digest:
        raise RecordBroken(
            found="a clock of another regime, or decisions that are not the plan's",
            expected="the ticket's own clock and the decisions that the plan carries out",
            remedy="report this fault with the ticket's id",
        )
    stated = {(entry.kind, entry.name) for entry in case.residuals}
    missing = [kind for kind, name in derived_residuals(case.plan, case.footprint) if (kind, name) not in stated]
    if missing:
        raise RecordBroken(
            found=f"{len(missing)} residual(s) that nobody opened: {', '.join(dict.fromkeys(missing))}",
            expected="every residual that follows from plan and footprint, with owner and date",
            remedy="report this fault with the ticket's id",
        )


def _predicate(case: Case) -> Predicate:
    verification, unlearned = case.verification, case.unlearned
    measured_ids = {probe.probe_id for probe in verification.probes}
    return Predicate(
        report=ReportPart(report_id=case.report_id, attempt=case.plan.attempt, issued_at=case.issued_at),
        ticket=TicketPart(
            ticket_id=case.ticket.ticket_id,
            regime=case.ticket.regime,
            channel=case.ticket.channel,
            requester_role=case.ticket.requester_role,
            grounds=case.ticket.grounds,
            received_at=case.ticket.received_at,
            submitted_by=case.ticket.submitted_by,
            identifiers=case.ticket.identifiers,
            identity=case.identity,
        ),
        clock=case.clock,
        footprint=FootprintPart(
            revision=case.footprint.revision,
            locators=case.footprint.locators,
            searched=case.footprint.searched,
            not_searched=case.footprint.not_searched,
            records_found=len(case.footprint.hits),
            models=case.footprint.models,
        ),
        decisions=case.decisions,
        holds=case.holds,
        lineage=tuple(dict.fromkeys((case.plan.model_digest, unlearned.base_digest, unlearned.artefact_digest))),
        plan=_plan_part(case.plan),
        approvals=case.approvals,
        quorum=_quorum_part(case),
        unlearned=UnlearnedPart(
            kind=unlearned.kind,
            artefact_digest=unlearned.artefact_digest,
            base_digest=unlearned.base_digest,
            withheld_records=len(unlearned.withheld),
            steps=unlearned.steps,
            stop_reason=unlearned.stop_reason,
            curve=unlearned.curve,
            proof=unlearned.proof,
            environment=dict(unlearned.environment),
        ),
        measured=MeasuredPart(
            artefact_kind=verification.artefact_kind,
            arms=verification.arms,
            environment=dict(verification.environment),
            repeat_delta_nats=verification.repeat_delta_nats,
            sets=verification.sets,
            item_log_digest=verification.item_log_digest,
            tokens_used=verification.tokens_used,
            qualification=verification.qualification,
        ),
        probes=verification.probes,
        verdict=verification.verdict,
        limitations=tuple(dict.fromkeys((*verification.limitations, *ALWAYS_STATED))),
        not_tested=tuple(probe_id for probe_id in PROBES if probe_id not in measured_ids),
        residuals=case.residuals,
        recipients=case.recipients,
        notices=case.notices,
        key=case.key,
        lapses_when=LAPSES_WHEN,
        trail=case.trail,
        supersedes=case.supersedes,
        time_stamp=case.time_stamp,
        declarations=(attested(case.time_stamp), actors_declared(case.approvals)),
        records=RecordDigests(
            ticket=digest_of(case.ticket),
            footprint=digest_of(case.footprint),
            plan=digest_of(case.plan),
            unlearned=digest_of(unlearned),
            verification=digest_of(verification),
        ),
        software=dict(case.software),
    )


def _quorum_part(case: Case) -> QuorumPart:
    """Return when the quorum was complete; raises RecordBroken when it was not before unlearning began."""
    digest = digest_of(case.plan)
    # RFC 3339 texts of one form order like their instants.
    before_start = [as_given(part, digest) for part in case.approvals if part.given_at <= case.unlearning_started_at]
    met_at = quorum_met_at(case.plan, before_start, digest)
    if met_at is None:
        raise RecordBroken(
            found="unlearning that began without a full quorum of approvals",
            expected=f"{case.plan.quorum} approval(s) of {digest}",
            remedy="nothing was issued; report this fault with the ticket's id",
        )
    return QuorumPart(
        needed=case.plan.quorum,
        reason=case.plan.quorum_reason,
        met_at=rfc3339(met_at),
        grace_ends_at=rfc3339(met_at + timedelta(seconds=case.plan.grace_s)),
        unlearning_started_at=case.unlearning_started_at,
    )


def _plan_part(plan: Plan) -> PlanPart:
    return PlanPart(
        planned_by=plan.planned_by,
        decisions_digest=plan.decisions_digest,
        held_items=len(plan.held),
        model=plan.model,
        model_digest=plan.model_digest,
        left_out_models=plan.left_out_models,
        method=plan.method,
        method_digest=plan.method_digest,
        parameters=dict(plan.parameters),
        adapter=plan.adapter,
        stop=plan.stop,
        seed=plan.seed,
        forget=_set_part(plan.forget),
        retain=_set_part(plan.retain),
        utility_holdout=_set_part(plan.utility_holdout),
        profile=plan.profile,
        probes=plan.probes,
        sets=plan.sets,
        relearn=None if plan.relearn is None else _relearn_part(plan.relearn),
        qualification=plan.qualification,
        controls=plan.controls,
        class_requested=plan.guarantee_requested,
        class_cap=plan.class_cap,
        cap_reason=plan.cap_reason,
        cost=plan.cost,
        quorum=plan.quorum,
        quorum_reason=plan.quorum_reason,
        grace_s=plan.grace_s,
        approval_valid_s=plan.approval_valid_s,
    )


def _relearn_part(attack: RelearnAttack) -> RelearnPart:
    return RelearnPart(
        attacker_records=len(attack.attacker_records),
        benign_records=len(attack.benign_records),
        learning_rate=attack.learning_rate,
        steps=attack.steps,
        batch=attack.batch,
    )


def _set_part(records: RecordSet) -> SetPart:
    return SetPart(corpus=records.corpus, version=records.version, records=len(records.record_ids), digest=records.digest)
