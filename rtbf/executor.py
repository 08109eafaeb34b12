"""Enter the stages: claim the ticket, load what a stage needs, run it, hand its record to the pipeline.

Only terminal commands and workers import this module. torch is imported when a stage needs a model, so that locating a
person does not wait for it. A stage that is run again after a crash resumes, and yields the same record.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rtbf.errors import ExtraMissing
from rtbf.files import make_private_folder, replace_file
from rtbf.footprint.record import Footprint
from rtbf.footprint.run import find_footprint
from rtbf.issuing import issued, reissue
from rtbf.pipeline.clock import clock_of
from rtbf.pipeline.closing import finish_ticket
from rtbf.pipeline.footprints import finish_footprint, footprint_revision
from rtbf.pipeline.item_log import SEALED_NAME
from rtbf.pipeline.ledger import newest_sealed
from rtbf.pipeline.moves import next_stage
from rtbf.pipeline.plans import approved_plan, finish_plan, reopen_planning, require_plannable, start_unlearning
from rtbf.pipeline.purge import purge_if_closed
from rtbf.pipeline.qualified import qualification_use
from rtbf.pipeline.questions import SealedPasses, open_sealed_questions, seal_questions
from rtbf.pipeline.reports import outdated_reports
from rtbf.pipeline.work import clear_error, finish_unlearning, finish_verification, is_measured
from rtbf.plan.card import method_card
from rtbf.plan.decisions import Decisions
from rtbf.plan.request import PlanRequest
from rtbf.plan.withhold import withheld_records
from rtbf.progress import Progress, silent
from rtbf.store import registry
from rtbf.store.actors import actor_id_for
from rtbf.store.holds import all_holds
from rtbf.store.identifiers import open_identifiers
from rtbf.store.records import latest_record, record_with_digest
from rtbf.store.restrictions import restricted_records
from rtbf.store.ticket_keys import ticket_key
from rtbf.store.tickets import find_ticket
from rtbf.ticket import lifecycle
from rtbf.ticket.record import Ticket
from rtbf.ticket_view import required, view_ticket
from rtbf.unlearn.record import FULL_WEIGHTS, Unlearned
from rtbf.vault.envelope import place_of, seal
from rtbf.work_lease import leased

if TYPE_CHECKING:
    from collections.abc import Callable

    from rtbf.installation import Installation
    from rtbf.lm.record import Removal
    from rtbf.plan.choice import Choice
    from rtbf.ticket_view import TicketView
    from rtbf.work_lease import WorkSettings


def advance(
    installation: Installation, ticket_id: str, actor: str, progress: Progress = silent, *, work: WorkSettings, until: str | None = None
) -> TicketView:
    """Run stages until the ticket waits for a person, is closed, or has reached state `until`; return where it stands.

    Raises TicketBusy while another process works on it. Whatever a stage raises leaves the ticket where it was, so the
    same call continues.
    """
    with leased(installation, ticket_id, progress, work) as beat:
        clear_error(installation, ticket_id)
        while True:
            with installation.transaction() as session:
                row = find_ticket(session, ticket_id)
                stage = next_stage(row)
                is_there = until is not None and lifecycle.STATES.index(row.state) >= lifecycle.STATES.index(until)
            if stage is None or is_there:
                break
            _STAGES[stage](installation, ticket_id, actor, beat, work)
        if ticket_id in outdated_reports(installation, ticket_id):
            reissue(installation, ticket_id, actor)
    purge_if_closed(installation, ticket_id, actor)
    return view_ticket(installation, ticket_id)


def plan_ticket(
    installation: Installation, ticket_id: str, actor: str, request: PlanRequest, progress: Progress = silent, *, work: WorkSettings
) -> TicketView:
    """Make a new plan as `request` says, in place of the ticket's earlier one if any; return where the ticket stands."""
    with leased(installation, ticket_id, progress, work) as beat:
        require_plannable(installation, ticket_id)
        _plan(installation, ticket_id, actor, beat, work, request)
    return view_ticket(installation, ticket_id)


