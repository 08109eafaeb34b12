"""Valid records of one fictitious ticket, each with replaceable parts: `plan(seed=4)`, `case(probes=(…))`.

The numbers are plain and made up; a test that checks a number writes the number down itself. `case` and its
neighbours keep the chain of digests whole: give `case` your probes, and plan, unlearned and verification follow.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from rtbf.clock import parse_rfc3339, rfc3339
from rtbf.evidence.approval_statement import ApprovalClaim, sign_approval
from rtbf.evidence.canonical import canonical_bytes, digest_of
from rtbf.evidence.dsse import sign_envelope
from rtbf.evidence.keys import key_id, spki_text
from rtbf.footprint.record import Footprint, Hit, LocatorUse, ModelReached, NotSearched, SearchedCorpus
from rtbf.lm.digest import ArtefactFile, digest_of_files
from rtbf.plan.decisions import NEEDS_REASONING, Decisions, ItemDecision
from rtbf.plan.holds import Hold
from rtbf.plan.items import footprint_items
from rtbf.plan.record import Adapter, Control, ControlPlan, Cost, Plan, PlannedProbe, PlannedSet, RecordSet, StopRule
from rtbf.report.lawful import (
    ApprovalPart,
    ClockEventPart,
    ClockPart,
    DecisionCount,
    DecisionsPart,
    IdentityPart,
    KeyPart,
    NoticePart,
    RecipientsPart,
    SignaturePart,
)
from rtbf.report.predicate import TrailPart
from rtbf.report.residuals import derived_residuals, residual
from rtbf.report.statement import Case, build_statement
from rtbf.ticket.record import IdentifierMark, Ticket
from rtbf.unlearn.record import CurvePoint, Unlearned
from rtbf.verify.record import Arm, MeasuredSet, Verification
from rtbf.verify.verdict import judge
from tests.results import leaking_probe, passing_probes, probe_result, sha  # noqa: F401 - as those of `tests.trusted`
from tests.trusted import (  # noqa: F401 - tests reach all of them here
    LOG,
    approver_key,
    log_key,
    root_key,
    signed_trust,
    signing_key,
    trust,
    trust_file,
    trusted,
    with_approver,
    witness_key,
)

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from rtbf.verify.record import ProbeResult

TICKET_ID = "tkt_01test"
ISSUED_AT = "2026-03-02T12:00:00.000Z"
SUBMITTER, PLANNER, APPROVER, DECIDER = "act_submitter", "act_planner", "act_approver", "act_decider"
GROUND, EXEMPTION = "eu-gdpr:JustificationA17NonNecessity", "eu-gdpr:JustificationA17LegalClaims"
HOLD_SINCE = datetime(2026, 1, 1, tzinfo=UTC)


def ticket(**changes: Any) -> Ticket:
    """Return a ticket with a name and a mail address, submitted by SUBMITTER."""
    made = Ticket(
        ticket_id=TICKET_ID,
        regime="eu-gdpr",
        regime_digest=sha(1),
        time_zone="UTC",
        holidays=None,
        channel="email",
        requester_role="data_subject",
        locale="en",
        grounds=(GROUND,),
        received_at="2026-02-20T09:30:00.000Z",
        submitted_by=SUBMITTER,
        external_ref=None,
        models=(),
        identifiers=(
            IdentifierMark(number=1, kind="name", commitment="hmac-sha256:" + "1a" * 32, warnings=()),
            IdentifierMark(number=2, kind="email", commitment="hmac-sha256:" + "2b" * 32, warnings=()),
        ),
    )
    return replace(made, **changes)


def footprint(**changes: Any) -> Footprint:
    """Return a footprint with 20 records found in one corpus, one model reached, and one thing not searched."""
    made = Footprint(
        ticket_id=TICKET_ID,
        ticket_digest=digest_of(ticket()),
        revision=1,
        locators=(
            LocatorUse(
                name="identifier",
                code_digest=sha(3),
                finds="the ticket's identifiers in any case, spacing and punctuation",
                misses="nicknames, misspellings and descriptions without a name",
            ),
        ),
        searched=(SearchedCorpus(corpus="community", version=sha(4), records=400, unread=3, hits=20),),
        not_searched=(NotSearched(kind="model", name="vendor-chat", reason="its training data is not recorded here"),),
        hits=tuple(Hit(corpus="community", version=sha(4), record_id=f"r{n:04}", matched=((1, "name", 2),)) for n in range(20)),
        models=(
            ModelReached(model="assistant", digest=sha(5), corpus="community", version=sha(4), hits=20, via=("community", "assistant")),
        ),
    )
    return replace(made, **changes)


def item_decision(item: str, verdict: Any = "erase", **changes: Any) -> ItemDecision:
    """Return a lawful decision by DECIDER: with the code and the reasoning that its verdict needs."""
    codes = {"erase": GROUND, "retain": EXEMPTION}
    made = ItemDecision(
        item=item,
        verdict=verdict,
        code=codes.get(verdict),
        reasoning_commitment=sha(20) if verdict in NEEDS_REASONING else None,
        decided_by=DECIDER,
        decided_at="2026-02-27T10:00:00.000Z",
    )
    return replace(made, **changes)


def decisions(found: Footprint | None = None, kept: dict[str, Any] | None = None, **changes: Any) -> Decisions:
    """Return a decision for every item of the footprint: all to be erased but `kept`, which maps items to other verdicts."""
    located = found or footprint()
    others = kept or {}
    items = tuple(item_decision(item, others.get(item, "erase")) for item in footprint_items(located))
    made = Decisions(ticket_id=located.ticket_id, revision=1, footprint_digest=digest_of(located), items=items)
    return replace(made, **changes)


def hold(scope_kind: Any = "corpus", scope: str = "community", **changes: Any) -> Hold:
    """Return a hold that began on 1 January 2026 and has no end."""
    made = Hold(
        hold_id="hld_01test",
        scope_kind=scope_kind,
        scope=scope,
        ground=EXEMPTION,
        authority_ref="court/17-C-26",
        since=HOLD_SINCE,
        until=None,
        released_at=None,
    )
    return replace(made, **changes)


def planned(probe: ProbeResult) -> PlannedProbe:
    """Return the plan's line for a probe that was measured as planned."""
    return PlannedProbe(
        probe_id=probe.probe_id,
        name=probe.name,
        family=probe.family,
        role=probe.role,
        code_digest=probe.code_digest,
        unit=probe.unit,
        direction=probe.direction,
        margin=probe.margin,
        margin_origin=probe.margin_origin,
    )


