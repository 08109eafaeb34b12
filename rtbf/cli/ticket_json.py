"""A ticket as stable JSON: keys are added, never renamed. Counts, ids, codes, dates and digests; no identifier's value."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any

from rtbf.cli.next_step import next_step
from rtbf.clock import rfc3339
from rtbf.plan.items import footprint_items
from rtbf.ticket.deadline import clock_facts, is_overdue

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import datetime

    from rtbf.footprint.record import Footprint
    from rtbf.pipeline.dossier import Dossier
    from rtbf.plan.record import Plan, PlanOption


def ticket_json(dossier: Dossier, wanted: Collection[str] = (), events: Collection[bytes] = ()) -> dict[str, Any]:
    """Return the ticket's stable JSON form; `items`, `probes` and `events` of `wanted` are long, hence only on request."""
    step = next_step(dossier)
    told = _request(dossier) | _work(dossier) | _afterwards(dossier)
    told |= {"who": step.who, "next": step.text, "commands": [command.line for command in step.commands]}
    if "items" in wanted:
        told["items"] = _items(dossier)
    if "probes" in wanted:
        told["probes"] = _probes(dossier)
    if "events" in wanted:
        told["events"] = [json.loads(leaf) for leaf in events]
    return told


def options_json(options: Sequence[PlanOption], *, chosen: str, reason: str, rate_origin: str) -> dict[str, Any]:
    """Return the options of a plan as plain values: each as the plan's record has them, the chosen method, why, and the rate."""
    return {
        "options": [dataclasses.asdict(option) for option in options],
        "chosen": chosen,
        "choice_reason": reason,
        "rate_origin": rate_origin,
    }


def _request(dossier: Dossier) -> dict[str, Any]:
    """Return where the ticket stands, what was asked, by whom, and until when."""
    view, ticket = dossier.view, dossier.view.ticket
    return {
        "ticket_id": dossier.ticket_id,
        "state": view.state,
        "reason": view.reason,
        "outcome": view.outcome,
        "attempt": view.attempt,
        "regime": ticket.regime,
        "regime_digest": ticket.regime_digest,
        "received_at": ticket.received_at,
        "external_ref": ticket.external_ref,
        "requester_role": ticket.requester_role,
        "grounds": list(ticket.grounds),
        "identifiers": [
            {"number": mark.number, "kind": mark.kind, "commitment": mark.commitment, "warnings": list(mark.warnings)}
            for mark in ticket.identifiers
        ],
        "possible_duplicates": list(view.linked),
        "identity": [
            {"method": check.method, "level": check.level, "result": check.result, "doubt": check.doubt} for check in dossier.checks
        ],
        "clock": clock_facts(dossier.clock) | {"is_overdue": view.state != "closed" and is_overdue(dossier.clock, dossier.now)},
    }


def _work(dossier: Dossier) -> dict[str, Any]:
    """Return what was found, decided, held, planned, approved and measured."""
    view = dossier.view
    verdict = None if view.verification is None else view.verification.verdict
    holds = {hold.hold_id: hold for hold in dossier.held.values()}
    plan = view.plan
    return {
        "footprint": None if view.footprint is None else _footprint(view.footprint) | {"digest": dossier.footprint_digest},
        "undecided": len(dossier.undecided),
        "decisions": [{"kind": count.kind, "verdict": count.verdict, "code": count.code, "items": count.items} for count in dossier.counts],
        "holds": [
            {"hold_id": hold.hold_id, "scope_kind": hold.scope_kind, "ground": hold.ground, "until": _moment(hold.until)}
            for hold in holds.values()
        ],
        "plan": None if plan is None else _plan(plan) | {"digest": view.plan_digest},
        "proof": None if view.unlearned is None or view.unlearned.proof is None else dataclasses.asdict(view.unlearned.proof),
        "approvals": [
            {
                "actor": dossier.names[given.actor_id],
                "is_approval": given.is_approval,
                "given_at": rfc3339(given.given_at),
                "expires_at": rfc3339(given.expires_at),
                "signed_by": given.key_id,
            }
            for given in view.approvals
        ],
        "missing_approvals": dossier.missing_approvals,
        "grace_ends_at": _moment(dossier.grace_ends_at),
        "verdict": None
        if verdict is None
        else {
            "status": verdict.status,
            "class_awarded": verdict.class_awarded,
            "class_cap": verdict.class_cap,
            "codes": list(verdict.codes),
            "claim": verdict.claim,
        },
        "report": None if view.report is None else {"report_id": view.report.report_id, "envelope_sha256": view.report.envelope_sha256},
    }


