"""Enter the stages: claim the ticket, load what a stage needs, run it, hand its record to the pipeline.

Only terminal commands and workers import this module. torch is imported when a stage needs a model, so that locating a
person does not wait for it. A stage that is run again after a crash resumes, and yields the same record.
"""

from __future__ import annotations

import contextlib
import secrets
import threading
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING

from rtbf import pipeline
from rtbf.clock import rfc3339
from rtbf.errors import ExtraMissing, RTBFError, TicketBusy
from rtbf.files import make_private_folder, replace_file
from rtbf.footprint.run import find_footprint
from rtbf.plan.request import PlanRequest
from rtbf.progress import Progress, silent
from rtbf.report.run import issue_report
from rtbf.report.statement import Case
from rtbf.store import registry
from rtbf.store.actors import actor_id_for
from rtbf.store.events import ticket_trail
from rtbf.store.records import latest_record
from rtbf.store.tickets import approvals_of, claim_lease, find_ticket, identity_checks, open_identifiers, release_lease, ticket_key
from rtbf.ticket import lifecycle
from rtbf.ticket.record import Ticket
from rtbf.ticket_view import required, view_ticket
from rtbf.unlearn.record import Unlearned
from rtbf.vault.envelope import seal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rtbf.installation import Installation
    from rtbf.ticket_view import TicketView
    from rtbf.verify.record import Verification

_HEARTBEATS_PER_LEASE = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class WorkSettings:
    """What the edge read from its settings: the lease in seconds, torch threads, phone region, and this process's name."""

    lease_s: int
    torch_threads: int
    phone_region: str
    owner: str


def advance(
    installation: Installation, ticket_id: str, actor: str, progress: Progress = silent, *, work: WorkSettings, until: str | None = None
) -> TicketView:
    """Run stages until the ticket waits for a person, is closed, or has reached state `until`; return where it stands.

    Raises TicketBusy while another process works on it. Whatever a stage raises leaves the ticket where it was, so the
    same call continues.
    """
    with _leased(installation, ticket_id, progress, work) as beat:
        pipeline.clear_error(installation, ticket_id)
        while True:
            with installation.transaction() as session:
                row = find_ticket(session, ticket_id)
                stage = pipeline.next_stage(row)
                is_there = until is not None and lifecycle.STATES.index(row.state) >= lifecycle.STATES.index(until)
            if stage is None or is_there:
                break
            _STAGES[stage](installation, ticket_id, actor, beat, work)
    return view_ticket(installation, ticket_id)


def plan_ticket(
    installation: Installation, ticket_id: str, actor: str, request: PlanRequest, progress: Progress = silent, *, work: WorkSettings
) -> TicketView:
    """Make a new plan as `request` says, in place of the ticket's earlier one if any; return where the ticket stands."""
    with _leased(installation, ticket_id, progress, work) as beat:
        pipeline.require_plannable(installation, ticket_id)
        _plan(installation, ticket_id, actor, beat, work, request)
    return view_ticket(installation, ticket_id)


@contextlib.contextmanager
def _leased(installation: Installation, ticket_id: str, progress: Progress, work: WorkSettings) -> Iterator[Progress]:
    """Hold the ticket's lease for a block: a thread keeps it alive, also through steps that report nothing for minutes.

    The yielded progress raises TicketBusy once another process has taken the lease over: then this one stops.
    """
    with installation.transaction() as session:
        claim_lease(session, ticket_id, work.owner, installation.clock(), work.lease_s)
    is_over = threading.Event()
    lost: list[RTBFError] = []

    def keep() -> None:
        while not is_over.wait(work.lease_s / _HEARTBEATS_PER_LEASE):
            try:
                with installation.transaction() as session:
                    claim_lease(session, ticket_id, work.owner, installation.clock(), work.lease_s)
            except TicketBusy as busy:
                lost.append(busy)
                return
            except RTBFError:
                # The database is away for a moment; the stage itself will meet that, or the next beat succeeds.
                continue

    def guarded(step: str, done: int, total: int) -> None:
        if lost:
            raise lost[0]
        progress(step, done, total)

    keeper = threading.Thread(target=keep, name=f"lease of {ticket_id}", daemon=True)
    keeper.start()
    try:
        yield guarded
    finally:
        is_over.set()
        keeper.join()
        with installation.transaction() as session:
            release_lease(session, ticket_id, work.owner)