def plan(**changes: Any) -> Plan:
    """Return an NPO plan for model "assistant", made by PLANNER, asking for the approximate class."""
    made = Plan(
        ticket_id=TICKET_ID,
        attempt=1,
        planned_by=PLANNER,
        footprint_digest=digest_of(footprint()),
        decisions_digest=digest_of(decisions()),
        held=(),
        model="assistant",
        model_digest=sha(5),
        left_out_models=(),
        method="npo",
        method_digest=sha(8),
        parameters=(("beta", "0.1"), ("learning_rate", "0.001"), ("retain_weight", "1.0")),
        adapter=Adapter(rank=8, alpha=16, is_merged=True),
        stop=StopRule(
            forget_nll_nats_min="1.900000",
            forget_nll_nats_max="2.100000",
            is_braked=True,
            retain_nll_nats_rise_max="0.050000",
            target_origin="mean of the control models",
            check_every_steps=10,
            max_steps=200,
        ),
        seed=17,
        forget=RecordSet(corpus="community", version=sha(4), record_ids=tuple(f"r{n:04}" for n in range(20)), digest=sha(9)),
        forget_levels_nats=("2.000000",) * 20,
        retain=RecordSet(corpus="community", version=sha(4), record_ids=tuple(f"r{n:04}" for n in range(100, 260)), digest=sha(10)),
        utility_holdout=RecordSet(
            corpus="community", version=sha(4), record_ids=tuple(f"r{n:04}" for n in range(300, 340)), digest=sha(11)
        ),
        profile="standard",
        probes=tuple(planned(probe) for probe in passing_probes()),
        sets=(
            PlannedSet(
                name="forget", reads="score", items=40, digest=sha(7), samples=1, temperature="0", tokens=4_000, passes=5, left_out=()
            ),
        ),
        relearn=None,
        qualification=None,
        controls=ControlPlan(models=(Control(seed=101, digest=sha(12)), Control(seed=102, digest=sha(14))), reason="cheap enough to train"),
        guarantee_requested="approximate",
        class_cap="approximate",
        cap_reason="new weights, merged",
        cost=Cost(unlearning=1_200_000, controls=9_000_000, verification=4_900_000),
        quorum=1,
        quorum_reason="One approver: the model is fine-tuned from another, and no registered model was made from it.",
        grace_s=0,
        approval_valid_s=1_209_600,
    )
    return replace(made, **changes)


