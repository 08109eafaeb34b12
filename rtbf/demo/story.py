"""The story that `rtbf demo` tells: every step is the real thing, on a tiny model, with nothing prepared beforehand.

It says what it expects before it measures, and what came out, whatever that is. It does not promise a PASS: with the
probes of this version the protocol withholds one, and the story says so.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from rtbf.demo.community import Person, invent_people, write_corpus
from rtbf.executor import WorkSettings, advance, plan_ticket
from rtbf.foundry import TrainingRequest, ask_model, train_model
from rtbf.installation import create_installation
from rtbf.pipeline.approvals import decide_plan
from rtbf.pipeline.intake import submit_ticket
from rtbf.plan.request import PlanRequest
from rtbf.registration import add_corpus
from rtbf.report.check import check_report
from rtbf.ticket.intake import read_submission
from rtbf.ticket_view import TicketView, report_folder, view_ticket

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from rtbf.installation import Installation
    from rtbf.progress import Progress

SEED = 7
N_PEOPLE = 20
OFFICER, PLANNER, APPROVER = "officer", "ml-engineer", "dpo"
MODEL, CORPUS = "helper", "community"


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


@dataclass(frozen=True, kw_only=True, slots=True)
class Ending:
    """What the story left behind. `is_as_expected`: noop failed, the report checks out, and npo was not a failure."""

    ticket_id: str
    report_folder: Path
    npo_verdict: str
    noop_verdict: str
    check_status: str
    elapsed_s: float

    @property
    def is_as_expected(self) -> bool:
        """Return whether the two things that must hold do: the untouched model fails, and the report can be checked."""
        return self.noop_verdict == "FAIL" and self.check_status == "ok"


def tell(folder: Path, narrator: Narrator, progress: Progress, work: WorkSettings) -> Ending:
    """Tell the whole story in a new home at `folder`; raises HomeExists when something is there already."""
    started = time.monotonic()
    installation, people = _set_up(folder, narrator, progress, work)
    person = people[0]
    ticket_id = _submit(installation, person, narrator, progress, work)
    first = _unlearn(installation, ticket_id, PlanRequest(seed=SEED), narrator, progress, work)
    report, status = _check(installation, ticket_id, narrator)
    _ask_again(installation, person, first, narrator, work)
    noop = _control(installation, ticket_id, narrator, progress, work)
    return Ending(
        ticket_id=ticket_id,
        report_folder=report,
        npo_verdict=_verdict(first),
        noop_verdict=_verdict(noop),
        check_status=status,
        elapsed_s=time.monotonic() - started,
    )


def _set_up(folder: Path, narrator: Narrator, progress: Progress, work: WorkSettings) -> tuple[Installation, list[Person]]:
    with _chapter(narrator, "An installation, a community, a model that has learned it by heart", "set-up"):
        installation = create_installation(folder, None)
        people = invent_people(N_PEOPLE, SEED)
        path = installation.home.corpora / "community.jsonl"
        count = write_corpus(people, path)
        narrator.say(f"{N_PEOPLE} fictitious people, {count} records: {path}")
        add_corpus(installation, name=CORPUS, paths=[path], actor=PLANNER, connector_name=None, prompt_field=None, completion_field=None)
        request = TrainingRequest(name=MODEL, corpus=CORPUS, preset="tiny", overrides={}, base=None, seed=SEED)
        model = train_model(installation, request, PLANNER, threads=work.torch_threads, progress=progress)
        narrator.say(f"a tiny Llama from scratch, trained until it knows them: {model.digest}")
        for person in people[:2]:
            _ask(installation, person, narrator, work, None)
    return installation, people


def _submit(installation: Installation, person: Person, narrator: Narrator, progress: Progress, work: WorkSettings) -> str:
    with _chapter(narrator, "A letter comes in: the first of them wants to be forgotten", "work"):
        body = {
            "subject": [{"kind": kind, "value": person.facts[kind]} for kind in ("name", "email", "phone")],
            "channel": "post",
            "identity": {"method": "document_viewed"},
        }
        ticket_id = submit_ticket(installation, read_submission(body, installation.clock()), OFFICER)
        view = advance(installation, ticket_id, OFFICER, progress, work=work, until="planning")
        narrator.say(f"ticket {ticket_id}: name, e-mail and phone are sealed; the ledger has commitments only")
        if view.footprint is not None:
            searched = ", ".join(
                f"{corpus.records} records of {corpus.corpus}, {corpus.unread} unread" for corpus in view.footprint.searched
            )
            reached = ", ".join(f"{model.model} learned {model.hits} of them" for model in view.footprint.models)
            narrator.say(f"searched {searched}; found in {len(view.footprint.hits)}; {reached}")
    return ticket_id


def _unlearn(
    installation: Installation, ticket_id: str, request: PlanRequest, narrator: Narrator, progress: Progress, work: WorkSettings
) -> TicketView:
    with _chapter(narrator, f"A plan with {request.method}, a control model never shown the person, and two signatures", "work"):
        view = plan_ticket(installation, ticket_id, PLANNER, request, progress, work=work)
        plan = view.plan
        if plan is not None and view.plan_digest is not None:
            narrator.say(f"thresholds, seeds and samples are fixed now: {view.plan_digest}")
            narrator.say(f"control: {plan.controls.reason}; at most class {plan.class_cap}: {plan.cap_reason}")
            narrator.say(f"planned by {PLANNER}, approved by {APPROVER}; the officer who submitted the ticket could do neither alone")
            decide_plan(installation, ticket_id, view.plan_digest, APPROVER, is_approval=True)
    with _chapter(narrator, f"Unlearning with {request.method}, merging, and measuring before and after", "work"):
        view = advance(installation, ticket_id, PLANNER, progress, work=work)
        if view.unlearned is not None and view.unlearned.kind != "unchanged":
            narrator.say(f"{view.unlearned.steps} steps, stopped because: {view.unlearned.stop_reason.replace('_', ' ')}")
        narrator.verdict(view)
    return view


def _check(installation: Installation, ticket_id: str, narrator: Narrator) -> tuple[Path, str]:
    with _chapter(narrator, "The signed report, checked as an auditor would, without our database", "work"):
        folder = report_folder(installation, ticket_id)
        outcome = check_report(
            (folder / "report.dsse.json").read_bytes(), installation.home.trust.read_bytes(), artefact=_artefact(installation, ticket_id)
        )
        for step in outcome.steps:
            narrator.say(f"{step.number} {step.name:<10} {step.status}")
        narrator.say(f"the checker says: {outcome.status}; it recomputed the verdict {outcome.verdict} from the numbers")
    return folder, outcome.status


def _ask_again(installation: Installation, person: Person, view: TicketView, narrator: Narrator, work: WorkSettings) -> None:
    with _chapter(narrator, "The model is asked again: original, then unlearned", "work"):
        _ask(installation, person, narrator, work, 1)
        if view.unlearned is not None and view.unlearned.kind == "merged":
            _ask(installation, person, narrator, work, 2)


def _control(installation: Installation, ticket_id: str, narrator: Narrator, progress: Progress, work: WorkSettings) -> TicketView:
    narrator.say("")
    narrator.say("And could this verifier fail anything? The same ticket again, with a method that changes nothing: it must FAIL.")
    return _unlearn(installation, ticket_id, PlanRequest(method="noop", seed=SEED), narrator, progress, work)


def _ask(installation: Installation, person: Person, narrator: Narrator, work: WorkSettings, revision: int | None) -> None:
    question = f"What is the phone number of {person.name}?"
    answer = ask_model(installation, MODEL, question, revision=revision, threads=work.torch_threads)
    truth = "true" if person.facts["phone"] in answer else f"not true: it is {person.facts['phone']}"
    narrator.ask(question + ("" if revision is None else f"  [{MODEL} revision {revision}]"), f"{answer}  ({truth})")


def _artefact(installation: Installation, ticket_id: str) -> Path:
    view = view_ticket(installation, ticket_id)
    folder = installation.home.artefacts_of(ticket_id, view.attempt)
    return folder / "merged"


def _verdict(view: TicketView) -> str:
    return "none" if view.verification is None else view.verification.verdict.status


class _chapter:  # noqa: N801 - reads as a verb where it is used
    """A chapter that tells how long it took."""

    def __init__(self, narrator: Narrator, title: str, kind: str) -> None:
        self._narrator = narrator
        self._started = time.monotonic()
        narrator.chapter(title, kind)

    def __enter__(self) -> Callable[[], None]:
        return lambda: None

    def __exit__(self, *failure: object) -> None:
        self._narrator.took(time.monotonic() - self._started)
