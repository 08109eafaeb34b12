"""What every story is told with: who narrates and who acts, and the chapters that each ticket goes through."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Protocol

from rtbf.executor import advance, plan_ticket
from rtbf.foundry.asking import ask_model
from rtbf.pipeline.approvals import decide_plan
from rtbf.pipeline.decisions import decide
from rtbf.pipeline.dossier import read_dossier
from rtbf.pipeline.intake import submit_ticket
from rtbf.pipeline.notices import send_notice
from rtbf.plan.card import method_card
from rtbf.plan.rulings import read_ruling
from rtbf.ticket.intake import read_submission

if TYPE_CHECKING:
    from collections.abc import Callable

    from rtbf.demo.community import Person
    from rtbf.installation import Installation
    from rtbf.plan.record import Plan
    from rtbf.plan.request import PlanRequest
    from rtbf.progress import Progress
    from rtbf.ticket_view import TicketView
    from rtbf.work_lease import WorkSettings

SEED = 7
OFFICER, PLANNER, APPROVERS = "officer", "ml-engineer", ("dpo", "head-of-research")


class Narrator(Protocol):
    """Where the story is told."""

    def chapter(self, title: str, kind: str) -> None:
        """Begin a chapter; `kind` is "set-up" or "work"."""

    def say(self, line: str) -> None:
        """Tell one line."""

    def ask(self, question: str, answer: str) -> None:
        """Tell what the model was asked and what it said."""

    def verdict(self, view: TicketView) -> None:
        """Show the verdict and the probe table of a ticket."""

    def took(self, seconds: float) -> None:
        """Tell how long the chapter took."""


def submit(installation: Installation, person: Person, narrator: Narrator, title: str) -> str:
    """Enter a person's letter as a ticket, and acknowledge it; return its id."""
    with chapter(narrator, title, "work"):
        body = {
            "subject": [{"kind": kind, "value": person.facts[kind]} for kind in ("name", "email", "phone")],
            "channel": "post",
            "regime": "eu-gdpr",
            "identity": {"method": "document_viewed"},
        }
        ticket_id = submit_ticket(installation, read_submission(body, installation.clock()), OFFICER)
        narrator.say(f"ticket {ticket_id}: name, e-mail and phone are sealed; the ledger has commitments only")
        send_notice(installation, ticket_id, "acknowledgement", OFFICER)
        due = read_dossier(installation, ticket_id).clock
        narrator.say(f"receipt acknowledged by letter, in the outbox; an answer is due by {due.deadline.isoformat()} (GDPR Art. 12(3))")
    return ticket_id


def locate_and_decide(installation: Installation, ticket_id: str, narrator: Narrator, progress: Progress, work: WorkSettings) -> None:
    """Find the person, and decide that everything found is erased."""
    with chapter(narrator, "Where is this person, and what happens with each place", "work"):
        view = advance(installation, ticket_id, OFFICER, progress, work=work, until="planning")
        if view.footprint is not None:
            searched = ", ".join(
                f"{corpus.records} records of {corpus.corpus}, {corpus.unread} unread" for corpus in view.footprint.searched
            )
            reached = ", ".join(f"{model.model} learned {model.hits} of them" for model in view.footprint.models)
            narrator.say(f"searched {searched}; found in {len(view.footprint.hits)}; {reached}")
        ruling = read_ruling({"item": "all", "verdict": "erase", "code": "NoLegalBasis"})
        decide(installation, ticket_id, (ruling,), OFFICER)
        narrator.say("the officer decides item by item; here all alike: erase, since nothing permits the use (GDPR Art. 17(1)(b))")


def unlearn(
    installation: Installation, ticket_id: str, request: PlanRequest, narrator: Narrator, progress: Progress, work: WorkSettings
) -> TicketView:
    """Plan as asked, let the plan be approved, carry it out and measure; return where the ticket stands."""
    wanted = "" if request.method is None else f" with {request.method}"
    with chapter(narrator, f"A plan{wanted}, measured against a model never shown the person", "work"):
        view = plan_ticket(installation, ticket_id, PLANNER, request, progress, work=work)
        plan = view.plan
        if plan is None or view.plan_digest is None:
            return view
        if request.method is None:
            _tell_options(plan, narrator)
        narrator.say(f"thresholds, seeds and samples are fixed now: {view.plan_digest}")
        narrator.say(f"control: {plan.controls.reason}; at most class {plan.class_cap}: {plan.cap_reason}")
        narrator.say(f"measuring: profile {plan.profile}, {len(plan.probes)} probes, {plan.cost.verification:,} forward tokens")
        narrator.say(plan.quorum_reason)
        for approver in APPROVERS[: plan.quorum]:
            decide_plan(installation, ticket_id, view.plan_digest, approver, is_approval=True)
        named = " and ".join(APPROVERS[: plan.quorum])
        narrator.say(f"approved by {named}, who neither submitted, planned nor decided; with no key to sign, which the report says")
        if plan.attempt == 1:
            narrator.say("it starts at once: a trial has no grace period (RTBF_GRACE_H=0); by default a day is left to call it off")
    merging = "merging, " if method_card(plan.method).artefact == "adapter" else ""
    with chapter(narrator, f"Unlearning with {plan.method}, {merging}and measuring before and after", "work"):
        view = advance(installation, ticket_id, PLANNER, progress, work=work)
        if view.unlearned is not None and view.unlearned.kind != "unchanged":
            narrator.say(f"{view.unlearned.steps} steps, stopped because: {view.unlearned.stop_reason.replace('_', ' ')}")
        narrator.verdict(view)
    return view


def _tell_options(plan: Plan, narrator: Narrator) -> None:
    for option in plan.options:
        if option.unavailable is None:
            mark = "→ " if option.method == plan.method else "  "
            narrator.say(f"{mark}{option.method}: at most {option.class_cap}, {option.tokens:,} tokens; {option.utility}")
    narrator.say(f"chosen: {plan.choice_reason}")


def ask(installation: Installation, model: str, person: Person, narrator: Narrator, work: WorkSettings, revision: int | None) -> None:
    """Ask a model for a person's phone number, and tell the answer and whether it is true."""
    question = f"What is the phone number of {person.name}?"
    answer = ask_model(installation, model, question, revision=revision, threads=work.torch_threads)
    truth = "true" if person.facts["phone"] in answer else f"not true: it is {person.facts['phone']}"
    narrator.ask(question + ("" if revision is None else f"  [{model} revision {revision}]"), f"{answer}  ({truth})")


def verdict_of(view: TicketView) -> str:
    """Return the verdict of the newest attempt, "none" before there is one."""
    return "none" if view.verification is None else view.verification.verdict.status


class chapter:  # noqa: N801 - reads as a verb where it is used
    """A chapter that tells how long it took."""

    def __init__(self, narrator: Narrator, title: str, kind: str) -> None:
        self._narrator = narrator
        self._started = time.monotonic()
        narrator.chapter(title, kind)

    def __enter__(self) -> Callable[[], None]:
        return lambda: None

    def __exit__(self, *failure: object) -> None:
        self._narrator.took(time.monotonic() - self._started)