def plan_options(
    installation: Installation, ticket_id: str, request: PlanRequest, progress: Progress = silent, *, work: WorkSettings
) -> tuple[str, Choice]:
    """Return the model that a plan would change, and what could be done to it, without making a plan or training anything."""
    _require_ml()
    from rtbf.material.weighing import plan_basis  # noqa: PLC0415 - wakes torch

    require_plannable(installation, ticket_id)
    view = view_ticket(installation, ticket_id)
    with installation.transaction() as session:
        holds = all_holds(session)
        restricted = restricted_records(session, but=ticket_id)
        deadline_at = clock_of(session, ticket_id, installation.clock()).deadline_at
    basis = plan_basis(
        installation,
        view,
        request,
        decisions=view.decisions,
        holds=holds,
        restricted=restricted,
        grace_s=installation.policy.grace_s,
        deadline_at=deadline_at,
        profile=request.profile or installation.policy.profile,
        threads=work.torch_threads,
        progress=progress,
    )
    return basis.model.name, basis.choice


def _locate(installation: Installation, ticket_id: str, actor: str, progress: Progress, work: WorkSettings) -> None:
    with installation.transaction() as session:
        ticket, digest = required(latest_record(session, ticket_id, Ticket), "ticket", ticket_id)
        identifiers = open_identifiers(session, installation.kek, ticket_id)
        corpora = registry.all_corpora(session)
        models = [(registered.model, registered.status) for registered in registry.all_models(session)]
        revision = 1 + footprint_revision(session, ticket_id)
    footprint = find_footprint(
        ticket=ticket,
        ticket_digest=digest,
        revision=revision,
        identifiers=identifiers,
        corpora=corpora,
        models=models,
        resolve=installation.home.resolved,
        phone_region=work.phone_region,
        progress=progress,
    )
    finish_footprint(installation, footprint, actor)


def _plan(
    installation: Installation, ticket_id: str, actor: str, progress: Progress, work: WorkSettings, request: PlanRequest | None = None
) -> None:
    _require_ml()
    # These wake torch, which locating a person and showing a ticket do not need.
    from rtbf.material.planning import planned  # noqa: PLC0415

    view = view_ticket(installation, ticket_id)
    with installation.transaction() as session:
        actor_id = actor_id_for(session, actor, installation.clock())
        holds = all_holds(session)
        restricted = restricted_records(session, but=ticket_id)
        deadline_at = clock_of(session, ticket_id, installation.clock()).deadline_at
    request = request or PlanRequest()
    plan, words = planned(
        installation,
        view,
        request,
        actor_id,
        decisions=view.decisions,
        holds=holds,
        restricted=restricted,
        grace_s=installation.policy.grace_s,
        approval_valid_s=installation.policy.approval_valid_s,
        profile=request.profile or installation.policy.profile,
        deadline_at=deadline_at,
        threads=work.torch_threads,
        progress=progress,
    )
    seal_questions(installation, plan, words)
    reopen_planning(installation, ticket_id, actor)
    finish_plan(installation, plan, actor)


