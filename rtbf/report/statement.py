"""Build the in-toto Statement of one report from the frozen records. Pure: no clock, no files, no keys.

Refuses (RecordBroken) records that do not belong together. Holds counts instead of record ids and commitments instead
of identifiers; the operator's ticket reference stays out, since people write names into such fields.
Does not prove that the records tell the truth: that rests on the operator's machines, and the statement says so.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rtbf.errors import RecordBroken
from rtbf.evidence.canonical import canonical_bytes, digest_of
from rtbf.report.predicate import (
    PREDICATE_TYPE,
    STATEMENT_TYPE,
    ApprovalPart,
    FootprintPart,
    MeasuredPart,
    PlanPart,
    Predicate,
    RecordDigests,
    ReportPart,
    Residual,
    SetPart,
    Sha256,
    StatementBody,
    Subject,
    TicketPart,
    TrailPart,
    UnlearnedPart,
)
from rtbf.report.words import PROBES
from rtbf.verify.claim import ALWAYS_STATED

if TYPE_CHECKING:
    from rtbf.footprint.record import Footprint
    from rtbf.plan.record import Plan, RecordSet
    from rtbf.ticket.record import Ticket
    from rtbf.unlearn.record import Unlearned
    from rtbf.verify.record import Verification

SELF_ATTESTED = (
    "Self-attested: no outside witness or time-stamp confirms the ledger or the times in this report; they are the word of "
    "the operator whose key signed it."
)
ACTORS_DECLARED = (
    "Actors are self-declared: actor ids stand for the names that people gave when they used the program; approvals "
    "are not signed with keys of their own."
)
LAPSES_WHEN = "This report lapses with any new fine-tune, quantisation or adapter of the artefact, and with any change to its files."


@dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    """Everything that one report is made from. Times are RFC 3339; `approvals` holds (actor id, is approval, given at).

    `trail_events` and `trail_last` are what `ledger.verify_chain` returned for the ticket's events before this report.
    """

    report_id: str
    issued_at: str
    ticket: Ticket
    identity_methods: tuple[str, ...]
    footprint: Footprint
    plan: Plan
    approvals: tuple[tuple[str, bool, str], ...]
    unlearned: Unlearned
    verification: Verification
    trail_events: int
    trail_last: str
    log: str
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


def _predicate(case: Case) -> Predicate:
    verification, unlearned = case.verification, case.unlearned
    measured_ids = {probe.probe_id for probe in verification.probes}
    return Predicate(
        report=ReportPart(report_id=case.report_id, attempt=case.plan.attempt, issued_at=case.issued_at),
        ticket=TicketPart(
            ticket_id=case.ticket.ticket_id,
            regime=case.ticket.regime,
            channel=case.ticket.channel,
            received_at=case.ticket.received_at,
            submitted_by=case.ticket.submitted_by,
            identifiers=case.ticket.identifiers,
            identity_methods=case.identity_methods,
        ),
        footprint=FootprintPart(
            revision=case.footprint.revision,
            locators=case.footprint.locators,
            searched=case.footprint.searched,
            not_searched=case.footprint.not_searched,
            records_found=len(case.footprint.hits),
            models=case.footprint.models,
        ),
        lineage=tuple(dict.fromkeys((case.plan.model_digest, unlearned.base_digest, unlearned.artefact_digest))),
        plan=_plan_part(case.plan),
        approvals=tuple(
            ApprovalPart(actor_id=actor_id, decision="approved" if is_approval else "rejected", given_at=given_at)
            for actor_id, is_approval, given_at in case.approvals
        ),
        unlearned=UnlearnedPart(
            kind=unlearned.kind,
            artefact_digest=unlearned.artefact_digest,
            base_digest=unlearned.base_digest,
            steps=unlearned.steps,
            stop_reason=unlearned.stop_reason,
            curve=unlearned.curve,
            environment=dict(unlearned.environment),
        ),
        measured=MeasuredPart(
            artefact_kind=verification.artefact_kind,
            arms=verification.arms,
            environment=dict(verification.environment),
            repeat_delta_nats=verification.repeat_delta_nats,
            item_log_digest=verification.item_log_digest,
            tokens_used=verification.tokens_used,
        ),
        probes=verification.probes,
        verdict=verification.verdict,
        limitations=tuple(dict.fromkeys((*verification.limitations, *ALWAYS_STATED))),
        not_tested=tuple(probe_id for probe_id in PROBES if probe_id not in measured_ids),
        residuals=_residuals(case),
        lapses_when=LAPSES_WHEN,
        trail=TrailPart(log=case.log, events=case.trail_events, last_hash=case.trail_last, attestation="self-attested"),
        declarations=(SELF_ATTESTED, ACTORS_DECLARED),
        records=RecordDigests(
            ticket=digest_of(case.ticket),
            footprint=digest_of(case.footprint),
            plan=digest_of(case.plan),
            unlearned=digest_of(unlearned),
            verification=digest_of(verification),
        ),
        software=dict(case.software),
    )


def _plan_part(plan: Plan) -> PlanPart:
    return PlanPart(
        planned_by=plan.planned_by,
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
        controls=plan.controls,
        class_requested=plan.guarantee_requested,
        class_cap=plan.class_cap,
        cap_reason=plan.cap_reason,
        cost=plan.cost,
    )


def _set_part(records: RecordSet) -> SetPart:
    return SetPart(corpus=records.corpus, version=records.version, records=len(records.record_ids), digest=records.digest)


def _residuals(case: Case) -> tuple[Residual, ...]:
    """Return what is left over after this attempt, so that nobody takes silence for absence."""
    residuals = [
        Residual(kind="model", name=name, detail="reached by the footprint and not changed by this plan")
        for name in case.plan.left_out_models
    ]
    residuals.append(
        Residual(
            kind="weights",
            name=case.plan.model,
            detail="the weights before unlearning still hold what they held, until every copy of them is destroyed",
        )
    )
    for searched in case.footprint.searched:
        if searched.hits:
            detail = f"{searched.hits} record(s) found; this report does not show their deletion at the source"
            residuals.append(Residual(kind="records", name=f"{searched.corpus} {searched.version}", detail=detail))
    residuals.append(
        Residual(
            kind="copies",
            name="our own copies",
            detail="index entries, score caches, sealed items and training checkpoints of this ticket remain until they are purged",
        )
    )
    return tuple(residuals)
