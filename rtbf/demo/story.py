"""The story that `rtbf demo` tells: every step is the real thing, on a tiny model, with nothing prepared beforehand.

It says what it expects before it measures, and what came out, whatever that is. It does not promise a PASS: twenty records
hold too few details that can be ranked, an attack may bring the data back, and the verdict says so. The officer decides, two
people approve, letters are written, and a second person closes, as the law of the tool asks of everybody.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from rtbf.demo.audit import Audited, audit, hand_out
from rtbf.demo.community import Person, invent_people, write_corpus
from rtbf.executor import advance, plan_ticket
from rtbf.foundry.asking import ask_model
from rtbf.foundry.training import TrainingRequest, train_model
from rtbf.installation import create_installation
from rtbf.pipeline.approvals import decide_plan
from rtbf.pipeline.closing import close_ticket
from rtbf.pipeline.decisions import decide
from rtbf.pipeline.dossier import read_dossier
from rtbf.pipeline.intake import submit_ticket
from rtbf.pipeline.notices import send_notice
from rtbf.pipeline.restriction import training_restriction
from rtbf.plan.card import method_card
from rtbf.plan.request import PlanRequest
from rtbf.plan.rulings import read_ruling
from rtbf.policy import Policy
from rtbf.registration import add_corpus
from rtbf.ticket.intake import read_submission
from rtbf.ticket_view import TicketView
from rtbf.unlearn.record import FULL_WEIGHTS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from rtbf.installation import Installation
    from rtbf.progress import Progress
    from rtbf.ticket_view import TicketView
    from rtbf.work_lease import WorkSettings

SEED = 7
N_PEOPLE = 20
OFFICER, PLANNER, APPROVERS = "officer", "ml-engineer", ("dpo", "head-of-research")
MODEL, CORPUS = "helper", "community"
POLICY = Policy(
    grace_s=0,
    controller_name="Example Models",
    controller_contact="privacy@example.org",
    authority_name="the data protection authority of Exampleland",
    sells_or_shares=False,
)


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
    """What the story left behind."""

    ticket_id: str
    report_folder: Path
    outbox: Path
    npo_verdict: str
    noop_verdict: str
    exact_verdict: str | None
    check_status: str
    refused: int
    tampered: int
    outcome: str | None
    elapsed_s: float

    @property
    def is_as_expected(self) -> bool:
        """Return whether what must hold does: the untouched model fails, the report can be checked, and tampered copies cannot."""
        return self.noop_verdict == "FAIL" and self.check_status == "ok" and self.refused == self.tampered


def tell(folder: Path, narrator: Narrator, progress: Progress, work: WorkSettings, *, is_exact: bool = False) -> Ending:
    """Tell the whole story in a new home at `folder`; raises HomeExists when something is there already.

    is_exact   make the weights anew in the end, instead of being content with npo's
    """
    started = time.monotonic()
    installation, people = _set_up(folder, narrator, progress, work)
    person = people[0]
    ticket_id = _submit(installation, person, narrator)
    _locate_and_decide(installation, ticket_id, narrator, progress, work)
    noop = _control(installation, ticket_id, narrator, progress, work)
    npo = _npo(installation, ticket_id, narrator, progress, work)
    anew = _anew(installation, ticket_id, narrator, progress, work) if is_exact else None
    _ask_again(installation, person, anew or npo, narrator, work)
    outcome = _answer_and_close(installation, ticket_id, anew or npo, narrator)
    audited = _audit(installation, ticket_id, narrator, work)
    return Ending(
        ticket_id=ticket_id,
        report_folder=audited.folder,
        outbox=installation.home.outbox,
        npo_verdict=_verdict(npo),
        noop_verdict=_verdict(noop),
        exact_verdict=None if anew is None else _verdict(anew),
        check_status=audited.status,
        refused=audited.refused,
        tampered=audited.tampered,
        outcome=outcome,
        elapsed_s=time.monotonic() - started,
    )


def _set_up(folder: Path, narrator: Narrator, progress: Progress, work: WorkSettings) -> tuple[Installation, list[Person]]:
    with _chapter(narrator, "An installation, a community, a model that has learned it by heart", "set-up"):
        installation = create_installation(folder, None, policy=POLICY)
        people = invent_people(N_PEOPLE, SEED)
        path = installation.home.corpora / "community.jsonl"
        count = write_corpus(people, path)
        narrator.say(f"{N_PEOPLE} fictitious people, {count} records: {path}")
        add_corpus(installation, name=CORPUS, paths=[path], actor=PLANNER, connector_name=None, prompt_field=None, completion_field=None)
        request = TrainingRequest(name=MODEL, corpus=CORPUS, preset="tiny", overrides={}, base=None, seed=SEED)
        barred = training_restriction(installation, CORPUS)
        model = train_model(
            installation,
            request,
            PLANNER,
            restricted=barred.restricted,
            unsearched=barred.unsearched,
            threads=work.torch_threads,
            progress=progress,
        )
        narrator.say(f"a tiny Llama from scratch, trained until it knows them: {model.digest}")
        for person in people[:2]:
            _ask(installation, person, narrator, work, None)
    return installation, people


def _submit(installation: Installation, person: Person, narrator: Narrator) -> str:
    with _chapter(narrator, "A letter comes in: the first of them wants to be forgotten", "work"):
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


def _locate_and_decide(installation: Installation, ticket_id: str, narrator: Narrator, progress: Progress, work: WorkSettings) -> None:
    with _chapter(narrator, "Where is this person, and what happens with each place", "work"):
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


def _control(installation: Installation, ticket_id: str, narrator: Narrator, progress: Progress, work: WorkSettings) -> TicketView:
    narrator.say("")
    narrator.say("Could this verifier fail anything? First a method that changes nothing: it must FAIL.")
    return _unlearn(installation, ticket_id, PlanRequest(method="noop", seed=SEED, profile="smoke"), narrator, progress, work)


def _npo(installation: Installation, ticket_id: str, narrator: Narrator, progress: Progress, work: WorkSettings) -> TicketView:
    narrator.say("")
    narrator.say("Then npo, with the whole battery. Its paper's models pass output tests; the plan asks for no more than suppression,")
    narrator.say("since a little training is expected to bring the records back (R4). Asked for removal, that would be a FAIL.")
    return _unlearn(installation, ticket_id, PlanRequest(method="npo", seed=SEED, guarantee="suppression"), narrator, progress, work)


def _anew(installation: Installation, ticket_id: str, narrator: Narrator, progress: Progress, work: WorkSettings) -> TicketView:
    narrator.say("")
    narrator.say("Last the honest way: the recipe once more on the 380 records that remain. Nobody has to believe a test of twenty records")
    narrator.say("then: the record says what the training was given, and a stretch of it is run a second time. Asked for: class exact.")
    view = _unlearn(installation, ticket_id, PlanRequest(method="full_retrain", seed=SEED), narrator, progress, work)
    proof = None if view.unlearned is None else view.unlearned.proof
    if proof is not None and proof.rerun is not None:
        same = "equal" if proof.rerun.expected == proof.rerun.found else "NOT equal"
        narrator.say(f"steps {proof.rerun.from_step + 1} to {proof.rerun.to_step}, first run:  {proof.rerun.expected}")
        narrator.say(f"the same steps, second run: {proof.rerun.found}: the bytes are {same}")
    return view


def _unlearn(
    installation: Installation, ticket_id: str, request: PlanRequest, narrator: Narrator, progress: Progress, work: WorkSettings
) -> TicketView:
    with _chapter(narrator, f"A plan with {request.method}, measured against a model never shown the person", "work"):
        view = plan_ticket(installation, ticket_id, PLANNER, request, progress, work=work)
        plan = view.plan
        if plan is not None and view.plan_digest is not None:
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
    with _chapter(narrator, f"Unlearning with {request.method}, {_made(request)}and measuring before and after", "work"):
        view = advance(installation, ticket_id, PLANNER, progress, work=work)
        if view.unlearned is not None and view.unlearned.kind != "unchanged":
            narrator.say(f"{view.unlearned.steps} steps, stopped because: {view.unlearned.stop_reason.replace('_', ' ')}")
        narrator.verdict(view)
    return view


def _made(request: PlanRequest) -> str:
    return "merging, " if method_card(request.named_method).artefact == "adapter" else ""


def _audit(installation: Installation, ticket_id: str, narrator: Narrator, work: WorkSettings) -> Audited:
    folder = installation.home.path / "outgoing"
    with _chapter(narrator, "The final report is signed and handed out", "work"):
        files = hand_out(installation, ticket_id, folder, narrator.say, work)
    with _chapter(narrator, "Checked as an auditor would, without our database", "work"):
        return audit(installation, ticket_id, files, folder, narrator.say)


def _ask_again(installation: Installation, person: Person, view: TicketView, narrator: Narrator, work: WorkSettings) -> None:
    with _chapter(narrator, "The model is asked again: original, then unlearned", "work"):
        _ask(installation, person, narrator, work, 1)
        if view.unlearned is not None and view.unlearned.kind in FULL_WEIGHTS:
            # Doing nothing made no weights; every other attempt made a revision of its own.
            _ask(installation, person, narrator, work, view.unlearned.attempt)


def _answer_and_close(installation: Installation, ticket_id: str, view: TicketView, narrator: Narrator) -> str | None:
    """Tell the person what was done and close, as far as the verdict allows; return the outcome, None when it stays open."""
    with _chapter(narrator, "The person is told, a second person closes, and the clock stops", "work"):
        if _verdict(view) == "PASS":
            send_notice(installation, ticket_id, "fulfilment", OFFICER)
        elif _verdict(view) == "INCONCLUSIVE":
            send_notice(installation, ticket_id, "partial", OFFICER)
            close_ticket(installation, ticket_id, "partially_fulfilled", APPROVERS[0])
        else:
            narrator.say("the verdict is FAIL: nothing can be told to the person yet, and the next plan is a person's choice")
        dossier = read_dossier(installation, ticket_id)
        for letter in dossier.letters:
            narrator.say(f"letter: {letter.kind.replace('_', ' ')} ({letter.state})")
        for step in dossier.clock.steps:
            narrator.say(f"clock: {step}")
        if dossier.view.outcome is not None:
            remains = f"{len(dossier.open_residuals)} thing(s) remain, each with an owner and a date"
            narrator.say(f"closed as {dossier.view.outcome.replace('_', ' ')}: {remains}")
        if dossier.view.shred_due_at is not None:
            narrator.say(f"on {dossier.view.shred_due_at:%Y-%m-%d} the ticket's key is destroyed, and this service has forgotten who asked")
        return dossier.view.outcome


def _ask(installation: Installation, person: Person, narrator: Narrator, work: WorkSettings, revision: int | None) -> None:
    question = f"What is the phone number of {person.name}?"
    answer = ask_model(installation, MODEL, question, revision=revision, threads=work.torch_threads)
    truth = "true" if person.facts["phone"] in answer else f"not true: it is {person.facts['phone']}"
    narrator.ask(question + ("" if revision is None else f"  [{MODEL} revision {revision}]"), f"{answer}  ({truth})")


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