def _unlearn(installation: Installation, ticket_id: str, actor: str, progress: Progress, work: WorkSettings) -> None:
    _require_ml()
    from rtbf.material.unlearning import bounded_work, rebuilding_work, unlearned_model, unlearning_material  # noqa: PLC0415
    from rtbf.unlearn.accounted import accounted  # noqa: PLC0415
    from rtbf.unlearn.anew import rebuild  # noqa: PLC0415
    from rtbf.unlearn.run import unlearn  # noqa: PLC0415

    with installation.transaction() as session:
        plan, digest = approved_plan(session, ticket_id)
        footprint, _ = required(latest_record(session, ticket_id, Footprint), "footprint", ticket_id)
        decisions, _ = required(latest_record(session, ticket_id, Decisions), "decision", ticket_id)
        planned_from = record_with_digest(session, ticket_id, Decisions, plan.decisions_digest)
        holds = all_holds(session)
    withheld = withheld_records(plan, footprint, planned_from or decisions, decisions, holds, installation.clock())
    folder = installation.home.artefacts_of(ticket_id, plan.attempt)
    along: tuple[Removal, ...] = ()
    if method_card(plan.method).artefact == "weights":
        inputs = rebuilding_work(installation, plan, withheld=withheld, threads=work.torch_threads)
        along = inputs.along
        record, served = rebuild(plan, digest, inputs, folder, progress=progress)
    elif method_card(plan.method).class_cap == "dp":
        record, served = accounted(plan, digest, bounded_work(installation, plan, withheld=withheld))
    else:
        material, original = unlearning_material(installation, plan, withheld=withheld, threads=work.torch_threads)
        record, served = unlearn(plan, digest, material, original, folder, progress=progress)
    model = unlearned_model(installation, plan, digest, record, along) if record.kind in FULL_WEIGHTS else None
    finish_unlearning(
        installation, record, model, installation.home.stored_form(served), actor, takes_effect=method_card(plan.method).takes_effect
    )


def _verify(installation: Installation, ticket_id: str, actor: str, progress: Progress, work: WorkSettings) -> None:
    _require_ml()
    from rtbf.material.battery import verification_battery  # noqa: PLC0415
    from rtbf.verify.run import verify  # noqa: PLC0415

    with installation.transaction() as session:
        plan, plan_digest = approved_plan(session, ticket_id)
        unlearned, unlearned_digest = required(latest_record(session, ticket_id, Unlearned), "unlearned model", ticket_id)
        key = ticket_key(session, installation.kek, ticket_id)
    words = open_sealed_questions(installation, plan)
    battery = verification_battery(installation, plan, unlearned, words, threads=work.torch_threads, progress=progress)
    passes = SealedPasses(installation, ticket_id, plan.attempt, key)
    verification, item_log = verify(
        plan,
        plan_digest,
        unlearned,
        unlearned_digest,
        battery,
        qualification=qualification_use(installation, plan),
        store=passes,
        time_out_s=work.state_time_out_s,
        progress=progress,
    )
    log_path = installation.home.artefacts_of(ticket_id, plan.attempt)
    make_private_folder(log_path)
    replace_file(log_path / SEALED_NAME, seal(key, place_of(ticket_id, "artefact", "item_log", plan.attempt), item_log))
    report = issued(installation, verification, actor, None)
    finish_verification(installation, verification, report, actor)
    # The log holds all that the passes held; they were kept for a run that is killed.
    passes.drop()
    # The event that seals the report comes under a head at once, where the log key is.
    newest_sealed(installation)


def _settle_verdict(installation: Installation, ticket_id: str, actor: str, progress: Progress, work: WorkSettings) -> None:
    """Measure what was not measured yet; close what only waited for its letter."""
    with installation.transaction() as session:
        measured = is_measured(session, find_ticket(session, ticket_id))
    if measured:
        finish_ticket(installation, ticket_id, actor)
    else:
        _verify(installation, ticket_id, actor, progress, work)


def _start(installation: Installation, ticket_id: str, actor: str, _progress: Progress, _work: WorkSettings) -> None:
    start_unlearning(installation, ticket_id, actor)


def _require_ml() -> None:
    try:
        import torch  # noqa: F401, PLC0415 - found out when it is needed, not at the start of the terminal
    except ImportError as missing:
        raise ExtraMissing(
            found="no torch in this environment", expected="the extra that runs models", remedy="pip install 'rtbf[ml]'"
        ) from missing


_STAGES: dict[str, Callable[[Installation, str, str, Progress, WorkSettings], None]] = {
    "footprint": _locate,
    "plan": _plan,
    "start": _start,
    "unlearn": _unlearn,
    "settle": _settle_verdict,
}