def _locate(installation: Installation, ticket_id: str, actor: str, progress: Progress, work: WorkSettings) -> None:
    with installation.transaction() as session:
        ticket, digest = required(latest_record(session, ticket_id, Ticket), "ticket", ticket_id)
        identifiers = open_identifiers(session, installation.kek, ticket_id)
        corpora = registry.all_corpora(session)
        models = [(registered.model, registered.status) for registered in registry.all_models(session)]
        revision = 1 + pipeline.footprint_revision(session, ticket_id)
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
    pipeline.finish_footprint(installation, footprint, actor)


def _plan(
    installation: Installation, ticket_id: str, actor: str, progress: Progress, work: WorkSettings, request: PlanRequest | None = None
) -> None:
    _require_ml()
    # These wake torch, which locating a person and showing a ticket do not need.
    from rtbf.material import planned  # noqa: PLC0415

    view = view_ticket(installation, ticket_id)
    with installation.transaction() as session:
        actor_id = actor_id_for(session, actor, installation.clock())
    plan = planned(installation, view, request or PlanRequest(), actor_id, threads=work.torch_threads, progress=progress)
    pipeline.reopen_planning(installation, ticket_id, actor)
    pipeline.finish_plan(installation, plan, actor)


def _unlearn(installation: Installation, ticket_id: str, actor: str, progress: Progress, work: WorkSettings) -> None:
    _require_ml()
    from rtbf.material import unlearned_model, unlearning_material  # noqa: PLC0415
    from rtbf.unlearn.run import unlearn  # noqa: PLC0415

    with installation.transaction() as session:
        plan, digest = pipeline.approved_plan(session, ticket_id)
    material, original = unlearning_material(installation, plan, threads=work.torch_threads)
    folder = installation.home.artefacts_of(ticket_id, plan.attempt)
    record, served = unlearn(plan, digest, material, original, folder, progress=progress)
    model = unlearned_model(installation, plan, digest, record) if record.kind == "merged" else None
    pipeline.finish_unlearning(installation, record, model, installation.home.stored_form(served), actor)


def _verify(installation: Installation, ticket_id: str, actor: str, progress: Progress, work: WorkSettings) -> None:
    _require_ml()
    from rtbf.material import verification_battery  # noqa: PLC0415
    from rtbf.verify.run import verify  # noqa: PLC0415

    with installation.transaction() as session:
        plan, plan_digest = pipeline.approved_plan(session, ticket_id)
        unlearned, unlearned_digest = required(latest_record(session, ticket_id, Unlearned), "unlearned model", ticket_id)
        key = ticket_key(session, installation.kek, ticket_id)
    battery = verification_battery(installation, plan, unlearned, threads=work.torch_threads, progress=progress)
    verification, item_log = verify(plan, plan_digest, unlearned, unlearned_digest, battery, progress=progress)
    log_path = installation.home.artefacts_of(ticket_id, plan.attempt)
    make_private_folder(log_path)
    replace_file(log_path / "items.sealed", seal(key, f"{ticket_id}|item_log|{plan.attempt}", item_log))
    case = _case(installation, view_ticket(installation, ticket_id), verification)
    report = issue_report(
        case,
        folder=installation.home.report_of(ticket_id, plan.attempt),
        signing_key=installation.signing_key,
        trust=installation.home.trust.read_bytes(),
    )
    pipeline.finish_verification(installation, verification, report, actor)


def _case(installation: Installation, view: TicketView, verification: Verification) -> Case:
    """Return everything the report is made from; the ledger's chain is checked on the way (LedgerBroken)."""
    ticket_id = view.ticket.ticket_id
    assert view.footprint is not None
    assert view.plan is not None
    assert view.unlearned is not None
    with installation.transaction() as session:
        trail_events, trail_last = ticket_trail(session, ticket_id)
        approvals = approvals_of(session, ticket_id, view.plan_digest or "")
        methods = tuple(check.method for check in identity_checks(session, ticket_id))
    return Case(
        report_id=f"rep_{secrets.token_hex(8)}",
        issued_at=rfc3339(installation.clock()),
        ticket=view.ticket,
        identity_methods=methods,
        footprint=view.footprint,
        plan=view.plan,
        approvals=tuple((row.actor_id, row.is_approval, rfc3339(row.given_at)) for row in approvals),
        unlearned=view.unlearned,
        verification=verification,
        trail_events=trail_events,
        trail_last=trail_last,
        log=installation.log,
        software=(("rtbf", version("rtbf")),),
    )


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
    "unlearn": _unlearn,
    "verify": _verify,
}