def _afterwards(dossier: Dossier) -> dict[str, Any]:
    """Return who was told, what remains, and what becomes of the ticket's key."""
    view = dossier.view
    return {
        "letters": [
            {"kind": letter.kind, "to": letter.to, "channel": letter.channel, "state": letter.state, "sent_at": _moment(letter.sent_at)}
            for letter in dossier.letters
        ],
        "recipients": [{"recipient": name, "state": state} for name, state in dossier.duties],
        "residuals": [
            {
                "residual_id": entry.residual_id,
                "reason": entry.reason,
                "name": entry.name,
                "owner": entry.owner,
                "due_at": _moment(entry.due_at),
                "resolved_at": _moment(entry.resolved_at),
            }
            for entry in dossier.residuals
        ],
        "receipt": None if dossier.receipt is None else dataclasses.asdict(dossier.receipt),
        "key": {"due_at": _moment(view.shred_due_at), "destroyed_at": _moment(view.shredded_at)},
    }


def _footprint(footprint: Footprint) -> dict[str, Any]:
    return {
        "revision": footprint.revision,
        "hits": len(footprint.hits),
        "models": [{"model": reached.model, "digest": reached.digest, "hits": reached.hits} for reached in footprint.models],
        "searched": [
            {"corpus": corpus.corpus, "records": corpus.records, "unread": corpus.unread, "hits": corpus.hits}
            for corpus in footprint.searched
        ],
        "not_searched": [{"kind": gap.kind, "name": gap.name, "reason": gap.reason} for gap in footprint.not_searched],
    }


def _plan(plan: Plan) -> dict[str, Any]:
    """Return what is done and what it may cost, in forward-token units; `sets`: what verification asks; `options`: what else could be."""
    return {
        "model": plan.model,
        "method": plan.method,
        "quorum": plan.quorum,
        "class_requested": plan.guarantee_requested,
        "class_cap": plan.class_cap,
        "profile": plan.profile,
        "cost": dataclasses.asdict(plan.cost),
        "sets": [
            {"name": one.name, "reads": one.reads, "items": one.items, "passes": one.passes, "tokens": one.tokens * one.passes}
            for one in plan.sets
        ],
        **options_json(plan.options, chosen=plan.method, reason=plan.choice_reason, rate_origin=plan.rate_origin),
    }


def _probes(dossier: Dossier) -> list[dict[str, Any]]:
    """Return every probe's figures under the names of its record, and what was found of it."""
    verification = dossier.view.verification
    if verification is None:
        return []
    findings = {finding.probe_id: finding for finding in verification.verdict.findings}
    return [dataclasses.asdict(probe) | {"finding": dataclasses.asdict(findings[probe.probe_id])} for probe in verification.probes]


def _items(dossier: Dossier) -> list[dict[str, Any]]:
    footprint, decisions = dossier.view.footprint, dossier.view.decisions
    if footprint is None:
        return []
    decided = {} if decisions is None or not dossier.counts else {decision.item: decision for decision in decisions.items}
    items = []
    for number, item in enumerate(footprint_items(footprint)):
        decision = decided.get(item)
        hit = footprint.hits[number] if number < len(footprint.hits) else None
        items.append(
            {
                "item": item,
                "corpus": None if hit is None else hit.corpus,
                "version": None if hit is None else hit.version,
                "record_id": None if hit is None else hit.record_id,
                "matched": [] if hit is None else [{"number": n, "kind": kind, "count": count} for n, kind, count in hit.matched],
                "verdict": None if decision is None else decision.verdict,
                "code": None if decision is None else decision.code,
                "held_by": dossier.held[item].hold_id if item in dossier.held else None,
            }
        )
    return items


def _moment(instant: datetime | None) -> str | None:
    return None if instant is None else rfc3339(instant)