def artefact_files() -> dict[str, bytes]:
    """Return the unlearned artefact's files, name and content."""
    return {"config.json": b'{"model_type":"llama"}\n', "model.safetensors": b"not really weights", "tokenizer.json": b"{}\n"}


def unlearned(**changes: Any) -> Unlearned:
    """Return the record of merged weights whose files are `artefact_files()`."""
    files = tuple(
        ArtefactFile(name=name, sha256=hashlib.sha256(content).hexdigest(), size_bytes=len(content))
        for name, content in artefact_files().items()
    )
    made = Unlearned(
        ticket_id=TICKET_ID,
        attempt=1,
        plan_digest=digest_of(plan()),
        method="npo",
        kind="merged",
        artefact_digest=digest_of_files(files),
        files=files,
        base_digest=sha(5),
        withheld=(),
        steps=60,
        stop_reason="both_sides_held",
        curve=tuple(
            CurvePoint(step=step, forget_nll_nats=forget, retain_nll_nats=retain, loss=loss)
            for step, forget, retain, loss in (
                (0, "0.083000", "0.128000", "0.690000"),
                (10, "0.211000", "0.128000", "0.610000"),
                (20, "0.510000", "0.139000", "0.540000"),
                (30, "0.892000", "0.145000", "0.480000"),
                (40, "1.309000", "0.150000", "0.430000"),
                (50, "1.661000", "0.151000", "0.400000"),
                (60, "1.966000", "0.153000", "0.390000"),
            )
        ),
        environment=(("python", "3.11.9"), ("torch", "2.13.0")),
        proof=None,
    )
    return replace(made, **changes)


def verification(probes: tuple[ProbeResult, ...] | None = None, **changes: Any) -> Verification:
    """Return a verification with these probes (all passing by default) and the verdict that they give."""
    measured = passing_probes() if probes is None else probes
    kind = changes.get("artefact_kind", "merged")
    made = Verification(
        ticket_id=TICKET_ID,
        attempt=1,
        plan_digest=digest_of(plan()),
        unlearned_digest=digest_of(unlearned()),
        artefact_kind=kind,
        arms=(
            Arm(name="original", role="original", digest=sha(5), tokenizer=sha(18), adapter_state="none", seed=None),
            Arm(
                name="unlearned", role="unlearned", digest=unlearned().artefact_digest, tokenizer=sha(18), adapter_state="merged", seed=None
            ),
            Arm(name="control-101", role="control", digest=sha(12), tokenizer=sha(18), adapter_state="none", seed=101),
            Arm(name="control-102", role="control", digest=sha(14), tokenizer=sha(18), adapter_state="none", seed=102),
        ),
        environment=(("device", "cpu"), ("dtype", "float32"), ("torch", "2.13.0")),
        repeat_delta_nats="0.000002",
        sets=(MeasuredSet(name="forget", items=40, passes=5, planned_tokens=20_000, tokens=20_000),),
        probes=measured,
        item_log_digest=sha(13),
        tokens_used=4_812_331,
        qualification=None,
        verdict=judge(measured, class_requested="approximate", artefact_kind=kind, qualification=None),
        limitations=("Items were drawn from the corpora of this installation only.",),
    )
    return replace(made, **changes)


def clock_part(**changes: Any) -> ClockPart:
    """Return a clock that runs: received on 20 February 2026, due on 20 March, looked at on 2 March."""
    made = ClockPart(
        regime="eu-gdpr",
        regime_digest=sha(1),
        time_zone="UTC",
        calendar="weekends only",
        calendar_digest=sha(15),
        received_on="2026-02-20",
        events=(ClockEventPart(on="2026-02-20", kind="start", code=None),),
        strict_deadline_on="2026-03-20",
        deadline_on="2026-03-20",
        steps=("received on 2026-02-20 (Fri), civil time of UTC", "strict deadline: 1 month from receipt is 2026-03-20 (Fri)"),
        flags=(),
        answered_on=None,
        as_of_on="2026-03-02",
        standing="running",
    )
    return replace(made, **changes)


def decisions_part(**changes: Any) -> DecisionsPart:
    """Return what `decisions()` comes to: 20 records and one model, all decided by DECIDER to be erased."""
    made = DecisionsPart(
        counts=(
            DecisionCount(kind="record", verdict="erase", code=GROUND, items=20),
            DecisionCount(kind="model", verdict="erase", code=GROUND, items=1),
        ),
        deciders=(DECIDER,),
        digest=digest_of(decisions()),
    )
    return replace(made, **changes)


def approval(
    plan_digest: str,
    actor_id: str = APPROVER,
    key: Ed25519PrivateKey | None = None,
    given_at: str = "2026-03-01T08:15:00.000Z",
    **changes: Any,
) -> ApprovalPart:
    """Return an approval valid for 14 days, signed when a key is given; `changes` come after the signature."""
    expires_at = rfc3339(parse_rfc3339(given_at) + timedelta(days=14))
    decision: Any = changes.get("decision", "approved")
    signature = None
    if key is not None:
        claim = ApprovalClaim(
            ticket_id=TICKET_ID,
            plan_digest=plan_digest,
            decision="approve" if decision == "approved" else "reject",
            actor_id=actor_id,
            given_at=given_at,
            expires_at=expires_at,
        )
        public = key.public_key()
        signature = SignaturePart(key_id=key_id(public), spki=spki_text(public), envelope=sign_approval(key, claim).decode())
    made = ApprovalPart(actor_id=actor_id, decision="approved", given_at=given_at, expires_at=expires_at, signature=signature)
    return replace(made, **changes)


def trail(**changes: Any) -> TrailPart:
    """Return a tree head's words, and the ticket's chain in it."""
    found = TrailPart(
        log="rtbf/0123456789abcdef",
        tree_size=12,
        root=base64_text(b"\xab" * 32),
        events=7,
        last_hash="cd" * 32,
        attestation="self-attested",
    )
    return replace(found, **changes)


def case(probes: tuple[ProbeResult, ...] | None = None, plan_changes: dict[str, Any] | None = None, **changes: Any) -> Case:
    """Return everything that one report is made from; plan, unlearned and verification follow the probes and `plan_changes`.

    The plan is approved by APPROVER with the key of `approver_key()`, which `trust` names as an approver's.
    """
    measured = passing_probes() if probes is None else probes
    planned_case = plan(probes=tuple(planned(probe) for probe in measured), **(plan_changes or {}))
    plan_digest = digest_of(planned_case)
    made = unlearned(plan_digest=plan_digest)
    found = Case(
        report_id="rep_01test",
        issued_at=ISSUED_AT,
        ticket=ticket(),
        clock=clock_part(),
        identity=(IdentityPart(method="email_code", level="low", result="passed"),),
        footprint=footprint(),
        decisions=decisions_part(),
        holds=(),
        plan=planned_case,
        approvals=(approval(plan_digest, key=approver_key()),),
        unlearning_started_at="2026-03-01T09:00:00.000Z",
        unlearned=made,
        verification=verification(measured, plan_digest=plan_digest, unlearned_digest=digest_of(made)),
        residuals=tuple(residual(kind, name, DECIDER, date(2026, 4, 1)) for kind, name in derived_residuals(planned_case, footprint())),
        recipients=RecipientsPart(due=0, notified=1, acknowledged=2, disproportionate=0),
        notices=(
            NoticePart(kind="acknowledgement", locale="en", template_digest=sha(16), sent_at="2026-02-20T10:00:00.000Z", channel="email"),
        ),
        key=KeyPart(state="ticket open", destruction_on=None, appeal_window_days=90, backup_bound_days=60),
        trail=trail(),
        supersedes=None,
        time_stamp="none",
        software=(("python", "3.11.9"), ("rtbf", "0.1.0")),
    )
    return replace(found, **changes)


def signed(statement: Any, key: Ed25519PrivateKey | None = None) -> bytes:
    """Return a canonical envelope over any JSON value, signed with the key: what a lying signer could make."""
    signer = key or signing_key()
    return canonical_bytes(sign_envelope(signer, key_id(signer.public_key()), canonical_bytes(statement)))


def envelope(made: Case | None = None) -> bytes:
    """Return the signed envelope of a case (a passing one by default)."""
    return signed(build_statement(made or case()))


def base64_text(content: bytes) -> str:
    """Return standard base64 as text."""
    return base64.standard_b64encode(content).decode()
